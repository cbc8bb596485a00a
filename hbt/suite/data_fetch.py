"""`hbt data fetch` and `hbt data cards`: download a data set by name, and what each one is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hbt.suite.commands import FINE


def add(actions: argparse._SubParsersAction) -> None:
    """Add both commands below `hbt data`."""
    fetch = actions.add_parser(
        "fetch",
        help="download a data set at its pinned revision and check its hashes",
        description="Download what is not there yet, at the pinned revision, and compare every "
        "file with all hashes that are known for it. After a stop the same command goes on where "
        "it was. HF_ENDPOINT names another hub, HF_TOKEN a login, HBT_CACHE_DIR another cache.",
    )
    fetch.add_argument("name", metavar="NAME", help="a name that `hbt data cards` shows")
    fetch.add_argument(
        "--languages",
        nargs="+",
        metavar="CODE",
        help="only these (default: all that the data set has)",
    )
    fetch.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="download to DIR/NAME (default: NAME in the cache, ~/.cache/hbt/data)",
    )
    fetch.set_defaults(run=_fetch)
    cards = actions.add_parser("cards", help="show the data sets: licence, size, known faults")
    cards.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all)")
    cards.set_defaults(run=_cards)


def _fetch(options: argparse.Namespace) -> int:
    from hbt.sources.catalogue import CARDS, fetch
    from hbt.sources.pins import read_lock

    folder = fetch(options.name, options.languages, options.out)
    lock = read_lock(folder, CARDS[options.name].origin)
    size = sum(int(entry["bytes"]) for entry in lock.files.values())
    print(f"{folder}: {len(lock.files)} files, {size:,} bytes, revision {lock.revision}")
    return FINE


def _cards(options: argparse.Namespace) -> int:
    print(card_text(options.names))
    return FINE


def card_text(names: Sequence[str] = ()) -> str:
    """The cards of some data sets, or of all, as text.

    Raises:
        CorpusError: an unknown name.
    """
    from hbt.corpus import CorpusError
    from hbt.sources.catalogue import CARDS

    blocks = []
    for name in names or CARDS:
        if name not in CARDS:
            raise CorpusError(f"there is no data set {name!r}, only {', '.join(CARDS)}")
        card = CARDS[name]
        codes = " ".join(card.languages) or "codes of FLORES-200, such as deu_Latn"
        lines = {
            "for": card.use,
            "licence": card.licence,
            "size": card.size,
            "splits": card.splits,
            "languages": f"{len(card.languages) or 122}: {codes}",
            "from": f"{card.origin.repository} ({card.origin.host})",
            "pinned": card.origin.pinned,
            "hashes": card.hashes(),
            "known faults": card.faults,
        }
        blocks.append(
            "\n".join([f"{name}: {card.title}", *(f"  {k}: {v}" for k, v in lines.items())])
        )
    return "\n\n".join(blocks)
