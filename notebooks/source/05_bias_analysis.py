# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# hbt:
#   title: Bias analysis
#   question: Do the measures agree on who is biased, and which sampling wins under each?
#   minutes: 40
#   records:
#     - rank_distance
#     - least_biased_sampling
#     - same_language_pairs
#     - tied_share
#     - blind_rank_distance
#     - bias_index
#     - bias
#     - least_biased_system
#     - agreement
#     - difference
#     - variance_by_language
#   figures:
#     - rank_distances
#     - blind_rank_distance
#     - first_places
#     - surplus
#     - measures
#     - places
#     - agreement
#     - remedies
#     - map_none
#     - map_mono
#     - map_hybrid
#   headline:
#     - rank_distance
#     - same_language_pairs
#     - least_biased_sampling
# ---

# %% [markdown]
# # 05 Bias analysis
#
# **Do the measures agree on who is biased, and which sampling wins under each?**
#
# A retriever that serves speakers of many languages from one pool can fail them unequally.
# There are a dozen measures of this language bias, and papers choose one.
# Here we take all of them to the same systems, and see whether they tell the same story.
#
# ## Goals
#
# In this notebook we will
#
# - tell two kinds of bias apart, preference and intrusion, and work out every measure by hand in a pool of nine passages;
# - find out when a measure says nothing, and what makes rank distance fall *without* any change of bias;
# - rank X-X-mono, X-Y, hybrid, BM25 and three remedies without training by each measure, with intervals, and see where the measures part.
#
# Time: 40 minutes in class.
# One to two of them are training and measuring, on two cores at the profile `classroom`, all in section 2.
# Before this: notebook 02 (the two kinds of batch, mAP) and notebook 03 (hybrid batches).
# Nothing of theirs needs to be kept: this notebook runs alone.
#
# Texts in blockquotes that begin with **The paper** report [arXiv 2408.10536](https://arxiv.org/abs/2408.10536).
# All other statements are ours, and every number outside of those quotes and of the examples by hand is computed in this notebook.
#
# At the profile `paper` the same cells train and measure a published encoder on real text, on a GPU.
# The first cell lists what that needs and stops where it is not there;
# where it is, it lists all settings, the paper's and ours.

# %% tags=["parameters"]
profile: str = "classroom"  # smoke, classroom, full or paper
seed: int = 0  # the first of the seeds
data: str = "village"  # village or real
data_dir: str = ""  # folder of the real text
out_dir: str = ""  # where records and figures go
query_language: str = "es"  # language of the queries that are looked at one by one
items_on_map: int = 8  # passages on each map of the embeddings

# %%
from hbt.suite.session import begin

session = begin(
    "05_bias_analysis",
    profile=profile,
    seed=seed,
    data=data,
    data_dir=data_dir,
    out_dir=out_dir,
)

# %% [markdown]
# ## 1. Preference and intrusion
#
# A query in English, "What does the dog do?", meets a pool of nine passages.
# They say three things in three languages: the dog sleeps, the cat eats, the cow runs.
# `dog-en` is "The dog sleeps.", `dog-de` is "Der Hund schläft.", `dog-es` is "El perro duerme.".
# These three parallel copies are relevant, the other six are not.
# Here are five rankings that five retrievers might give, the best place first.

# %%
import pandas as pd

orders = {
    "fair": "dog-de dog-en dog-es cat-es cat-en cat-de cow-en cow-de cow-es",
    "preference": "dog-en dog-de dog-es cat-es cat-en cat-de cow-en cow-de cow-es",
    "intrusion": "cat-en cow-en dog-de dog-en dog-es cat-es cat-de cow-de cow-es",
    "both": "dog-en cat-en cow-en dog-de cat-de cow-de dog-es cat-es cow-es",
    "useless": "cat-de cat-en cat-es cow-es cow-en cow-de dog-de dog-en dog-es",
}
rankings = {name: order.split() for name, order in orders.items()}
dogs = ("dog-en", "dog-de", "dog-es")
marked = {name: [f"{p} ✓" if p in dogs else p for p in ps] for name, ps in rankings.items()}
session.table(pd.DataFrame({"rank": range(1, 10), **marked}), caption="✓ is relevant")

# %% [markdown]
# - **Preference**: of passages that say the same, the one in the query's language comes first.
#   It costs a user little: in the column "preference" all that is right stands on top.
# - **Intrusion**: wrong passages in the query's language come before right ones in another.
#   A user suffers from it: in the column "intrusion" two wrong English passages stand on top.
#
# The ranking "both" has both, "useless" has neither and finds nothing, and "fair" is what we want.
#
# **Predict, then run.**
# The **rank distance** is the largest minus the smallest rank of a query's parallel relevant passages,
#
# $$\mathrm{RD}(q) = \max_\ell r_\ell - \min_\ell r_\ell$$
#
# where $r_\ell$ is the rank of the relevant passage in language $\ell$.
# Lower is less biased.
# Which of the five rankings share the smallest?
#
# - (a) only "fair"
# - (b) "fair" and "preference"
# - (c) "fair", "preference" and "intrusion"
# - (d) all but "both"

# %%
ranks = {name: [order.index(dog) + 1 for dog in dogs] for name, order in rankings.items()}
for name, found in ranks.items():
    print(f"{name}: ranks of en, de, es {found}; rank distance {max(found) - min(found)}")

# %% [markdown]
# The answer is (d).
# Rank distance sees whether the copies stand together, not where they stand, nor in which order.
# Its smallest value, the **floor**, is the number of relevant passages minus one; the largest is the size of the pool minus one.
#
# > **The paper** measures bias by it (section 4.1) and credits KD-SPD, [arXiv 2305.09025](https://arxiv.org/abs/2305.09025), with it.
#
# Three more measures can be read off the same ranks.
# **Max@R** is the largest rank.
# **Complete@k** is 1 if all relevant passages are in the first k.
# **TLR@k**, target-language recall, is the share in the first k of those that are *not* in the query's language.

# %%
rows = []
for name, (en, de, es) in ranks.items():
    worst = max(en, de, es)
    rows.append((name, worst, int(worst <= 3), ((de <= 3) + (es <= 3)) / 2))
session.table(pd.DataFrame(rows, columns=["ranking", "Max@R", "Complete@3", "TLR@3"]))

# %% [markdown]
# These three look at the place, so "useless" is no longer as good as "fair".
# But bad retrieval and bias look the same to them.
#
# Two measures look at the query's own language.
# **Same-language pairs**: in how many pairs of relevant passages, one in the query's language and one not, is the first in front? Without bias in 1/2.
# **Surplus of the own language**: its share in the first k, right or wrong, minus the share that is expected.
# If $h$ of the first $k$ places hold relevant passages, a ranking that is as good but blind to language has an equal part of each language among these $h$, and fills the other $k - h$ from the rest of the pool.

# %%
rows = []
for name, (en, de, es) in ranks.items():
    first_three = rankings[name][:3]
    hits = sum(passage in dogs for passage in first_three)
    share = sum(passage.endswith("-en") for passage in first_three) / 3
    expected = (hits * 1 / 3 + (3 - hits) * 2 / 6) / 3  # 1 of 3 dogs, 2 of 6 others are English
    rows.append((name, ((en < de) + (en < es)) / 2, share, expected, share - expected))
columns = ["ranking", "same-language pairs", "English in the first 3", "expected", "surplus"]
session.table(pd.DataFrame(rows, columns=columns))

# %% [markdown]
# Pairs see preference and are blind to intrusion.
# The surplus sees the intrusion, and it is blind to a preference in which all of the top is right.
# And neither is fooled by "useless".
#
# The **removal test** (LAReQA, [arXiv 2004.05484](https://arxiv.org/abs/2004.05484)) takes one relevant passage out of the pool, once the one in the query's language, once another: how much average precision is lost?

# %%
from hbt.metrics import average_precision


def precision(order):
    return float(average_precision([place for place, p in enumerate(order, 1) if p in dogs]))


rows = []
for name, order in rankings.items():
    left = [precision([p for p in order if p != dog]) for dog in dogs]
    same, other = precision(order) - left[0], precision(order) - sum(left[1:]) / 2
    rows.append((name, precision(order), same, other, same - other))
columns = ["ranking", "AP", "loss without dog-en", "without another", "difference"]
session.table(pd.DataFrame(rows, columns=columns))

# %% [markdown]
# The difference of the two losses is the measure of bias: 0 without bias, above 0 where AP hangs on the own language.
# A loss below 0 is no mistake: to take away a passage that stands far down raises AP.
#
# **MRC@k**, mean rank correlation, asks the same question in another language and compares the two rankings, over all that either has in its first k (Spearman's correlation, times 100).
# We let German queries treat German as English ones treat English.

# %%
from scipy.stats import spearmanr

copy_in = {"en": "de", "de": "en", "es": "es"}
in_german = {
    name: [passage[:4] + copy_in[passage[4:]] for passage in order]
    for name, order in rankings.items()
}
for name, order in rankings.items():
    union = list(dict.fromkeys([*order[:3], *in_german[name][:3]]))
    places = [[each.index(passage) for passage in union] for each in (order, in_german[name])]
    print(f"{name}: {len(union)} passages, MRC@3 {100 * spearmanr(*places).statistic:.0f}")

# %% [markdown]
# MRC is 100 where the two queries rank alike, and it does not ask what is relevant.
# Even "fair" does not have 100, because its three dogs stand in another order for the German query.
#
# The last measure, **PEER** ([arXiv 2405.00978](https://arxiv.org/abs/2405.00978)), is the p-value of a Kruskal-Wallis test: are the ranks of the languages' relevant passages alike?
# It has a trap.
# Let each language have one relevant passage, as here, and then two.

# %%
from scipy.stats import kruskal

for name, found in ranks.items():
    p = kruskal(*([rank] for rank in found)).pvalue
    print(f"one passage a language, {name}: PEER {p:.3f}")
two_each = {"one language first": ([1, 2], [3, 4], [5, 6]), "mixed": ([1, 6], [2, 5], [3, 4])}
for name, groups in two_each.items():
    print(f"two passages a language, {name}: PEER {kruskal(*groups).pvalue:.3f}")

# %% [markdown]
# With one relevant passage a language, PEER is the same for *every* ranking: there is nothing to compare a language with but itself.
# XQuAD-R and the village are of this kind, so here PEER of the relevant level is a constant and no measure.
# What is left of PEER is its level of *wrong* passages (grade 0) in the first k.
#
# Now the library computes all of them, with the query in English and in German.

# %%
from hbt.suite.bias_agreement import YARDSTICKS
from hbt.suite.bias_by_hand import summary_of_rankings

language_of = {passage: passage[-2:] for passage in rankings["fair"]}
by_hand = {}
for name, order in rankings.items():
    both_queries = {"en": order, "de": in_german[name]}
    measures = summary_of_rankings(language_of, dogs, both_queries)["measures"]
    by_hand[name] = {stick.label: measures[stick.key]["value"] for stick in YARDSTICKS}
table = pd.DataFrame(by_hand).round(6).add(0.0).rename_axis("measure").reset_index()
session.table(table, caption="All measures of the five rankings, k = 3")
print(f"PEER of the relevant level: {measures['peer']['reason']}")

# %% [markdown]
# Go through the rows and compare each column with "fair".
# Is there a row in which "preference", "intrusion" and "useless" all differ from "fair", and from each other?
# There is none: a number tells that something is wrong, not what.
# And see PEER of grade 0: in "intrusion" and "both" the wrong passages of the first three are all English, one group cannot be compared with itself, and they look as fair as "fair".
#
# The library keeps what each measure sees, and what it is blind to, as a table; its last two columns are held against a simulation by tests.
# *R* is the number of relevant passages of a query, *D* the size of the pool.

# %%
from hbt import bias

properties = bias.measure_table()
session.table(properties.drop(columns=["range", "on the oracle"]))

# %% [markdown]
# Read the last column.
# All but one move when retrieval gets better and the bias stays: only the same-language preference stays, and it sees preference alone.

# %% [markdown]
# ## 2. The systems
#
# Now the same with a whole benchmark.

# %%
world = session.world
benchmark = world.benchmark("test")
n_passages, n_languages = len(benchmark.passage_texts), len(benchmark.languages)
n_relevant = len(benchmark.relevant_query) // len(benchmark.query_texts)
print(f"{benchmark.name}: {len(benchmark.query_texts):,} queries, {n_passages:,} passages")
print(f"{n_languages} languages: {', '.join(benchmark.languages)}")
print(f"never fine-tuned on: {', '.join(world.unseen_languages)}")
print(f"relevant to each query: {n_relevant} parallel passages")
print(f"so rank distance lies between {n_relevant - 1} and {n_passages - 1:,}")

# %% [markdown]
# The village is synthetic: real words in a made-up world, put together by rules, without inflection.
# With `data = "real"` the same cells read XQuAD-R, questions and sentences written and translated by people.
# The line above says which of the two this run has.
#
# We fine-tune the same encoder with three samplings, once for each seed of the profile, and measure it.
# `none` is the encoder as pre-training left it, before any fine-tuning.
# Where another run has trained or measured the same, its result is reused.

# %%
from hbt.suite import bias_study

settings = session.settings
samplings = ("X-X-mono", "X-Y", "hybrid")
models = {name: [settings.system(name, each) for each in settings.seeds] for name in samplings}
models["none"] = [model.replace(training=None) for model in models["hybrid"]]
systems = {name: bias_study.measure_all(models[name], name) for name in ("none", *samplings)}

# %% [markdown]
# Three remedies need no training: they take out of the embeddings what tells the language.
# **Centring** subtracts the mean embedding of the text's language.
# **LIR** ([arXiv 2109.04727](https://arxiv.org/abs/2109.04727)) projects out each language's main direction.
# **LSAR** ([arXiv 2401.05792](https://arxiv.org/abs/2401.05792)) projects out, for all languages alike, the directions in which their means differ.
# We apply each to X-X-mono, fitted on pre-training sentences and not on the test.
# (At the profile `paper` the encoder comes without its pre-training text, so there are no remedies.)
#
# `BM25` counts shared words, and learns nothing at all; it is the same for every seed.

# %%
for remedy in bias_study.REMEDIES if len(world.pretraining) else ():
    repaired = bias_study.measure_all(models["X-X-mono"], remedy, remedy)
    systems[f"mono + {remedy}"] = repaired
systems["BM25"] = [bias_study.measure_bm25(settings.base.world)] * len(settings.seeds)
session.table(bias_study.quality_table(systems), caption="mAP, mean over seeds")

# %% [markdown]
# Keep this table of quality in mind: bias is read beside it, never alone.
#
# ## 3. One query, all its copies
#
# Take one query, and ask each system where it puts the parallel relevant passages.
# We take the query whose rank distance is the median of its language under X-X-mono: a typical one, not the best story.

# %%
import numpy as np

asked = systems["X-X-mono"][0].queries.query("query_language == @query_language")
typical = int(asked.sort_values("rank_distance")["query"].iloc[len(asked) // 2])
is_copy = benchmark.query_item == benchmark.query_item[typical]
is_english = benchmark.query_language == benchmark.languages.index("en")
english = [benchmark.query_texts[row] for row in np.flatnonzero(is_copy & is_english)]
print(f"{query_language}: {benchmark.query_texts[typical]} = {' / '.join(english) or '?'}")

# %%
pairs = np.flatnonzero(benchmark.relevant_query == typical)
copies = benchmark.relevant_passage[pairs]
table = pd.DataFrame(
    {
        "language": [benchmark.languages[code] for code in benchmark.passage_language[copies]],
        "passage": [benchmark.passage_texts[row].strip() for row in copies],
        **{f"rank, {name}": systems[name][0].ranks[pairs] for name in samplings},
    }
)
caption = f"{query_language}: {benchmark.query_texts[typical]}"
session.table(table.sort_values("rank, X-X-mono"), caption=caption)

# %% [markdown]
# All rows say the same, so a reader without any language bias would put them next to each other.
# See which language comes first, whether it is the query's own, and how far down the last one is.
# The last rows are where a speaker of that language would never look.
#
# ## 4. Rank distance
#
# First a question that comes before every rank: does the system make it, or a rule for ties?
# When a relevant passage has exactly the score of another one, some rule decides which comes first.
# We take the share of relevant passages that tie, and the rank distance under two rules: that of trec_eval, and all tied passages sharing their mean rank.

# %%
facts = pd.DataFrame({name: found[0].facts for name, found in systems.items()}).T
facts["interpret"] = ["yes" if share <= bias.MOST_TIES else "no" for share in facts.tied_share]
for name, share in facts.tied_share.items():
    session.record("tied_share", float(share), system=name)
columns = ["tied_share", "rank_distance_trec", "rank_distance_average", "interpret"]
session.table(facts[columns].rename_axis("system").reset_index(), caption="First seed")
tied = list(facts.index[facts.interpret.eq("no")])
print(f"more than {bias.MOST_TIES:.0%} of the relevant passages tied: {', '.join(tied) or 'none'}")

# %% [markdown]
# BM25 gives zero to every passage without a word of the query, and all these zeros tie.
# Where its two rank distances differ, the rule of ties makes the number and not the system.
# A system above the limit gets no rank distance from here on, and no Max@R.
#
# A mean hangs on the few queries that find nothing, so we look at all queries.

# %%
from hbt.suite import bias_plots

shown = [name for name in ("none", *samplings) if name not in tied]
distances = {
    name: np.concatenate([each.queries.rank_distance for each in systems[name]]) for name in shown
}
told = ", ".join(f"{name} {np.median(values):,.0f}" for name, values in distances.items())
session.show(
    bias_plots.rank_distance_distributions(distances, n_relevant - 1),
    "rank_distances",
    alt="Rising curves, one for each system: share of the queries whose rank distance is at most "
    f"the value on the logarithmic horizontal axis. Medians: {told}.",
)

# %% [markdown]
# **What to see.**
# The higher and the further left a curve, the less biased; the marker is the median, the vertical line at the left the floor.
# Where one curve lies above another everywhere, the verdict does not hang on the mean.
# Where two cross, mean and median may disagree on who is better.
#
# > **The paper** reports, for XLM-R on XQuAD-R, mean rank distances of 410 for X-X-mono, 295 for X-Y and 287 for hybrid (Table 2).
# > It gives one seed and no intervals.
#
# Ours are not to be compared with these, and the next cells show why.
#
# ### A caution: rank distance falls for other reasons too
#
# Imagine a ranker that cannot see languages at all.
# It gives every passage a random score, and every relevant one a bonus, the same in all languages.
# It has no language bias by construction.
#
# **Predict, then run.**
# We raise the bonus, so that retrieval gets better. What does the rank distance of this ranker do?
#
# - (a) it stays the same, since there is no bias to remove
# - (b) it falls
# - (c) it rises


# %%
def blind_rank_distance(n_passages, n_relevant, bonus, random, n_queries=100):
    """Mean rank distance of a ranker that sees no language."""
    relevant = random.standard_normal((n_queries, n_relevant)) + bonus
    others = random.standard_normal((n_queries, n_passages - n_relevant))
    first, last = (end(axis=1, keepdims=True) for end in (relevant.max, relevant.min))
    between = ((others < first) & (others > last)).sum(axis=1)
    return float((n_relevant - 1 + between).mean())  # its floor, and what stands between


random = np.random.default_rng(seed)
for bonus in (0, 2, 4, 6):
    distance = blind_rank_distance(n_passages, n_relevant, bonus, random)
    session.record("blind_rank_distance", distance, bonus=bonus)
    print(f"bonus {bonus}: rank distance {distance:,.0f}")

# %%
from hbt.suite import plots

rows = [
    (bonus, f"{pool:,} passages", blind_rank_distance(pool, n_relevant, bonus, random))
    for pool in (n_passages, n_passages // 3, n_passages // 10)
    for bonus in range(7)
]
blind = pd.DataFrame(rows, columns=["bonus", "pool", "estimate"])
told = f"from {blind.estimate[0]:,.0f} to {blind.estimate[6]:,.0f}"
session.show(
    plots.curve(blind, x="bonus", series="pool", x_label="bonus", value_label="rank distance"),
    "blind_rank_distance",
    alt="Falling curves, one for each size of the pool: rank distance of a ranker without bias "
    f"against the bonus of the relevant passages. In the whole pool it goes {told}.",
)

# %% [markdown]
# **What to see.**
# None of these rankers has any bias, and yet their rank distances go from the floor to most of the pool:
# the rank distance falls although there was no bias to remove, answer (b).
# Along a curve only the quality changes, from curve to curve only the size of the pool.
# So rank distance is compared between systems on the *same* benchmark, never across benchmarks.
# And when both quality and rank distance change, the rank distance alone does not say that bias has fallen.
#
# ## 5. Who fills the first ten places?
#
# The first ten, beside what a ranking of equal quality would show that is blind to language.

# %%
mixes = {name: bias_study.mean_mix(systems[name]) for name in samplings}
own = {
    name: mix.query("query_language == passage_language == @query_language").iloc[0]
    for name, mix in mixes.items()
}
told = "; ".join(
    f"{name} {row.share:.2f}, expected {row.expected:.2f}" for name, row in own.items()
)
session.show(
    bias_plots.first_places(mixes, query_language),
    "first_places",
    alt=f"Bar charts, one for each sampling: share of each passage language in the first ten of "
    f"queries in {query_language}, with a line across each bar at the expected share. "
    f"The query's own language, hatched: {told}.",
)

# %% [markdown]
# **What to see.**
# The hatched bar is the query's own language, the thick line across each bar what is expected.
# Bars above their line take places from those below.
# Look at the unhatched bars that stand out: are they relatives of the query's language, or do they share its script?
#
# The same for all pairs of languages.

# %%
for name, results in systems.items():
    index = float(np.mean([each.facts["bias_index"] for each in results]))
    session.record("bias_index", index, system=name)
    print(f"{name}: bias index {index:.2f}")
of_own = {name: mix.query("query_language == passage_language") for name, mix in mixes.items()}
told = ", ".join(f"{name} {100 * mix.surplus.mean():+.0f}" for name, mix in of_own.items())
session.show(
    bias_plots.surplus_maps(mixes),
    "surplus",
    alt="Three heat maps, one for each sampling, query language down and passage language across: "
    "share of the first ten minus the expected share, in points. "
    f"Mean on the diagonal, the own language: {told}.",
)

# %% [markdown]
# **What to see.**
# Zero is what a blind ranking of equal quality would show.
# The diagonal is the query's own language, and its mean is the surplus of section 1.
# A column of minus signs is a passage language that all others find too rarely: is it one that was never fine-tuned on?
# A column of plus signs is one that they all find too often, whatever they ask: bias too, and one that no measure of the *own* language sees.
# Single large numbers off the diagonal are languages that find each other.
# The **bias index** adds up a whole row: half the sum of all differences without their signs, that is, the share of places that would have to change their language.
#
# ## 6. See it: a query explorer
#
# The tables above are means.
# Here is the typical query of section 3 again, with the first ten passages of two systems side by side, found by an exact faiss index (`IndexFlatIP`).
# Under each text stands its parallel copy in English, where it has one.

# %%
from hbt.suite.experiment import embeddings
from hbt.suite.widgets import QueryExplorer
from IPython.display import HTML, display

compared = ("X-X-mono", "X-Y")
vectors = {name: embeddings(models[name][0], benchmark) for name in compared}
explorer = QueryExplorer(benchmark, vectors, world.language_names)
display(HTML(explorer.html(typical)))

# %% [markdown]
# Read each list twice: first only the column of languages, then only the meanings.
# A wrong passage in the query's language above a right one in another is intrusion; mark one, if there is any.
# One query is an anecdote, so choose for yourself: a query language, then a query.
# Try a language that was never fine-tuned on, and one whose script you cannot read.

# %%
explorer.widget(query_language, typical)

# %% [markdown]
# ## 7. Do the measures agree?
#
# ### On which system is less biased
#
# Every measure of every system, over seeds, with 95 % intervals.
# Here *k* is 10; for Complete@k it is the number of relevant passages where that is larger, else no query could be complete.
# The intervals are drawn over items, that is, over what other questions would have given; from five seeds on, over seeds as well.

# %%
from hbt.suite import bias_agreement as agreement

del vectors, explorer  # memory: what follows does not need them
labels = {key: key for key in bias_study.QUALITY} | {s.key: s.label for s in YARDSTICKS}
scores = agreement.gathered(systems, list(labels))
intervals = agreement.interval_table(scores, settings.resamples)
ranked = agreement.standings(intervals, tied)
for row in ranked.itertuples():
    session.record("bias", row.estimate, measure=row.measure, system=row.system)
    if row.measure in ("rank_distance", "same_language_pairs"):
        session.record(row.measure, row.estimate, system=row.system)
print(f"intervals over {intervals.over[0]}, {intervals.n_seeds[0]} seed(s)")

# %%
unbiased = {stick.label: stick.unbiased for stick in YARDSTICKS if stick.better == "near"}
told = "; ".join(
    f"{label} from {part.estimate.min():.3g} to {part.estimate.max():.3g}"
    for label, part in ranked.groupby("label", sort=False)
)
session.show(
    bias_plots.interval_grid(ranked, systems=list(systems), unbiased=unbiased),
    "measures",
    alt="Panels of estimates with 95 % intervals, one for each measure, one row for each system. "
    f"Estimates over systems: {told}.",
)

# %% [markdown]
# **What to see.**
# A dashed line is the value without bias; a panel without one has its less biased end at the left for rank distance, at the right for all others.
# Do the rows stand in the same order in every panel?
# Look for a system that is at the good end of one panel and at the bad end of another, and then at its mAP in section 2.
# Systems whose bars overlap may still differ beyond doubt, because all answered the same queries; the table below compares them in pairs.

# %%
told = "; ".join(
    f"{label}: {', '.join(part.sort_values('place', kind='stable').system)}"
    for label, part in ranked.groupby("label", sort=False)
)
session.show(
    bias_plots.places_map(ranked, list(systems)),
    "places",
    alt="Table of cells, measures down and systems across, darker for a better place; each has "
    f"the place and the value. From least to most biased: {told}.",
)

# %% [markdown]
# **What to see.**
# If all measures agreed, every column would have one shade.
# Equal values share a place: a row in which all systems are first is a measure that cannot tell them apart.
# There are two families of measures.
# The first six rows see bad retrieval as well as bias; the last three look at the query's own language.
# Is there a column that is dark in one family and light in the other?
# An empty cell is one that ties forbid to interpret.
#
# Which sampling wins under each measure?
# We compare the least biased with each of the others in pairs, query by query, with Holm's correction over all comparisons of a table: one that is searched for winners needs it.

# %%
groups = {"sampling": samplings, "system": [name for name in systems if name not in tied]}
best = {
    what: agreement.winners(
        agreement.differences_to_best(scores, ranked, list(group), settings.resamples)
    )
    for what, group in groups.items()
}
for what, table in best.items():
    for row in table.itertuples():
        session.record(f"least_biased_{what}", row.best, measure=row.measure)
columns = {"label": "measure", "best": "least biased", "not_told_apart": "not told apart from it"}
session.table(best["sampling"][list(columns)].rename(columns=columns), caption="Samplings")
session.table(best["system"][list(columns)].rename(columns=columns), caption="All systems")

# %% [markdown]
# A measure has no winner where the last column names others; `none` is the encoder without fine-tuning.
# And look up the winner's mAP in section 2: some measures can be won by finding little.
# Where all measures that have a winner name the same one, choose any of them; where they do not, say which kind of bias you mean before you choose.
#
# ### On whom it is biased against
#
# Two measures that put systems in one order may still disagree on *languages*.
# For each query language and measure we have one number, and between two measures the rank correlation over languages.

# %%
languages = {name: agreement.badness_of_languages(systems[name]) for name in compared}
correlations = {name: agreement.rank_correlations(table) for name, table in languages.items()}
for name, table in correlations.items():
    median, sentence = agreement.in_words(table, n_languages)
    session.record("agreement", median, system=name)
    print(f"{name}: {sentence}")
session.show(
    bias_plots.correlation_maps(correlations),
    "agreement",
    alt="Two heat maps, one for each system: rank correlation of every two measures over the "
    f"query languages. In the last of the two, {sentence}.",
)

# %% [markdown]
# **What to see.**
# Plus: the two measures call the same query languages biased; minus: the languages that one calls worst the other calls best.
# Find the blocks of measures that go together, and the pairs with a minus sign.
# With so few languages a correlation has to be large to be told from none; the line above the figure says how large.
# Empty cells are measures with the same value for every language.
#
# Who is it, then?
# The three query languages with most bias, by each measure; a star marks those never fine-tuned on.
# Where more than three share the place of the third, no three can be named, and the cell says so.

# %%
rows = []
for label in languages["X-X-mono"].columns:
    row = {"measure": label}
    for name, table in languages.items():
        badness = table[label].sort_values(ascending=False, kind="stable")
        equal = int(badness.eq(badness.iloc[2]).sum())
        worst = [f"{code}*" if code in world.unseen_languages else code for code in badness.index]
        is_clear = badness.iloc[2] > badness.iloc[3]
        row[name] = ", ".join(worst[:3]) if is_clear else f"{equal} languages have the same value"
    rows.append(row)
session.table(pd.DataFrame(rows), caption="Query languages with most bias, the worst first")

# %% [markdown]
# A language that two families of measures name is served badly *and* shown too much of itself.
# One that is named by the first family alone may only be a language that the encoder reads badly.
#
# > **The paper** finds, by rank distance, Arabic and Hindi queries worst under X-X-mono, and English ones best (Table 7).
#
# ## 8. Remedies without training
#
# What do centring, LIR and LSAR repair, beside the samplings, and what do they cost?
# Each system minus X-X-mono, on the same queries and seeds.

# %%
others = ["X-Y", "hybrid", *(name for name in systems if name.startswith("mono"))]
sides = ("rank_distance", "target_language_recall", "own_language_surplus", "same_language_pairs")
chosen = {key: labels[key] for key in ("monolingual mAP", "multilingual mAP", *sides)}
changes = agreement.differences_to(scores, "X-X-mono", others, chosen, settings.resamples)
for row in changes.itertuples():
    session.record("difference", row.estimate, measure=row.measure, system=row.system)
told = "; ".join(f"{r.system}, {r.label} {r.estimate:+.3g}" for r in changes.itertuples())
session.show(
    bias_plots.interval_grid(changes, systems=others, unbiased=dict.fromkeys(changes.label, 0)),
    "remedies",
    alt="Panels of differences to X-X-mono with 95 % intervals and a dashed line at zero, one for "
    f"each measure, one row for each system: {told}.",
)

# %% [markdown]
# **What to see.**
# The first two panels are quality: left of the line is a price.
# In the others, left of the line is less bias, except for TLR, which is better to the right.
# Compare the remedies' rows with those of the samplings: how much of the repair comes without training, and at which price?
# A remedy takes out what is common to a language; it cannot bring together two copies that never were.
#
# ## 9. Maps of the embeddings
#
# Why do languages drift apart or come together?
# We take a few passages with all their parallel copies, and draw their embeddings in two dimensions by principal component analysis, each system with its own two components.
# Each map is drawn twice: coloured by language, and with the copies of one passage joined.

# %%
from hbt.suite import embedding_study

copies = embedding_study.parallel_copies(benchmark)  # (n_meanings, n_languages)
on_map = copies[:: max(1, len(copies) // items_on_map)][:items_on_map]
for row in on_map[:, benchmark.languages.index("en")]:
    print(benchmark.passage_texts[row].strip())
codes = [benchmark.languages[code] for code in benchmark.passage_language[on_map.ravel()]]
meanings = np.repeat(np.arange(len(on_map)), n_languages)
for name, short in (("none", "none"), ("X-X-mono", "mono"), ("hybrid", "hybrid")):
    points, kept = embedding_study.map_points(models[name][0], benchmark, on_map.ravel())
    alt = f"Two scatter plots of passage embeddings by {name}, first two principal components: by "
    alt += f"language, and with copies joined. The components keep {kept:.0%} of the variance."
    session.show(bias_plots.embedding_map(points, codes, meanings, name), f"map_{short}", alt=alt)

# %% [markdown]
# **What to see.**
# Left: points of one colour and marker that lie together mean that the language decides.
# Right: short spokes mean that the copies of one passage lie together, so that meaning decides.
# Go from `none` through X-X-mono to hybrid and watch the spokes.
# Two dimensions show only a part, and a few passages are no sample, so the eye should not have the last word.
#
# A number for the same question, over *all* passages that have copies and all dimensions: the shares of the variance that the means of the languages and the means of the meanings explain.

# %%
rows = []
for name in ("none", *samplings):
    passages = embeddings(models[name][0], benchmark)[1]
    language, meaning = embedding_study.variance_shares(passages[copies])
    session.record("variance_by_language", language, system=name)
    rows.append((name, language, meaning, 1 - language - meaning))
session.table(pd.DataFrame(rows, columns=["system", "language", "meaning", "rest"]))

# %% [markdown]
# "Language" is what a constant shift of each language would explain, and all that centring can take away.
# It can be small although a query finds its own language first: a shift in few dimensions is enough to win a ranking.
# "Rest" is what is neither: how a language writes *this* meaning.
#
# ## 10. Who did what to whom
#
# A last test of another kind: what no sampling and no remedy repairs.
# Two passages of the same words tell opposite stories, and one query asks about one of them.
# `static` averages the embeddings of tokens: it has no word order.
# The village has a probe of such pairs; real text has no such twins, so with real text the next cells say so and do nothing.

# %%
from hbt import village

if session.data == "village":
    home = village.make(settings.base.world.village)
    probe = home.benchmark("swap_probe")
    twins = [home.gloss("swap_probe", item, "en") for item in (0, 1)]
    print("query:  ", " ".join(word for word, _ in twins[0]["query"]), "?")
    print("passage:", " ".join(word for word, _ in twins[0]["passage"]))
    print("twin:   ", " ".join(word for word, _ in twins[1]["passage"]))
    encoders = {"static": models["hybrid"][0]}
    if settings.transformer is not None:
        encoders["mini-mlm"] = settings.transformer.replace(sampling="hybrid", seed=seed)
else:
    print("the swap probe belongs to the village: real text has no such twins")

# %% [markdown]
# How often does the right passage stand before its twin, if a tie counts as half?
# Say what you expect of an encoder without word order, then run.

# %%
for name, experiment in encoders.items() if session.data == "village" else ():
    for words, part in embedding_study.swap_scores(experiment, probe).items():
        accuracy = float(part.right.mean())
        session.record("swap_accuracy", accuracy, encoder=name, languages=words)
        told = f"right before twin {accuracy:.3f}, tied {part.tied.mean():.0%}"
        print(f"{name}, languages written {words} spaces: {told} (chance is 0.5)")

# %% [markdown]
# A bag of words cannot know who did what.
# In languages written with spaces, passage and twin hold the same tokens: to `static` they are one text, and one half is all it can have.
# In those written without spaces, tokens cross the borders of words, such as "to" and a name in one token, and so the bag holds a little of the order.
# So a change of the tokenizer can pass for an ability of the encoder.
# The full profile asks a small transformer as well.

# %% [markdown]
# ## Exercises
#
# Add a cell below for each exercise.
#
# ### 1. How much to take out (medium, 15 minutes)
#
# LSAR takes out as many directions as there are languages, less one.
# Take out fewer, from one on, and watch the same-language pairs and the multilingual mAP of X-X-mono.
# Is there a number at which the bias has fallen and the quality has not?
#
# <details><summary>Hint</summary>
#
# `bias_study.fitted(model, "LSAR", benchmark, r=1)` fits it on pre-training text; its `apply` takes embeddings.
# `count` gives what `bias.same_language_preference` and `hbt.evaluation.evaluate` need.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# from hbt.evaluation import evaluate
# from hbt.retrieval import count
#
# mono = models["X-X-mono"][0]
# for r in (1, 2, 4, n_languages - 1):
#     lsar = bias_study.fitted(mono, "LSAR", benchmark, r=r)
#     counts = count(benchmark, *(lsar.apply(each) for each in embeddings(mono, benchmark)))
#     pairs = bias.same_language_preference(benchmark, counts).pairs
#     quality = evaluate(benchmark, counts, metrics=("mAP",)).summary()
#     print(r, bias.macro_mean(benchmark, pairs), quality.mAP["multilingual"])
# ```
#
# What to look for: do the pairs move towards 1/2 with each direction, and what does the quality do meanwhile?
# To choose r you would look at the development benchmark, not at the test.
#
# </details>
#
# ### 2. Who is last? (easy, 10 minutes)
#
# Rank distance does not say *which* copy is far away.
# For each query, find the language of the relevant passage with the worst rank, and count the languages for X-X-mono and for hybrid.
#
# <details><summary>Hint</summary>
#
# `systems[name][0].ranks`, `benchmark.relevant_query` and `benchmark.relevant_passage` have one entry for each pair.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# names = np.array(benchmark.languages)
# for name in ("X-X-mono", "hybrid"):
#     all_pairs = pd.DataFrame(
#         {
#             "query": benchmark.relevant_query,
#             "rank": systems[name][0].ranks,
#             "language": names[benchmark.passage_language[benchmark.relevant_passage]],
#         }
#     )
#     worst = all_pairs.sort_values("rank").groupby("query").language.last()
#     print(name, worst.value_counts(normalize=True).round(2).to_dict())
# ```
#
# What you should see: without bias each language would be last equally often.
#
# </details>

# %% [markdown]
# ## Recap
#
# - Preference puts the own language first among equals; intrusion puts it before what is right. No measure sees both and nothing else.
# - Rank distance sees whether the copies stand together, not where; it falls when retrieval gets better, and means nothing where many scores tie.
# - PEER is a constant where each language has one relevant passage.
# - Same-language pairs do not move with quality, and see preference alone; the language mix of the first ten sees both kinds, and moves with quality.
# - A winner needs an interval, and a correction where it was searched for in a table.
# - No sampling and no remedy teaches an encoder what it cannot represent, such as word order in a bag of words.
#
# **What comes next.**
# This is the last notebook of the five.
# `hbt evaluate` measures any system of yours in all of these ways, on any benchmark; docs/language-bias.md has every formula.
# To go on: add a language of your own to the village (notebook 01 says how), and look for it in the tables of section 7.
#
# And what this run says:

# %%
for what, table in best.items():
    alone = table[table.not_told_apart.eq("no other")]
    told = ", ".join(f"`{name}` by {n}" for name, n in alone.best.value_counts().items())
    print(f"least biased {what}, beyond doubt: {told or 'no one'} of {len(table)} measures")
for name, part in changes.groupby("system", sort=False):
    rows = part.set_index("measure")
    for key in ("same_language_pairs", "monolingual mAP"):
        row = rows.loc[key]
        print(f"{name} minus X-X-mono, {row.label}: {row.estimate:+.3f}, {row.verdict}")
session.finish()
