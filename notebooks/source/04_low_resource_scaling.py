# ---
# hbt:
#   title: Low-resource scaling
#   question: How does the number of low-resource languages in pre-training change zero-shot retrieval?
#   minutes: 40
#   records:
#   - gain_of_languages_in
#   - cost_to_high_resource
#   - mAP
#   - change
#   - texts_per_language
#   - median_rank
#   - in_minus_out_languages
#   - gap_of_gains
#   - overlap_correlation
#   - stage_mAP
#   figures: [texts_per_language, curve, changes, languages, overlap, stages]
#   headline: [gain_of_languages_in, cost_to_high_resource]
# ---

# %% [markdown]
# # 04 Low-resource scaling
#
# **How does the number of low-resource languages in pre-training change zero-shot cross-lingual retrieval,
# when hybrid batches are used for fine-tuning?**
#
# A multilingual retriever is made in two steps.
# **Pre-training** teaches an encoder its languages; **fine-tuning** teaches it to retrieve.
# Questions with answers exist in few languages, so most languages can be met in pre-training only, or nowhere.
# We add low-resource languages to pre-training, leave fine-tuning as it is, and see who gains and who pays.
#
# ## Goals
#
# In this notebook we will
#
# - say exactly what *zero-shot* means, and see how a language that no training ever showed can be searched at all;
# - draw the curve over K, the number of low-resource languages in pre-training,
#   for languages inside and outside of it, with and without a relative, and for the high-resource ones;
# - measure what one language gains by its place in pre-training, and what the others pay for it.
#
# Time: 40 minutes in class.
# About three of them are training, on two cores at the profile `classroom`, most of it in section 5:
# start that cell before you talk about it.
# Before this: the three settings (notebook 01), mAP (notebook 02) and hybrid batches (notebook 03).
# Nothing of theirs needs to be kept: this notebook runs alone.
#
# > **The paper** ([arXiv 2408.10536](https://arxiv.org/abs/2408.10536)) fine-tunes XLM-R and LaBSE in nine languages
# > and evaluates on XQuAD-R, where two languages, Greek and Vietnamese, are not among the nine.
# > It takes both encoders as they are: what they were pre-trained on is never varied.
#
# So this question goes beyond the paper.
# Blockquotes like the one above report what others wrote; all else is ours, and computed here.
# At the profile `smoke` the numbers only prove that the cells run; take `classroom` to learn from them.

# %% tags=["parameters"]
profile: str = "classroom"  # smoke, classroom or full (paper: 02, 03 and 05)
seed: int = 0  # the first of the seeds
data: str = "village"  # village or real
data_dir: str = ""  # folder with xquad-r, mlqa-r and ntrex, for data = "real"
out_dir: str = ""  # where results go; runs/04_low_resource_scaling if empty
low_resource_counts: list[int] = []  # numbers K to try beside 0; those of the profile if empty

# %%
from hbt.suite.session import begin

session = begin(
    "04_low_resource_scaling",
    profile=profile,
    seed=seed,
    data=data,
    data_dir=data_dir,
    out_dir=out_dir,
)

# %% [markdown]
# ## 1. By hand: three ways to find a passage across languages
#
# The encoder `static` is an average of word vectors.
# Here are some, in four dimensions that we can name.
# English and Spanish have been pre-trained: translations point the same way.
# Nobody has trained the Tswana words, so they still point wherever they were put at random.

# %%
import numpy as np

vectors = {
    #                     cat   dog   Ana   Ben
    "cat": np.array([1.0, 0.0, 0.0, 0.0]),
    "dog": np.array([0.0, 1.0, 0.0, 0.0]),
    "gato": np.array([1.0, 0.0, 0.0, 0.0]),  # Spanish for cat; and Venetian, letter by letter
    "Ana": np.array([0.0, 0.0, 1.0, 0.0]),  # a name, written alike in many languages
    "Ben": np.array([0.0, 0.0, 0.0, 1.0]),
    "katse": np.array([-0.5, 0.7, 0.1, 0.5]),  # Tswana for cat, at random
}

# %%
passages = ["Ana cat", "Ben dog"]


def best(query):
    """Cosine of a query with each passage, and the passage that comes first."""
    embed = {text: sum(vectors[word] for word in text.split()) for text in (query, *passages)}
    unit = {text: vector / np.linalg.norm(vector) for text, vector in embed.items()}
    scores = {passage: float(unit[query] @ unit[passage]) for passage in passages}
    told = ", ".join(f"{passage!r} {score:+.2f}" for passage, score in scores.items())
    print(f"{query!r}: {told}; first is {max(scores, key=scores.get)!r}")


for query in ("gato", "katse", "Ana katse Ana"):
    best(query)

# %% [markdown]
# All three queries look for the passage with the cat.
#
# - The Venetian `gato` was never trained as Venetian, yet it is right: it shares its **word form** with Spanish.
# - The Tswana `katse` goes wherever chance put it, here to the dog.
# - With a **name** in the query the name decides, and the Tswana word is noise beside it.
#
# Now let Tswana into pre-training: its word moves to where its translations are.

# %%
vectors["katse"] = np.array([0.9, 0.1, 0.0, 0.0])  # after some steps beside "cat" and "gato"
best("katse")

# %% [markdown]
# So the three ways are shared word forms, shared names and numbers, and training.
# The first two need no training in the language at all.
# Remember them: the score of a language that was never trained is not zero.
#
# ## 2. The languages, and who is in
#
# The **high-resource languages** are in pre-training at every K.
# The **low-resource languages** join one after the other, in an order that the seed draws.
# Languages with a relative among the high-resource ones and languages without take turns, as long as both last,
# so that at a small K half of them have one.

# %%
import pandas as pd

world, settings = session.world, session.settings
seeds, names = settings.seeds, world.language_names
counts = sorted({0, *low_resource_counts}) if any(low_resource_counts) else None
counts = tuple(counts or settings.low_resource_counts)
orders = {each: world.low_resource_order(each) for each in seeds}
print(f"high-resource: {', '.join(names[code] for code in world.evaluated_languages)}")
print(f"K = {', '.join(map(str, counts))}; seeds: {', '.join(map(str, seeds))}")

# %%
table = pd.DataFrame(
    {
        "code": code,
        "language": names[code],
        "nearest relative": names.get(world.nearest[code], "none"),
        **{f"place, seed {each}": order.index(code) + 1 for each, order in orders.items()},
    }
    for code in world.low_resource_languages
)
session.table(table, caption="low-resource languages, and the place at which each comes in")

# %% [markdown]
# Read a row: with K languages in pre-training, a language is in where its place is at most K.
# Who is in is drawn anew for each seed.
# That is on purpose: the same language is in with one seed and out with another,
# and so we can compare a language *with itself* instead of Sicilian with Tongan.
# The relatives are those of Glottolog, the catalogue of the world's languages.
#
# ### Low-resource means little text
#
# Pre-training reads aligned sentences: one sentence in all its languages.
# A high-resource language has every sentence, a low-resource one a part of them.

# %%
text = world.pretraining
related, unrelated = orders[seeds[0]][:2]
shown = ("en", world.nearest[related], related, unrelated)
found = [next(i for i, each in enumerate(text.texts[code]) if each) for code in shown[2:]]
rows = sorted({0, 1, *found})
table = pd.DataFrame({names[code]: [text.texts[code][i] or "" for i in rows] for code in shown})
session.table(table, caption="aligned sentences for pre-training; an empty cell: no such text")
for code in shown:
    print(f"{names[code]}: {sum(each is not None for each in text.texts[code]):,} sentences")

# %% [markdown]
# The English column is the gloss of the others.
# (In the village a sentence is told word by word, without inflection, in the order of each language; real text is as it was written.)
#
# ### What zero-shot means here
#
# "Zero-shot" is said of many things.
# This table is our definition: four groups, and what each has met before it is evaluated.

# %%
low, fine_tuned = len(world.low_resource_languages), len(world.training_languages)
kinds = [
    ("high-resource, fine-tuned", fine_tuned, "all sentences", "yes"),
    ("high-resource, not fine-tuned", len(world.unseen_languages), "all sentences", "no"),
    ("low-resource, in pre-training", "K", "few sentences", "no"),
    ("low-resource, out of pre-training", f"{low} - K", "none", "no"),
]
columns = ["languages", "number", "in pre-training", "in fine-tuning"]
session.table(pd.DataFrame(kinds, columns=columns), caption="what a language has met")

# %% [markdown]
# What the paper evaluates as unseen is the second row: languages without fine-tuning, but with pre-training.
# The last row is the strictest sense: never met by pre-training nor by fine-tuning.
# At K = 0 all low-resource languages are there.
# One thing all rows share: the **tokenizer** is trained once, on the text of all languages, and is the same at every K.
# Else K would change two things at once.
# So a word of a language that is out has its tokens, but their vectors are as random as `katse` was.
#
# ## 3. The price: steps are shared
#
# Pre-training has the same number of steps at every K, and the same batches in size.
# It is **translation ranking**: each example is a sentence in one language and its translation in another,
# and the sentence must find its translation among those of the batch.
# (This stands for the pre-training of LaBSE, which uses translations.
# It does *not* stand for that of XLM-R, which guesses masked words and never sees a sentence beside its translation.)
#
# **Predict, then run.**
# From K = 0 to the largest K, what happens to the number of texts that pre-training reads in German?
#
# - (a) nothing: all German sentences are still there;
# - (b) it falls as the number of languages grows: twice the languages, half the texts;
# - (c) it falls, but by less than that.

# %%
from hbt.pretraining import translations


def texts_per_language(count):
    """Texts that pre-training is expected to read in each language, with the first seed."""
    setting = settings.scaled(count, seeds[0]).pretraining
    exists = translations(text.restrict(setting.languages)).available  # (sentences, languages)
    share = (exists / exists.sum(axis=1, keepdims=True)).mean(axis=0)  # (languages,)
    n_texts = 2 * setting.steps * setting.batch_size
    return dict(zip(setting.languages, n_texts * share, strict=True))


# %%
read = {count: texts_per_language(count) for count in counts}
rows = []
for count, of_language in read.items():
    low = [code for code in of_language if code in world.low_resource_languages]
    groups = {"high-resource": world.evaluated_languages, "low-resource, in": low}
    for group, codes in groups.items():
        if codes:
            mean = float(np.mean([of_language[code] for code in codes]))
            rows.append({"K": count, "languages": group, "estimate": mean})
            session.record("texts_per_language", mean, K=count, languages=group)
reading = pd.DataFrame(rows)
shown = reading.rename(columns={"estimate": "texts"}).round({"texts": 0}).astype({"texts": int})
session.table(shown, caption="texts that pre-training reads in one language")

# %%
from hbt.suite import plots

n_high, last = len(world.evaluated_languages), counts[-1]
left = read[last]["de"] / read[0]["de"]
by_number = n_high / (n_high + last)
print(f"German reads {left:.2f} of its texts at K = {last}; {by_number:.2f} if all had as many")
labels = {"x_label": "K, low-resource languages in pre-training", "value_label": "texts read"}
figure = plots.curve(reading, x="K", series="languages", **labels)
figure.axes[0].set_ylim(bottom=0)  # so that heights can be compared
session.show(
    figure,
    "texts_per_language",
    alt="Lines over K: the number of texts that pre-training reads in one high-resource and "
    f"in one low-resource language. German keeps {left:.2f} of its texts at K = {last}.",
)

# %% [markdown]
# **What to see.**
# The line of the high-resource languages can only fall, since the steps are shared with more and more languages.
# It falls by less than the number of languages suggests, because a low-resource language can be drawn
# only where it has the sentence: answer (c).
# The low-resource line lies below for the same reason: scarce text is not read more often to make up for it.
#
# > **Conneau et al. 2020** ([arXiv 1911.02116](https://arxiv.org/abs/1911.02116)) call what may follow the
# > *curse of multilinguality*: for a model of fixed size, more languages help the poor ones only up to a point,
# > and beyond it all fall.
# > **Fujinuma et al. 2022** ([arXiv 2203.10753](https://arxiv.org/abs/2203.10753)) vary the number of languages
# > in pre-training too, and evaluate on languages that are out; their tasks are not retrieval.
#
# ## 4. One language, read closely
#
# Before any average: eight queries in one low-resource language, without a relative, against all English passages.
# We look at the rank of the right passage with K = 0 and with the largest K, first seed.

# %%
guest = orders[seeds[0]][min(1, last - 1)]  # the second place: no relative
pool = world.benchmark("low-resource").restrict((guest, "en"))
query_rows = np.flatnonzero(pool.query_language == 0)
passage_rows = np.flatnonzero(pool.passage_language == 1)
rows = np.flatnonzero(pool.query_language == 1)
english = {pool.query_item[row]: pool.query_texts[row] for row in rows}
pairs = zip(pool.relevant_query, pool.relevant_passage, strict=True)
right_of = {q: p for q, p in pairs if pool.passage_language[p] == 1}  # query -> English passage
print(f"{len(query_rows)} queries in {names[guest]}, {len(passage_rows)} passages in English")

# %%
from hbt.encoders import encode
from hbt.suite.experiment import load_model


def ranks(count):
    """Rank of the right English passage for each query of the guest: (n_queries,)."""
    model = load_model(settings.scaled(count, seeds[0]))
    queries = encode(model, [pool.query_texts[row] for row in query_rows], "query")
    passages = encode(model, [pool.passage_texts[row] for row in passage_rows], "passage")
    scores = queries @ passages.T  # (n_queries, n_passages)
    right = np.searchsorted(passage_rows, [right_of[row] for row in query_rows])
    return 1 + (scores > scores[np.arange(len(right)), right][:, None]).sum(axis=1)


# %%
before, after = ranks(0), ranks(last)
table = pd.DataFrame(
    {
        f"query in {names[guest]}": [pool.query_texts[row] for row in query_rows[:8]],
        "in English": [english.get(pool.query_item[row], "") for row in query_rows[:8]],
        "rank, K = 0": before[:8],
        f"rank, K = {last}": after[:8],
    }
)
session.table(table, caption=f"rank of the right passage among {len(passage_rows)} in English")
for count, found in ((0, before), (last, after)):
    session.record("median_rank", float(np.median(found)), K=count, language=guest)
    print(f"K = {count}: median rank {np.median(found):g} of {len(passage_rows)}, all queries")

# %% [markdown]
# Rank 1 is best; by chance the right passage would stand in the middle.
# Look for queries that have a good rank at K = 0 already.
# Do they hold a name or a number?
# One language and one seed are an anecdote; now the whole study.
#
# ## 5. The curve over K
#
# For each K and seed: pre-train, fine-tune with hybrid batches in the fine-tuning languages, and evaluate *all* languages.
# We look in three directions:
#
# - **to high-resource**: queries in a low-resource language, passages in a high-resource one;
# - **from high-resource**: the reverse;
# - **monolingual**: queries and passages in the low-resource language itself.
#
# For the high-resource group the first two are one and the same: from one high-resource language to another.
# In all three a query has one relevant passage in each pool, so its average precision is 1 over the rank of that passage.
# (In real news text the query is a sentence and its passage the sentences around it.
# The pool of all languages together is the subject of notebook 05.)
# Finished stages are kept, so that only the first run has to wait.

# %%
from tqdm import tqdm

from hbt.suite.by_language import by_language

studies = {"static": (settings, counts)}
if settings.transformer is not None:  # at the profile full
    studies["mini-mlm"] = (settings.of_transformer(), settings.transformer_counts)
runs = {encoder: {count: [] for count in of_study[1]} for encoder, of_study in studies.items()}
jobs = [(encoder, count, each) for encoder in runs for count in runs[encoder] for each in seeds]
for encoder, count, each in tqdm(jobs, "the study", unit="run"):
    runs[encoder][count].append(by_language(studies[encoder][0].scaled(count, each)))
static = runs["static"]
print(f"{len(jobs)} models: {', '.join(runs)}")

# %% [markdown]
# **Predict, then run.**
# K grows from 0 to its largest value, with steps and model as they are.
# Write down for each group whether cross-lingual mAP rises, falls or stays:
#
# - (a) low-resource languages that come into pre-training;
# - (b) low-resource languages that stay out while others come in: related ones, and those without a relative;
# - (c) high-resource languages.
#
# And: do languages *with* a relative gain more from coming in than those without, or less?

# %%
from hbt.suite.low_resource_tables import group_table

levels = pd.concat(
    group_table(of_study, world, seeds, settings.resamples).assign(encoder=encoder)
    for encoder, of_study in runs.items()
)
keys = ["encoder", "K", "group", "direction"]
for row in levels.to_dict("records"):
    session.record("mAP", row["estimate"], **{key: row[key] for key in keys})
index = ["encoder", "group", "K"]
shown = levels.pivot_table(index=index, columns="direction", values="estimate", sort=False)
session.table(shown.reset_index(), name="levels", caption="mAP, mean over languages and seeds")

# %%
from hbt.suite.language_plots import panels

to_high = levels[levels.direction.eq("to high-resource") & levels.encoder.eq("static")]
ends = to_high[to_high.K.isin((0, last))]
words = "; ".join(f"{row.group} at K = {row.K} {row.estimate:.3f}" for row in ends.itertuples())
several = {"row": "encoder"} if len(runs) > 1 else {}
session.show(
    panels(levels, x="K", column="direction", x_label="K", value_label="mAP", **several),
    "curve",
    alt="mAP over K, a panel for each direction, a line for each group of languages: "
    f"high-resource, in or out and related or unrelated. To high-resource: {words}.",
)
crosses = f"; crosses: the {len(seeds)} seeds" if len(seeds) > 1 else ""
print(f"upright lines: intervals over {levels.over.iloc[0]}{crosses}")

# %% [markdown]
# **What to see.**
# Full markers and solid lines are languages in pre-training, open markers and dashed lines languages out of it;
# colour and marker say whether a language has a relative.
# Compare the full and the open marker of one colour at one K: that is being in against being out.
# Then compare the colours at K = 0, where all are out: what a relative is worth without any training.
# Mind the scales, which differ from panel to panel.
#
# One trap: a line is *not* the same languages all along.
# At a small K its full markers are a few languages, at the largest K many others have joined.
# A line can bend because the group has changed.
# The next section takes that away.
#
# ## 6. The same languages, the same questions, the same seeds
#
# A **paired change** keeps all else as it is: mAP at one K minus mAP at another,
# for the very same languages, questions and seeds.

# %%
from hbt.suite.low_resource_tables import change_table

changes = {}
for count in counts[1:]:
    changes[f"K = {count} minus K = 0"] = (static[count], static[0], count)
if len(counts) > 2:  # who was in before the last ones came, and who came last
    earlier = counts[-2]
    joining = f"K = {last} minus K = {earlier}, in or out at {earlier}"
    changes[joining] = (static[last], static[earlier], earlier)
changed = change_table(changes, world, seeds, settings.resamples)
to_high = changed[changed.direction.eq("to high-resource")]

# %%
shown = to_high[["change", "group", "estimate", "low", "high", "verdict"]]
over = to_high.over.iloc[0]
session.table(shown, name="changes", caption=f"paired changes of mAP, intervals over {over}")
for row in changed.itertuples():
    labels = {"change": row.change, "group": row.group, "direction": row.direction}
    session.record("change", row.estimate, **labels)

# %%
from hbt.suite.language_plots import dots

shown = to_high.assign(label=to_high.group, direction=to_high.change)
shown["kinship"] = shown.group.str.split(", ").str[-1]
main = to_high[to_high.change.eq(f"K = {last} minus K = 0")]
words = "; ".join(f"{row.group} {row.estimate:+.3f}" for row in main.itertuples())
session.show(
    dots(shown, value_label="change of mAP"),
    "changes",
    alt="Paired changes of mAP to high-resource with intervals and a line at zero, a row for "
    f"each group, a panel for each pair of K. K = {last} minus K = 0: {words}.",
)

# %% [markdown]
# **What to see.**
# Left of the line a group loses, right of it a group gains; an interval that holds zero is no evidence.
# Read the panels row by row.
# The rows *in* are the worth of coming into pre-training, less what the sharing of steps costs.
# The row *high-resource* is the cost alone.
# The rows *out* are languages of which pre-training still sees nothing:
# whatever moves them comes from the company of other languages.
# Where there is a panel for the largest K minus the one before, it has the groups of the *smaller* K:
# those *in* it had their place already, and now share it; those *out* are the ones that join.
#
# What an interval is over matters.
# With fewer than five seeds it is over questions alone: other questions, but these very languages and models.
#
# ## 7. Language by language
#
# Does one language with a large gain make the mean, or do all gain?
# Each dot is one low-resource language: largest K minus K = 0, over the seeds with which it is in.

# %%
from hbt.suite.low_resource_tables import language_changes

single = language_changes(static[last], static[0], world, seeds, last, settings.resamples)
single["label"] = [f"{names[code]} ({code})" for code in single.language]
first_panel = single[single.direction.eq("to high-resource")]
place = first_panel.set_index("label").estimate.rank(ascending=False)
single = single.sort_values("label", key=lambda labels: labels.map(place), kind="stable")

# %%
up, down = first_panel[first_panel.low.gt(0)], first_panel[first_panel.high.lt(0)]
told = f"{len(up)} of {len(first_panel)} languages gain, {len(down)} lose, by their intervals"
session.show(
    dots(single, value_label=f"mAP, K = {last} minus K = 0"),
    "languages",
    alt="A dot with an interval for each low-resource language in three directions, related "
    f"and unrelated ones told apart, with a line at zero. To high-resource: {told}.",
)
print(f"to high-resource: {told}")

# %% [markdown]
# **What to see.**
# The languages are ordered by the first panel.
# Is the order the same in the second, where the passages are in the low-resource language?
# And in the third, where no language border is crossed?
# Look where the blue circles (with a relative) stand among the orange squares (without).
# With many languages, a few intervals miss zero by luck alone; the pattern counts more than one dot.
#
# ### Do relatives help to gain?
#
# The change of the languages that come in with a relative, minus that of those without:

# %%
from hbt.suite.low_resource_tables import gap_of_gains

for count in [each for each in counts if each > 1]:
    ends = (static[count], static[0])
    gap = gap_of_gains(*ends, world, seeds, count, resamples=settings.resamples)
    told = f"{gap.estimate:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] over {gap.over}"
    print(f"K = {count}: related minus unrelated gain, to high-resource {told}")
    session.record("gap_of_gains", gap.estimate, K=count)

# %% [markdown]
# Above zero, related languages gain more; below zero, less: they may have had a part of it already, at K = 0.
# This compares different languages, so it is no fair test of kinship alone.
#
# ### In minus out, at the same K
#
# "Largest K minus K = 0" mixes two things: the language came in, and so did others.
# Now we use that the seeds let in different languages.
# At one K, a language is in with some seeds and out with others; what K does to all languages is the same in both.
# So we take a language's change from K = 0 where it is in, minus its change where it is out.

# %%
from hbt.suite.low_resource_tables import effects_of_place

places = {}
for count in counts[1:]:
    table = places[count] = effects_of_place(static[count], static[0], world, seeds, count)
    print(f"K = {count}: {len(table)} languages are in with some seeds and out with others")
    session.record("in_minus_out_languages", len(table), K=count)

# %%
from hbt.suite.low_resource_results import mean_interval

for count, table in places.items():
    if len(table):
        session.table(table, caption=f"K = {count}, to high-resource: change of mAP from K = 0")
        mean, lowest, highest = mean_interval(table.effect.to_numpy())
        within = "" if np.isnan(lowest) else f" [{lowest:+.3f}, {highest:+.3f}] over languages"
        print(f"K = {count}: in minus out {mean:+.3f}{within}, {len(table)} languages")
        session.record("in_minus_out", mean, K=count)

# %% [markdown]
# (One seed has no such language, and neither has a K at which all of them are in.)
# A column `change_out` near zero says that the company of others did little for a language that stayed out.
# The effect is then the language's own place, and nothing that it could have had without it.
# The interval, where there is one, is over languages: it speaks of other languages like these, drawn as these were.
#
# ## 8. Why are the scores at K = 0 not zero?
#
# Section 1 named what a language can have without training: word forms that it shares with a trained language.
# We count them: the share of a language's different word forms that some high-resource language has too,
# letter by letter, in the texts of the benchmark.

# %%
from hbt.bm25 import tokens

benchmark = world.benchmark("low-resource")
forms = {code: set() for code in benchmark.languages}
for texts, language in (
    (benchmark.query_texts, benchmark.query_language),
    (benchmark.passage_texts, benchmark.passage_language),
):
    for sentence, number in zip(texts, language, strict=True):
        forms[benchmark.languages[number]].update(tokens(sentence))


# %%
def overlap(code):
    """The high-resource language with most of the word forms, and the share it has."""
    shares = {
        high: len(forms[code] & forms[high]) / len(forms[code])
        for high in world.evaluated_languages
    }
    closest = max(shares, key=shares.get)
    relative = shares.get(world.nearest[code])
    closest_share = {"closest by words": names[closest], "share": shares[closest]}
    return {**closest_share, "share, relative": relative}


# %%
by_words = pd.DataFrame(
    {"language": code, "relative": names.get(world.nearest[code], "none"), **overlap(code)}
    for code in world.low_resource_languages
)
session.table(by_words.sort_values("share", ascending=False), caption="shared word forms")

# %% [markdown]
# Nearest by family and closest by words need not be the same language.
# Names and digits are often written alike in all languages of one script, so that even strangers share some forms;
# a relative in another script shares hardly more than digits.

# %%
from hbt.suite.low_resource_tables import language_means, rank_correlation

share_of = by_words.set_index("language").share
zero = pd.Series(language_means(static[0], "to high-resource"), name="estimate")
zero = zero[share_of.index].rename_axis("language").reset_index()
is_related = zero.language.map(world.is_related)
zero["kinship"] = is_related.map({True: "related", False: "unrelated"})
scatter = pd.concat(
    [zero.assign(panel="mAP at K = 0"), first_panel.assign(panel=f"K = {last} minus K = 0")]
)
scatter["share"] = scatter.language.map(share_of)
for panel, rows in scatter.groupby("panel", sort=False):
    rho, low, high = rank_correlation(rows.share.to_numpy(), rows.estimate.to_numpy())
    print(f"{panel}: Spearman {rho:+.2f} [{low:+.2f}, {high:+.2f}], {len(rows)} languages")
    session.record("overlap_correlation", rho, panel=panel)

# %%
from hbt.suite.language_plots import labelled_points

top = share_of.idxmax()
score = zero.set_index("language").estimate[top]
axes = {"x_label": "share of word forms", "value_label": "mAP to high-resource, or its change"}
session.show(
    labelled_points(scatter, x="share", column="panel", **axes),
    "overlap",
    alt="Two scatter plots of low-resource languages by the share of their word forms that the "
    "closest high-resource language has: mAP at K = 0, and its change to the largest K. "
    f"The largest share is {share_of[top]:.2f} ({top}), with mAP {score:.3f} at K = 0.",
)

# %% [markdown]
# **What to see.**
# Left: do languages with more shared forms stand higher before any training?
# Right: do they gain more or less when they come in?
# These are few languages, and several share their script, their family and their loan words at once:
# a correlation here names a suspect, it proves no cause.
# A single language at the far right can make a correlation; cover it with your hand and look again.
#
# ## 9. Which step does it?
#
# Three moments of the first seed: the encoder with random vectors, after pre-training, and after fine-tuning.
# The random one is what shared tokens alone can do.
# The line under the table says what chance would give, a ranking by lot.

# %%
untrained = settings.base.replace(seed=seeds[0], pretraining=None, training=None)
moments = {
    "random": lambda count: untrained,
    "pre-trained": lambda count: settings.scaled(count, seeds[0]).replace(training=None),
    "fine-tuned": lambda count: settings.scaled(count, seeds[0]),
}
kept = {
    moment: {count: [by_language(experiment(count))] for count in (0, last)}
    for moment, experiment in moments.items()
}

# %%
steps = pd.concat(
    group_table(of_moment, world, seeds[:1], settings.resamples).assign(moment=moment)
    for moment, of_moment in kept.items()
)
steps = steps[steps.direction.eq("to high-resource")].drop(columns="points")
steps["panel"] = [f"K = {count}" for count in steps.K]
for row in steps.itertuples():
    session.record("stage_mAP", row.estimate, moment=row.moment, K=row.K, group=row.group)
shown = steps.pivot_table(index=["K", "group"], columns="moment", values="estimate", sort=False)
session.table(shown.reset_index(), caption="mAP to high-resource, first seed")
by_lot = float(np.mean(1 / np.arange(1, len(passage_rows) + 1)))
print(f"by chance, one right passage among {len(passage_rows)}: {by_lot:.3f}")

# %%
words = "; ".join(
    f"{row.moment}, {row.panel}, {row.group} {row.estimate:.3f}"
    for row in steps[steps.K.eq(last)].itertuples()
)
session.show(
    panels(steps, x="moment", column="panel", x_label="", value_label="mAP", share_y=True),
    "stages",
    alt="mAP to high-resource with random vectors, pre-trained and fine-tuned, a panel for "
    f"K = 0 and one for the largest K, a line for each group: {words}.",
)

# %% [markdown]
# **What to see.**
# From the first to the second moment only pre-training happens, from the second to the third only hybrid fine-tuning,
# in which no low-resource language takes part.
# Follow a low-resource line over its last piece: what does fine-tuning in *other* languages do to it?
# It moves the vectors of the high-resource words, and those of the low-resource words stay behind;
# that could pull the languages apart, or it could help, because shared tokens learn what matters in a passage.

# %%
from hbt.suite.tables import sentences

told = "fine-tuned minus pre-trained, K ="
by_tuning = change_table(
    {f"{told} {c}": (kept["fine-tuned"][c], kept["pre-trained"][c], c) for c in (0, last)},
    world,
    seeds[:1],
    settings.resamples,
)
for sentence in sentences(by_tuning[by_tuning.direction.eq("to high-resource")]):
    print(sentence)

# %% [markdown]
# ## 10. The answer
#
# The question again: how does the number of low-resource languages in pre-training change zero-shot cross-lingual retrieval,
# when hybrid batches are used for fine-tuning?
# The next cell answers from the numbers of this run.

# %%
who = {
    "high-resource": "high-resource languages, which share their steps",
    "in, related": "low-resource languages that come in, with a relative",
    "in, unrelated": "low-resource languages that come in, without a relative",
    "out, related": "low-resource languages that stay out, with a relative",
    "out, unrelated": "low-resource languages that stay out, without a relative",
}

# %%
answers = {}
for encoder, of_study in runs.items():
    least, *more = of_study
    ends = {
        f"{encoder}, K = {count} minus K = {least}": (of_study[count], of_study[least], count)
        for count in more
    }
    answer = change_table(ends, world, seeds, settings.resamples)
    answers[encoder] = answer[answer.direction.eq("to high-resource")]
    for change, rows in answers[encoder].groupby("change", sort=False):
        print(f"{change}, mAP to high-resource, over {rows.over.iloc[0]}:")
        for row in rows.itertuples():
            told = f"{row.estimate:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
            print(f"  {who[row.group]}: {told}, {row.verdict}")

# %%
for encoder, answer in answers.items():
    for row in answer[answer.change.eq(answer.change.iloc[-1])].itertuples():
        is_gain = row.group.startswith("in")
        name = "gain_of_languages_in" if is_gain else "cost_to_high_resource"
        if not row.group.startswith("out"):
            session.record(name, row.estimate, encoder=encoder, group=row.group)
if len(counts) > 2:  # is a place worth less when more languages have one?
    had_place = to_high.change.eq(joining) & to_high.group.str.startswith("in")
    print(*sentences(to_high[had_place]), sep="\n")

# %% [markdown]
# "higher" and "lower" say that the whole interval is on one side of zero, "no evidence" that it is not.
# The first lines of each block are the price, the next ones the gain.
# Lines with *stay out* are there where K leaves languages out.
# The last sentences, where there are some, are of languages that were in at the smaller K already:
# if they are below zero, a place is worth less when more languages have one.
#
# How far does the answer reach?
#
# - **Pre-training by translation ranking** gives every language its translations. XLM-R had none.
#   At the profile `full` a small transformer with masked words, `mini-mlm`, stands beside `static` in section 5 and above.
# - **`static` has no shared layers.** Languages compete for steps, and share only the tokens that they have in common.
#   In a transformer they share nearly everything, for better and for worse, so the curse may bite harder there, and so may the help.
# - **Equal steps** are one choice. If the steps grew with K, the high-resource languages could read as many texts as before.
# - **The village is a small, simple world.** Each concept has one word in each language, without inflection, and the translations are exact.
#   With `data = "real"` the same cells read news text in the low-resource languages, and fine-tune on Wikipedia paragraphs.
# - **The low-resource languages are few,** and their order is drawn with few seeds.
# - **Passages are short.** Long documents (MLDR), published encoders and more seeds are the subject of the full study, which is not in this notebook.
#
# ## Exercises
#
# Add a cell below for each exercise.
#
# ### 1. Is it the hybrid? (easy, 10 minutes)
#
# All models here were fine-tuned with hybrid batches.
# Would the languages that come in gain as much with X-X-mono batches, or with X-Y?
# Measure it for the first seed: K = 0 and the largest K, "to high-resource".
#
# <details><summary>Hint</summary>
#
# `settings.scaled(count, seed)` is an experiment, and `experiment.replace(sampling="X-X-mono")` changes its batches.
# `change_table` takes any two lists of runs.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# changes = {}
# for sampling in ("X-X-mono", "hybrid", "X-Y"):
#     of_k = {
#         count: [by_language(settings.scaled(count, seeds[0]).replace(sampling=sampling))]
#         for count in (0, last)
#     }
#     changes[f"{sampling}, K = {last} minus K = 0"] = (of_k[last], of_k[0], last)
# table = change_table(changes, world, seeds[:1])
# print(*sentences(table[table.direction.eq("to high-resource")]), sep="\n")
# ```
#
# What you should see: one sentence for each sampling and group.
# Compare the gains of the languages that come in, not their levels, which differ for reasons of notebook 02.
#
# </details>
#
# ### 2. Is it the number of languages, or the amount of text? (medium, 15 minutes)
#
# Give every low-resource language all sentences, instead of a part, and measure the change from K = 0 to the largest K again.
# Before you run it: who should gain, and who should pay more?
#
# <details><summary>Hint</summary>
#
# The share of sentences is a setting of the world, `low_resource_share`; an experiment holds its world's settings.
# `dataclasses.replace` makes a changed copy. The tokenizer is trained on other text then, so compare within the new world.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# import dataclasses
#
# rich_world = dataclasses.replace(settings.base.world, low_resource_share=1.0)
# rich = dataclasses.replace(settings, base=settings.base.replace(world=rich_world))
# of_k = {count: [by_language(rich.scaled(count, seeds[0]))] for count in (0, last)}
# table = change_table({"rich text": (of_k[last], of_k[0], last)}, world, seeds[:1])
# print(*sentences(table[table.direction.eq("to high-resource")]), sep="\n")
# ```
#
# What you should see: the same kind of sentences as in section 10, for one seed.
# With all sentences a low-resource language takes as many texts from the others as any language does.
#
# </details>
#
# ## Recap
#
# - Zero-shot has degrees: without fine-tuning, or without fine-tuning *and* pre-training.
# - A language that no training showed is found by what it shares: word forms, names, numbers.
# - K changes two things at once: who is in, and how much of the steps each gets.
#   Paired changes on the same languages, and in minus out at the same K, tell the two apart.
# - Groups whose members change make curves that mislead; compare a language with itself.
# - An answer names its limits: this objective, this encoder, these languages, equal steps.
#
# **Next:** notebook 05 asks which languages lose in one pool of all languages, and what hybrid batching repairs.

# %%
session.finish()
