"""`hbt` on tiny train splits: `mix_worker.py SIZES.json ARGUMENTS ...`.

The published numbers of MIRACL and MLDR, and the hashes of the real files, are replaced by those of
the stand-in's files; nothing else is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hbt.sources import miracl, mldr, pins
from hbt.suite.cli import main

if __name__ == "__main__":
    pins._known_files = dict
    sizes = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for module, given in ((miracl, sizes["miracl"]), (mldr, sizes["mldr"])):
        for language, numbers in given.items():
            module._SIZES[language] = module._SIZES[language]._replace(**numbers)
    sys.exit(main(sys.argv[2:]))
