"""The report of `finevec reproduce kim`: what it compares, what it refuses, what it says differs from the paper."""

from __future__ import annotations

import copy
import csv
import io
import json

import pytest
from finevec.commands import main
from finevec.reproduce.kim import check_record
from finevec.reproduce.kim_report import by_cell, cells_csv, markdown, runs_csv
from finevec.reproduce.runs import RunStore
from toy_kim import records, reproduce, write_kim_data


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The runs of two variants on MR and TREC by name."""
    folder = tmp_path_factory.mktemp("finished")
    write_kim_data(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert reproduce("--quiet", "--sets", "mr", "trec", "--variants", "static", "non-static", "--epochs", "1") == 0
    return records(folder / "out")


@pytest.fixture
def runs(finished):
    return copy.deepcopy(finished)


def report(runs):
    return markdown(by_cell(list(runs.values())))


def gains(text):
    """Return the cells of CNN-non-static's line in the table of differences; None where there is no such table."""
    if "Points above CNN-static" not in text:
        return None
    table = text.split("Points above CNN-static")[1].split("\n\n")[1]
    return [cell.strip() for cell in table.splitlines()[2].strip("|").split("|")]


def test_variants_of_the_same_texts_are_compared(runs):
    text = report(runs)
    assert [cell[-3:] for cell in gains(text)[1::2]] == ["(6)", "(2)"]
    assert "do not compare" not in text
    assert text.count("| MR (a fold) |") == 1


@pytest.mark.parametrize(("key", "value"), [("folds", 4), ("data", {"mr.all.tsv": "00"})])
def test_variants_of_other_texts_are_not_compared(runs, key, value):
    for name, run in runs.items():
        if name.startswith("mr.non-static."):
            run["setup"][key] = value
    text = report(runs)
    assert gains(text)[1] == "-"
    assert gains(text)[3].endswith("(2)")
    assert "Variants of MR were run on other files or other folds than others: do not compare these.\n" in text
    assert "| MR (a fold, CNN-static) |" in text
    assert "| MR (a fold, CNN-non-static) |" in text


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("folds", 4, "folds 4, not 3"),
        ("data", {"mr.all.tsv": "00"}, "data mr.all.tsv 00, not "),
        ("epochs", 9, "epochs 9, not 1"),
    ],
)
def test_a_mean_of_runs_of_different_setups_is_refused(runs, key, value, said):
    runs["mr.static.seed2.fold02"]["setup"][key] = value
    with pytest.raises(ValueError, match="do not belong in one table") as caught:
        report(runs)
    assert str(caught.value).startswith(
        f"mr.static.seed2.fold02.json and mr.static.seed1.fold01.json do not belong in one table: {said}"
    )


def test_both_csv_files_are_in_percent(runs):
    cells = by_cell(list(runs.values()))
    means = list(csv.DictReader(io.StringIO(cells_csv(cells))))
    rows = list(csv.DictReader(io.StringIO(runs_csv(cells))))
    assert len(rows) == 16
    assert all(len(text.partition(".")[2]) <= 9 for row in (*rows, *means) for text in row.values())
    for row in rows:
        fold = f".fold{int(row['fold']):02d}" if row["fold"] else ""
        run = runs[f"{row['set']}.{row['variant']}.seed{row['seed']}{fold}"]
        assert float(row["dev_percent"]) == pytest.approx(100 * run["dev_accuracy"], rel=1e-9)
        assert float(row["test_percent"]) == pytest.approx(100 * run["test_accuracy"], rel=1e-9)
    trec = [float(row["test_percent"]) for row in rows if (row["set"], row["variant"]) == ("trec", "static")]
    (mean,) = [float(row["mean"]) for row in means if (row["set"], row["variant"]) == ("trec", "static")]
    assert mean == pytest.approx(sum(trec) / 2, rel=1e-9)


def test_what_differs_from_the_paper_is_told(runs):
    notes = report(runs).split("## What differs from the paper\n\n")[1].split("\n\n##")[0].splitlines()
    assert all(note.startswith("- ") for note in notes)
    for begin in ("First weights: ", "Dropout ", "Every window has a word of the text. "):
        assert len([note for note in notes if note.startswith(f"- {begin}")]) == 1
    assert [note for note in notes if note.startswith("- Optimizer: ")] == [
        "- Optimizer: adam (lr 0.0005), adam (lr 0.0005, of the vectors 0.001). The paper: Adadelta (rho 0.95 and no "
        "rate, which is lr 1, in its code)."
    ]
    for run in runs.values():
        run |= {"optimizer": "adadelta", "lr": 1.0, "embedding_lr": 1.0 if run["embedding_lr"] else None}
        run["embedding_optimizer"] = "adadelta"
    assert "- Optimizer: " not in report(runs)
    runs["trec.non-static.seed1"]["embedding_lr"] = 0.5
    assert "adadelta (lr 1, of the vectors 0.5)" in report(runs)


# --- runs that the report cannot use ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run["setup"].pop("seed"), "it does not say seed"),
        (lambda run: [run["setup"].pop(key) for key in ("set", "folds")], "it does not say folds, set"),
        (lambda run: run.pop("test_accuracy"), "it does not say test_accuracy"),
        (
            lambda run: run["setup"].update(seed=2),
            r"expected the setup of trec\.static\.seed1, found that of trec\.stat",
        ),
        (
            lambda run: run["setup"].update(set="subj"),
            r"expected the setup of trec\.static\.seed1, found that of subj\.",
        ),
    ],
)
def test_an_incomplete_run_is_refused_by_the_name_of_its_file(tmp_path, runs, change, message):
    run = runs["trec.static.seed1"]
    check_record("trec.static.seed1", run)
    change(run)
    store = RunStore(tmp_path, "kim", check_record)
    store.folder.mkdir()
    store.path("trec.static.seed1").write_text(json.dumps(run))
    with pytest.raises(ValueError, match=rf"trec\.static\.seed1\.json: not a finished run: {message}"):
        store.read("trec.static.seed1")


def test_what_is_checked_is_what_the_report_reads(runs):
    class Noted(dict):
        def __getitem__(self, key):
            read.add(key)
            return super().__getitem__(key)

    read = set()
    noted = [Noted(run) for run in runs.values()]
    cells = by_cell(noted)
    for text in (markdown, cells_csv, runs_csv):
        text(cells)
    for key in read - {"setup", "neighbors"}:
        with pytest.raises(ValueError, match=f"it does not say {key}$"):
            check_record("trec.static.seed1", {k: v for k, v in runs["trec.static.seed1"].items() if k != key})


def test_help_tells_the_defaults(capsys):
    assert main(["reproduce", "kim", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "of the vectors (cnn adagrad 0.01, adam 0.001, sgd 0.1, adadelta 0.3)" in told
    assert "of non-static and multichannel: keep the vectors frozen for so many epochs, then fine-tune" in told
