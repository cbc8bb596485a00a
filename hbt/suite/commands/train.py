"""`hbt train`: train a real model from a config, select, evaluate and write."""

from __future__ import annotations

import argparse

from hbt.suite.commands import FINE


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "train",
        help="train a model as a config says, choose a checkpoint, evaluate it",
        description="CONFIG is a YAML file or the name of one that ships with the package. A "
        "training that was stopped is taken up by the same command. On several processes: "
        "torchrun --nproc-per-node=N -m hbt.suite.train CONFIG ... with the same arguments. "
        "Exit status: 0 all is well, 2 bad input.",
    )
    parser.add_argument("config", metavar="CONFIG", help="see docs/training.md")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.field=value",
        help="change a value of the config; may come again",
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the outputs")
    parser.add_argument(
        "--anew", action="store_true", help="drop an earlier training in that folder"
    )
    parser.add_argument(
        "--accept-tokens",
        action="store_true",
        help="take a model whose tokens differ from those of its first load",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="check the config and what it names, without download or model, and stop",
    )
    parser.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from hbt.suite.train_config import read_config

    config = read_config(options.config, options.set, options.out)
    if options.check:
        from hbt.suite.train_check import check_names

        unchecked = check_names(config)
        print(f"{options.config} is fine as far as it was checked; outputs go to {config.out}")
        print(f"not checked: {'; '.join(unchecked)}")
        return FINE
    from hbt.suite.train import train

    found = train(
        config, options.command_line, anew=options.anew, accept_tokens=options.accept_tokens
    )
    if found is not None:
        print(f"{found.model}: {found.chosen}")
        print("\n".join(map(str, found.files)))
    return FINE
