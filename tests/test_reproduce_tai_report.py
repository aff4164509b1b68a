"""The report of `finevec reproduce tai`: what it compares, what it refuses, what it says differs from the paper."""

from __future__ import annotations

import copy
import csv
import io

import pytest
from finevec.commands import main
from finevec.reproduce.tai import check_record
from finevec.reproduce.tai_report import LAYOUT, cells_csv, markdown, runs_csv
from toy_kim import records
from toy_tai import reproduce, write_tai_data


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """All runs of two seeds, one epoch each, by name."""
    folder = tmp_path_factory.mktemp("finished")
    write_tai_data(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert reproduce("--quiet", "--epochs", "1") == 0
    return records(folder / "out")


@pytest.fixture
def runs(finished):
    return copy.deepcopy(finished)


def report(runs):
    return markdown(LAYOUT.cells(runs.values()))


def only(runs, *begins):
    return {name: run for name, run in runs.items() if name.startswith(begins)}


def notes(runs):
    found = report(runs).split("## What differs from the paper\n\n")[1].split("\n\n##")[0].splitlines()
    assert all(note.startswith("- ") for note in found)
    return found


def line(text, after, *begins):
    """Return the cells of the line that begins so, in the table after a heading."""
    (found,) = [
        row for row in text.split(after)[1].split("\n\n")[1].splitlines() if row.startswith(f"| {' | '.join(begins)} |")
    ]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_parts_of_the_tables_are_shown_as_they_come(runs):
    text = report(only(runs, "sst-binary.dependency.tuned"))
    assert "Relatedness" not in text
    assert "Points above" not in text
    assert line(text, "Sentiment", "trees") == ["trees", "vectors", "SST binary", "paper"]
    assert line(text, "Sentiment", "dependency", "tuned")[3] == "85.7"
    text = report(only(runs, "sick.dependency"))
    assert "Sentiment of sentences" not in text
    assert line(text, "Relatedness", "dependency", "fixed")[3::2] == ["0.8676", "0.8083", "0.2532"]
    text = report(only(runs, "sst-fine.constituency", "sst-binary.dependency"))
    assert line(text, "Sentiment", "constituency", "random")[3:] == ["43.9", "-", "82.0"]
    assert line(text, "Sentiment", "dependency", "tuned")[2:4] == ["-", "48.4"]


def test_vectors_on_other_trees_are_not_compared(runs):
    for name, run in runs.items():
        if name.startswith("sst-fine.constituency.tuned."):
            run["setup"]["data"] = {"sst.train.ptb.txt": "00"}
    text = report(runs)
    gains = line(text, "Points above", "constituency", "tuned")
    assert (gains[2], gains[4][-3:]) == ("-", "(2)")
    assert "Vectors of SST fine-grained constituency were run on other files than others: do not compare these." in text
    assert "| SST fine-grained | constituency (random, fixed) |" in text
    assert "| SST fine-grained | constituency (tuned) |" in text


def test_a_mean_of_runs_of_different_setups_is_refused(runs):
    runs["sick.dependency.fixed.seed2"]["setup"]["epochs"] = 9
    with pytest.raises(ValueError, match="do not belong in one table") as caught:
        report(runs)
    assert str(caught.value).startswith(
        "sick.dependency.fixed.seed2.json and sick.dependency.fixed.seed1.json do not belong in one table: epochs 9, "
        "not 1; remove one"
    )


def test_settings_tell_which_runs_differ(runs):
    told = report(runs).split("## Settings\n\n")[1].split("\n\n##")[0].splitlines()
    assert "- hidden: 50" in told
    assert "- dropout: 0.5" in told
    assert (
        "- mem_dim: 150 (SST fine-grained constituency, SST binary constituency, SICK dependency); 168 (SST "
        "fine-grained dependency, SST binary dependency); 142 (SICK constituency)"
    ) in told
    for name, run in runs.items():
        if name.startswith("sick."):
            run["setup"]["epochs"] = 3
    assert "- epochs: 1 (SST fine-grained, SST binary); 3 (SICK)\n" in report(runs)


def test_the_data_are_described(runs):
    text = report(runs)
    assert line(text, "## Data", "SST binary", "constituency")[2:5] == [
        f"{runs['sst-binary.constituency.fixed.seed1'][f'{part}_texts']}" for part in ("train", "dev", "test")
    ]
    assert line(text, "## Data", "SICK", "dependency") == ["SICK", "dependency", "30", "12", "14", "-", "17", "17"]
    labels = int(line(text, "## Data", "SST fine-grained", "constituency")[5])
    leaves = runs["sst-fine.dependency.fixed.seed1"]
    assert labels > leaves["train_labels"] >= leaves["train_texts"]
    only_random = only(runs, "sst-fine.constituency.random")
    assert line(report(only_random), "## Data", "SST fine-grained", "constituency")[-1] == "-"


def test_both_csv_files_are_in_percent_or_as_they_are(runs):
    cells = LAYOUT.cells(runs.values())
    rows = list(csv.DictReader(io.StringIO(runs_csv(cells))))
    assert len(rows) == 24
    for row in rows:
        run = runs[f"{row['set']}.{row['structure']}.{row['variant']}.seed{row['seed']}"]
        scale = 1 if row["set"] == "sick" else 100
        assert float(row["dev"]) == pytest.approx(scale * run["dev_accuracy"], rel=1e-8)
        scores = {name: row[f"test_{name}"] for name in ("accuracy", "pearson", "spearman", "mse")}
        told = {name: float(score) for name, score in scores.items() if score}
        assert told == pytest.approx({name: scale * score for name, score in run["test_scores"].items()}, abs=1e-9)
    means = list(csv.DictReader(io.StringIO(cells_csv(cells))))
    assert [row["metric"] for row in means] == ["accuracy"] * 10 + ["pearson", "spearman", "mse"] * 2


def test_what_differs_from_the_paper_is_told_for_what_was_run(runs):
    begins = {
        "A leaf of a constituency tree ": lambda key: "constituency" in key,
        "In binary sentiment, ": lambda key: key.startswith("sst-binary"),
        "In relatedness, ": lambda key: key.startswith("sick"),
        "The loss of relatedness ": lambda key: key.startswith("sick"),
        "The constituency trees of SICK ": lambda key: key.startswith("sick.constituency"),
        "Random vectors ": lambda key: ".random" in key,
        "Vectors: `vectors.txt`, 6 numbers a word; ": lambda key: ".random" not in key,
    }
    for key in {name.removesuffix(".seed1").removesuffix(".seed2") for name in runs}:
        told = notes(only(runs, f"{key}."))
        for begin, applies in begins.items():
            assert sum(note.startswith(f"- {begin}") for note in told) == int(applies(key)), (key, begin)


def test_settings_that_are_the_papers_are_not_told_as_different(runs):
    assert any(note.startswith("- Training: at most 1 epoch. ") for note in notes(runs))
    assert not any(note.startswith("- Optimizer: ") for note in notes(runs))
    for run in runs.values():
        run["epochs"] = 10
    assert not any(note.startswith("- Training: ") for note in notes(runs))
    runs["sst-fine.constituency.tuned.seed1"]["embedding_lr"] = 0.5
    assert [note for note in notes(runs) if note.startswith("- Optimizer: ")] == [
        "- Optimizer: adagrad (lr 0.05, L2 0.0001), adagrad (lr 0.05, L2 0.0001, of the vectors sgd 0.1), adagrad (lr "
        "0.05, L2 0.0001, of the vectors sgd 0.5). The paper: AdaGrad (0.05, L2 0.0001), of tuned vectors plain "
        "descent (0.1)."
    ]
    for run in runs.values():
        run["dim"] = 300
    assert not any(note.startswith("- Random vectors ") for note in notes(runs))


# --- runs that the report cannot use ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run["setup"].pop("structure"), "it does not say structure"),
        (lambda run: [run["setup"].pop(key) for key in ("mem_dim", "data")], "it does not say data, mem_dim"),
        (lambda run: run.pop("test_scores"), "it does not say test_scores"),
        (lambda run: run["test_scores"].pop("mse"), "it does not say mse"),
        (lambda run: run["setup"].update(seed=2), r"expected the setup of .*seed1, found that of .*seed2"),
        (lambda run: run["setup"].update(variant="tuned"), r"expected the setup of .*, found that of .*tuned\.seed1"),
        (lambda run: run["setup"].update(set="subj"), r"expected the setup of .*, found that of subj\."),
    ],
)
def test_an_incomplete_run_is_refused(runs, change, message):
    run = runs["sick.dependency.fixed.seed1"]
    check_record("sick.dependency.fixed.seed1", run)
    change(run)
    with pytest.raises(ValueError, match=message):
        check_record("sick.dependency.fixed.seed1", run)


def test_what_is_checked_is_what_the_report_reads(runs):
    class Noted(dict):
        def __getitem__(self, key):
            read.add(key)
            return super().__getitem__(key)

    read = set()
    cells = LAYOUT.cells([Noted(run) for run in runs.values()])
    for text in (markdown, cells_csv, runs_csv):
        text(cells)
    name = "sst-fine.dependency.tuned.seed1"
    for key in read - {"setup"}:
        with pytest.raises(ValueError, match=f"it does not say {key}$"):
            check_record(name, {k: v for k, v in runs[name].items() if k != key})


def test_help_tells_the_defaults(capsys):
    assert main(["reproduce", "tai", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "at most (default 10)" in told
    assert "0: never (default 0)" in told
    assert "of tuned: keep the vectors frozen for so many epochs, then fine-tune" in told
