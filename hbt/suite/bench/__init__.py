"""Measurements of speed and memory, each beside what others offer for the same work, in one run.

A module measures one thing, has only the standard library at its top, and has three names:

- `NAME`, the word after `hbt bench`;
- `add(actions)`, which adds a parser of that name, one option for each argument of `measure`, then
  `--json` by `hbt.suite.bench.output.add_json`, and sets `run`, a function from the parsed options
  to an exit code: it calls `measure` and ends with `return report(result, text, options)`;
- `measure(...)`, which returns a dictionary of plain values: what is written as JSON.

Each is listed in `MEASUREMENTS` of `hbt.suite.commands.bench`.
"""
