"""`finevec reproduce tai` on toy data: the tables, stopping and going on."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from finevec.commands import main
from finevec.plot import read_run
from finevec.reproduce import tai_report, tai_training
from finevec.reproduce.tai import SETS, tai_runs
from finevec.reproduce.tai_training import relatedness_scores
from toy_kim import records, stop_in, timeless
from toy_tai import DIM, WORDS, reproduce, write_tai_data
from toy_texts import read_json, write_vectors

SENTIMENT = {  # table 2
    ("constituency", "random"): (43.9, 82.0),
    ("constituency", "fixed"): (49.7, 87.5),
    ("constituency", "tuned"): (51.0, 88.0),
    ("dependency", "fixed"): (None, None),
    ("dependency", "tuned"): (48.4, 85.7),
}
RELATEDNESS = {  # table 3: Pearson's r, Spearman's rho, the mean squared error
    "constituency": (0.8582, 0.7966, 0.2734),
    "dependency": (0.8676, 0.8083, 0.2532),
}
QUANTILE = 12.706  # Student's t, 0.975, of 2 runs


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with data and vectors, so that the commands of two runs are the same."""
    write_tai_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of tables that were run without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    write_tai_data(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert reproduce("--quiet") == 0
    return folder / "out"


def table(text, after):
    """Return the Markdown table after a heading as rows of cells."""
    lines = text.split(after)[1].split("\n\n")[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def mean_and_half(values):
    first, second = values
    return (first + second) / 2, QUANTILE * abs(first - second) / 2


# --- the tables ------------------------------------------------------------------------------------------------------


def test_every_run_is_there(whole):
    cells = [(name, *cell) for name in ("sst-fine", "sst-binary") for cell in SENTIMENT]
    cells += [("sick", structure, "fixed") for structure in RELATEDNESS]
    assert set(records(whole)) == {f"{'.'.join(cell)}.seed{seed}" for cell in cells for seed in (1, 2)}


def test_tables_fill_evenly():
    runs = list(tai_runs(SETS, ["constituency", "dependency"], ["random", "fixed", "tuned"], 3))
    assert [run.seed for run in runs] == [1] * 12 + [2] * 12 + [3] * 12
    assert len({run.name for run in runs}) == 36


def test_sentiment_is_the_mean_of_the_runs(whole):
    lines = table((whole / "tai.md").read_text(encoding="utf-8"), "Sentiment of sentences (table 2)")
    assert lines[0] == ["trees", "vectors", "SST fine-grained", "paper", "SST binary", "paper"]
    assert [tuple(line[:2]) for line in lines[2:]] == list(SENTIMENT)
    runs, rows = records(whole), csv_rows(whole / "tai.csv")
    for line in lines[2:]:
        for place, name in enumerate(("sst-fine", "sst-binary")):
            names = [f"{name}.{line[0]}.{line[1]}.seed{seed}" for seed in (1, 2)]
            found = [100 * runs[run]["test_accuracy"] for run in names]
            mean, half = mean_and_half(found)
            paper = SENTIMENT[line[0], line[1]][place]
            assert line[2 + 2 * place :][:2] == [f"{mean:.1f} ± {half:.1f} (2)", "-" if paper is None else f"{paper}"]
            check_csv(rows[name, line[0], line[1], "accuracy"], mean, half, paper)


def test_relatedness_is_the_mean_of_the_runs(whole):
    lines = table((whole / "tai.md").read_text(encoding="utf-8"), "Relatedness of the sentences of SICK (table 3)")
    assert lines[0] == ["trees", "vectors", "Pearson's r", "paper", "Spearman's rho", "paper", "MSE", "paper"]
    runs, rows = records(whole), csv_rows(whole / "tai.csv")
    for line, (structure, paper) in zip(lines[2:], RELATEDNESS.items(), strict=True):
        assert line[:2] == [structure, "fixed"]
        for place, metric in enumerate(("pearson", "spearman", "mse")):
            found = [runs[f"sick.{structure}.fixed.seed{seed}"]["test_scores"][metric] for seed in (1, 2)]
            mean, half = mean_and_half(found)
            assert line[2 + 2 * place :][:2] == [f"{mean:.4f} ± {half:.4f} (2)", f"{paper[place]:.4f}"]
            check_csv(rows["sick", structure, "fixed", metric], mean, half, paper[place])


def csv_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["set"], row["structure"], row["variant"], row["metric"]): row for row in rows}


def check_csv(row, mean, half, paper):
    assert row["runs"] == "2"
    assert row["paper"] == ("" if paper is None else str(paper))
    got = [float(row[key]) for key in ("mean", "half_width", "low", "high")]
    assert got == pytest.approx([mean, half, mean - half, mean + half], rel=1e-9, abs=1e-9)


def test_differences_are_paired(whole):
    runs = records(whole)
    lines = table((whole / "tai.md").read_text(encoding="utf-8"), "Points above fixed vectors")
    wanted = {("constituency", "random"): -5.8, ("constituency", "tuned"): +1.3, ("dependency", "tuned"): None}
    assert [tuple(line[:2]) for line in lines[2:]] == list(wanted)
    for line, paper in zip(lines[2:], wanted.values(), strict=True):
        gains = [
            100
            * (
                runs[f"sst-fine.{line[0]}.{line[1]}.seed{seed}"]["test_accuracy"]
                - runs[f"sst-fine.{line[0]}.fixed.seed{seed}"]["test_accuracy"]
            )
            for seed in (1, 2)
        ]
        mean, half = mean_and_half(gains)
        assert line[2:4] == [f"{mean:+.1f} ± {half:.1f} (2)", "-" if paper is None else f"{paper:+}"]


def test_no_two_runs_are_the_same(whole):
    runs = records(whole)
    assert len({str(run["history"]) for run in runs.values()}) == len(runs)
    assert all(name.endswith(f".seed{run['seed']}") for name, run in runs.items())
    sizes = {name: run["mem_dim"] for name, run in runs.items() if name.endswith(".fixed.seed1")}
    assert sizes == {
        "sst-fine.constituency.fixed.seed1": 150,
        "sst-fine.dependency.fixed.seed1": 168,
        "sst-binary.constituency.fixed.seed1": 150,
        "sst-binary.dependency.fixed.seed1": 168,
        "sick.constituency.fixed.seed1": 142,
        "sick.dependency.fixed.seed1": 150,
    }
    dropout = {name.split(".")[0]: run.get("dropout") for name, run in runs.items()}
    assert dropout == {"sst-fine": 0.5, "sst-binary": 0.5, "sick": None}


def test_only_tuned_and_random_vectors_change(whole):
    for name, run in records(whole).items():
        assert (run["rows_changed"] == 0) == (".fixed." in name)
        assert run["known_words"] == (0 if ".random." in name else run["rows"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sst-fine.constituency.tuned.seed2", []),
        ("sst-fine.dependency.fixed.seed1", []),
        ("sst-binary.dependency.tuned.seed1", ["--binary"]),
        ("sst-binary.constituency.random.seed1", ["--binary", "--dim", str(DIM)]),
    ],
)
def test_a_run_is_what_finevec_train_gives(whole, tmp_path, name, options):
    _, structure, variant, seed = name.split(".")
    ending = {"constituency": "ptb.txt", "dependency": "dep.tsv"}[structure]
    for part in ("train", "dev", "test"):
        options = [*options, f"--{part}", str(whole.parent / "data" / "trees" / f"sst.{part}.{ending}.gz")]
    if variant != "random":
        options += ["--vectors", str(whole.parent / "vectors.txt")]
    mode = {"random": "random", "fixed": "static", "tuned": "non-static"}[variant]
    options += ["--mode", mode, "--epochs", "2", "--patience", "0", "--seed", seed[-1]]
    metrics = tmp_path / "metrics.json"
    assert main(["train", "--quiet", "--model", "tree-lstm", "--metrics", str(metrics), *options]) == 0
    wanted, got = read_json(metrics), records(whole)[name]
    for part in (wanted, got):
        for epoch in part["history"]["epochs"]:
            del epoch["seconds"], epoch["examples_per_second"]
    clock_paths_and_names = {"seconds", "training_seconds", "files", "classes"}
    assert {key: got[key] for key in wanted if key not in clock_paths_and_names} == {
        key: wanted[key] for key in wanted if key not in clock_paths_and_names
    }


def test_runs_can_be_plotted(whole):
    run = read_run(whole / "runs" / "sst-fine.constituency.fixed.seed1.json", "fixed")
    assert (run.frozen_epochs, len(run.dev_accuracy)) == (2, 2)


class Answers:
    """A model of relatedness with fixed answers."""

    def __init__(self, *scores):
        self.scores = scores

    def predict(self, pairs):
        return np.array(self.scores)


class Pair:
    def __init__(self, score):
        self.score = score


def test_scores_of_relatedness():
    right = [1.0, 2.0, 2.0, 4.5, 5.0]
    predicted = [1.5, 1.0, 3.0, 3.0, 4.5]
    found = relatedness_scores(Answers(*predicted), [Pair(score) for score in right])
    ranks = [1.0, 2.5, 2.5, 4.0, 5.0], [2.0, 1.0, 3.5, 3.5, 5.0]
    assert found == pytest.approx(
        {
            "pearson": correlation(right, predicted),
            "spearman": correlation(*ranks),
            "mse": (0.25 + 1 + 1 + 2.25 + 0.25) / 5,
        },
        rel=1e-12,
    )


def correlation(first, second):
    first, second = ([value - sum(values) / len(values) for value in values] for values in (first, second))
    product = sum(a * b for a, b in zip(first, second, strict=True))
    return product / math.sqrt(sum(a * a for a in first) * sum(b * b for b in second))


def test_equal_answers_have_no_correlation():
    found = relatedness_scores(Answers(3.0, 3.0, 3.0), [Pair(score) for score in (1.0, 3.0, 4.0)])
    assert found == {"pearson": 0.0, "spearman": 0.0, "mse": pytest.approx(5 / 3, rel=1e-12)}


def test_tuned_vectors_alone_thaw(here):
    settings = ["--epochs", "2", "--freeze-epochs", "1", "--sets", "sst-fine", "sick"]
    assert reproduce("--quiet", settings=settings) == 0
    frozen = {run["setup"]["variant"]: run["freeze_epochs"] for run in records(here / "out").values()}
    assert frozen == {"random": 0, "fixed": 0, "tuned": 1}
    text = (here / "out" / "tai.md").read_text(encoding="utf-8")
    assert "- freeze_epochs: 0 (random, fixed); 1 (tuned)\n" in text
    assert "±" not in text.split("\n\n## ")[0].replace("± half", "")  # one run says nothing about its spread


def test_the_defaults_are_those_of_the_authors_code(here):
    only = ["--sets", "sick", "--structures", "dependency"]
    assert reproduce("--quiet", settings=only) == 0
    (run,) = records(here / "out").values()
    wanted = {
        "epochs": 10,
        "patience": 0,
        "batch_size": 25,
        "optimizer": "adagrad",
        "lr": 0.05,
        "weight_decay": 1e-4,
        "embedding_lr": None,
        "hidden": 50,
        "mode": "static",
    }
    assert {key: run[key] for key in wanted} == wanted
    assert len(run["history"]["epochs"]) == 10


# --- stopping and going on -------------------------------------------------------------------------------------------


def test_tables_that_were_stopped_end_like_those_that_were_not(here, whole, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        started = stop_in(patch, 12, tai_training)
        assert reproduce() == 130
    told = capsys.readouterr().err
    assert "finished runs are in out: the same command goes on from there" in told
    assert "24 runs, 0 of them finished before" in told
    assert "SST fine-grained constituency random, seed 1: test accuracy " in told
    assert "SICK constituency fixed, seed 1: test Pearson's r 0." in told
    assert started == [False] * 12
    assert "SICK | dependency" not in (here / "out" / "tai.md").read_text(encoding="utf-8")

    resumed = stop_in(monkeypatch, None, tai_training)
    assert reproduce() == 0
    assert "SICK dependency fixed, seed 1: going on after epoch 1, from out" in capsys.readouterr().err
    assert resumed == [True] + [False] * 12
    assert timeless(here / "out", "tai") == timeless(whole, "tai")


def test_reports_are_rebuilt_without_training(whole, monkeypatch):
    kept = {name: (whole / name).read_bytes() for name in tai_report.REPORTS}
    for name in kept:
        (whole / name).unlink()
    monkeypatch.chdir(whole.parent)
    monkeypatch.setattr(tai_training, "fit", None)
    assert reproduce("--quiet") == 0
    assert {name: (whole / name).read_bytes() for name in kept} == kept


def test_parts_of_the_tables_go_into_one_folder(here, whole):
    for more in (["--sets", "sick"], ["--structures", "dependency"], ["--variants", "random", "tuned"], []):
        assert reproduce("--quiet", *more) == 0
    assert (here / "out" / "tai.csv").read_bytes() == (whole / "tai.csv").read_bytes()


def test_random_rows_do_not_depend_on_the_vectors(here, monkeypatch):
    only = ["--sets", "sst-binary", "--variants", "random", "--epochs", "1"]
    assert reproduce("--quiet", settings=only) == 0
    write_vectors(here / "vectors.txt", WORDS, DIM, seed=5)
    monkeypatch.setattr(tai_training, "fit", None)
    assert reproduce("--quiet", settings=only) == 0
