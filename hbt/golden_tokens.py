"""Golden tokenisation: the token ids of one sentence per language, pinned.

An upgrade of a tokenizer library can change what a model reads without an error: transformers 5
lower-cased a cased tokenizer and gave `[UNK]` for Bengali, and published scores moved by 2 to 3
points. So at a model's first load its ids are written down, with the revision of the model and the
versions of the libraries, and every later load is compared with them.
"""

from __future__ import annotations

import json
import os
import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbt.tokens import reader
from hbt.training_log import write_json

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LIBRARIES = ("transformers", "tokenizers", "sentence-transformers")

# Small and capital letters, digits and a full stop: what a changed normalisation changes.
SENTENCES = {
    "en": "Anna bought 12 apples at the market in London.",
    "ar": "اشترت آنا 12 تفاحة من السوق في لندن.",
    "bn": "আনা লন্ডনের বাজার থেকে 12টি আপেল কিনেছে।",
    "de": "Anna kaufte 12 Äpfel auf dem Markt in London.",
    "el": "Η Άννα αγόρασε 12 μήλα στην αγορά του Λονδίνου.",
    "es": "Anna compró 12 manzanas en el mercado de Londres.",
    "fa": "آنا 12 سیب از بازار لندن خرید.",
    "fi": "Anna osti 12 omenaa torilta Lontoossa.",
    "fr": "Anna a acheté 12 pommes au marché à Londres.",
    "hi": "आना ने लंदन के बाज़ार से 12 सेब खरीदे।",
    "id": "Anna membeli 12 apel di pasar di London.",
    "it": "Anna ha comprato 12 mele al mercato di Londra.",
    "ja": "アンナはロンドンの市場でリンゴを12個買いました。",
    "ko": "안나는 런던의 시장에서 사과 12개를 샀다.",
    "pt": "Anna comprou 12 maçãs no mercado em Londres.",
    "ru": "Анна купила 12 яблок на рынке в Лондоне.",
    "sw": "Anna alinunua matofaa 12 sokoni London.",
    "te": "అన్నా లండన్ మార్కెట్లో 12 ఆపిల్స్ కొన్నది.",
    "th": "แอนนาซื้อแอปเปิล 12 ลูกที่ตลาดในลอนดอน",
    "tr": "Anna Londra'daki pazardan 12 elma aldı.",
    "vi": "Anna đã mua 12 quả táo ở chợ tại Luân Đôn.",
    "yo": "Anna ra èso ápù 12 ní ọjà ní London.",
    "zh": "安娜在伦敦的市场买了12个苹果。",
}
"""The languages of XQuAD-R, MLQA-R, MIRACL and MLDR."""


class TokensChanged(ValueError):
    """A model makes other tokens than it did when its ids were written down."""


def golden_ids(
    model: SentenceTransformer, sentences: dict[str, str] | None = None
) -> dict[str, list[int]]:
    """Language -> the ids of its sentence, without prefix, as the model reads them."""
    chosen = SENTENCES if sentences is None else sentences
    ids_of, _ = reader(model)
    return dict(zip(chosen, map(list, ids_of(list(chosen.values()))), strict=True))


def compare(found: dict[str, list[int]], pinned: dict[str, list[int]]) -> list[str]:
    """What differs, a line for each language: both rows of ids from the first difference on."""
    lines = []
    for language, before in pinned.items():
        now = found.get(language)
        if now is not None and now != before:
            same = next(
                (i for i, (a, b) in enumerate(zip(now, before, strict=False)) if a != b),
                min(len(now), len(before)),
            )
            change = f"{_short(now[same:])}, was {_short(before[same:])}"
            lines.append(f"{language}: from token {same} on {change}")
    return lines


def _short(ids: list[int]) -> str:
    return f"[{', '.join(map(str, ids[:6]))}{', ...' if len(ids) > 6 else ''}]"


def golden_folder() -> Path:
    """Where ids are kept: `golden-tokens` in `HBT_CACHE_DIR`, or in `~/.cache/hbt`."""
    home = os.environ.get("HBT_CACHE_DIR") or Path.home() / ".cache" / "hbt"
    return Path(home) / "golden-tokens"


def check_golden(
    model: SentenceTransformer,
    name: str,
    revision: str | None = None,
    *,
    accept: bool = False,
    folder: Path | None = None,
) -> Path:
    """Compare a model's ids with those of its first load; write them down if this is the first.

    Args:
        model: as loaded.
        name: of the model, the same at every load.
        revision: of the model, to be written down and named in the message.
        accept: write the ids down again, whatever they were.
        folder: where the files are; `golden_folder()` by default.

    Returns:
        The file of the ids.

    Raises:
        TokensChanged: the ids of a language differ.
        ValueError: the file cannot be read.
    """
    folder = golden_folder() if folder is None else folder
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '--', name)}.json"
    record = {
        "model": name,
        "revision": revision,
        "versions": {library: _version(library) for library in LIBRARIES},
        "max_length": model.max_seq_length,
        "ids": golden_ids(model),
    }
    if accept or not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, record)
        return path
    held = _read(path)
    if lines := compare(record["ids"], held["ids"]):
        raise TokensChanged(
            f"{name} makes other tokens than when {path} was written: {'; '.join(lines[:4])}"
            + (f"; and {len(lines) - 4} more languages" if len(lines) > 4 else "")
            + f"; then {_state(held)}, now {_state(record)}; accept them with --accept-tokens"
        )
    missing = {k: v for k, v in record["ids"].items() if k not in held["ids"]}
    if missing:  # languages that an older version did not pin
        write_json(path, held | {"ids": held["ids"] | missing})
    return path


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(ids, list) for ids in held["ids"].values()):
            return held
        reason = "ids are no lists"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error)
    raise ValueError(f"{path} is no file of golden tokens ({reason}): delete it")


def _state(record: dict[str, Any]) -> str:
    versions = record.get("versions", {})
    shown = ", ".join(f"{library} {version}" for library, version in versions.items())
    return f"revision {record.get('revision') or 'unknown'} with {shown}, length " + str(
        record.get("max_length")
    )
