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
#   title: Data preparation
#   question: What is a parallel item, and which passages compete?
#   minutes: 45
#   records:
#     - training_items
#     - test_passages
#     - false_negatives_per_query
#     - combinations
#     - shared_passages
#     - shared_answer
#     - tokens_per_word
#     - tokens_per_word_after_seeing
#     - shared_tokens
#   figures:
#     - word_order
#     - three_pools
#     - tokens_per_word
#     - sentences_seen
#     - shared_tokens
#     - false_negatives
#   headline: [training_items, test_passages]
# ---

# %% [markdown]
# # 01 Data preparation
#
# **What is a parallel item, and which passages compete?**
#
# A retriever gets a question and ranks passages.
# A *multilingual* retriever gets the question in one language and may find the answer in any other.
# This notebook looks at what such a retriever is fed, before any of it is trained.
# Three things that you see here come back in all that the next four notebooks measure:
# which passages compete, what tokens two languages share, and which wrong answers are right after all.
#
# ## Goals
#
# In this notebook we will
# - read one question with its passage in many languages, also in scripts that we cannot read;
# - see how text becomes tokens, and what happens to a language that the tokenizer hardly saw;
# - find out which passages compete, and which of them only look like wrong answers.
#
# **Time:** 45 minutes with a class; less than one of them is waiting.
#
# **You need:** Python; what a word embedding is; no language but English.

# %% tags=["parameters"]
profile: str = "classroom"  # smoke, classroom or full (paper: 02, 03 and 05)
seed: int = 0
data: str = "village"  # village or real
data_dir: str = ""  # folder with xquad-r, mlqa-r and ntrex, for data = "real"
out_dir: str = ""  # where results go; runs/01_data_preparation if empty
item: int = -1  # the item of the village that we read; -1 chooses one

# %%
from hbt.suite.session import begin

session = begin(
    "01_data_preparation", profile=profile, seed=seed, data=data, data_dir=data_dir, out_dir=out_dir
)

# %% [markdown]
# ## By hand: two passages, three questions, two languages
#
# An **item** is one question with its passage, in every language in which it exists.
# Here are three items.
# The first two ask about the same passage, so they share a **passage id**.

# %%
import numpy as np

from hbt.corpus import ParallelItems

cup = {"en": "Anna sold the red cup on Monday.", "de": "Anna verkaufte am Montag die rote Tasse."}
bread = {"en": "Omar baked bread.", "de": "Omar hat Brot gebacken."}
en = ["Who sold the red cup?", "When was the red cup sold?", "Who baked bread?"]
de = ["Wer verkaufte die rote Tasse?", "Wann wurde sie verkauft?", "Wer hat Brot gebacken?"]
passages = {code: [cup[code], cup[code], bread[code]] for code in ("en", "de")}
passage_id = np.array([0, 0, 1])  # (items,)
source = np.zeros(3, dtype=int)  # (items,): all from one source
tiny = ParallelItems(
    "by hand", ("en", "de"), passage_id, source, ("by hand",), {"en": en, "de": de}, passages
)

# %% [markdown]
# For an evaluation, every question becomes a query and every passage a candidate, in each language.
# A query's **relevant** passages are its own passage *and all parallel copies of it*:
# an answer is right in whatever language it stands.

# %%
import pandas as pd

from hbt.corpus import benchmark_from_items

benchmark = benchmark_from_items(tiny, "by hand")
n_queries, n_passages = len(benchmark.query_texts), len(benchmark.passage_texts)
is_relevant = np.zeros((n_queries, n_passages), dtype=bool)
is_relevant[benchmark.relevant_query, benchmark.relevant_passage] = True
table = pd.DataFrame(np.where(is_relevant, "relevant", "·"), columns=benchmark.passage_texts)
table.insert(0, "query", benchmark.query_texts)
session.table(table, caption="six queries, four passages")

# %% [markdown]
# **What to see.** Six queries but only four passages: two questions share a passage.
# Every row has two relevant passages, one for each language.
# Keep this table in mind: a model that puts the relevant passage of the *query's own* language first
# and the other one last has found an answer, but it is biased toward the query's language.
#
# ## The village: text that we can read
#
# To see what a retriever does, we must be able to read its data.
# So the suite brings a small invented world, the village.
# A program draws *facts* (who does what to which thing, where, when, how many)
# and tells them and asks about them in 27 languages.
# The village is **synthetic**; its words are real.

# %%
from hbt import village

village_world = village.make(session.settings.base.world.village)
facts = village_world.facts["training"]
questions = village_world.questions["training"]
scripts = {language.script for language in village.languages()}
print(f"{len(village_world.society.people)} people, {len(village.lexicon().concepts)} concepts")
print(f"{len(village.languages())} languages in {len(scripts)} scripts")
print(f"{len(facts):,} facts for training, {len(questions):,} questions on them")

# %% [markdown]
# Here is one fact and one question on it.
# The question gives some parts of the fact and asks for another one.


# %%
def is_good_example(question):
    """Does it ask who did what where, with another word for the deed?"""
    deed = question.given.get("verb", facts[question.fact].verb)
    is_full = set(question.given) == {"verb", "object", "place"}
    return is_full and question.asked == "agent" and deed != facts[question.fact].verb


chosen = item if item >= 0 else next(row for row, q in enumerate(questions) if is_good_example(q))
question = questions[chosen]
told = village_world.describe(facts[question.fact])
asked = village_world.describe(facts[question.fact], question)
names = {"part": "part of day", "day": "day or season", "asks": "question word"}
rows = [(names.get(part, part), told.get(part), asked.get(part)) for part in ("asks", *told)]
session.table(pd.DataFrame(rows, columns=["part of the fact", "the fact", "the question gives"]))

# %% [markdown]
# **What to see.** What is empty in the last column is not told to the retriever.
# And where the two columns differ, the query uses **another word** than its passage,
# so it is not enough to look for the same words, not even within one language.
#
# Now the same item in some of the languages that have it.

# %%
shown = ["en", "de", "ru", "el", "tr", "vi", "ar", "hi", "zh", "th", "shn", "ee", "to"]
village_items = village_world.items("training", shown)
rows = []
for code in shown:
    language = village.lexicon().language(code)
    query, passage = village_items.queries[code][chosen], village_items.passages[code][chosen]
    rows.append((language.name, language.script, language.role, query, passage))
session.table(pd.DataFrame(rows, columns=["language", "script", "role", "query", "passage"]))

# %% [markdown]
# **What to see.** Each row says the same.
# Arabic is written from right to left; Chinese, Thai and Shan put no spaces between words.
# The **role** says what a language is used for:
# retrievers are fine-tuned on the nine *training* languages,
# evaluated on these and on two more that they were never fine-tuned on (*evaluated only*),
# and the *low-resource* languages get a part of their own in notebook 04.
#
# Most of us cannot read most of these rows.
# But every word of the village has a concept behind it, so we can look at the query word by word.


# %%
def gloss(code):
    """The query in a language: English word -> the word there, in the order it is spoken."""
    pairs = village_world.gloss("training", chosen, code)["query"]
    return {english: word for word, english in pairs}


columns = {"concept": list(gloss("en"))}
for code in ("de", "ru", "tr", "ar", "hi", "zh", "th", "shn"):
    columns[village.lexicon().language(code).name] = [gloss(code)[c] for c in columns["concept"]]
session.table(pd.DataFrame(columns), caption="the query, word by word")

# %% [markdown]
# **What to see.** In a row, one concept (by its English word) in eight more languages.
# In a column, the words of one language, but *not* in the order in which it speaks them.
# That order is the next figure: each line of words is the query in one language,
# and a coloured line follows one concept from language to language.

# %%
from matplotlib import pyplot as plt

orders = {code: list(gloss(code)) for code in ("en", "th", "gn", "hi", "bm", "to", "fj")}
names = [village.lexicon().language(code).name for code in orders]
figure, axis = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
for word in orders["en"]:
    places = [words.index(word) for words in orders.values()]
    axis.plot(places, names)
    for name, place in zip(names, places, strict=True):
        axis.text(place, name, word, ha="center", va="center", bbox={"fc": "white"})
axis.set(xticks=[], xlabel="order of the words", frame_on=False)
axis.grid(visible=False)
axis.invert_yaxis()
alt = "A query in seven languages, a line of English words each; lines join equal concepts."
session.show(figure, "word_order", alt)

# %% [markdown]
# **What to see.** Where lines cross, two languages put the same concepts in another order:
# a deed may come first, in the middle or last, and "at" may follow its place.
# The orders come from a published atlas (WALS) where it has the language.
#
# ### What is simplified, and why that is enough here
#
# Words of the village are never inflected; there is no article and no "is".
# Here is one sentence as people write it, and as the village does.

# %%
from hbt.village.realise import Writer

natural = {
    "en": "Anna sold the red cups on Monday.",
    "de": "Anna verkaufte am Montag die roten Tassen.",
    "tr": "Anna pazartesi günü kırmızı fincanları sattı.",
    "ru": "В понедельник Анна продала красные чашки.",
}
rows = []
for code, sentence in natural.items():
    writer = Writer(village.lexicon(), village.lexicon().language(code))
    cup = writer.grammar.noun_phrase(("cup",), quality="red", number=None)
    parts = {"subject": ("anna",), "verb": ("sell",), "object": cup, "time": ("monday",)}
    rows.append((writer.language.name, sentence, writer.passage([writer.grammar.sentence(parts)])))
session.table(pd.DataFrame(rows, columns=["language", "as people write it", "in the village"]))

# %% [markdown]
# **What is lost:** endings, articles, tense, the freedom of order, style.
# So the village says nothing about how hard Turkish is beside Chinese;
# for that, run this notebook on real text (`data = "real"`).
#
# **What stays** is all that our question needs.
# We ask whether a passage is found *whatever its language*, and how batches change that.
# For this, texts of one meaning must look different in each language: other words, order and script.
# Endings would give each word more forms to learn from more text;
# they would not change which passages stand together in a batch.
#
# And the task must not be too easy.
# It is not: queries use other words, and many facts have a near-duplicate.

# %%
in_other_words = [
    any(getattr(facts[each.fact], part) != word for part, word in each.given.items())
    for each in questions
]
family = np.array([fact.family for fact in facts])  # (facts,)
n_twins = (np.bincount(family)[family] > 1).sum()
print(f"questions in other words than their passage: {np.mean(in_other_words):.0%}")
print(f"facts with a near-duplicate: {n_twins / len(facts):.0%}; here is one pair:")
first = int(np.argmax(np.diff(family) == 0))  # the first fact whose twin follows it
for fact in (first, first + 1):
    row = np.flatnonzero(village_items.passage_id == fact)[0]
    print("   ", village_items.passages["en"][row])

# %% [markdown]
# ## The data of this run
#
# From here on we look at the data that the retrievers of the next notebooks read:
# the village again, or real text if this run has `data = "real"`.
# Then XQuAD-R is the test and MLQA-R gives items for fine-tuning and development
# (both are questions on sentences of Wikipedia, in eleven and in seven languages);
# NTREX-128, news sentences in 128 languages, gives pre-training text and a benchmark of low-resource languages
# (the query is a sentence, its passage the sentences around it).

# %%
from hbt.suite.data_card import part_sizes

world = session.world
items, text, test = world.training, world.pretraining, world.benchmark("test")
session.table(part_sizes(world), caption="texts of all languages together")
session.record("training_items", len(items))
session.record("test_passages", len(test.passage_texts))
print(f"fine-tuning has {len(items):,} items; in a low-resource language there are")
print(f"{world.settings.low_resource_share:.0%} as many pre-training sentences as in the others")

# %% [markdown]
# **What to see.** The parts have different jobs.
# *Pre-training* text teaches an encoder which words mean the same.
# *Fine-tuning* items teach it to bring a query to its passage.
# *Development* is where settings may be chosen; *test* is looked at only after that.
# *Low-resource* evaluates the languages of notebook 04 beside the others.

# %%
if data == "real":
    number = int(items.available.sum(axis=1).argmax())  # one of those with most languages
    rows = [
        (world.language_names[code], items.queries[code][number], items.passages[code][number])
        for code in items.languages
        if items.available[number, items.languages.index(code)]
    ]
    session.table(pd.DataFrame(rows, columns=["language", "query", "passage"]))
else:
    print("The items of this run are items of the village, like the one above.")

# %% [markdown]
# ## Three settings are three kinds of pool
#
# The passages that compete for a query are its **pool**.
# The same queries and passages make three evaluations, called **settings**:
# - *monolingual*: the pool is the passages in the query's own language;
# - *cross-lingual*: the pool is the passages in one other language;
# - *multilingual*: the pool is the passages in all languages together, and every parallel copy is relevant.

# %%
own = np.eye(len(test.languages), dtype=bool)  # (query languages, pools)
grids = {"monolingual": own, "cross-lingual": ~own, "multilingual": own.any(axis=1)[:, None]}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.7), width_ratios=(6, 6, 1), layout="constrained")
for axis, (setting, grid) in zip(axes, grids.items(), strict=True):
    axis.pcolormesh(grid, cmap="Blues", vmin=0, vmax=1.4, edgecolors="white", linewidth=1)
    pools = test.languages if len(grid.T) > 1 else ["all"]
    axis.set_xticks(np.arange(len(pools)) + 0.5, pools)
    axis.set_yticks(np.arange(len(own)) + 0.5, test.languages)
    axis.set(title=f"{setting}: {grid.sum()}", xlabel="pool", aspect="equal")
    axis.invert_yaxis()
    session.record("combinations", int(grid.sum()), setting=setting)
axes[0].set_ylabel("query language")
alt = "Grids of query language by pool: the diagonal, all off the diagonal, one column for all."
session.show(figure, "three_pools", alt)

# %% [markdown]
# **What to see.** Each filled square is one combination of a query language and a pool, evaluated by itself.
# The number over each grid counts them.
# With *L* languages there are *L* monolingual, *L* times *L* - 1 cross-lingual and *L* multilingual ones.
# Only in the multilingual pool do languages compete with each other: there bias shows.
#
# > **The paper** that these notebooks follow ([arXiv 2408.10536](https://arxiv.org/abs/2408.10536))
# > evaluates on XQuAD-R, in 11 languages: 11 + 110 + 11 = 132 combinations.
#
# ## Are the parts disjoint?
#
# A test is worth something only if its passages were not in the training text.
# That is checked, not believed.

# %%
from hbt.suite.data_card import shared_texts

in_both = shared_texts(world)
session.table(in_both, caption="texts that two parts have, letter for letter")
for row in in_both.itertuples():
    session.record("shared_passages", row[3], between=f"{row[1]} and {row[2]}")

# %% [markdown]
# **What to see.** No passage may be in two parts.
# A *query* may come again, since a short question can be asked about two different facts;
# then it has another answer in each part.
#
# Equal texts are the easy case.
# Facts that are *almost* equal, or paragraphs that copy from each other, would leak too.

# %%
if data == "real":
    from hbt import sources

    xquad, mlqa = sources.read_xquad_r(data_dir), sources.read_mlqa_r(data_dir)
    overlaps = sources.overlapping_paragraphs(xquad, mlqa)
    rows = [(x.left, x.right, x.runs, x.example) for found in overlaps.values() for x in found]
    columns = ["XQuAD-R", "MLQA-R", "shared runs", "the first of them"]
    session.table(pd.DataFrame(rows, columns=columns), caption="paragraphs that share a long run")
    n_all = len(sources.mlqa_r_items(data_dir, drop=()))
    n_clean = len(sources.mlqa_r_items(data_dir))  # what these paragraphs touch is dropped
    print(f"of {n_all:,} items of MLQA-R, {n_all - n_clean} are dropped for these paragraphs,")
    print(f"{n_clean - len(items)} are set apart for development, {len(items)} are left")
else:
    print("This run reads the village: see the next cell.")


# %%
def parts_of(split):
    """The parts of all facts of a split: text array (facts, parts)."""
    return np.array([[str(part) for part in fact.content] for fact in village_world.facts[split]])


differing = (parts_of("test")[:, None] != parts_of("training")).sum(axis=2)  # (test, training)
told = [village_world.reserved.free(each.fact, ("", 0)) for each in village_world.sentences]
print("In the village, of the parts that a fact has,")
print(f"a test fact and a training fact differ in {differing.min()} or more;")
print(f"sentences of pre-training text that come closer than that: {told.count(False)}")

# %% [markdown]
# **What to see.** In the village, facts that differ in one word only never lie in two parts.
# In real text, the same sentence can stand in two data sets that were collected years apart.
# A run of ten shared words (sixteen characters in Chinese) is the alarm;
# what it finds is dropped from the training side, together with every paragraph connected to it.
#
# ## From text to tokens
#
# An encoder does not read words but **tokens**: pieces of text from a fixed list, the vocabulary.
# A tokenizer learns that list from text: frequent words become one token, rare ones are cut.
# Ours learns from the fine-tuning and pre-training text of all languages together.

# %%
from tokenizers import Tokenizer

from hbt.suite.experiment import tokenizer_folder

tokenizer_file = tokenizer_folder(session.settings.base) / "tokenizer.json"
tokenizer = Tokenizer.from_file(str(tokenizer_file))
tokenizer.no_truncation()  # encoders cut long texts; here we want to see all
print(f"vocabulary: {tokenizer.get_vocab_size():,} tokens")


# %%
def cut(tokenizer, sentence, most=24):
    """The tokens of a text, with bars between them."""
    tokens = tokenizer.encode(sentence, add_special_tokens=False).tokens
    return " | ".join(tokens[:most]) + (" | …" if len(tokens) > most else "")


left_out = ["shn", "ee"] if data == "village" else ["div", "ewe"]
codes = ["en", "de", "hi", "zh", *left_out]
in_all = [row for row in range(len(text)) if all(text.texts[code][row] for code in codes)]
about_8_words = min(in_all, key=lambda row: abs(len(text.texts["en"][row].split()) - 8))
sentences = {code: text.texts[code][about_8_words] for code in codes}
rows = [(world.language_names[c], sentences[c], cut(tokenizer, sentences[c])) for c in codes]
session.table(pd.DataFrame(rows, columns=["language", "sentence", "tokens"]))

# %% [markdown]
# **What to see.** The mark ▁ stands where a word begins.
# Some words are one token, others are cut, and no one told the tokenizer where.
# Chinese has no spaces, so one of its tokens can hold several words.
#
# How many tokens does a language need for the same content?
# We count its tokens for each word of the *English* sentence that says the same,
# because not every script shows where a word ends.
# (Tokens for each word are called *fertility*.)


# %%
def tokens_per_word(tokenizer, language, rows):
    """Tokens of a language for each word of the parallel English text."""
    rows = [row for row in rows if text.texts[language][row]][:400]
    texts = [text.texts[language][row] for row in rows]
    found = tokenizer.encode_batch(texts, add_special_tokens=False)
    n_words = sum(len(text.texts["en"][row].split()) for row in rows)
    return sum(len(each.ids) for each in found) / n_words


roles = dict.fromkeys(world.training_languages, "fine-tuned on")
roles |= dict.fromkeys(world.unseen_languages, "evaluated only")
roles |= dict.fromkeys(world.low_resource_languages, "low-resource")
table = pd.DataFrame(roles.items(), columns=["language", "role"])
table["tokens"] = [tokens_per_word(tokenizer, code, range(len(text))) for code in roles]

# %%
import seaborn as sns

for role, tokens in table.groupby("role", sort=False).tokens:
    session.record("tokens_per_word", tokens.mean(), role=role)
    print(f"{role}: {tokens.mean():.2f} tokens for each word, on average")
figure, axis = plt.subplots(figsize=(9.5, 3.8), layout="constrained")
sns.barplot(table, x="language", y="tokens", hue="role", ax=axis)
sns.move_legend(axis, "lower center", bbox_to_anchor=(0.5, 1), ncols=3, title=None)
axis.set(ylabel="tokens per English word")
axis.tick_params(axis="x", rotation=90 if len(table) > 30 else 0)
low, high = table.loc[table.tokens.idxmin()], table.loc[table.tokens.idxmax()]
alt = "Bars: tokens per English word of each language, grouped by role, "
alt += f"from {low.tokens:.1f} ({low.language}) to {high.tokens:.1f} ({high.language})."
session.show(figure, "tokens_per_word", alt)

# %% [markdown]
# **What to see.** One vocabulary serves all languages, but not all alike.
# Compare the three groups, by what the tokenizer saw of them.
# *Fine-tuned on*: fine-tuning text and pre-training text.
# *Evaluated only*: pre-training text alone.
# *Low-resource*: pre-training text alone, and less of it.
# A language with many tokens per word pays three times:
# its texts are longer, more of them are cut at the encoder's length,
# and each of its tokens says less.
# Low bars are not always good news:
# where no spaces part the words, a token may span two words, and the next text joins other ones.
#
# ### Predict, then run: a language that the tokenizer hardly saw
#
# We train four more tokenizers on the same text.
# The first sees *no* sentence of two low-resource languages, the next ones a few, the last all there are.
# One of the two languages has a script that no other language here has;
# the other is written in Latin letters, some of them rare.
#
# If the tokenizer never saw a language, one of its words becomes
# - (a) about as many tokens as when the language was seen,
# - (b) one token that stands for "unknown",
# - (c) about as many tokens as it has letters,
# - (d) more tokens than it has letters.
#
# Write down one answer for each of the two languages, then run the next cells.

# %%
from hbt.encoders import train_tokenizer

n_rows = min(300, len(text) * 3 // 4)  # sentences to learn from; the others are for measuring


def tokenizer_that_saw(n_sentences):
    """A tokenizer trained on all languages, but on so many sentences of those left out."""
    texts = []
    for code in text.languages:
        known = [each for each in text.texts[code][:n_rows] if each]
        texts += known[:n_sentences] if code in left_out else known
    return train_tokenizer(texts, session.settings.base.encoder)


# %%
most = min(sum(map(bool, text.texts[code][:n_rows])) for code in left_out)
tokenizers = {n_sentences: tokenizer_that_saw(n_sentences) for n_sentences in (0, 5, 25, most)}
rows = []
for n_sentences, each in tokenizers.items():
    each.no_truncation()
    for code in (*left_out, "en"):
        value = tokens_per_word(each, code, range(n_rows, len(text)))
        rows.append((n_sentences, world.language_names[code], value))
        session.record("tokens_per_word_after_seeing", value, language=code, sentences=n_sentences)
table = pd.DataFrame(rows, columns=["sentences seen", "language", "tokens"])

# %%
figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
looks = {"markers": ["o", "s", "^"], "linestyles": ["-", "--", "-."]}
sns.pointplot(table, x="sentences seen", y="tokens", hue="language", ax=axis, **looks)
axis.set(ylim=(0, None), ylabel="tokens per English word", xlabel="sentences seen (English: all)")
wide = table.pivot_table("tokens", "language", "sentences seen")
factors = (wide[0] / wide[most]).round(1)
told = "; ".join(f"{name}: {factor} times as many" for name, factor in factors.items())
alt = f"Lines: tokens per English word, over the sentences seen. Tokens when unseen: {told}."
session.show(figure, "sentences_seen", alt)
print("tokens when unseen, beside those when all was seen:", told)

# %% [markdown]
# **What to see.** Left: the two languages never seen. Right: all their sentences seen.
# (The steps of the horizontal axis are not even.)
# English is the control: its text did not change.
# The script that only one language has shows the steepest fall:
# a few sentences are enough to learn its *letters*; to learn its *words* takes more.
#
# Here is the sentence from above, cut by the first tokenizer and by the last.

# %%
rows = []
for code in left_out:
    for n_sentences in (0, most):
        each = tokenizers[n_sentences]
        n_tokens = len(each.encode(sentences[code], add_special_tokens=False))
        n_letters = len(sentences[code].replace(" ", ""))
        name = world.language_names[code]
        rows.append((name, n_sentences, n_letters, n_tokens, cut(each, sentences[code], most=32)))
columns = ["language", "sentences seen", "characters", "tokens", "cut"]
session.table(pd.DataFrame(rows, columns=columns))

# %% [markdown]
# **What to see.** A token such as `<0xE1>` is one *byte*.
# A letter that was never seen is spelt in its UTF-8 bytes, two to four of them,
# so for the language with a script of its own the answer is (d).
# Nothing is "unknown", but nothing is left of a word either:
# an encoder would have to learn its meaning from a long row of bytes that all words of the script share.
# A language in Latin letters is cut into pieces that were learnt from *other* languages,
# and only its rare letters, if no other language has them, into bytes:
# fewer tokens, but each means something else elsewhere.
# For such a language the answer is nearer to (c): compare its tokens with its characters.
#
# This matters in notebook 04: there the tokenizer is trained once, on all languages,
# so that adding a language to pre-training changes the pre-training and nothing else.
#
# ### What can a retriever do with tokens alone?
#
# Before any training, how many of a query's tokens stand in its own passage, and in that passage's copies?

# %%
marks = [tokenizer.token_to_id(mark) for mark in ("▁", ".", "?", "؟", "。", "？", "।", ",")]
n_items = min(500, len(items))


def token_sets(column):
    """Each text as the set of its tokens, without the marks of a sentence."""
    texts = [each or "" for each in column[:n_items]]
    found = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [set(each.ids) - set(marks) for each in found]


query_tokens = [token_sets(items.queries[code]) for code in items.languages]
passage_tokens = [token_sets(items.passages[code]) for code in items.languages]


# %%
def share(queries, passages):
    """Mean share of a query's tokens that its passage has; items that lack a side are left out."""
    pairs = [pair for pair in zip(queries, passages, strict=True) if all(pair)]
    return np.mean([len(query & passage) / len(query) for query, passage in pairs])


shared = np.array([[share(q, p) for p in passage_tokens] for q in query_tokens])
same = np.eye(len(shared), dtype=bool)  # (query languages, passage languages)
session.record("shared_tokens", shared[same].mean(), languages="same")
session.record("shared_tokens", shared[~same].mean(), languages="different")
print(f"tokens of a query that its passage has: {shared[same].mean():.0%} in the same language,")
print(f"{shared[~same].mean():.0%} in another one")

# %%
figure, axis = plt.subplots(figsize=(6.2, 4.8), layout="constrained")
table = pd.DataFrame(shared, items.languages, items.languages)
looks = {"cmap": "cividis", "vmin": 0, "square": True, "annot_kws": {"size": 8}}
sns.heatmap(table, ax=axis, annot=True, fmt=".2f", **looks)
axis.set(xlabel="passage language", ylabel="query language")
axis.tick_params(axis="y", rotation=0)
alt = "Heat map of query by passage language: share of a query's tokens that its passage has, "
alt += f"{shared[same].mean():.2f} on average on the diagonal, {shared[~same].mean():.2f} off it."
session.show(figure, "shared_tokens", alt)

# %% [markdown]
# **What to see.** The diagonal is bright, the rest is dark:
# tokens alone lead a query to passages of its *own* language.
# What little there is off the diagonal are digits, names and pieces of words in a common script.
# Where the diagonal is dimmer for Chinese or Thai, remember that they have no spaces:
# tokens run across the borders of words, so that one word is cut in several ways.
# A retriever that has only learnt to match tokens is biased before anyone has done anything wrong.
# To bring copies together it must learn that different tokens mean the same.
# That it can learn from pairs that *differ* in language.
#
# ## False negatives: right answers that count as wrong
#
# A retriever learns from **batches** of examples, each a query with its passage.
# For every query, all *other* passages of the batch serve as wrong answers, the **in-batch negatives**.
# That is cheap and works well, unless one of them is right after all: a **false negative**.
# With parallel data there are two ways to get one:
# a parallel *copy* of the query's passage, and another question on the *same passage*.
# How often do two questions share a passage?

# %%
is_own = test.query_language[test.relevant_query] == test.passage_language[test.relevant_passage]
answer = test.relevant_passage[is_own]  # (queries,): the passage in the query's own language
asked_twice = np.bincount(answer)[answer] > 1
session.record("shared_answer", asked_twice.mean(), part="test")
_, counts_of = np.unique(items.passage_id, return_counts=True)
print(f"test queries that share their passage with another question: {asked_twice.mean():.0%}")
print(f"fine-tuning items that do: {counts_of[counts_of > 1].sum() / len(items):.0%}")

# %%
items_of = {}  # (language, passage) -> the items that have it
for code in ("en", "es", *items.languages):
    for row, passage in enumerate(items.passages[code]):
        items_of.setdefault((code, passage), set()).add(row)
doubled = [key for key in items_of if key[1] and len(items_of[key]) > 1]
code, passage = doubled[0]
one, two = sorted(items_of[doubled[0]])[:2]
other = next(each for each in ("en", "de", "ar") if each != code and items.passages[each][one])
rows = [
    (f"the query, in {world.language_names[code]}", items.queries[code][one]),
    ("its passage", passage),
    (f"a negative: its copy in {world.language_names[other]}", items.passages[other][one]),
    (f"a negative: the passage of {items.queries[code][two]!r}", passage),
]
session.table(pd.DataFrame(rows, columns=["in one batch", "text"]))

# %% [markdown]
# **What to see.** Both "negatives" answer the query.
# A loss that pushes them away teaches the very bias that we want to be rid of:
# *the same content in another language is wrong*.
#
# ### Predict, then run: how many are there in a random batch?
#
# Every item can be an example in each pair of its languages.
# Suppose a batch is drawn at random from all these examples.
# If the batch grows to four times its size, the number of false negatives **for each query**
# - (a) stays the same,
# - (b) doubles,
# - (c) grows to about four times.
#
# And could a filter help that never puts two *equal texts* into one batch?

# %%
has = items.available  # (items, languages)
examples = np.argwhere(has[:, :, None] & has[:, None, :])  # (examples, 3): item, two languages


def false_negatives(item_rows, passage_language):
    """For each query, the mean number of false negatives, and of those with an equal text."""
    passage = items.passage_id[item_rows]
    same = (passage[:, None] == passage) & ~np.eye(len(passage), dtype=bool)  # (batch, batch)
    equal = same & (passage_language[:, None] == passage_language)
    return same.sum(axis=1).mean(), equal.sum(axis=1).mean()


# %%
generator = np.random.default_rng(seed)
sizes, n_batches = (16, 32, 64, 128, 256), 200
rows = []
for size in sizes:
    drawn = examples[generator.integers(len(examples), size=(n_batches, size))]
    both = np.mean([false_negatives(each[:, 0], each[:, 2]) for each in drawn], axis=0)
    rows.append((size, "at random", both[0]))
    rows.append((size, "at random, no equal texts", both[0] - both[1]))
    session.record("false_negatives_per_query", both[0], batch_size=size, drawn="at random")
    print(f"batch of {size}: {both[0]:.3f} for each query, {both[1]:.3f} of them with equal text")

# %% [markdown]
# The suite draws its batches by a **plan** (the subject of notebooks 02 and 03).
# It deals items so that no passage id comes twice in a batch.
# Here is the same count for batches of the plan.

# %%
from hbt.sampling import ItemLayout, Plan, PlanSettings

layout = ItemLayout.from_items(items)
for size in sizes:
    plan = Plan(PlanSettings("hybrid", batch_size=size, seed=seed), layout)
    batches = [plan(step) for step in range(n_batches)]
    found = np.mean([false_negatives(batch.item, batch.passage_language)[0] for batch in batches])
    rows.append((size, "by the plan", found))
    session.record("false_negatives_per_query", found, batch_size=size, drawn="by the plan")
    print(f"batch of {size}: {found:.3f} for each query, by the plan")

# %%
from hbt.suite.plots import curve

table = pd.DataFrame(rows, columns=["batch_size", "batches", "estimate"])
labels = {"x_label": "examples in a batch", "value_label": "false negatives per query"}
figure = curve(table, x="batch_size", series="batches", **labels)
at = table.set_index(["batches", "batch_size"]).estimate
random, planned = at["at random"], at["by the plan"]
alt = f"Lines over the batch size: at random up to {random[256]:.2f} false negatives per query, "
alt += f"by the plan {planned.max():.2f}; without equal texts the line is little lower."
session.show(figure, "false_negatives", alt)
print(f"from 64 to 256 examples: {random[256] / random[64]:.1f} times as many for each query")

# %% [markdown]
# **What to see.** Every further example in the batch is one more chance to meet a copy,
# so the count grows in step with the batch: answer (c), up to the chance of the draw.
# A filter for equal texts takes away the smaller part only, because a *translation* is another text.
# The plan has none at all, whatever the size: it compares passage ids, not texts.
# (The loss of notebook 02 checks the passage id once more, for batches made elsewhere.)
#
# ## Add your own language
#
# A language of the village is one column of words.
# A class adds its own with a file of two columns, `concept` and `word`, and one row about its grammar.
# As an example that everybody can check we add a secret language:
# each English word with its first letter put last, and "ay".
# First with three mistakes.

# %%
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

english = village.lexicon().language("en")
secret = replace(english, code="x-secret", name="Secret", role="low-resource")


def add_language(words):
    """The lexicon with one more column, from a file in a temporary folder."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "secret.tsv"
        lines = [f"{concept}\t{word}" for concept, word in words.items()]
        path.write_text("\n".join(["concept\tword", *lines]), encoding="utf-8")
        return village.add_column(path, secret)


# %%
concepts = village.lexicon().concepts
words = {row.concept: row.english[1:] + row.english[0] + "ay" for row in concepts}
faulty = dict(words)
faulty["goat"] = ""  # a missing word
faulty["cow"] = faulty["horse"]  # one word for two concepts; "how many" is the third mistake
for sentence in village.validate(add_language(faulty), ["x-secret"]):
    print(sentence)

# %% [markdown]
# **What to see.** One sentence for each fault, with the concept to mend.
# A doubled word would make two facts look alike in this language only, and a missing one cannot be told.

# %%
words["how_many"] = words["how_many"].replace(" ", "")
larger = add_language(words)
print("faults left:", len(village.validate(larger, ["x-secret"])))
small = village.VillageSettings(train_facts=5, development_facts=1, test_facts=1, swap_pairs=1)
told = village.make(small, larger).items("training", ["en", "x-secret"])
pairs = dict(zip(told.passages["en"], told.passages["x-secret"], strict=True))
session.table(pd.DataFrame(pairs.items(), columns=["English", "Secret"]))

# %% [markdown]
# ## The data card
#
# Before you train on data, you should be able to fill in a card like this one:
# what it is, how much, who made it, what you may do with it, and what is wrong with it.

# %%
from hbt.suite.data_card import data_card

session.table(data_card(world), caption="the data of this run", name="data_card")

# %% [markdown]
# The words of the sixteen low-resource languages come from
# **GATITOS** (Google Research, CC BY 4.0, Jones et al. 2023); what was changed stands in `hbt/village/LICENSE`.
# The other columns the project wrote itself.
# For some of these languages GATITOS has a list too, so we can ask how far the two agree.

# %%
lists = Path(data_dir or ".") / "gatitos"
rows = []
for row in village.agreement(village.lexicon(), lists) if lists.is_dir() else ():
    if village.lexicon().language(row.language).words == "own":
        concept, ours, theirs = row.differing[0]
        example = f"{concept}: {ours}, but {' or '.join(theirs)}"
        rows.append((row.language, row.compared, row.agreeing, row.share, example))
if rows:
    columns = ["language", "words compared", "in agreement", "share", "one that differs"]
    session.table(pd.DataFrame(rows, columns=columns))
else:
    print("The lists are not part of the project: to compare, put them into data_dir/gatitos.")

# %% [markdown]
# ## Exercises
#
# Add a cell below for each of them.
#
# ### 1. Your language in the village (easy, 20 minutes, best in pairs)
#
# Write the words of your own language for the concepts in the table of English and Secret above.
# All other concepts may keep their English word until you come to them.
# What you should see: your language beside English, and no sentence from the validator
# (while "how many" is in English it finds that one, as above).
#
# <details><summary>Hint</summary>
#
# Save the list as a file first: a line for each concept with its English word.
# Start from the row of a language with the same word order and script,
# and change `code`, `name` and whatever differs.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# lines = ["concept\tword", *(f"{row.concept}\t{row.english}" for row in village.lexicon().concepts)]
# Path("mine.tsv").write_text("\n".join(lines), encoding="utf-8")  # now replace the English words
# mine = replace(village.lexicon().language("de"), code="xx", name="My language")
# larger = village.add_column("mine.tsv", mine)
# print("\n".join(village.validate(larger, ["xx"])))
# mine_told = village.make(small, larger).items("training", ["en", "xx"])
# pairs = zip(mine_told.passages["en"], mine_told.passages["xx"])
# session.table(pd.DataFrame(pairs, columns=["English", "mine"]))
# ```
#
# </details>
#
# ### 2. False negatives without drawing a batch (medium, 15 minutes)
#
# Work out how many false negatives a query has on average in a random batch of 64, from counts alone,
# and compare with the number that was printed above.
# What you should see: the two agree, up to the chance of the draw.
#
# <details><summary>Hint</summary>
#
# If a share *p* of all examples belongs to a passage id,
# two random examples are both of it with probability *p* times *p*.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# n_examples = np.bincount(items.passage_id[examples[:, 0]])
# shares = n_examples / n_examples.sum()
# print(63 * (shares**2).sum())  # 63 other examples in the batch
# ```
#
# </details>
#
# ## Recap
#
# - An item is one question with its passage in every language; all parallel copies are right answers.
# - Only in the multilingual pool do languages compete with each other: there bias shows.
# - A tokenizer serves the languages it saw; an unseen script falls apart into bytes.
# - Tokens alone favour passages in the query's own language.
# - Parallel copies and shared passages are false negatives, unless batches are dealt by passage id.
#
# **What comes next:** in notebook 02 we train two retrievers that differ in one thing only:
# whether their batches are of one language, or pair a query with a passage in another one.

# %%
session.finish()
