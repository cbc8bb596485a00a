"""`hbt report`: folders and files made by hand, verdicts, exit codes, the page and its table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_report import Page, asks_no_other_host

from hbt import comparisons
from hbt.corpus import Benchmark, ParallelItems, benchmark_from_items
from hbt.evaluation import Evaluation, evaluate
from hbt.retrieval import count
from hbt.suite import cli
from hbt.suite.paper import (
    evaluation_files,
    evaluation_runs,
    result_folders,
    runs,
    tables,
)
from hbt.suite.paper.claims import Contrast
from hbt.units import gather

REPOSITORY = Path(__file__).resolve().parent.parent
HEAD = ("setting", "metric", "estimate", "low", "high", "over", "n_seeds")
MULTILINGUAL = Contrast("hybrid", "X-Y", "mAP", "multilingual", (), 1)
DISTANCE = Contrast("hybrid", "X-X-mono", "rank_distance", "multilingual", (), -1)

# difference, setting, metric -> low and high; of both required claims, and of (9) and (a)
AGREES = {
    ("hybrid minus X-X-mono", "multilingual", "rank_distance"): (-120.0, -80.0),
    ("X-Y minus X-X-mono", "cross-lingual", "mAP"): (0.02, 0.04),
    ("X-Y minus X-X-mono", "multilingual", "mAP"): (0.03, 0.05),
    ("X-Y minus X-X-mono", "monolingual", "mAP"): (-0.05, -0.01),
    ("hybrid minus X-Y", "multilingual", "mAP"): (-0.004, 0.006),
}


def write_folder(
    folder: Path,
    differences: dict[tuple[str, str, str], tuple[float, float]],
    *,
    data: str = "village",
    encoder: str = "static",
    over: str = "seeds and items",
    profile: str = "full",
) -> Path:
    """A folder as `hbt results` leaves it, with the parts that the report reads."""
    folder.mkdir(parents=True)
    base = {"world": {"data": data}, "encoder": {"kind": encoder}}
    run = {"profile": {"name": profile, "base": base}}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    n_seeds = 5 if over == "seeds and items" else 1
    lines = [
        (*key, (low + high) / 2, low, high, over, n_seeds)
        for key, (low, high) in differences.items()
    ]
    write_csv(folder / "differences.csv", ("difference", *HEAD), lines)
    scores = [
        (name, "multilingual", metric, value, 0.9 * value, 1.1 * value, over, n_seeds)
        for name in ("X-X-mono", "X-Y", "hybrid")
        for metric, value in (("mAP", 0.5), ("rank_distance", 400.0))
    ]
    write_csv(folder / "samplings.csv", ("system", *HEAD), scores)
    return folder


def write_csv(path: Path, head: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([head, *lines])


@pytest.fixture
def report(tmp_path: Path, capsys: pytest.CaptureFixture) -> Callable:
    """Run `hbt report`; returns exit code, what it printed, and the folder it wrote to."""

    def run(*arguments: object, out: str = "out") -> tuple[int, str, Path]:
        code = cli.main(["report", *map(str, arguments), "--out", str(tmp_path / out)])
        return code, "".join(capsys.readouterr()), tmp_path / out

    return run


def table_of(markdown: Path) -> list[dict[str, str]]:
    lines = [line for line in markdown.read_text("utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def test_a_village_run_is_judged_in_direction_and_fills_nothing_in(
    report: Callable, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "village", AGREES)
    code, printed, out = report(folder, "--format", "markdown")
    assert code == 0
    rows = table_of(out / "report.md")
    ours = {(row["claim"].split()[0], row["comparison"]): row for row in rows if row["run"]}
    assert ours["(10)", str(DISTANCE)]["verdict"] == "agree"
    assert ours["(10)", str(DISTANCE)]["ours"] == "-100.0 (-25.0 %)"
    assert ours["(10)", str(DISTANCE)]["published"] == "-123.6 to -30.3"
    both = "XLM-R, LaBSE on XQuAD-R, MLQA-R"
    assert ours["(10)", str(DISTANCE)]["in print"] == both
    assert ours["(8)", str(MULTILINGUAL)]["verdict"] == "within noise"
    assert ours["(8)", str(MULTILINGUAL)]["published"] == "-0.0007 to +0.0045 (1 against)"
    turned = ours["(a)", "X-X-mono minus X-Y, monolingual mAP"]
    assert (turned["ours"], turned["interval"]) == ("+0.0300", "[+0.0100, +0.0500]")
    assert ours["(8)", "hybrid minus X-X-mono, multilingual mAP"]["verdict"] == "not run"
    for row in rows:
        if row["verdict"] == "not run" and row["published"]:
            assert row["ours"] == row["interval"] == ""
    assert "synthetic text (the village)" in (out / "report.md").read_text("utf-8")
    assert "(10)" in printed


def test_the_page_can_be_read_by_everyone(report: Callable, tmp_path: Path) -> None:
    _, _, out = report(write_folder(tmp_path / "a<b", AGREES), "--format", "html")
    assert [path.name for path in out.iterdir()] == ["report.html"]
    text = (out / "report.html").read_text("utf-8")
    page = Page(text)
    assert asks_no_other_host(text)
    assert page.all("script") == []
    assert "synthetic text (the village)" in text
    assert "None of these runs is a replication" in text
    assert page.all("html") == [{"lang": "en"}]
    images = page.all("img")
    assert len(images) == 4
    assert all("in print" in image["alt"] for image in images)
    assert "a<b (village, static, full) -25.0 [-30.0, -20.0]" in images[3]["alt"]
    assert all(each.get("scope") for each in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert "a<b" not in text.replace("a&lt;b", "")
    anchors = {each["id"] for each in page.all("h3")}
    assert {each["href"].lstrip("#") for each in page.all("a")} == anchors


def test_a_replication_stands_beside_its_own_numbers(report: Callable, tmp_path: Path) -> None:
    encoder = "path:FacebookAI/xlm-roberta-base"
    folder = write_folder(tmp_path / "xlmr", AGREES, data="real", encoder=encoder)
    code, _, out = report(folder)
    assert code == 0
    rows = [row for row in table_of(out / "report.md") if row["run"]]
    assert {row["in print"] for row in rows} == {"XLM-R on XQuAD-R"}
    (distance,) = [row for row in rows if row["claim"].startswith("(10)")]
    assert distance["published"] == "-123.6 (-30.1 %)"
    text = (out / "report.html").read_text("utf-8")
    assert "a replication of XLM-R on XQuAD-R" in text
    assert "None of these runs is a replication" not in text
    noise = "over seeds and items, 5 seeds; half the interval 0.0050; more than the published"
    assert noise in text
    assert "as in print: 1 within noise, 7 not run" in text
    verdicts = [row["verdict"] for row in table_of(out / "report.md") if row["claim"][:3] == "(8)"]
    assert verdicts == ["within noise"] + ["not run"] * 7  # what was measured comes first


@pytest.mark.parametrize(
    ("key", "interval", "code"),
    [
        (("X-Y minus X-X-mono", "multilingual", "mAP"), (-0.04, -0.01), 1),
        (("X-Y minus X-X-mono", "multilingual", "mAP"), (-0.04, 0.01), 0),
        (("hybrid minus X-X-mono", "multilingual", "rank_distance"), (10.0, 20.0), 1),
        (("hybrid minus X-Y", "multilingual", "mAP"), (-0.04, -0.01), 0),  # not required
    ],
)
def test_a_required_claim_that_disagrees_is_exit_1(
    report: Callable, tmp_path: Path, key: tuple, interval: tuple, code: int
) -> None:
    found, printed, out = report(
        write_folder(tmp_path / "runs", AGREES | {key: interval}), "--format", "markdown"
    )
    assert found == code
    assert ("required claims that disagree" in printed) == (code == 1)
    assert (out / "report.md").exists()


def test_the_smoke_profile_judges_no_claim(report: Callable, tmp_path: Path) -> None:
    against = {("X-Y minus X-X-mono", "multilingual", "mAP"): (-0.04, -0.01)}
    folder = write_folder(tmp_path / "runs", against, profile="smoke")
    code, _, out = report(folder, "--format", "markdown")
    assert code == 0
    assert "its numbers judge no claim" in (out / "report.md").read_text("utf-8")
    (row,) = [
        row for row in table_of(out / "report.md") if row["claim"][:3] == "(b)" and row["ours"]
    ]
    assert row["verdict"] == "disagree"


def test_with_few_seeds_the_page_says_what_its_intervals_are_over(
    report: Callable, tmp_path: Path
) -> None:
    note = "Fewer than five seeds: its intervals are over items only."
    _, _, few = report(write_folder(tmp_path / "few", AGREES, over="items"))
    for name in ("report.html", "report.md"):
        assert note in (few / name).read_text("utf-8")
    many = write_folder(tmp_path / "many", AGREES)
    _, _, out = report(many, "--format", "markdown", out="many-out")
    assert [path.name for path in out.iterdir()] == ["report.md"]
    assert note not in (out / "report.md").read_text("utf-8")


def test_the_claims_about_data_are_checked_where_data_is(
    report: Callable, tmp_path: Path, shared_data: Path
) -> None:
    """Those about the data that a run was trained on are about real text alone."""
    found = {}
    for data in ("real", "village"):
        folder = write_folder(tmp_path / data, AGREES, data=data)
        code, _, out = report(folder, "--data-dir", shared_data, "--format", "markdown")
        assert code == 0
        assert str(shared_data) not in (out / "report.md").read_text("utf-8")
        rows = table_of(out / "report.md")
        found[data] = {row["claim"].split()[0].strip("()"): row["verdict"] for row in rows}
    assert [found["real"][n] for n in "13457"] == ["agree"] * 5
    assert [found["village"][n] for n in "13457"] == ["agree"] * 2 + ["not run"] * 2 + ["agree"]
    assert [found["village"][n] for n in "26"] == ["not run"] * 2


def test_the_committed_report_comes_out_again(report: Callable, shared_data: Path) -> None:
    results = REPOSITORY / "results"
    folders = [results / name for name in ("village", "real")]
    _, _, out = report(*folders, "--data-dir", shared_data, "--format", "markdown")
    committed = (results / "report" / "report.md").read_text("utf-8").splitlines()
    found = (out / "report.md").read_text("utf-8").splitlines()
    assert committed[2].startswith("Made by `hbt report results/village results/real --data-dir ")
    assert found[:2] + found[3:] == committed[:2] + committed[3:]


def change(name: str, edit: Callable[[str], str]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        path.write_text(edit(path.read_text("utf-8")), encoding="utf-8")

    return apply


BROKEN = [
    (lambda folder: (folder / "run.json").unlink(), "{} has no run.json: it is no folder that"),
    (lambda folder: (folder / "differences.csv").unlink(), "{}/differences.csv cannot be read"),
    (change("run.json", lambda text: text[:-2]), "{}/run.json cannot be read: "),
    (change("run.json", lambda text: "[]"), "{}/run.json has no text at profile.base.world.data"),
    (
        change("run.json", lambda text: text.replace("village", "moon")),
        "{}/run.json: data 'moon' is none of village, real",
    ),
    (
        change("differences.csv", lambda text: text.replace("n_seeds", "seeds")),
        "{}/differences.csv has no column 'n_seeds'",
    ),
    (
        change("differences.csv", lambda text: text.replace("-100.0", "many")),
        "{}/differences.csv, line 2: estimate is 'many', not a number",
    ),
    (
        change("differences.csv", lambda text: text.replace("-120.0", "nan")),
        "{}/differences.csv, line 2: low is 'nan', not a number",
    ),
    (
        change("differences.csv", lambda text: text.replace("-120.0", "")),
        "{}/differences.csv, line 2: low '' and high '-80.0' do not fit",
    ),
    (
        change("differences.csv", lambda text: text.replace("-120.0", "-20.0")),
        "{}/differences.csv, line 2: low '-20.0' and high '-80.0' do not fit",
    ),
    (
        change("differences.csv", lambda text: text.replace("seeds and items", "luck")),
        "{}/differences.csv, line 2: over is 'luck', not one of seeds and items, items",
    ),
    (
        change("differences.csv", lambda text: text.replace(",5\n", ",0.5\n")),
        "{}/differences.csv, line 2: n_seeds is '0.5', not a whole number above 0",
    ),
    (
        change("samplings.csv", lambda text: text + text.splitlines()[1] + "\n"),
        "{}/samplings.csv, line 8: X-X-mono, multilingual, mAP comes a second time",
    ),
    (
        change("samplings.csv", lambda text: text + "hybrid,multilingual\n"),
        "{}/samplings.csv, line 8 has not as many fields as the first line",
    ),
    (
        change("samplings.csv", lambda text: text.splitlines()[0]),
        "{}/samplings.csv has no line below its first",
    ),
]


@pytest.mark.parametrize(("harm", "sentence"), BROKEN)
def test_a_broken_folder_is_one_sentence_and_exit_2(
    report: Callable, tmp_path: Path, harm: Callable[[Path], None], sentence: str
) -> None:
    folder = write_folder(tmp_path / "runs", AGREES)
    harm(folder)
    code, printed, out = report(folder)
    assert code == 2
    assert printed.startswith(f"hbt: {sentence.format(folder)}")
    assert printed.count("\n") == 1
    assert not out.exists()


def test_arguments_that_name_no_run_are_exit_2(report: Callable, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "runs", AGREES)
    other = write_folder(tmp_path / "more" / "runs", AGREES)
    (tmp_path / "files").mkdir()
    bm25 = by_hand(tmp_path / "files", system={"kind": "bm25", "source": ""})
    for arguments, sentence in (
        (["nowhere"], "nowhere: there is no such file or folder"),
        ([f"XLM-R={folder}"], f"{folder} is of the encoder static, made from scratch: not XLM-R"),
        (
            [bm25.parent],
            f"{bm25.parent} has no run.json: it is no folder that `hbt results` wrote; name files "
            f"of `hbt evaluate` one by one, as in XLM-R:hybrid={bm25}",
        ),
        (
            [f"XLM-R:hybrid={bm25}"],
            f"{bm25} is of BM25, which is fine-tuned by no sampling: not XLM-R:hybrid",
        ),
        ([folder, other], "two runs have the name 'runs (village, static, full)'"),
    ):
        code, printed, _ = report(*arguments)
        assert code == 2
        assert printed.startswith(f"hbt: {sentence}")


def test_the_columns_are_those_that_the_results_are_written_with() -> None:
    frame = pd.DataFrame(
        {"query": [0, 1], "cluster": [0, 1], "query_language": "en", "mAP": [0.5, 1.0]}
    ).assign(setting="monolingual", passage_language="en")
    made = comparisons.interval_table({"hybrid": gather([frame], ["mAP"])}, resamples=10)
    assert HEAD == result_folders.COLUMNS
    assert {"system", "seed_sd", *HEAD} == set(made.columns)


def test_seeds_of_a_folder_have_their_spread_where_it_is_written(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "runs", AGREES)
    path = folder / "differences.csv"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([f"{lines[0]},seed_sd", *(f"{line},0.5" for line in lines[1:])]))
    assert result_folders.read_folder(folder).difference(DISTANCE).seed_sd == 0.5


# Files of `hbt evaluate`: scores of random embeddings, as the command writes them.

LANGUAGES = ("ar", "de", "el")
N_ITEMS = 12


def small_benchmark(name: str = "my-data", holes: bool = False) -> Benchmark:
    """Three languages; with holes no question is in both Arabic and Greek."""
    texts: dict[str, list[str | None]] = {
        code: [f"{code} {item}" for item in range(N_ITEMS)] for code in LANGUAGES
    }
    if holes:
        texts["ar"][: N_ITEMS // 3] = [None] * (N_ITEMS // 3)
        texts["el"][N_ITEMS // 3 :] = [None] * (N_ITEMS - N_ITEMS // 3)
    numbers = np.arange(N_ITEMS)
    items = ParallelItems(name, LANGUAGES, numbers, 0 * numbers, ("one",), texts, texts)
    return benchmark_from_items(items, name)


def evaluated(noise: float, seed: int, holes: bool = False) -> Evaluation:
    """Queries are their passage plus noise; the same draw for equal seeds."""
    benchmark = small_benchmark(holes=holes)
    random = np.random.default_rng(seed)
    centres = random.standard_normal((N_ITEMS, 8))
    passage = np.zeros(len(benchmark.passage_texts), dtype=int)
    passage[benchmark.relevant_passage] = benchmark.query_item[benchmark.relevant_query]
    embeddings = [
        centres[of] + size * random.standard_normal((len(of), 8))
        for of, size in ((benchmark.query_item, noise), (passage, 0.3))
    ]
    counted = count(benchmark, *(each.astype(np.float32) for each in embeddings), top_k=5)
    return evaluate(benchmark, counted)


def write_evaluation(
    path: Path, found: Evaluation, *, name: str = "my-data", per_query: bool = True
) -> Path:
    keys = ["setting", "query_language", "passage_language", "n_queries"]
    cells = found.scores.pivot_table(index=keys, columns="metric", values="value").reset_index()
    n_queries = cells[cells.setting.eq("multilingual")].set_index("query_language").n_queries
    content = {
        "benchmark": name,
        "languages": LANGUAGES,
        "n_queries": int(n_queries.sum()),
        "n_passages": int(n_queries.sum()),
        "by_language": [
            {"query_language": code, "n_queries": int(n_queries[code]), "rank_distance": 7.0}
            for code in LANGUAGES
        ],
        "by_pair": json.loads(cells.to_json(orient="records", double_precision=15)),
        "rank_distance": {"value": 7.0},
        "ties": "trec",
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    if per_query:
        found.per_query.to_parquet(path.with_suffix(".parquet"), index=False)
    return path


def evaluation_run(
    tmp_path: Path, n_seeds: int, *, holes: bool = False, **options: object
) -> evaluation_runs.EvaluationRun:
    files = []
    for sampling, noise in (("hybrid", 0.2), ("X-Y", 1.5)):
        for seed in range(n_seeds):
            path = tmp_path / f"{sampling}-{seed}.json"
            write_evaluation(path, evaluated(noise, seed, holes), **options)
            files.append(f"XLM-R:{sampling}={path}")
    (run,) = runs.read_runs(files)
    return run


def test_scores_of_every_query_give_an_interval_over_items(tmp_path: Path) -> None:
    run = evaluation_run(tmp_path, 1)
    found = run.difference(MULTILINGUAL)
    means = [evaluated(noise, 0).summary().loc["multilingual", "mAP"] for noise in (0.2, 1.5)]
    assert found.estimate == pytest.approx(means[0] - means[1], abs=1e-9)
    assert 0 < found.low < found.estimate < found.high
    assert (found.over, found.n_seeds, found.seed_sd) == ("items", 1, None)
    assert run.difference(Contrast("X-Y", "hybrid", "mAP", "multilingual", (), 1)).high < 0
    assert run.score("hybrid", "multilingual", "mAP").estimate == pytest.approx(means[0])
    assert run.difference(DISTANCE) is None  # X-X-mono was not run


def test_some_languages_alone(tmp_path: Path) -> None:
    run = evaluation_run(tmp_path, 1)
    contrast = Contrast("hybrid", "X-Y", "mAP", "cross-lingual", ("el",), 1)
    expected = []
    for noise in (0.2, 1.5):
        rows = evaluated(noise, 0).scores
        kept = rows.setting.eq("cross-lingual") & rows.query_language.eq("el")
        expected.append(rows[kept & rows.metric.eq("mAP")].value.mean())
    found = run.difference(contrast)
    assert found.estimate == pytest.approx(expected[0] - expected[1], abs=1e-9)
    assert run.difference(Contrast("hybrid", "X-Y", "mAP", "cross-lingual", ("vi",), 1)) is None


def test_from_five_seeds_on_the_interval_is_over_seeds_too(tmp_path: Path) -> None:
    found = evaluation_run(tmp_path, 5).difference(MULTILINGUAL)
    points = [
        evaluated(0.2, seed).summary().loc["multilingual", "mAP"]
        - evaluated(1.5, seed).summary().loc["multilingual", "mAP"]
        for seed in range(5)
    ]
    assert found.over == "seeds and items"
    assert found.seed_sd == pytest.approx(np.std(points, ddof=1))


def test_without_scores_of_queries_there_is_no_interval_but_over_five_seeds(
    tmp_path: Path,
) -> None:
    (tmp_path / "few").mkdir()
    few = evaluation_run(tmp_path / "few", 2, per_query=False)
    found = few.difference(MULTILINGUAL)
    assert (found.low, found.high, found.over) == (None, None, "")
    assert found.seed_sd is not None
    assert few.notes[0].startswith("Fewer than five seeds")
    many = evaluation_run(tmp_path, 5, per_query=False).difference(MULTILINGUAL)
    assert many.over == "seeds"
    assert many.low < many.estimate < many.high


def by_hand(tmp_path: Path, **changes: object) -> Path:
    """A file with a question of Arabic and German, and one of German and Greek."""
    values = {("ar", "de"): 0.1, ("de", "ar"): 0.4, ("de", "el"): 0.6, ("el", "de"): 0.1}
    content = {
        "benchmark": "my-data",
        "languages": ["ar", "de", "el"],
        "n_queries": 4,
        "n_passages": 4,
        "by_language": [
            {"query_language": code, "n_queries": n, "rank_distance": distance}
            for code, n, distance in (("ar", 1, 4.0), ("de", 2, None), ("el", 1, 6.0))
        ],
        "by_pair": [
            {"setting": "cross-lingual", "query_language": one, "passage_language": other}
            | {"n_queries": 1, "mAP": value}
            for (one, other), value in values.items()
        ],
        "rank_distance": {"value": 5.0},
    }
    path = tmp_path / "by-hand.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_a_mean_is_over_cells_with_the_same_weight(tmp_path: Path) -> None:
    (run,) = runs.read_runs([f"XLM-R:hybrid={by_hand(tmp_path)}"])
    found = run.score("hybrid", "cross-lingual", "mAP")
    assert found.estimate == pytest.approx(0.3)  # over languages it would be 0.2333
    assert run.score("hybrid", "multilingual", "mAP") is None
    assert run.score("hybrid", "multilingual", "rank_distance").estimate == 5.0
    assert run.notes[:2] == (
        "Cross-lingual means are over 4 of 6 pairs of a query language and a pool: in the others "
        "no question has an answer.",
        "Rank distances are over 2 of 3 query languages: in the others no question has two "
        "answers.",
    )
    (cut,) = runs.read_runs([f"XLM-R:hybrid={by_hand(tmp_path, rank_distance={'value': None})}"])
    assert cut.score("hybrid", "multilingual", "rank_distance") is None


def test_a_cell_with_questions_and_no_value_is_not_left_out(tmp_path: Path) -> None:
    path = by_hand(tmp_path)
    content = json.loads(path.read_text("utf-8"))
    content["by_pair"][0]["mAP"] = None
    path.write_text(json.dumps(content), encoding="utf-8")
    (run,) = runs.read_runs([f"XLM-R:hybrid={path}"])
    assert run.score("hybrid", "cross-lingual", "mAP") is None


def test_both_files_weight_cells_alike_where_pairs_share_no_question(
    tmp_path: Path, report: Callable
) -> None:
    """With scores of queries and without: the same estimate, and the count of cells is told."""
    contrast = Contrast("hybrid", "X-Y", "mAP", "cross-lingual", (), 1)
    found = []
    for name, per_query in (("with", True), ("without", False)):
        (tmp_path / name).mkdir()
        run = evaluation_run(tmp_path / name, 1, holes=True, per_query=per_query)
        found.append(run.difference(contrast))
        assert run.notes[0].startswith("Cross-lingual means are over 4 of 6 pairs")
    assert found[0].estimate == pytest.approx(found[1].estimate, abs=1e-9)
    assert found[0].low is not None
    cells = [
        scores[scores.setting.eq("cross-lingual") & scores.metric.eq("mAP")].value
        for scores in (evaluated(noise, 0, holes=True).scores for noise in (0.2, 1.5))
    ]
    assert list(map(len, cells)) == [4, 4]
    assert found[0].estimate == pytest.approx(cells[0].mean() - cells[1].mean())
    files = [f"XLM-R:{name}={tmp_path / 'with' / name}-0.json" for name in ("hybrid", "X-Y")]
    code, _, out = report(*files)
    assert code == 0
    for name in ("report.html", "report.md"):
        assert "over 4 of 6 pairs" in (out / name).read_text("utf-8")


def test_queries_without_a_rank_distance_are_left_out_of_both(tmp_path: Path) -> None:
    """A query with one relevant passage has none; the file of all queries says NaN."""
    path = tmp_path / "one.json"
    table = evaluated(0.2, 0).per_query
    multilingual = table.setting.eq("multilingual")
    table["rank_distance"] = np.where(multilingual & table["item"].gt(2), 7.0, np.nan)
    write_evaluation(path, evaluated(0.2, 0))
    table.to_parquet(path.with_suffix(".parquet"), index=False)
    (run,) = runs.read_runs([f"XLM-R:hybrid={path}"])
    found = run.score("hybrid", "multilingual", "rank_distance")
    assert (found.estimate, found.over) == (7.0, "items")


def test_a_benchmark_that_is_not_in_print_is_told(tmp_path: Path, report: Callable) -> None:
    evaluation_run(tmp_path, 1, name="mine")
    code, printed, out = report(f"XLM-R:hybrid={tmp_path / 'hybrid-0.json'}")
    assert code == 0
    sentence = "the paper has no number on mine: nothing to compare with"
    assert sentence in printed
    assert sentence in (out / "report.md").read_text("utf-8")


def test_a_pool_of_another_size_is_no_replication(tmp_path: Path) -> None:
    run = evaluation_run(tmp_path, 1, name="xquad-r")
    assert (run.benchmark, run.comparable) == ("XQuAD-R", False)
    assert "are not those of XQuAD-R in print" in run.notes[0]


@pytest.mark.parametrize("name", ["XQuAD-R", "MLQA-R", "MIRACL"])
def test_a_pool_of_the_papers_size_is_comparable(tmp_path: Path, name: str) -> None:
    rows = [
        {"query_language": code, "n_queries": tables.count(name, "queries", [code])}
        for code in tables.languages_of(name)
    ]
    extra = [{"query_language": "yo", "n_queries": 119}] if name == "MIRACL" else []
    content = {
        "benchmark": name.lower(),
        "n_queries": sum(row["n_queries"] for row in rows),
        "n_passages": tables.count(name, "passages"),
        "languages": [row["query_language"] for row in rows + extra],
        "by_language": rows + extra,
        "by_pair": [],
    }
    path = tmp_path / "one.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    (run,) = runs.read_runs([f"LaBSE:X-Y={path}"])
    assert run.comparable
    assert set(run.languages) == set(tables.languages_of(name))


def test_files_that_do_not_fit_each_other(tmp_path: Path, report: Callable) -> None:
    one = write_evaluation(tmp_path / "one.json", evaluated(0.2, 0))
    two = write_evaluation(tmp_path / "two.json", evaluated(1.5, 0))
    content = json.loads(two.read_text("utf-8"))
    for arguments, sentence in (
        ([one], f"{one}: say which system it is of, as in XLM-R:hybrid=one.json"),
        ([f"XLM-R={one}"], f"{one}: say which system it is of"),
        ([f"XLM-R:mixed={one}"], f"{one}: say which system it is of"),
    ):
        code, printed, _ = report(*arguments)
        assert code == 2
        assert printed.startswith(f"hbt: {sentence}")
    labels = [f"XLM-R:hybrid={one}", f"XLM-R:X-Y={two}"]
    two.write_text(json.dumps(content | {"ties": "sklearn"}), encoding="utf-8")
    with pytest.raises(ValueError, match="differ in ties"):
        runs.read_runs(labels)
    two.write_text(json.dumps(content), encoding="utf-8")
    (run,) = runs.read_runs([*labels, f"XLM-R:X-Y={two}"])
    with pytest.raises(ValueError, match="hybrid has 1 files and X-Y 2"):
        run.difference(MULTILINGUAL)
    two.with_suffix(".parquet").write_bytes(one.with_suffix(".parquet").read_bytes())
    (run,) = runs.read_runs(labels)
    with pytest.raises(ValueError, match="they are of other runs"):
        run.difference(MULTILINGUAL)
    fewer = evaluated(1.5, 0).per_query.query("item > 3")
    fewer.to_parquet(two.with_suffix(".parquet"), index=False)
    evaluation_files.frame.cache_clear()
    (run,) = runs.read_runs(labels)
    with pytest.raises(ValueError, match="1 seed: hybrid minus X-Y, multilingual: the two systems"):
        run.difference(MULTILINGUAL)
    two.with_suffix(".parquet").write_bytes(b"no parquet")
    evaluation_files.frame.cache_clear()
    with pytest.raises(ValueError, match=r"two\.parquet cannot be read"):
        run.difference(MULTILINGUAL)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "one.json cannot be read: "),
        ("[]", "one.json has no benchmark: it is no file that"),
        ('{"benchmark": "b", "n_queries": 1}', "one.json has no n_passages: "),
        (
            '{"benchmark": "b", "n_queries": 1, "n_passages": 1, "languages": [], '
            '"by_language": [1], "by_pair": []}',
            "one.json: a row of by_language lacks query_language or n_queries",
        ),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=sentence):
        runs.read_runs([f"XLM-R:hybrid={path}"])
