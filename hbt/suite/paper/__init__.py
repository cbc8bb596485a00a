"""The paper beside our runs: its tables and claims as data, and the comparison with what was run.

| module | holds |
| --- | --- |
| `tables` | the published tables, tidy, with their errata |
| `claims` | what the paper claims, each with the comparison or check that tests it |
| `checks` | the claims about data and method, as functions that a reader can run |
| `runs` | what was run, as the report asks it |
| `trained_on` | what a run was fine-tuned on, and whether text of its test is in it |
| `result_folders` | folders of `hbt results` as runs |
| `evaluation_files`, `evaluation_runs` | files of `hbt evaluate` as runs |
| `compare` | verdicts: the interval of our difference against the claimed sign |
| `figures`, `report_page` | the page, the markdown table and the forest plots of `hbt report` |
"""

SOURCE = "arXiv 2408.10536"
