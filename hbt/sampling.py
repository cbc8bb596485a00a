"""What goes into a batch, as a pure function of (seed, step).

    layout = ItemLayout.from_items(items)
    plan = Plan(PlanSettings(sampling="hybrid", alpha=0.5, batch_size=64, seed=0), layout)
    plan(1000)  # the batch of step 1000, on every process, machine and day

Four samplings. `X-X-mono`: each batch is of one language. `X-Y`: query and passage of each example
differ in language. `hybrid`: each batch is of the first kind with probability alpha, else of the
second (arXiv 2408.10536). `X-X`: query and passage of each example agree in language, and
the languages of a batch are mixed (LAReQA, Roy et al. 2020).

A plan has no state that matters: processes agree, training resumes at any step, and a run can
be replayed years later. It is used with numpy alone; read `hbt.random_streams`, `hbt.layout` and
`hbt.streams` before it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hbt.layout import ANY, ItemLayout
from hbt.pair_draws import PairDraws
from hbt.passes import Passes
from hbt.plan_settings import CROSS_LINGUAL, MIXED, MONOLINGUAL, SAMPLINGS, PlanSettings
from hbt.random_streams import Purpose, bounded, random_words
from hbt.streams import Schedule, join, streams_of_kind

__all__ = [
    "ANY",
    "CROSS_LINGUAL",
    "MIXED",
    "MONOLINGUAL",
    "PLAN_VERSION",
    "SAMPLINGS",
    "Batch",
    "ItemLayout",
    "Plan",
    "PlanBatchSampler",
    "PlanSettings",
    "Steps",
    "pack",
    "unpack",
]

PLAN_VERSION = 1
"""Raised when a change makes the same arguments give other batches."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The examples of one step; example i is query and passage of `item[i]` in the two languages.

    Attributes:
        step: of training.
        kind: `MONOLINGUAL`, `CROSS_LINGUAL` or (for X-X only) `MIXED`.
        source: index of the source that all items come from.
        query_language, passage_language: int64 (batch_size,), language indices.
        item: int64 (batch_size,); no two items share a passage id.
    """

    step: int
    kind: str
    source: int
    query_language: np.ndarray
    passage_language: np.ndarray
    item: np.ndarray

    def __len__(self) -> int:
        return len(self.item)

    def digest(self) -> str:
        """sha256 of the content, the same on every machine."""
        total = hashlib.sha256(f"{self.step}\x1f{self.kind}\x1f{self.source}\x1d".encode())
        for column in (self.query_language, self.passage_language, self.item):
            total.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
        return total.hexdigest()


@dataclass(frozen=True, eq=False)
class Steps:
    """What a plan does at each step of a range, without the items: arrays (n_steps,).

    `kind` is of strings, the others are indices. The languages are `ANY` (-1) where each example
    of the batch draws its own.
    """

    kind: np.ndarray
    source: np.ndarray
    query_language: np.ndarray
    passage_language: np.ndarray


class Plan:
    """The batches of a training run: `plan(step) -> Batch`, pure in (settings, layout, step).

    A step's kind and stream (source, and language if the batch has one) are drawn from words of
    its own. Its batch is number k of that stream, k being the stream's earlier steps, and depends
    on nothing else. So a hybrid run takes its monolingual batches from the same streams as
    X-X-mono and its cross-lingual ones from the same as X-Y, and with alpha 1 or 0 it equals them.

    No passage id comes twice in a batch. In "passes" order the items of a stream are dealt so
    (`hbt.passes`); where a passage has more items than a pass has batches, each pass leaves some of
    them out. In "independent" order items are drawn one after another, and one whose passage
    the batch has already is passed over.

    Computed parts are kept for the next call; give each thread a plan of its own.

    Args:
        settings: how to draw.
        layout: what to draw from.

    Raises:
        ValueError: a stream that can be drawn has too few items with different passages for a
            batch, or there is none.
    """

    def __init__(self, settings: PlanSettings, layout: ItemLayout) -> None:
        self.settings, self.layout = settings, layout
        kinds = settings.kinds()
        self._streams = join([streams_of_kind(layout, settings, kind) for kind in kinds])
        self._schedule = Schedule(settings.seed, self._streams, kinds)
        self._passes = Passes(layout, self._streams, settings.batch_size, settings.seed)
        # of the streams whose examples draw their pair before the item
        self._pairs: dict[int, np.ndarray] = {}
        self._pair_draws: dict[int, PairDraws] = {}
        if settings.pair_before_item:
            for stream in np.flatnonzero(self._streams.kind == CROSS_LINGUAL):
                source = int(self._streams.source[stream])
                found, _ = layout.items_per_pair(source)
                self._pairs[int(stream)] = np.argwhere(found)  # (n_pairs, 2)
                self._pair_draws[int(stream)] = PairDraws(layout, source)

    def __call__(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        step = operator.index(step)
        if step < 0:
            raise ValueError(f"step is {step}, below 0")
        stream, number = self._schedule.locate(step)
        if self.settings.order == "passes":
            slots, words = self._passes(stream, number), None
        else:
            slots, words = self._draw(stream, number)
        query_language, passage_language = self._languages(stream, number, slots, words)
        return Batch(
            step=step,
            kind=str(self._streams.kind[stream]),
            source=int(self._streams.source[stream]),
            query_language=query_language,
            passage_language=passage_language,
            item=self.layout.items(slots),
        )

    def schedule(self, first_step: int, last_step: int) -> Steps:
        """Kind, source and languages of the steps from the first to before the last."""
        streams, table = self._schedule.streams(first_step, last_step), self._streams
        columns = (table.kind, table.source, table.query_language, table.passage_language)
        return Steps(*(column[streams] for column in columns))

    def arguments(self) -> dict[str, object]:
        """Plain values that a run stores, so that its batches can be made again and compared."""
        settings = dataclasses.asdict(self.settings)
        return {"plan_version": PLAN_VERSION, **settings, "layout": self.layout.digest()}

    def describe(self) -> str:
        """A line on the settings, then one for each kind: items, streams, length of a pass."""
        settings, table, names = self.settings, self._streams, self.layout.source_names
        alpha = f" with alpha {settings.alpha}" if settings.sampling == "hybrid" else ""
        lines = [
            f"{settings.sampling}{alpha}, {settings.batch_size} examples a batch, "
            f"order {settings.order}, seed {settings.seed}"
        ]
        for kind in settings.kinds():
            rows = np.flatnonzero(table.kind == kind)
            line = f"{kind}: streams {len(rows)}, items {_span(table.size[rows])}"
            if settings.order == "passes":
                line += f", batches a pass {_span(self._passes.n_batches[rows])}"
            sources = [names[source] for source in np.unique(table.source[rows])]
            lines.append(f"{line}, from {', '.join(sources)}")
        return "\n".join(lines)

    def _words(self, purpose: Purpose, size: int, stream: int, number: int) -> np.ndarray:
        address = self._streams.address(stream, number)
        return random_words(self.settings.seed, purpose, size, address)

    def _draw(self, stream: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Slots of a batch of independent draws, and a word for the languages of each."""
        batch_size = n_draws = self.settings.batch_size
        while True:
            words = self._words(Purpose.DRAW, 2 * n_draws, stream, number)
            slots = self._draw_slots(stream, words[0::2], words[1::2])
            _, first = np.unique(self.layout.passages(slots), return_index=True)
            if len(first) >= batch_size:  # one draw for each of the first passages
                chosen = np.sort(first)[:batch_size]
                return slots[chosen], words[0::2][chosen]
            n_draws *= 2  # the same draws again, and as many more

    def _draw_slots(
        self, stream: int, language_words: np.ndarray, item_words: np.ndarray
    ) -> np.ndarray:
        if stream in self._pairs:
            pairs = self._pairs[stream][bounded(language_words, len(self._pairs[stream]))]
            return self._pair_draws[stream](pairs[:, 0], pairs[:, 1], item_words)
        items = self._streams.items(stream, self.layout)
        return items(bounded(item_words, int(self._streams.size[stream])))

    def _languages(
        self, stream: int, number: int, slots: np.ndarray, words: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Query and passage language of each example, from a word for each; None: draw words."""
        query_language, passage_language = self._streams.languages(stream)
        if query_language != ANY:
            return np.full(len(slots), query_language), np.full(len(slots), passage_language)
        if words is None:
            words = self._words(Purpose.LANGUAGES, len(slots), stream, number)
        if stream in self._pairs:
            pairs = self._pairs[stream][bounded(words, len(self._pairs[stream]))]
            return pairs[:, 0], pairs[:, 1]
        groups = self.layout.groups(slots)
        count = self.layout.language_count[groups]
        if self._streams.kind[stream] == MIXED:
            language = self.layout.nth_language(groups, bounded(words, count))
            return language, language.copy()
        query, passage = np.divmod(bounded(words, count * (count - 1)), count - 1)
        passage += passage >= query  # skips the query's language
        return self.layout.nth_language(groups, query), self.layout.nth_language(groups, passage)


def _span(values: np.ndarray) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def pack(
    item: np.ndarray, query_language: np.ndarray, passage_language: np.ndarray, n_languages: int
) -> np.ndarray:
    """int64, the shape of `item`: one number for an item, its query's and its passage's language.

    A row index for data sets that are shown one example at a time; `unpack` undoes it.
    """
    return (item * n_languages + query_language) * n_languages + passage_language


def unpack(
    index: int | np.ndarray, n_languages: int
) -> tuple[int, int, int] | tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item, query language and passage language of a packed index or of an array of them."""
    rest, passage_language = divmod(index, n_languages)
    item, query_language = divmod(rest, n_languages)
    return item, query_language, passage_language


class PlanBatchSampler:
    """A batch sampler for torch's DataLoader: for each step the packed examples of one process.

    Process `rank` of `world` takes the rank-th of `world` consecutive slices of the batch; together
    they have all of it, and at every step all have the same kind and source. With gradient
    accumulation a step of the plan is one micro-step.

    Args:
        plan: what to yield.
        n_steps: steps of the whole run.
        start_step: the first to yield, to resume a run; `n_steps - start_step` are yielded.
        rank, world: this process and the number of processes.

    Raises:
        ValueError: a number is out of range, or `world` does not divide the batch size.
    """

    def __init__(
        self, plan: Plan, n_steps: int, start_step: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        if not 0 <= start_step <= n_steps:
            raise ValueError(f"start_step is {start_step}, not from 0 to n_steps, {n_steps}")
        if not 0 <= rank < world:
            raise ValueError(f"rank is {rank}, not from 0 to below world, {world}")
        if plan.settings.batch_size % world:
            raise ValueError(f"batch_size {plan.settings.batch_size} is no multiple of {world}")
        self.plan, self.n_steps, self.start_step = plan, n_steps, start_step
        self.batch_size = plan.settings.batch_size // world  # of this process, as torch calls it
        self.drop_last = True
        self._mine = slice(rank * self.batch_size, (rank + 1) * self.batch_size)

    def __len__(self) -> int:
        return self.n_steps - self.start_step

    def __iter__(self) -> Iterator[list[int]]:
        n_languages = len(self.plan.layout.languages)
        for step in range(self.start_step, self.n_steps):
            batch = self.plan(step)
            columns = (batch.item, batch.query_language, batch.passage_language)
            yield pack(*(column[self._mine] for column in columns), n_languages).tolist()
