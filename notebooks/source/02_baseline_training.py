# ---
# hbt:
#   title: Baseline training
#   question: Does it matter whether a query and its passage speak one language in training?
#   minutes: 40
#   records:
#   - XY_minus_XXmono_monolingual
#   - XY_minus_XXmono_multilingual
#   - rank_distance
#   - loss_by_hand
#   - loss_of_a_perfect_model
#   - own_language
#   - translation_first
#   - loss_at_the_end
#   - pairs_where_XY_is_higher
#   - mAP
#   - mAP_difference
#   - seen_and_unseen
#   - rank_distance_difference
#   - own_language_in_top_ten
#   figures:
#   - three_by_three
#   - scale
#   - batch_languages
#   - losses
#   - language_pairs
#   - language_pair_difference
#   - settings
#   - seen_and_unseen
#   - rank_distance
#   headline: [XY_minus_XXmono_monolingual, XY_minus_XXmono_multilingual]
# ---

# %% [markdown]
# # 02 Baseline training
#
# **Does it matter whether a query and its passage speak one language in training?**
#
# Two retrievers are trained in this notebook.
# They have the same encoder, the same first weights, the same items, the same loss and the same number of steps.
# One thing differs: how a batch is filled.
# In **X-X-mono** every batch is of one language.
# In **X-Y** the query and the passage of every example differ in language.
# To choose one or the other costs nothing, and it may decide whether a speaker of one language is shown answers in the others.
#
# > **The paper** is Elmahdy, Lin and Ahmad 2024, [arXiv 2408.10536](https://arxiv.org/abs/2408.10536).
# > Grey bars like this one hold what it says; everything else is ours.
#
# ## Goals
#
# In this notebook we will
#
# - work out the loss of a batch by hand, on three queries and three passages;
# - read one batch of each baseline, train both, and watch their losses;
# - see on a map of language pairs who wins where, and take a first look at language bias.
#
# You need 40 minutes for it, at the classroom profile, the waiting for the training included
# (about half a minute on two cores, in section 4).
# You should know what an item is, and what the three settings measure (notebook 01).
#
# At the profile `paper` the same cells train a published encoder on real text, on a GPU.
# The first cell lists what that needs and stops where it is not there;
# where it is, it lists all settings, the paper's and ours.

# %% tags=["parameters"]
profile: str = "classroom"  # smoke, classroom, full or paper
seed: int = 0  # the first of the seeds
data: str = "village"  # village or real
data_dir: str = ""  # folder with xquad-r, mlqa-r and (not for paper) ntrex, for data real
out_dir: str = ""  # where results go; runs/02_baseline_training if empty
query_language: str = "de"  # language of the query whose first ten passages we read

# %%
from hbt.suite.session import begin

session = begin(
    "02_baseline_training",
    profile=profile,
    seed=seed,
    data=data,
    data_dir=data_dir,
    out_dir=out_dir,
)

# %% [markdown]
# ## 1. The loss by hand: three queries, three passages
#
# An encoder turns each text into a vector of length 1.
# The **cosine** of two such vectors is 1 when they point the same way, and 0 when they have nothing in common.
# We invent the vectors, so that we can do the sums in our head:
# each passage lies on an axis of its own,
# and the cosine of a query with passage *j* is then the query's *j*-th coordinate.

# %%
import numpy as np
import torch

queries = torch.tensor(
    [
        [0.80, 0.60, 0.00],  # "Where is the cat?"
        [0.36, 0.48, 0.80],  # "Who bakes bread?"
        [0.48, 0.60, 0.64],  # "When is bread baked?"
    ]
)  # (queries, dimension)
passages = torch.eye(3)  # (passages, dimension)
cosine = queries @ passages.T  # (queries, passages)

# %%
import pandas as pd

asked = ["Where is the cat?", "Who bakes bread?", "When is bread baked?"]
found = ["The cat sits in the garden.", "Anna bakes bread.", "Bread is baked at dawn."]
table = pd.DataFrame(cosine.tolist(), columns=found)
table.insert(0, "cosine", asked)
session.table(table, caption="right answers are on the diagonal")

# %% [markdown]
# Row by row, the right passage is on the diagonal, and the two others are its **in-batch negatives**.
# The first and the third query have their own passage on top.
# The second one has not: it prefers the third passage.
#
# The loss asks each query to *choose*.
# A softmax makes probabilities of a row of cosines, and the loss is minus the logarithm of the probability of the right passage:
#
# $$\ell_i = -\log \dfrac{\exp(s\,\cos(q_i, p_i))}{\sum_j\,\exp(s\,\cos(q_i, p_j))}$$
#
# This is **InfoNCE**, and *s* is the **scale**.
#
# > **The paper** prints the loss without a scale or temperature, so *s* would be 1 (its equation 1).
# > It names no other value.
# > Whether the passages of other queries are among its negatives is not explicit.
#
# We take 20, the default of sentence-transformers, and the passages of the other queries are our negatives.


# %%
def by_hand(cosine, scale):
    """Probability of each passage for each query, and the loss of each query."""
    powers = torch.exp(scale * cosine)  # (queries, passages)
    probability = powers / powers.sum(dim=1, keepdim=True)
    return probability, -torch.log(probability.diagonal())


probability, loss = by_hand(cosine, scale=1)
print("probability of the right passage:", *(f"{each:.2f}" for each in probability.diagonal()))
print("loss of each query:", *(f"{each:.2f}" for each in loss), f"| mean {loss.mean():.4f}")

# %% [markdown]
# With scale 1 no query gives its own passage even one half; guessing would give it a third.
# The suite's loss is `hbt.losses.info_nce`.
# It takes embeddings and the **passage id** of each passage, and it must give the same mean.

# %%
from hbt.losses import info_nce

each_its_own = torch.tensor([0, 1, 2])  # passage ids
value = float(info_nce(queries, passages, each_its_own, scale=1))
print(f"by hand {loss.mean():.6f}, by the suite {value:.6f}")
assert abs(value - float(loss.mean())) < 1e-6

# %% [markdown]
# **Predict, then run.**
# Now we set the scale to 20, which multiplies every cosine by 20 before the softmax.
# Two of the three queries have the right passage on top, one has not.
# What happens to the three losses?
#
# - (a) all three fall, since the encoder is surer of itself;
# - (b) all three rise;
# - (c) those of the two right queries fall, and that of the wrong one rises;
# - (d) nothing, since the order of the passages is the same.

# %%
for scale in (1, 20):
    _, loss = by_hand(cosine, scale)
    row = ", ".join(f"{each:.3f}" for each in loss)
    print(f"scale {scale:2d}: losses {row}; mean {loss.mean():.3f}")
    session.record("loss_by_hand", float(loss.mean()), scale=scale, masked=False)

# %% [markdown]
# Answer (c): the scale decides how loud a mistake is.
# With scale 20, the wrong query makes by far the most of the loss, and so of what the encoder learns from this batch.
# With scale 1, all three queries pull about alike, also those that need no help.
#
# ### A mask for answers that only look wrong
#
# Look at the third text again.
# "Who bakes bread?" and "When is bread baked?" could well be asked about *one* passage that says both.
# Or the third passage may be a translation of the second.
# Then the third passage is no wrong answer to the second query, and the loss must not push it away.
# So the loss compares passage ids: a passage with the id of the query's own passage is left out, except the own one.

# %%
shared = torch.tensor([0, 1, 1])  # the second and the third passage are the same
masked = cosine.clone()
masked[1, 2] = masked[2, 1] = -torch.inf  # e to the power of minus infinity is 0
value = float(info_nce(queries, passages, shared, scale=20))
_, loss = by_hand(masked, 20)
print("losses with the mask:", *(f"{each:.3f}" for each in loss))
print(f"mean by hand {loss.mean():.6f}, by the suite {value:.6f}")
session.record("loss_by_hand", value, scale=20, masked=True)

# %%
from hbt.suite.batch_plots import square_grids

probabilities = {
    "scale 1": by_hand(cosine, 1)[0],
    "scale 20": by_hand(cosine, 20)[0],
    "scale 20, masked": by_hand(masked, 20)[0],
}
grids = {name: pd.DataFrame(values.numpy()) for name, values in probabilities.items()}
told = "; ".join(f"{name} {np.diag(grid).round(2)}" for name, grid in grids.items())
session.show(
    square_grids(grids, "probability", axes_labels=("passage", "query"), top=1),
    "three_by_three",
    alt=f"Three heat maps, queries by passages: probabilities. On the diagonals: {told}.",
)

# %% [markdown]
# **What to see.**
# Every row adds up to 1.
# Left: almost flat, whatever the encoder thinks.
# Middle: the same cosines, and now each row has made its choice; the second row has chosen the wrong passage.
# Right: the two cells in which equal passages compete are empty of probability, and the mistake is gone.
# Which of two such passages comes first no longer matters to the loss.
#
# The suite's batches never hold a passage id twice, so here the mask is a second lock on the same door.
# It is needed for batches that are made elsewhere.
#
# ### Why a scale at all?
#
# Take a batch as large as those of this run, and a *perfect* encoder: cosine 1 for the right passage, 0 for all others.
# Its loss should be near zero. Is it?

# %%
size = session.settings.base.training.plan.batch_size
scales = np.geomspace(1, 100, 41)
perfect = np.log(1 + (size - 1) * np.exp(-scales))  # (scales,)
three = np.stack([by_hand(cosine, scale)[1].numpy() for scale in scales])  # (scales, queries)
for scale, value in ((1, perfect[0]), (20, np.interp(20, scales, perfect))):
    print(f"a perfect encoder, {size} examples, scale {scale}: loss {value:.3g}")
    session.record("loss_of_a_perfect_model", float(value), scale=scale, batch_size=size)
print(f"guessing among {size}: loss {np.log(size):.3g}")

# %%
from hbt.suite.batch_plots import loss_over_scale

guessing = np.full_like(perfect, np.log(size))
panels = {
    "our three queries": dict(zip(asked, three.T, strict=True)),
    f"a batch of {size}": {"perfect encoder": perfect, "guessing": guessing},
}
session.show(
    loss_over_scale(scales, panels, mark=20, logarithmic=True),
    "scale",
    alt="Two panels over the scale, from 1 to 100. Left: the losses of the three queries, two "
    "fall and one rises. Right: the loss of a perfect encoder falls "
    f"from {perfect[0]:.2f} to zero; guessing stays at {guessing[0]:.2f}. A line marks 20.",
)

# %% [markdown]
# **What to see.**
# Left: as the scale grows, right queries fall silent and the wrong one grows louder.
# Right: at scale 1 even a perfect encoder has a loss not far below guessing.
# Cosines cannot leave the range from -1 to 1, so without a scale the loss can hardly say "good".
# That is why we doubt that the paper trained as its equation is printed.
#
# ## 2. One batch of each baseline
#
# A **plan** fills the batches, as a pure function of its settings, the seed and the step.
# The two baselines are the same plan with another `sampling`.
# In the lines that describe a plan, a *stream* is a deck of items to deal from
# (one for each language in X-X-mono, one for all language pairs in X-Y),
# and a *pass* deals every item of a stream once.

# %%
import dataclasses

from hbt.sampling import ItemLayout, Plan

items, settings = session.world.training, session.settings
layout = ItemLayout.from_items(items)
plans = {
    name: Plan(dataclasses.replace(settings.base.training.plan, sampling=name, seed=seed), layout)
    for name in ("X-X-mono", "X-Y")
}
print(f"{len(items):,} items in {len(items.languages)} languages: {', '.join(items.languages)}")
for plan in plans.values():
    print(plan.describe())


# %%
def shorten(text, longest=80):
    """At most so many characters of a text that may be missing."""
    text = (text or "").strip()
    return text if len(text) <= longest else text[:longest] + " …"


def example_row(item, query_language, passage_language):
    """An example as a row of a table, with the English copy of the item beside it."""
    asked, found = items.languages[query_language], items.languages[passage_language]
    texts = [items.queries[asked][item], items.passages[found][item]]
    texts += [items.queries["en"][item], items.passages["en"][item]]
    return f"{asked} → {found}", *map(shorten, texts)


# %%
columns = ["languages", "query", "passage", "query in English", "passage in English"]
english = items.languages.index("en")
for name, plan in plans.items():
    # the first batch that begins with a query in another language than English
    batch = next(each for each in map(plan, range(99)) if each.query_language[0] != english)
    examples = zip(batch.item, batch.query_language, batch.passage_language, strict=True)
    table = pd.DataFrame([example_row(*each) for each in examples][:6], columns=columns)
    session.table(table, caption=f"{name}, step {batch.step}: the first 6 of {len(batch)} examples")

# %% [markdown]
# Read the column `languages` downwards.
# In the X-X-mono batch, query and passage are of one language, and it is the same in every row.
# In the X-Y batch, each row has a pair of its own, and never the same language on both sides.
# The two columns on the right are for us; the encoder does not see them.
# (If this run reads the village: its sentences are put together without inflection, and notebook 01 says why.)
#
# > **The paper** takes both samplings from LAReQA (Roy et al. 2020, arXiv 2004.05484).
# > Its tables label the first one "X-X", its text calls it X-X-mono.
# > LAReQA's own X-X is a third sampling, which the paper did not run:
# > query and passage agree in language, and a batch mixes the languages.
#
# From the texts to the languages: how many examples of each language pair are there, in one batch and in a whole training?


# %%
def pair_counts(plan, steps):
    """Examples of each pair in some steps: int array (query languages, passage languages)."""
    found = np.zeros((len(items.languages), len(items.languages)), dtype=int)
    for batch in map(plan, steps):
        np.add.at(found, (batch.query_language, batch.passage_language), 1)
    return found


n_steps = settings.base.training.steps
spans = {"step 0": range(1), f"all {n_steps} steps": range(n_steps)}
found = {
    f"{name}, {span}": pair_counts(plan, steps)
    for span, steps in spans.items()
    for name, plan in plans.items()
}

# %%
grids = {
    name: pd.DataFrame(values, items.languages, items.languages) for name, values in found.items()
}
pairs = ", ".join(f"{name}: {np.count_nonzero(values)}" for name, values in found.items())
session.show(
    square_grids(grids, "examples", columns=2),
    "batch_languages",
    alt="Four heat maps of query language by passage language, counting examples; above one "
    f"batch of each baseline, below the whole training. Language pairs that occur: {pairs}.",
)

# %% [markdown]
# **What to see.**
# Above: one batch of X-X-mono fills a single cell; one batch of X-Y is spread over the cells off the diagonal.
# Below: over the training X-X-mono fills the diagonal, and X-Y everything else.
# The two maps have no cell in common.
# Neither baseline is trained on what the other one is trained on, and both will be tested on all cells.
#
# ### What does the language tell?
#
# A lazy encoder looks for short cuts, and the language of a passage is the easiest thing to see in it.
#
# **Predict, then run.**
# In a batch of X-Y, some of the passages are in the language of your query.
# Are they
#
# - (a) more often right than other passages;
# - (b) right as often as other passages;
# - (c) never right?
#
# And in a batch of X-X-mono?


# %%
def own_language(plan, steps=range(100)):
    """Share of the right passages, and of the others, in the language of the query."""
    shares = []
    for batch in map(plan, steps):
        same = batch.query_language[:, None] == batch.passage_language  # (queries, passages)
        is_right = np.eye(len(batch), dtype=bool)
        shares.append((same[is_right].mean(), same[~is_right].mean()))
    return np.mean(shares, axis=0)


for name, plan in plans.items():
    right, others = own_language(plan)
    print(f"{name}: in the query's language: {right:.0%} of right passages, {others:.0%} of others")
    session.record("own_language", right, sampling=name, passages="right")
    session.record("own_language", others, sampling=name, passages="others")

# %% [markdown]
# Under X-Y a passage in the query's own language is *never* the right one: answer (c).
# An encoder that keeps languages apart in its space is punished by every such batch,
# so it must put meaning before language.
# Under X-X-mono all passages, right and wrong, are in the query's language.
# The language tells nothing, so nothing is learnt about it:
# an encoder may keep the languages in separate corners, and its loss will not notice.
# The other side of the coin: a batch of X-X-mono asks for fine differences *within* a language,
# since none of its negatives gives itself away.
#
# ## 3. The encoder
#
# `static` is the smallest encoder there is: every token has a vector, and a text is the mean of its tokens, scaled to length 1.
# No attention, no layers, no order of words.
# It trains in seconds, and we can compute an embedding by hand.
# (At the profile `paper` a transformer takes its place, and the cell only says which.)

# %%
from hbt.encoders import encode
from hbt.suite.experiment import load_model

start = settings.system("X-Y", seed).replace(training=None)  # as pre-training left it
model, text = load_model(start), items.queries["en"][0]
by_suite = encode(model, [text], "query")[0]  # (dimension,)
print(f"{settings.encoder}: {text} becomes a vector of {len(by_suite)} numbers")
if settings.encoder == "static":
    tokens = model[0].tokenizer.encode(text, add_special_tokens=False)
    vectors = model[0].embedding.weight[tokens.ids]  # (tokens, dimension)
    mean = vectors.mean(dim=0)
    by_mean = (mean / mean.norm()).detach().numpy()  # (dimension,)
    print(f"cut into: {' | '.join(tokens.tokens)}, of {len(model[0].embedding.weight):,} tokens")
    print(f"largest difference to the mean by hand: {abs(by_mean - by_suite).max():.1e}")

# %%
first, second = encode(model, ["Anna sees Omar.", "Omar sees Anna."], "passage")
print(f"cosine of 'Anna sees Omar.' and 'Omar sees Anna.': {first @ second:.4f}")

# %% [markdown]
# A mean does not know who sees whom.
# (A transformer can, since it reads the order of words.)
# For our question that is no harm: both samplings have the same weakness, and what they differ in is the language.
#
# Where does the encoder start?
# Not from random numbers: it is **pre-trained** first, by **translation ranking**.
# A sentence must find its translation among the others of a batch, with the same loss as above.
# The sentences are in all languages that we evaluate, and no test passage is among them (notebook 01 checks that).
# This stands for what large encoders bring along; at the profile `paper` the encoder is one of them.
#
# > **The paper** starts from XLM-R and from LaBSE.
#
# How far does pre-training bring the languages together?
# We take passages of the training items, and ask of each: is its translation the nearest passage of the other language?

# %%
_, first_row = np.unique(items.passage_id, return_index=True)  # one item for each passage
rows = np.sort(first_row)[:300]
has = items.available[rows]  # (rows, languages)


def translation_first(model):
    """Share of passages whose nearest passage in another language is their own translation."""
    texts = [[items.passages[code][row] or "" for row in rows] for code in items.languages]
    vectors = [encode(model, column, "passage") for column in texts]
    shares = []
    for one, other in np.argwhere(~np.eye(len(texts), dtype=bool)):
        both = has[:, one] & has[:, other]
        nearest = (vectors[one][both] @ vectors[other][both].T).argmax(axis=1)
        shares.append((nearest == np.arange(both.sum())).mean())
    return float(np.mean(shares))


# %%
from hbt.encoders import build
from hbt.suite.experiment import tokenizer_folder

starts = {"pre-trained": model}
if settings.encoder == "static":
    starts = {"random vectors": build(start.encoder, tokenizer_folder(start), seed), **starts}
for name, each in starts.items():
    share = translation_first(each)
    session.record("translation_first", share, encoder=name)
    print(f"{name}: {share:.0%} of {len(rows)} passages have their translation first")
del model, starts, each  # they take memory that training can use

# %% [markdown]
# Random vectors find a translation by luck, or where the two texts share tokens, such as numbers.
# Fine-tuning starts from what the line `pre-trained` tells.
#
# ## 4. Training
#
# Now both baselines, from the same start, with the same number of steps, once for each seed.
# A seed draws the first vectors, the pre-training and the batches.
# Finished models are kept, so that only the first run has to wait.
# (At the `full` profile LAReQA's X-X is trained beside them.
# At `paper` every model is a whole XLM-R or LaBSE, and keeping it takes as much disk as the encoder itself.)

# %%
from hbt.suite.experiment import run_all

names = ["X-X-mono", "X-Y"] + ["X-X"] * (settings.name == "full")
systems = {
    name: run_all([settings.system(name, each) for each in settings.seeds], "test", name)
    for name in names
}

# %%
from hbt.suite.plots import loss_curves

curves = {name: results[0].loss for name, results in systems.items()}
last = {name: table.loss.tail(25).mean() for name, table in curves.items()}
for name, value in last.items():
    session.record("loss_at_the_end", value, sampling=name)
told = ", ".join(f"{name} {value:.3f}" for name, value in last.items())
session.show(
    loss_curves(curves),
    "losses",
    alt="Line chart: the loss over the steps of training, a running mean, one line for each "
    f"sampling, first seed. Mean over the last 25 steps: {told}.",
)
print(f"mean loss over the last 25 steps: {told}")

# %% [markdown]
# **What to see.**
# A falling curve says that the encoder gets better at what its own batches ask.
# Which of them lies lower is *not* the answer to which retriever is better:
# the two losses are about different batches, with different negatives, and a batch is much smaller than a pool.
# One asks "which passage of this language?", the other "which passage of any language?".
# To compare retrievers, both must answer the same questions, on data that neither was trained on.
#
# ## 5. Who wins where?
#
# **Predict, then run.**
# The retrievers are tested on questions and passages that they never saw.
# They are scored by **mAP**, the mean average precision.
# Go down a ranking and stop at each relevant passage: which share of the passages up to here is relevant?
# The mean of these shares is the average precision of the query, and mAP is its mean over queries.
# With one relevant passage on rank *r* it is 1/*r*; it is 1 if all that is relevant comes first.
#
# Who will be ahead
#
# - in the monolingual setting (the pool is the passages in the query's own language);
# - in the cross-lingual setting (the pool is the passages in another language);
# - in the multilingual setting (the pool is all passages, and all copies are relevant)?
#
# For each choose (a) X-X-mono, (b) X-Y, (c) too close to tell. Write it down.

# %%
from hbt.suite.plots import language_pair_heatmap


def mean_scores(results):
    """The tidy scores of a system, means over its seeds."""
    every = pd.concat([result.scores for result in results])
    cell = ["setting", "query_language", "passage_language", "metric"]
    return every.groupby(cell, sort=False, as_index=False).value.mean()


scores = {name: mean_scores(systems[name]) for name in ("X-X-mono", "X-Y")}
told = "; ".join(
    f"{name} {table[table.metric.eq('mAP') & table.setting.ne('multilingual')].value.mean():.2f}"
    for name, table in scores.items()
)

# %%
session.show(
    language_pair_heatmap(scores),
    "language_pairs",
    alt="Two heat maps of query language by passage language with the mAP of each pair, one for "
    f"each baseline, on one scale of colours. Means of all cells: {told}.",
)

# %% [markdown]
# **What to see.**
# The diagonal is the monolingual setting, everything else is cross-lingual.
# Is the diagonal brighter than the rest, and in which of the two maps more so?
# Look for rows and columns that are darker than others: languages that are hard to ask in, and languages that are hard to find.
# Some languages were never fine-tuned on; the next line says which.

# %%
print("never fine-tuned on:", ", ".join(session.world.unseen_languages))
difference = scores["X-Y"].assign(value=scores["X-Y"].value - scores["X-X-mono"].value)
cells = difference[difference.metric.eq("mAP") & difference.setting.ne("multilingual")]
won = cells.value.gt(0).groupby(cells.setting, sort=False).agg(["sum", "size"])
for setting, (number, of) in won.iterrows():
    print(f"{setting}: X-Y is higher in {number} of {of} language pairs")
    session.record("pairs_where_XY_is_higher", int(number), setting=setting, of=int(of))
counted = "; ".join(f"{setting}: {number} of {of}" for setting, (number, of) in won.iterrows())
session.show(
    language_pair_heatmap({"X-Y minus X-X-mono": difference}, difference=True),
    "language_pair_difference",
    alt="Heat map of query language by passage language: mAP of X-Y minus mAP of X-X-mono, "
    f"purple above zero and orange below. Pairs in which X-Y is higher, {counted}.",
)

# %% [markdown]
# **What to see.**
# Purple cells are won by X-Y, orange ones by X-X-mono, and the paler the cell the closer the race.
# Compare the diagonal with the rest: do the two samplings share the map between them, or does one have it all?
# A single cell rests on the queries of one language alone, so do not read much into a pale one.
#
# ### With intervals
#
# Means over all languages or pairs, one for each setting, with intervals.
# **BM25** stands beside them as the reference without training:
# it counts shared words, so across languages it has only numbers, names and loan words to go by.

# %%
from hbt.suite import tables
from hbt.suite.experiment import bm25
from hbt.suite.plots import interval_plot

reference = {"BM25": [bm25(settings.base.world)]}
means = tables.interval_table({**systems, **reference}, resamples=settings.resamples)
for row in means.itertuples():
    session.record("mAP", row.estimate, system=row.system, setting=row.setting)
wide = means.pivot_table(index="system", columns="setting", values="estimate")
wide = wide.loc[means.system.unique(), list(tables.SETTINGS)]
session.table(wide.reset_index(), name="mAP", caption="mAP, means over languages and seeds")

# %%
told = "; ".join(
    f"{name}: {', '.join(f'{value:.3f}' for value in row)}" for name, row in wide.iterrows()
)
session.show(
    interval_plot(means, group="system", value_label="mAP"),
    "settings",
    alt="Three panels, monolingual, cross-lingual and multilingual: mAP of each system with its "
    f"95 % interval. In this order, {told}.",
)
for setting in tables.SETTINGS:
    ahead = [name for name in systems if wide.loc["BM25", setting] > wide.loc[name, setting]]
    print(f"{setting}: BM25 is ahead of {' and '.join(ahead) or 'none of the trained systems'}")

# %% [markdown]
# **What to see.**
# A bar says how far another set of questions would have moved the mean (from five seeds on: other seeds as well).
# The panels have scales of their own, so read the numbers before you compare across panels.
# Two bars may overlap though one system is better on nearly every question:
# hard questions pull both down together.
# So for a verdict we take the *difference*, on the same questions and seeds.

# %%
against = ("X-Y", "X-X-mono")
differences = tables.difference_table(systems, [against], resamples=settings.resamples)
print(*tables.sentences(differences), sep="\n")
for row in differences.itertuples():
    session.record("mAP_difference", row.estimate, setting=row.setting, verdict=row.verdict)
by_setting = differences.set_index("setting")
for setting in ("monolingual", "multilingual"):
    session.record(f"XY_minus_XXmono_{setting}", by_setting.loc[setting, "estimate"])

# %% [markdown]
# How to read a line: the estimate, its interval in brackets, what the interval is over, and the verdict.
# Above zero X-Y is better, below zero X-X-mono.
# "No evidence either way" is a result too: this run cannot tell the two apart.
# Compare with what you wrote down.
#
# ### Beside the paper
#
# > **The paper:** mAP of the two samplings, from its Table 1
# > (arXiv 2408.10536; read in the text submitted to ICLR 2025, OpenReview zkNCWtw2fd).
# > Its label "X-X" is X-X-mono.
# > It reports neither seeds nor intervals.

# %%
PAPER = """system,setting,X-X-mono,X-Y
XLM-R on XQuAD-R,monolingual,.792,.755
XLM-R on XQuAD-R,cross-lingual,.674,.700
XLM-R on XQuAD-R,multilingual,.547,.593
XLM-R on MLQA-R,monolingual,.648,.626
XLM-R on MLQA-R,cross-lingual,.584,.620
XLM-R on MLQA-R,multilingual,.473,.508
LaBSE on XQuAD-R,monolingual,.808,.801
LaBSE on XQuAD-R,cross-lingual,.752,.762
LaBSE on XQuAD-R,multilingual,.652,.679
LaBSE on MLQA-R,monolingual,.681,.671
LaBSE on MLQA-R,cross-lingual,.656,.677
LaBSE on MLQA-R,multilingual,.550,.576
"""

# %%
import io

published = pd.read_csv(io.StringIO(PAPER))
published.insert(0, "who", "paper")
ours = wide.loc[["X-X-mono", "X-Y"]].T.reset_index()
ours = ours.assign(
    who="ours", system=f"{settings.encoder} on {session.world.benchmark('test').name}"
)
beside = pd.concat([published, ours])[list(published.columns)]
beside["X-Y − X-X-mono"] = [f"{gap:+.3f}" for gap in beside["X-Y"] - beside["X-X-mono"]]
session.table(beside, name="beside_the_paper", caption="mAP: the paper's and ours")

# %%
gaps = (published["X-Y"] - published["X-X-mono"]).groupby(published.setting)
for setting in tables.SETTINGS:
    low, high = gaps.min()[setting], gaps.max()[setting]
    expected = "higher" if low > 0 else "lower" if high < 0 else "mixed"
    found = by_setting.loc[setting, "verdict"]
    answer = "agrees" if found == expected else found if found == "no evidence" else "disagrees"
    print(f"{setting}: the paper's four differences lie from {low:+.3f} to {high:+.3f};", end=" ")
    print(f"ours is {by_setting.loc[setting, 'estimate']:+.3f}: {answer}")

# %% [markdown]
# Heights are not to be compared: other encoders, other data, other pools.
# (At the profile `paper` encoder and pool are those of the paper, and the training data are not.)
# Directions are.
# "Agrees" means that our interval lies on the same side of zero as all four of the paper's differences.
# Where ours disagrees, that is a finding about *this* encoder on *this* data, and a reason to ask what differs.
# At the profiles without a GPU,
# `static` has no layers, its pre-training has seen translations, and the village's text is synthetic
# (made of real words; run with `data = "real"` to see the same on real text).
#
# ## 6. Languages that training never saw
#
# > **The paper** fine-tunes on nine of the eleven languages of XQuAD-R; Greek and Vietnamese are left out (footnote 4).
#
# Our training leaves languages out as well.
# They were in the pre-training, so the encoder knows their words, but it was never asked a question in them.
# Does the difference between the samplings reach them?

# %%
groups = {
    f"seen: {' '.join(session.world.training_languages)}": session.world.training_languages,
    f"unseen: {' '.join(session.world.unseen_languages)}": session.world.unseen_languages,
}
parts = []
for name, languages in groups.items():
    table = tables.difference_table(
        systems, [against], languages=languages, resamples=settings.resamples
    )
    parts.append(table.assign(queries=name.split(":")[0]))
    print(f"queries in languages {name}")
    print(*(f"    {sentence}" for sentence in tables.sentences(table)), sep="\n")
parts = pd.concat(parts)

# %%
for row in parts.itertuples():
    session.record("seen_and_unseen", row.estimate, queries=row.queries, setting=row.setting)
told = "; ".join(f"{row.setting}, {row.queries} {row.estimate:+.3f}" for row in parts.itertuples())
session.show(
    interval_plot(parts, group="queries", value_label="X-Y minus X-X-mono, mAP", zero=True),
    "seen_and_unseen",
    alt="Three panels, one for each setting: X-Y minus X-X-mono with interval, for queries in "
    f"seen and in unseen languages, and a line at zero. {told}.",
)

# %% [markdown]
# **What to see.**
# If both rows of a panel lie on the same side of the line, what a sampling does carries over to languages it never saw.
# The unseen row rests on fewer languages, hence on fewer queries.
# "Seen" is about the query here; the passages of the other settings may be in any language.
#
# ## 7. A first sight of bias
#
# In the multilingual pool all copies of the right passage are relevant, whatever their language.
# Here are the first ten passages for one query, by each baseline.
# We take a query for which X-X-mono puts the right passage first among those of the query's language:
# in the monolingual setting there is nothing to complain about.
# Of all such queries we take the one with the median rank distance (explained below): a typical one, not the best story.

# %%
from hbt.suite.experiment import embeddings
from hbt.suite.widgets import QueryExplorer

benchmark = session.world.benchmark("test")
for name in against:  # made one at a time and kept on disk; both at once would take more memory
    embeddings(systems[name][0].experiment, benchmark)
vectors = {name: embeddings(systems[name][0].experiment, benchmark) for name in against[::-1]}
explorer = QueryExplorer(benchmark, vectors, session.world.language_names)
frame = systems["X-X-mono"][0].rows(["monolingual"], ["R@1"])
answered = frame[frame["R@1"].eq(1)]["query"]
distances = systems["X-X-mono"][0].rank_distance.sort_values("rank_distance", kind="stable")
distances = distances[distances.query_language.eq(query_language)]
distances = distances[distances["query"].isin(answered)]
typical = int(distances["query"].iloc[len(distances) // 2])
print(f"{query_language}: {benchmark.query_texts[typical]} = {explorer.gloss(typical)}")

# %%
for name in vectors:
    top = explorer.top(name, typical)
    top["passage"], top["gloss"] = top.passage.map(shorten), top.gloss.map(shorten)
    own = int(top.language.eq(query_language).sum())
    right = int(top.relevant.eq("yes").sum())
    caption = f"{name}: {own} of the first ten in the query's language, {right} relevant"
    session.table(top.rename(columns={"gloss": "in English"}), caption=caption)

# %% [markdown]
# Read the column `language` downwards, and then `relevant`.
# (Where the English column is empty, the passage answers no query of the benchmark, and we do not know its copy.)
# A wrong passage in the query's own language ahead of a right one in another language: that is language bias, and it looks like this.
# One query proves nothing, so we count over all of them.

# %%
for name, results in {**systems, **reference}.items():
    mix = pd.concat([result.language_mix for result in results])
    own = mix[mix.query_language == mix.passage_language]
    session.record("own_language_in_top_ten", own.share.mean(), system=name)
    print(f"{name}: {own.share.mean():.1%} of the first ten passages are in the query's language;")
    print(f"    a ranking as good, but blind to language, would have {own.expected.mean():.1%}")

# %% [markdown]
# A share above that of the blind ranking is a preference for the query's own language.
# A share below it would be a bias as well: X-Y has never seen a right passage in the language of the query.
#
# The second measure is the paper's.
# **Rank distance** is the largest minus the smallest rank of a query's relevant passages in the multilingual pool.
# If a retriever puts all copies side by side, it is small; if the copy in the query's language is first and another one far down, it is large.
# Lower is less biased.
#
# > **The paper:** mean rank distance of X-X-mono and X-Y, from its Table 2.
# > XLM-R: 410 and 295 on XQuAD-R, 288 and 227 on MLQA-R.
# > LaBSE: 262 and 225, and 225 and 198.

# %%
distance = {"metric": tables.RANK_DISTANCE, "settings": ("multilingual",)}
distance["resamples"] = settings.resamples
spread = tables.interval_table({**systems, **reference}, **distance)
for row in spread.itertuples():
    session.record("rank_distance", row.estimate, system=row.system)
told = ", ".join(f"{row.system} {row.estimate:,.0f}" for row in spread.itertuples())
session.show(
    interval_plot(spread, group="system", value_label="mean rank distance"),
    "rank_distance",
    alt=f"Mean rank distance of each system with its 95 % interval: {told}.",
)
gap = tables.difference_table(systems, [against], **distance)
session.record("rank_distance_difference", gap.estimate[0], verdict=gap.verdict[0])
print(f"{told}; passages in the pool: {len(benchmark.passage_texts):,}")
print(*tables.sentences(gap, digits=0), sep="\n")

# %% [markdown]
# **What to see.**
# Further to the left is less biased.
# Both baselines read the same queries against the same pool, so the two numbers may be compared with each other.
# They may not be compared with the paper's: rank distance grows with the pool, and it falls when retrieval gets better, bias or not.
# Notebook 05 takes it apart.
#
# ## Exercises
#
# ### 1. The loss, in your own words (medium, 15 minutes, the heart of this notebook)
#
# Write InfoNCE with its mask in numpy.
# The cell below compares it with the suite's on random vectors in which some passage ids clash.
# What you should see: "ok".
#
# <details><summary>Hint</summary>
#
# Start from `scale * cosine`, a square array.
# Where two passage ids are equal and it is not the diagonal, write `-np.inf`; its exponential is 0.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def my_info_nce(cosine, passage_id, scale):
#     scores = scale * cosine
#     same = passage_id[:, None] == passage_id
#     scores[same & ~np.eye(len(scores), dtype=bool)] = -np.inf
#     powers = np.exp(scores)
#     return -np.log(np.diag(powers) / powers.sum(axis=1)).mean()
# ```
#
# </details>


# %%
def my_info_nce(cosine, passage_id, scale):
    """Mean loss of a batch from its cosines (B, B) and passage ids (B,)."""
    return None  # your lines here


generator = torch.Generator().manual_seed(seed)
left, right = torch.nn.functional.normalize(torch.randn(2, 8, 4, generator=generator), dim=2)
clashing = torch.tensor([0, 1, 2, 2, 3, 4, 4, 4])  # passage ids
wanted = float(info_nce(left, right, clashing, scale=20))
mine = my_info_nce((left @ right.T).numpy(), clashing.numpy(), 20)
if mine is None:
    print("write the function first")
else:
    verdict = "ok" if abs(mine - wanted) < 1e-3 else "look at the mask"
    print(f"yours {mine:.4f}, wanted {wanted:.4f}: {verdict}")

# %% [markdown]
# ### 2. LAReQA's X-X (medium, 10 minutes)
#
# A third sampling: query and passage agree in language, and the batch mixes the languages.
# What does the language of a passage tell the encoder now?
# Say what you expect for the multilingual setting, then read a batch, train it and compare.
#
# <details><summary>Hint</summary>
#
# `own_language` above counts what you need; a plan with `sampling="X-X"` gives the batches,
# and `settings.system("X-X", seed)` the experiment.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# mixed = Plan(dataclasses.replace(settings.base.training.plan, sampling="X-X", seed=seed), layout)
# batch = mixed(0)
# examples = zip(batch.item, batch.query_language, batch.passage_language)
# session.table(pd.DataFrame([example_row(*each) for each in examples][:6], columns=columns))
# print(own_language(mixed))
# runs = [settings.system("X-X", each) for each in settings.seeds]
# systems["X-X"] = run_all(runs, "test", "X-X")
# print(*tables.sentences(tables.difference_table(systems, [("X-X", "X-X-mono")])), sep="\n")
# ```
#
# All right passages are in the query's language, and only a few of the negatives are.
# So language is a short cut to a low loss: "take what is in my language" rules out most of the batch.
# Compare its loss with the others', and then its multilingual mAP: a low loss can be bought with bias.
#
# </details>
#
# ### 3. Another scale (easy, 5 minutes)
#
# Train X-Y with the scale as the paper prints it.
#
# <details><summary>Hint</summary>
#
# `settings.system("X-Y", seed, scale=1.0)`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# systems["X-Y, scale 1"] = run_all([settings.system("X-Y", each, scale=1.0) for each in settings.seeds])
# print(*tables.sentences(tables.difference_table(systems, [("X-Y, scale 1", "X-Y")])), sep="\n")
# ```
#
# It is only the scale of the fine-tuning that changes here; pre-training keeps its own.
#
# </details>
#
# ## Recap
#
# - InfoNCE lets each query choose among the passages of its batch; the scale says how much a wrong choice counts, and the mask keeps right answers from being punished.
# - X-X-mono trains on the diagonal of the language pairs, X-Y on everything else; to the one the language says nothing, to the other it says "not this one".
# - A lower loss is not a better retriever: the two losses are about different batches.
# - Who wins is a question with a setting in it, and it is answered by paired differences with intervals.
#
# What this run says, setting by setting:

# %%
verdicts = {
    "higher": "X-Y is better",
    "lower": "X-X-mono is better",
    "no evidence": "the two are not told apart",
}
for setting in tables.SETTINGS:
    print(f"{setting} mAP: {verdicts[by_setting.loc[setting, 'verdict']]}")
less = {"higher": "X-X-mono", "lower": "X-Y", "no evidence": "neither"}[gap.verdict[0]]
print(f"less rank distance: {less}")
session.finish()

# %% [markdown]
# **What comes next.**
# Each baseline is trained on the cells of the map that the other one leaves out.
# Notebook 03 asks whether a coin toss between the two kinds of batch gives the best of both.
