"""Controls to move: the query explorer.

What a callback prints never reaches its cell, and an error in one is seen nowhere. So every control
writes into an HTML widget of its own, and what it writes is made by plain functions that a cell can
call first, without any control.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hbt.corpus import Benchmark

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd

# Set here and without fixed colours of the text: JupyterLab has its own style, light or dark.
_QUIET = "opacity: 0.75; font-size: 0.9em"
_RELEVANT = "background: rgba(0, 130, 80, 0.15)"
_CELL = "text-align: start; vertical-align: top"
_NARROW = f"{_CELL}; width: 1%; white-space: nowrap"
_CHOICES = 200  # queries in a drop-down; more make the page slow


class QueryExplorer:
    """The first passages of one query by several systems, side by side.

    Every system has an exact faiss index (`IndexFlatIP`) of its passages of all languages.

    Args:
        benchmark: the queries, the pool, and what is relevant.
        embeddings: system -> (query embeddings (n_queries, dimension), passage embeddings
            (n_passages, dimension)), as `hbt.suite.experiment.embeddings` returns them.
        language_names: code -> name; codes without one are shown as they are.
        gloss_language: each text is shown with its parallel copy in this language, where it has
            one.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        embeddings: Mapping[str, tuple[np.ndarray, np.ndarray]],
        language_names: Mapping[str, str],
        gloss_language: str = "en",
    ) -> None:
        import faiss

        self.benchmark = benchmark
        self._names = language_names
        self._queries = {name: queries for name, (queries, _) in embeddings.items()}
        self._indexes = {}
        for name, (_, passages) in embeddings.items():
            self._indexes[name] = faiss.IndexFlatIP(passages.shape[1])
            self._indexes[name].add(np.ascontiguousarray(passages, dtype=np.float32))
        self._query_gloss, self._passage_gloss = _glosses(benchmark, gloss_language)

    def top(self, system: str, query: int, k: int = 10) -> pd.DataFrame:
        """The first k passages: place, language, passage, gloss, relevant ("yes" or "").

        Args:
            system: one of those given.
            query: row of the benchmark.
            k: how many; all passages where there are fewer.
        """
        import pandas as pd

        k = min(k, len(self.benchmark.passage_texts))
        vector = np.ascontiguousarray(self._queries[system][query : query + 1], dtype=np.float32)
        found = self._indexes[system].search(vector, k)[1][0]
        relevant = set(self._relevant(query).tolist())
        languages = self.benchmark.languages
        return pd.DataFrame(
            {
                "place": range(1, k + 1),
                "language": [languages[self.benchmark.passage_language[row]] for row in found],
                "passage": [self.benchmark.passage_texts[row] for row in found],
                "gloss": [self._passage_gloss.get(row, "") for row in found],
                "relevant": ["yes" if row in relevant else "" for row in found.tolist()],
            }
        )

    def gloss(self, query: int) -> str:
        """The query in the gloss language; "" where it has no copy there."""
        return self._query_gloss.get(int(self.benchmark.query_item[query]), "")

    def html(self, query: int, k: int = 10) -> str:
        """The query and the first k passages of every system, as HTML."""
        code = self.benchmark.languages[self.benchmark.query_language[query]]
        asked = _with_gloss(self.benchmark.query_texts[query], self.gloss(query), code)
        lists = "".join(
            f'<div style="flex: 1 1 22rem; min-width: 0">{self._list(name, query, k)}</div>'
            for name in self._indexes
        )
        return (
            f"<div><strong>{html.escape(self._name(code))}:</strong> {asked}</div>"
            f'<div style="display: flex; flex-wrap: wrap; gap: 1rem">{lists}</div>'
        )

    def widget(self, language: str | None = None, query: int | None = None) -> ipywidgets.VBox:
        """Two drop-downs, query language and query, and under them what `html` writes.

        Args:
            language: chosen at first; the benchmark's first where not given.
            query: row of the benchmark chosen at first, in that language.
        """
        import ipywidgets

        with_queries = [code for code in self.benchmark.languages if len(self._rows(code))]
        wide = ipywidgets.Layout(width="100%")
        choose_language = ipywidgets.Dropdown(
            description="language",
            options=[(self._name(code), code) for code in with_queries],
            value=language or with_queries[0],
        )
        choose_query = ipywidgets.Dropdown(
            description="query", options=self._choices(choose_language.value, query), layout=wide
        )
        if query is not None:
            choose_query.value = query
        found = ipywidgets.HTML(self.html(choose_query.value), layout=wide)

        def fill(change: dict) -> None:
            choose_query.options = self._choices(change["new"])

        def show(change: dict) -> None:
            if change["new"] is not None:
                found.value = self.html(change["new"])

        choose_language.observe(fill, "value")
        choose_query.observe(show, "value")
        return ipywidgets.VBox([choose_language, choose_query, found], layout=wide)

    def _name(self, code: str) -> str:
        return f"{self._names[code]} ({code})" if code in self._names else code

    def _rows(self, language: str) -> np.ndarray:
        """Rows of the queries of a language."""
        return np.flatnonzero(
            self.benchmark.query_language == self.benchmark.languages.index(language)
        )

    def _choices(self, language: str, query: int | None = None) -> list[tuple[str, int]]:
        """Text and row of queries, at most `_CHOICES`, spread over the benchmark."""
        rows = self._rows(language)
        rows = rows[:: -(-len(rows) // _CHOICES)].tolist()
        rows = rows if query is None or query in rows else [query, *rows]
        return [(self._choice(row), row) for row in rows]

    def _choice(self, row: int) -> str:
        text, gloss = self.benchmark.query_texts[row], self.gloss(row)
        # isolates keep the English of an Arabic query in its place
        return f"\u2068{text}\u2069 = \u2068{gloss}\u2069" if gloss not in ("", text) else text

    def _relevant(self, query: int) -> np.ndarray:
        pairs = slice(*np.searchsorted(self.benchmark.relevant_query, (query, query + 1)))
        return self.benchmark.relevant_passage[pairs]

    def _list(self, system: str, query: int, k: int) -> str:
        head = "".join(
            f'<th scope="col" style="{_CELL}">{name}</th>'
            for name in ("place", "language", "passage")
        )
        rows = ""
        table = self.top(system, query, k)
        for row in table.itertuples():
            style = f' style="{_RELEVANT}"' if row.relevant else ""
            text = _with_gloss(row.passage, row.gloss, row.language)
            rows += (
                f'<tr{style}><td style="{_NARROW}">{row.place}{" ✓" if row.relevant else ""}</td>'
                f'<td style="{_NARROW}">{html.escape(row.language)}</td>'
                f'<td style="{_CELL}">{text}</td></tr>'
            )
        n_relevant = int(table.relevant.eq("yes").sum())
        caption = f"{html.escape(system)}: {n_relevant} of the first {len(table)} are relevant (✓)"
        return (
            f'<table style="width: 100%"><caption style="text-align: start">{caption}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _with_gloss(text: str, gloss: str, language: str) -> str:
    """A text in its own direction, and its copy in the gloss language under it."""
    shown = f'<span dir="auto" lang="{html.escape(language)}">{html.escape(text.strip())}</span>'
    if gloss in ("", text):
        return shown
    return f'{shown}<br><span style="{_QUIET}">{html.escape(gloss.strip())}</span>'


def _glosses(benchmark: Benchmark, language: str) -> tuple[dict[int, str], dict[int, str]]:
    """Item -> query, and row of a passage -> text of its parallel copy, in one language.

    A passage's copy is the passage of that language that is relevant to the same query, so
    passages that answer no query have none.
    """
    if language not in benchmark.languages:
        return {}, {}
    column = benchmark.languages.index(language)
    queries = {
        int(benchmark.query_item[row]): benchmark.query_texts[row]
        for row in np.flatnonzero(benchmark.query_language == column)
    }
    is_copy = benchmark.passage_language[benchmark.relevant_passage] == column
    copy_of = {
        int(query): benchmark.passage_texts[passage]
        for query, passage in zip(
            benchmark.relevant_query[is_copy], benchmark.relevant_passage[is_copy], strict=True
        )
    }
    passages = {
        int(passage): copy_of[int(query)]
        for query, passage in zip(benchmark.relevant_query, benchmark.relevant_passage, strict=True)
        if int(query) in copy_of
    }
    return queries, passages
