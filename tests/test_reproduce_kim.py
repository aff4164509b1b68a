"""`finevec reproduce kim` on toy data: the table, stopping and going on."""

from __future__ import annotations

import csv
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from finevec.commands import main
from finevec.plot import read_run
from finevec.reproduce import kim_report, kim_training
from finevec.reproduce.folds import split_folds
from finevec.reproduce.runs import RunStore
from toy_kim import DIM, SETTINGS, records, reproduce, stop_in, timeless, write_kim_data
from toy_texts import read_json

PAPER = {  # table 2
    "random": {"mr": 76.1, "sst1": 45.0, "sst2": 82.7, "trec": 91.2},
    "static": {"mr": 81.0, "sst1": 45.5, "sst2": 86.8, "trec": 92.8},
    "non-static": {"mr": 81.5, "sst1": 48.0, "sst2": 87.2, "trec": 93.6},
    "multichannel": {"mr": 81.1, "sst1": 47.4, "sst2": 88.1, "trec": 92.2},
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with data and vectors, so that the commands of two runs are the same."""
    write_kim_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a table that was run without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    write_kim_data(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert reproduce("--quiet") == 0
    return folder / "out"


def table(text):
    """Return the first Markdown table of a text as rows of cells."""
    lines = [line for line in text.split("\n\n## ")[0].split("\n\n")[2].splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# --- the table -------------------------------------------------------------------------------------------------------


def test_every_run_is_there(whole):
    wanted = {f"mr.{variant}.seed{seed}.fold0{fold}" for variant in PAPER for seed in (1, 2) for fold in (1, 2, 3)}
    wanted |= {
        f"{name}.{variant}.seed{seed}" for name in ("sst1", "sst2", "trec") for variant in PAPER for seed in (1, 2)
    }
    assert set(records(whole)) == wanted


def test_means_and_intervals_are_those_of_the_runs(whole):
    quantiles = {2: 12.706, 6: 2.571}  # Student's t, 0.975, by number of runs
    runs = records(whole)
    lines = table((whole / "kim.md").read_text(encoding="utf-8"))
    assert lines[0] == ["variant", "MR", "paper", "SST-1", "paper", "SST-2", "paper", "TREC", "paper"]
    assert [line[0] for line in lines[2:]] == ["CNN-rand", "CNN-static", "CNN-non-static", "CNN-multichannel"]
    with open(whole / "kim.csv", encoding="utf-8", newline="") as file:
        rows = {(row["set"], row["variant"]): row for row in csv.DictReader(file)}
    assert len(rows) == 16
    for line, (variant, paper) in zip(lines[2:], PAPER.items(), strict=True):
        for column, name in enumerate(("mr", "sst1", "sst2", "trec")):
            found = [100 * run["test_accuracy"] for key, run in runs.items() if key.startswith(f"{name}.{variant}.")]
            count = 6 if name == "mr" else 2
            assert len(found) == count
            mean = sum(found) / count
            half = quantiles[count] * math.sqrt(sum((x - mean) ** 2 for x in found) / (count - 1)) / math.sqrt(count)
            assert line[1 + 2 * column :][:2] == [f"{mean:.1f} ± {half:.1f} ({count})", f"{paper[name]}"]
            row = rows[name, variant]
            assert (int(row["runs"]), float(row["paper"])) == (count, paper[name])
            got = [float(row[key]) for key in ("mean", "half_width", "low", "high")]
            assert got == pytest.approx([mean, half, mean - half, mean + half], rel=1e-9, abs=1e-9)


def test_differences_are_paired(whole):
    runs = records(whole)
    gains = []
    for seed in (1, 2):
        for fold in (1, 2, 3):
            tuned, frozen = (runs[f"mr.{mode}.seed{seed}.fold0{fold}"] for mode in ("non-static", "static"))
            gains.append(100 * (tuned["test_accuracy"] - frozen["test_accuracy"]))
    half = 2.571 * np.std(gains, ddof=1) / math.sqrt(6)
    (line,) = [
        line
        for line in (whole / "kim.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| CNN-non-static | {np.mean(gains):+.1f} ± {half:.1f} (6) | +0.5 |")
    ]
    assert "| +2.5 |" in line  # SST-1: 48.0 - 45.5


def test_no_two_runs_are_the_same(whole):
    runs = records(whole)
    histories = {str(run["history"]) for run in runs.values()}
    assert len(histories) == len(runs)
    assert all(f".seed{run['seed']}" in name for name, run in runs.items())
    assert {run["test_texts"] for name, run in runs.items() if name.startswith("mr.")} == {20}


@pytest.mark.parametrize(
    ("name", "variant", "options"),
    [
        ("mr.non-static.seed2.fold02", "non-static", []),
        ("sst1.multichannel.seed1", "multichannel", []),
        ("sst2.static.seed2", "static", []),
        ("trec.random.seed1", "random", ["--dim", str(DIM)]),
    ],
)
def test_a_run_is_what_finevec_train_gives(whole, tmp_path, name, variant, options):
    data = whole.parent / "data"
    if name.startswith("mr"):
        rows = (data / "mr.all.tsv").read_text().splitlines(keepends=True)
        test = split_folds([row.split("\t")[0] for row in rows], 3, seed=2)[1]
        (tmp_path / "test.tsv").write_text("".join(rows[position] for position in test))
        kept = [row for position, row in enumerate(rows) if position not in test]
        (tmp_path / "train.tsv").write_text("".join(kept))
        parts = {part: tmp_path / f"{part}.tsv" for part in ("train", "test")}
    else:
        files = {"sst1": "sst5", "sst2": "sst2", "trec": "trec"}[name.split(".")[0]]
        phrases = ".phrases" if files != "trec" else ""
        parts = {
            part: data / f"{files}.{part}{phrases if part == 'train' else ''}.tsv" for part in ("train", "dev", "test")
        }
        parts = {part: path for part, path in parts.items() if path.exists()}
    if variant != "random":
        options = [*options, "--vectors", str(whole.parent / "vectors.txt")]
    options += [word for part, path in parts.items() for word in (f"--{part}", str(path))]
    options += ["--epochs", "2", "--patience", "0", "--seed", name.split("seed")[1][0]]
    metrics = tmp_path / "metrics.json"
    assert main(["train", "--quiet", "--model", "cnn", "--mode", variant, "--metrics", str(metrics), *options]) == 0
    wanted, got = read_json(metrics), records(whole)[name]
    for part in (wanted, got):
        for epoch in part["history"]["epochs"]:
            del epoch["seconds"], epoch["examples_per_second"]
    clock_and_paths = {"seconds", "training_seconds", "files"}
    assert {key: got[key] for key in wanted if key not in clock_and_paths} == {
        key: wanted[key] for key in wanted if key not in clock_and_paths
    }


def test_runs_can_be_plotted(whole):
    run = read_run(whole / "runs" / "trec.static.seed1.json", "static")
    assert (run.frozen_epochs, len(run.dev_accuracy)) == (2, 2)


def test_neighbors_are_the_nearest_words_of_the_training_texts(whole):
    kept = {name: run["neighbors"] for name, run in records(whole).items() if "neighbors" in run}
    assert set(kept) == {"sst2.multichannel.seed1", "sst2.multichannel.seed2"}
    lists = kept["sst2.multichannel.seed1"]
    assert list(lists) == ["bad", "good", "!"]  # "n't" and "," do not occur
    rows = {}
    for line in (whole.parent / "vectors.txt").read_text().splitlines():
        word, *numbers = line.split(" ")
        rows[word] = np.array(numbers, dtype=float) / np.linalg.norm(np.array(numbers, dtype=float))
    phrases = (whole.parent / "data" / "sst2.train.phrases.tsv").read_text().splitlines()
    trained = {word for phrase in phrases for word in phrase.split()[1:]}
    assert trained <= set(rows)
    text = (whole / "kim.md").read_text(encoding="utf-8")
    for word, tables in lists.items():
        cosines = sorted(((float(rows[word] @ rows[other]), other) for other in trained - {word}), reverse=True)
        assert [other for other, _ in tables["static"]] == [other for _, other in cosines[:4]]
        # Four decimals are kept; the table is float32, whose cosines are right to 1e-6.
        assert [value for _, value in tables["static"]] == pytest.approx([value for value, _ in cosines[:4]], abs=6e-5)
        tuned = [value for _, value in tables["tuned"]]
        assert tuned == sorted(tuned, reverse=True)
        assert tables["tuned"] != tables["static"]
        shown = [", ".join(f"`{other}`" for other, _ in tables[name]) for name in ("static", "tuned")]
        assert f"| `{word}` | {shown[0]} | {shown[1]} |" in text


def test_tuned_variants_alone_thaw(here):
    settings = ["--epochs", "2", "--freeze-epochs", "1", "--sets", "trec"]
    assert reproduce("--quiet", settings=settings) == 0
    frozen = {run["mode"]: run["freeze_epochs"] for run in records(here / "out").values()}
    assert frozen == {"random": 0, "static": 0, "non-static": 1, "multichannel": 1}
    text = (here / "out" / "kim.md").read_text(encoding="utf-8")
    assert "- freeze_epochs: 0 (CNN-rand, CNN-static); 1 (CNN-non-static, CNN-multichannel)\n" in text
    assert table(text)[2][0] == "CNN-rand"
    assert "±" not in text.split("\n\n## ")[0].split("\n\n")[2]  # one run says nothing about its spread


# --- stopping and going on -------------------------------------------------------------------------------------------


def test_a_table_that_was_stopped_ends_like_one_that_was_not(here, whole, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        started = stop_in(patch, 6)
        assert reproduce() == 130
    told = capsys.readouterr().err
    assert "finished runs are in out: the same command goes on from there" in told
    assert told.count(" left, about ") == 5
    assert "48 runs, 0 of them finished before" in told
    assert len(records_only(here / "out")) == 5
    assert started == [False] * 6
    assert "(1 of 3)" in (here / "out" / "kim.md").read_text(encoding="utf-8")

    with monkeypatch.context() as patch:
        stop_in(patch, 2)
        assert reproduce() == 130
    told = capsys.readouterr().err.splitlines()
    notes = [line for line in told if line.startswith("SST-1 static, seed 1: going on after epoch 1, from out")]
    assert len(notes) == 1
    assert not any("thaw" in line for line in told)

    resumed = stop_in(monkeypatch, None)
    assert reproduce("--quiet") == 0
    assert resumed == [True] + [False] * 41
    assert capsys.readouterr().err == ""
    assert timeless(here / "out") == timeless(whole)


def records_only(out):
    return [path for path in (out / "runs").iterdir() if path.suffix == ".json"]


KILLED = """
import os, signal, sys
from finevec.commands import main
from finevec.reproduce import kim_training

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def fit(*args, checkpoint):
    started.append(checkpoint)
    if len(started) == 3 and where == "training":
        args[4].batch = lambda epoch, *_: kill() if epoch == 2 else None
    history = real(*args, checkpoint=checkpoint)
    if len(started) == 3:
        os.fsync = kill  # the run is written aside, not renamed
    return history

started, real, where = [], kim_training.fit, sys.argv[1]
kim_training.fit = fit
main(["reproduce", "kim", "--data", "data", "--vectors", "vectors.txt", "--out", "out", "--quiet", *sys.argv[2:]])
"""


@pytest.mark.skipif(os.name == "nt", reason="a process is killed the POSIX way")
@pytest.mark.parametrize("where", ["training", "saving"])
def test_a_killed_process_leaves_whole_runs_and_is_gone_on_from(here, whole, where):
    part = ["--sets", "trec", "--variants", "static", "random"]
    process = subprocess.run([sys.executable, "-c", KILLED, where, *SETTINGS, *part])
    assert process.returncode == -signal.SIGKILL
    assert len([read_json(path) for path in records_only(here / "out")]) == 2
    left = sorted(path.suffix for path in (here / "out" / "runs").iterdir() if path.suffix != ".json")
    assert left == ([".checkpoint"] if where == "training" else [".checkpoint", ".new"])
    assert reproduce("--quiet", *part) == 0
    for path in (here / "out" / "runs").glob(".finevec-*.new"):
        path.unlink()
    names = ("trec.static.seed1", "trec.static.seed2", "trec.random.seed1", "trec.random.seed2")
    wanted = timeless(whole)["runs"]
    kept = timeless(here / "out")["runs"]
    for run in (*kept.values(), *wanted.values()):
        del run["command"]
    assert kept == {name: wanted[name] for name in names}


def test_reports_are_rebuilt_without_training(whole, monkeypatch):
    kept = {name: (whole / name).read_bytes() for name in kim_report.REPORTS}
    for name in kept:
        (whole / name).unlink()
    monkeypatch.chdir(whole.parent)
    monkeypatch.setattr(kim_training, "fit", None)
    assert reproduce("--quiet") == 0
    assert {name: (whole / name).read_bytes() for name in kept} == kept


def test_parts_of_a_table_go_into_one_folder(here, whole):
    for more in (
        ["--sets", "trec"],
        ["--sets", "sst2", "mr"],
        ["--sets", "sst1", "--variants", "random", "static"],
        [],
    ):
        assert reproduce("--quiet", *more) == 0
    assert (here / "out" / "kim.csv").read_bytes() == (whole / "kim.csv").read_bytes()


def test_a_run_that_is_saved_while_reports_are_written_is_in_them(here, monkeypatch):
    assert reproduce("--quiet", "--sets", "trec", "--variants", "static") == 0
    store = RunStore("out", "kim")
    other = store.path("trec.static.seed2").read_bytes()
    before = Path("out/kim.csv").read_bytes()
    store.path("trec.static.seed2").unlink()
    real = kim_report.markdown

    def markdown(cells):
        store.path("trec.static.seed2").write_bytes(other)  # as another process would
        return real(cells)

    monkeypatch.setattr(kim_report, "markdown", markdown)
    kim_report.write_reports(store)
    assert Path("out/kim.csv").read_bytes() == before
