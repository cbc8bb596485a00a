"""The data sets that can be fetched by name, each with its card.

`docs/data.md` says more: where each hash comes from, and what the paper trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hbt.corpus import CorpusError
from hbt.sources import hub, origins
from hbt.sources.belebele import belebele_paths
from hbt.sources.lareqa import MLQA_R, XQUAD_R
from hbt.sources.miracl import (
    MIRACL_LANGUAGES,
    MIRACL_TRAIN_LANGUAGES,
    miracl_corpus_paths,
    miracl_topic_paths,
)
from hbt.sources.mkqa import MKQA_LANGUAGES, MKQA_PATHS
from hbt.sources.mldr import MLDR_LANGUAGES, mldr_paths
from hbt.sources.mmarco import MMARCO_LANGUAGES, mmarco_paths
from hbt.sources.ntrex_files import NTREX_FILES, ntrex_paths
from hbt.sources.oldi import OLDI_CODES, oldi_paths
from hbt.sources.pins import Origin, known_hash

Paths = Callable[[Sequence[str]], list[str]]
"""From languages to paths; a path that ends with a slash stands for all files below it."""


@dataclass(frozen=True)
class DataCard:
    """What a data set is, and how it is fetched.

    Attributes:
        name: as `hbt data fetch` takes it; also the name of its folder.
        title: as it is written in papers.
        use: what it is for in this project.
        licence: as its publishers state it.
        size, splits: in words.
        languages: codes of the data set; empty where they are too many to list.
        faults: what is known to be wrong with it.
        origin: the repository, at one revision.
        paths: the files of some languages.
    """

    name: str
    title: str
    use: str
    licence: str
    size: str
    splits: str
    languages: tuple[str, ...]
    faults: str
    origin: Origin
    paths: Paths

    def hashes(self) -> str:
        """The hashes that its files are compared with at the first download, in words."""
        known = {known_hash(self.origin, path) for path in self.paths(self.languages)} - {None}
        kinds = sorted({str(each).partition(":")[0] for each in known})
        printed = f"printed {'/'.join(kinds)}" if kinds else ""
        announced = "the hub's own" if self.origin.host == "hub" else ""
        return " and ".join(filter(None, (printed, announced)))


CARDS = {
    card.name: card
    for card in (
        DataCard(
            name="xquad-r",
            title="XQuAD-R (LAReQA)",
            use="the main evaluation",
            licence="CC BY-SA 4.0",
            size="13,090 questions, 13,014 sentences, always 11 relevant",
            splits="test",
            languages=tuple(XQUAD_R.counts),
            faults="crude sentence splits; answers that run past their sentence; 3 to 9 repeated "
            "questions in a language; three Greek questions are in English",
            origin=origins.XQUAD_R_ORIGIN,
            paths=lambda languages: [f"{code}.json" for code in languages],
        ),
        DataCard(
            name="mlqa-r",
            title="MLQA-R (LAReQA)",
            use="second evaluation; small training set",
            licence="CC BY-NC 4.0 as shipped (MLQA itself: CC BY-SA 3.0)",
            size="4,199 questions, 20,534 sentences, 2 to 4 relevant",
            splits="MLQA's dev",
            languages=tuple(MLQA_R.counts),
            faults="removed upstream without a reason; five paragraphs overlap XQuAD-R; no "
            "question is in all seven languages",
            origin=origins.MLQA_R_ORIGIN,
            paths=lambda languages: [f"{code}.json" for code in languages],
        ),
        DataCard(
            name="miracl",
            title="MIRACL, queries and judgments",
            use="monolingual evaluation; training within languages",
            licence="Apache-2.0",
            size="13,495 dev queries with 130,408 judgments; 40,203 train queries",
            splits="train (not de, yo), dev",
            languages=MIRACL_LANGUAGES,
            faults="te has 1.9 judgments for a query, the others about ten; the paper prints ar "
            "as 2,869 (2,896) and en and es the wrong way round",
            origin=origins.MIRACL_ORIGIN,
            paths=lambda languages: [
                path
                for split, codes in (("dev", MIRACL_LANGUAGES), ("train", MIRACL_TRAIN_LANGUAGES))
                for code in languages
                if code in codes
                for path in miracl_topic_paths(code, split)
            ],
        ),
        DataCard(
            name="miracl-corpus",
            title="MIRACL, passages",
            use="monolingual evaluation, as a stream; train passages are picked from it",
            licence="Apache-2.0",
            size="106,332,152 passages, yo 49,043 to en 32,893,221",
            splits="one",
            languages=MIRACL_LANGUAGES,
            faults="en, de, fr, es and ru are 10 to 33 million passages each",
            origin=origins.MIRACL_CORPUS_ORIGIN,
            paths=lambda languages: [
                path for code in languages for path in miracl_corpus_paths(code)
            ],
        ),
        DataCard(
            name="miracl-hard-negatives",
            title="MIRACL hard negatives (mteb)",
            use="monolingual evaluation that fits in memory",
            licence="Apache-2.0 (MIRACL)",
            size="11,076 dev queries, 2,449,382 passages",
            splits="dev",
            languages=MIRACL_LANGUAGES,
            faults="pools of three systems, so scores are higher than on all of MIRACL and favour "
            "those systems; ar, fi and ru have 1,000 queries",
            origin=origins.MIRACL_HARD_NEGATIVES_ORIGIN,
            paths=lambda languages: [
                f"{code}-{part}/" for code in languages for part in ("corpus", "queries", "qrels")
            ],
        ),
        DataCard(
            name="mldr",
            title="MLDR",
            use="evaluation on long documents; training within languages",
            licence="MIT",
            size="493,709 documents of 4,737 tokens on average; 3,800 test queries, 41,434 train "
            "queries",
            splits="train, dev, test",
            languages=MLDR_LANGUAGES,
            faults="questions written by a language model about one paragraph; one relevant "
            "document each; most models see only its beginning; en and zh have 200,000 documents",
            origin=origins.MLDR_ORIGIN,
            paths=lambda languages: [
                path
                for code in languages
                for path in (
                    *mldr_paths(code, "dev"),
                    *(mldr_paths(code, split)[1] for split in ("test", "train")),
                )
            ],
        ),
        DataCard(
            name="mmarco",
            title="mMARCO, second version",
            use="training, natively parallel",
            licence="Apache-2.0; MS MARCO itself: for non-commercial research",
            size="8.8 million passages in each language (2.7 to 7.6 GB), 39,780,811 triples",
            splits="train, dev.small",
            languages=MMARCO_LANGUAGES,
            faults="machine-translated (Google), queries without their context; most other "
            "passages of the triples were never judged; the paper says 14, 13 and 7 languages, "
            "and counts the triples of one",
            origin=origins.MMARCO_ORIGIN,
            paths=mmarco_paths,
        ),
        DataCard(
            name="ntrex",
            title="NTREX-128",
            use="pre-training text",
            licence="CC BY-SA 4.0",
            size="1,997 sentences in 123 documents",
            splits="one",
            languages=tuple(NTREX_FILES),
            faults="translated from English; one domain and year; many lines of ben, hin, mya, "
            "pan and yor are not in Unicode NFC",
            origin=origins.NTREX_ORIGIN,
            paths=ntrex_paths,
        ),
        DataCard(
            name="oldi-seed",
            title="OLDI Seed 2.0",
            use="pre-training text, low-resource",
            licence="CC BY-SA 4.0",
            size="6,193 sentences of 203 articles",
            splits="one",
            languages=OLDI_CODES,
            faults="mni_Beng and kas_Deva have shifted or repeated blocks and are read only when "
            "named; the repository was archived, later versions lie elsewhere",
            origin=origins.OLDI_SEED_ORIGIN,
            paths=oldi_paths,
        ),
        DataCard(
            name="mkqa",
            title="MKQA",
            use="further evaluation, with a pool of one's own",
            licence="CC BY-SA 3.0",
            size="10,000 questions with answers, no passages; 6,600 or so have a short answer",
            splits="one",
            languages=MKQA_LANGUAGES,
            faults="questions of Natural Questions, so not with a model trained on them; a passage "
            "can hold an answer by chance",
            origin=origins.MKQA_ORIGIN,
            paths=lambda languages: list(MKQA_PATHS),
        ),
        DataCard(
            name="belebele",
            title="Belebele",
            use="further evaluation, 122 languages and varieties",
            licence="CC BY-SA 4.0",
            size="900 questions on 488 passages in each language",
            splits="test",
            languages=(),
            faults="written for four given answers, so that some questions (which of these is not "
            "named?) say little alone; passages are FLORES-200's",
            origin=origins.BELEBELE_ORIGIN,
            paths=lambda languages: belebele_paths(languages) if languages else ["data/"],
        ),
    )
}


def fetch(name: str, languages: Sequence[str] | None = None, out: str | Path | None = None) -> Path:
    """The folder of a data set, downloaded where it is not there, and checked.

    Args:
        name: a key of `CARDS`.
        languages: codes of the data set. Default: all.
        out: the folder to make the data set's own folder in; None for the cache.

    Raises:
        DownloadError: a file could not be downloaded.
        CorpusError: an unknown name or language, or a file was changed since its download.
    """
    if name not in CARDS:
        raise CorpusError(f"there is no data set {name!r}, only {', '.join(CARDS)}")
    card = CARDS[name]
    for language in languages or ():
        if card.languages and language not in card.languages:
            known = ", ".join(card.languages)
            raise CorpusError(f"{name} has no language {language!r}, only {known}")
    root = (hub.data_home() if out is None else Path(out)) / card.origin.name
    paths: list[str] = []
    for path in card.paths(card.languages if languages is None else tuple(languages)):
        below = path.endswith("/")
        paths += hub.list_files(card.origin, path[:-1], root=root) if below else [path]
    hub.download(card.origin, paths, root)
    return root
