"""`python -m hbt` is the command line `hbt`."""

import sys

from hbt.suite.cli import main

sys.exit(main())
