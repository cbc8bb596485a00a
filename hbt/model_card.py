"""The README.md of a trained model: what a reader needs to judge it and to make it again.

sentence-transformers' own card describes a data set and a loss, and a sampler given as a function
is not in it. Here what a batch was made of comes first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbt.whole_files import write_text


@dataclass(frozen=True)
class CardFacts:
    """What a model card says.

    Attributes:
        title: name of the model.
        base_model: name or folder of what was fine-tuned; base_revision: its commit, if known.
        dimension, max_length: of the embeddings, and tokens of a text (None, inf: all of them).
        query_prefix, passage_prefix: what belongs before texts.
        languages: codes in the training data.
        data: name of the training data; data_digest: its sha256.
        sources: source -> its items, and how many hard negatives each of them has.
        plan: arguments of the plan, as `hbt.sampling.Plan.arguments` gives them.
        training: the other settings.
        plan_digest: one digest over those of all batches.
        kinds: kind of batch -> how many there were.
        seconds: of the training loop.
        development: sentences about how the checkpoint was chosen; None where it was not.
        provenance: "section.field" -> where its value comes from.
        versions: package -> version.
        command: that made it.
    """

    title: str
    base_model: str
    base_revision: str | None
    dimension: int
    max_length: float | None
    query_prefix: str
    passage_prefix: str
    languages: Sequence[str]
    data: str
    data_digest: str
    sources: Mapping[str, tuple[int, int]]
    plan: Mapping[str, Any]
    training: Mapping[str, Any]
    plan_digest: str
    kinds: Mapping[str, int]
    seconds: float
    development: str | None
    provenance: Mapping[str, str]
    versions: Mapping[str, str]
    command: str


def card_text(facts: CardFacts) -> str:
    """The card, with the header that the hub reads."""
    plan = facts.plan
    summary = (
        f"A dense retriever, fine-tuned from {facts.base_model} with {plan['sampling']} batches"
        + (f", alpha {plan['alpha']}" if plan["sampling"] == "hybrid" else "")
        + f" (seed {plan['seed']}). A text becomes {facts.dimension} numbers; scores are cosines."
    )
    parts = [
        _header(facts),
        f"# {facts.title}",
        summary,
        "## How to use it",
        _usage(facts),
        "## What a batch was made of",
        _table({**plan, "digest of all batches": facts.plan_digest, **_counted(facts.kinds)}),
        "## Training",
        _table(_training(facts)),
        "## Checkpoint",
        facts.development or "The weights after the last step; no development set was used.",
        "## Made by",
        f"`{facts.command}`",
        _table(facts.versions),
    ]
    if facts.provenance:
        parts += ["## Where the values come from", _table(facts.provenance)]
    return "\n\n".join(parts) + "\n"


def write_card(facts: CardFacts, folder: Path) -> Path:
    """Write README.md into a model's folder, whole or not at all."""
    return write_text(folder / "README.md", card_text(facts))


def _header(facts: CardFacts) -> str:
    header: dict[str, Any] = {
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
        "tags": ["sentence-transformers", "feature-extraction", "multilingual", "retrieval"],
        "language": list(facts.languages),
    }
    if "/" in facts.base_model and not Path(facts.base_model).exists():
        header["base_model"] = facts.base_model
    lines = (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in header.items())
    return "\n".join(["---", *lines, "---"])


def _usage(facts: CardFacts) -> str:
    prefixes = (
        f"Queries need the prefix {facts.query_prefix!r} and passages {facts.passage_prefix!r}, "
        "which these two methods put there."
        if facts.query_prefix or facts.passage_prefix
        else "Neither queries nor passages need a prefix."
    )
    code = (
        "```python\n"
        "from sentence_transformers import SentenceTransformer\n\n"
        'model = SentenceTransformer("FOLDER")\n'
        'scores = model.encode_query(["a question"]) @ model.encode_document(["a passage"]).T\n'
        "```"
    )
    limited = facts.max_length is not None and facts.max_length < float("inf")
    cut = f"Texts are cut at {facts.max_length} tokens." if limited else "No text is cut."
    return f"{code}\n\n{prefixes} {cut}"


def _training(facts: CardFacts) -> dict[str, Any]:
    base = facts.base_model
    base += f" at {facts.base_revision}" if facts.base_revision else ""
    items = sum(number for number, _ in facts.sources.values())
    return {
        "from": base,
        "data": facts.data,
        "items": f"{items:,}" + _by_source(facts, 0),
        "hard negatives of an item": _negatives(facts),
        "sha256 of the data": facts.data_digest,
        "languages": ", ".join(facts.languages),
        **facts.training,
        "seconds": f"{facts.seconds:,.0f}",
    }


def _by_source(facts: CardFacts, which: int) -> str:
    """In brackets, a number of each source; nothing where there is one source."""
    if len(facts.sources) == 1:
        return ""
    return f" ({', '.join(f'{name}: {each[which]:,}' for name, each in facts.sources.items())})"


def _negatives(facts: CardFacts) -> str:
    numbers = {number for _, number in facts.sources.values()}
    most = f"{max(numbers, default=0)}"
    return most if len(numbers) < 2 else f"up to {most}{_by_source(facts, 1)}"


def _counted(kinds: Mapping[str, int]) -> dict[str, str]:
    return {f"{kind} batches": f"{number:,}" for kind, number in kinds.items()}


def _table(rows: Mapping[str, Any]) -> str:
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
