"""What every reproduced table is made of: folds, means, cells, files, the store of runs, the loop over a plan."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections import Counter
from itertools import product

import numpy as np
import pytest
from finevec.reproduce.cells import Layout, paired
from finevec.reproduce.data_files import find_files
from finevec.reproduce.folds import split_folds
from finevec.reproduce.loop import Planned, expected_seconds, run_missing
from finevec.reproduce.runs import RunStore
from finevec.reproduce.summary import QUANTILES, csv_text, estimate, markdown_table, quantile
from hypothesis import given
from hypothesis import strategies as st

# --- folds -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=60), st.integers(2, 10), st.integers(0, 5))
def test_folds_are_disjoint_complete_and_balanced(labels, folds, seed):
    counts = Counter(labels)
    if folds > max(counts.values()):
        with pytest.raises(ValueError, match=f"expected 2 to {max(counts.values())}, .*got {folds}"):
            split_folds(labels, folds, seed)
        return
    parts = split_folds(labels, folds, seed)
    assert len(parts) == folds
    assert sorted(position for part in parts for position in part.tolist()) == list(range(len(labels)))
    for part in parts:
        assert part.size
        assert part.tolist() == sorted(part.tolist())
        held_out = Counter(labels[position] for position in part)
        assert all(count // folds <= held_out[label] <= -(-count // folds) for label, count in counts.items())


def test_folds_follow_from_the_seed():
    labels = ["neg", "pos"] * 20
    first, again, other = (split_folds(labels, 4, seed) for seed in (1, 1, 2))
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match=r"expected 2 to 3, .*got 1"):
        split_folds([0, 0, 0], 1, seed=1)


# --- means and intervals ---------------------------------------------------------------------------------------------


def t_distribution(x, degrees):
    """Return Student's distribution function, its density integrated by Simpson's rule from 0."""
    n = 20_000
    points = np.linspace(0.0, x, n + 1)
    log_scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    density = np.exp(log_scale - (degrees + 1) / 2 * np.log1p(points**2 / degrees))
    weights = np.where(np.arange(n + 1) % 2 == 1, 4.0, 2.0)
    weights[[0, -1]] = 1.0
    return 0.5 + float(density @ weights) * x / n / 3


@pytest.mark.parametrize("degrees", QUANTILES)
def test_quantiles_are_right_to_their_last_digit(degrees):
    value = quantile(degrees)
    # Rounded to 3 digits: the quantile is within 0.0005 of it. Simpson's error is far below, at most 1e-9 here.
    assert t_distribution(value - 0.00051, degrees) < 0.975 < t_distribution(value + 0.00051, degrees)


def test_between_the_quantiles_the_next_larger_holds():
    assert [quantile(degrees) for degrees in (30, 31, 39, 40, 79, 99, 10_000)] == [
        2.042, 2.042, 2.042, 2.021, 2.000, 1.990, 1.984,
    ]  # fmt: skip


def test_an_estimate_is_the_mean_and_students_interval():
    values = [0.71, 0.74, 0.75, 0.78]
    result = estimate(values)
    mean = sum(values) / 4
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / 3)
    assert result.mean == pytest.approx(mean, rel=1e-12)
    assert result.half_width == pytest.approx(3.182 * spread / 2, rel=1e-12)
    assert result.runs == 4
    assert estimate([0.5]).half_width is None
    assert estimate([-0.01, -0.01]).text(sign="+") == "-1.0 ± 0.0"


def test_tables_keep_what_is_in_them():
    assert markdown_table(["a|b", "c"], [["x", "|"]], left=2).splitlines() == [
        "| a\\|b | c |",
        "|---|---|",
        "| x | \\| |",
    ]
    text = csv_text(["name", "value"], [['say "a", b', 0.1], ["none", None]])
    assert list(csv.reader(io.StringIO(text))) == [["name", "value"], ['say "a", b', "0.1"], ["none", ""]]


# --- cells and files -------------------------------------------------------------------------------------------------

LAYOUT = Layout(
    {"set": {"s": "S", "t": "T"}, "trees": {"c": "C", "d": "D"}, "mode": {"x": "X", "y": "Y"}}, ["seed"], str
)
CELLS = {key: [] for key in product("st", "cd", "xy") if key != ("t", "d", "y")}


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ("scy sdy tcy", "Y"),
        ("sdx sdy tdx", "D"),
        ("tcx tcy tdx", "T"),
        ("sdx tdx", "D X"),
        ("sdx sdy", "S D"),
        ("scx sdy", "S C X, S D Y"),
        ("tcy tcx scx scy", "C"),
        ("tdx", "T D"),
    ],
)
def test_cells_are_named_by_as_few_axes_as_tell_them(found, name):
    assert LAYOUT.named([tuple(key) for key in found.split()], CELLS) == name


@given(st.sets(st.sampled_from(sorted(CELLS)), min_size=1))
def test_names_stand_for_the_cells_and_no_others(found):
    parts = LAYOUT.named(sorted(found), CELLS).split(", ")
    titles = {key: {part.upper() for part in key} for key in CELLS}
    assert {key for key in CELLS if any(set(part.split()) <= titles[key] for part in parts)} == found


def test_rows_and_columns_are_in_the_papers_order():
    def entry(key):
        return "".join(key), "-" if key in CELLS else "none"

    assert LAYOUT.rows(CELLS, ["t"]) == [("c", "x"), ("c", "y"), ("d", "x")]
    assert LAYOUT.table(["trees", "mode"], ["t", "s"], LAYOUT.rows(CELLS, ["s"])[2:], entry).splitlines() == [
        "| trees | mode | T | paper | S | paper |",
        "|---|---|---:|---:|---:|---:|",
        "| D | X | tdx | - | sdx | - |",
        "| D | Y | tdy | none | sdy | - |",
    ]


def test_differences_are_those_of_pairs():
    records = [{"seed": seed, "value": value} for seed, value in ((1, 0.5), (3, 0.25), (2, 1.0))]
    others = [{"seed": seed, "value": 0.25} for seed in (2, 1, 4)]
    assert paired(records, others, lambda run: run["seed"], lambda run: run["value"]) == [0.25, 0.75]


def test_files_are_found_in_the_folder_first_and_plain_first(tmp_path):
    (tmp_path / "trees").mkdir()
    for name in ("a.txt", "a.txt.gz", "b.txt.gz", "trees/b.txt", "trees/c.txt.gz", "trees/a.txt"):
        (tmp_path / name).write_text("")
    found = find_files(str(tmp_path), ["a.txt", "b.txt", "c.txt"], ["trees"])
    assert [str(path.relative_to(tmp_path)) for path in found.values()] == ["a.txt", "b.txt.gz", "trees/c.txt.gz"]
    with pytest.raises(FileNotFoundError, match=r"no c\.txt, d\.txt \(plain, or packed"):
        find_files(str(tmp_path), ["a.txt", "c.txt", "d.txt", "c.txt"])


# --- the store -------------------------------------------------------------------------------------------------------

SETUP = {"paper": "toy", "epochs": 5, "widths": [3, 4], "data": {"a.tsv": "00ff"}}


@pytest.fixture
def store(tmp_path):
    store = RunStore(tmp_path / "out", "toy")
    store.prepare()
    return store


def test_a_run_is_taken_back_and_its_checkpoint_removed(store):
    assert store.load("a.b.seed1", SETUP) is None
    store.checkpoint("a.b.seed1", SETUP).write_bytes(b"state")
    store.save("a.b.seed1", {"setup": SETUP, "test_accuracy": 0.1})
    assert [path.name for path in store.folder.iterdir()] == ["a.b.seed1.json"]
    # Killed between the two steps of saving: the next start removes what is left.
    store.checkpoint("a.b.seed1", SETUP).write_bytes(b"state")
    assert store.load("a.b.seed1", {**SETUP, "widths": (3, 4)}) == {"setup": SETUP, "test_accuracy": 0.1}
    assert [path.name for path in store.folder.iterdir()] == ["a.b.seed1.json"]
    assert store.names() == ["a.b.seed1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 6}, "epochs 5, not 6; choose another --out"),
        ({"data": {"a.tsv": "00fe"}}, r"data a\.tsv 00ff, not 00fe; choose"),
        ({"data": {"a.tsv": "00ff", "b.tsv": "11"}}, r"data b\.tsv unset, not 11; choose"),
        ({"epochs": 6, "lr": 1, "a": 1, "b": 1, "c": 1}, "a unset, not 1; .*epochs 5, not 6 and 1 more; choose"),
    ],
)
def test_another_setup_is_refused(store, change, message):
    store.save("run", {"setup": SETUP})
    with pytest.raises(ValueError, match=rf"run\.json: was run with {message}"):
        store.load("run", {**SETUP, **change})


@pytest.mark.parametrize(
    "content", [b"", b'{"setup": {"paper": "toy"', b"[]", b'{"setup": 1}', b'{"setup": {"paper": "kim"}}', b"\xff"]
)
def test_a_file_that_is_no_run_is_refused(store, content):
    store.path("run").write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.json: not a "):
        store.load("run", SETUP)
    assert store.path("run").read_bytes() == content


def test_a_run_that_the_reports_cannot_use_is_refused(tmp_path):
    def check(name, record):
        raise ValueError(f"{name} has no {sorted(record)}")

    store = RunStore(tmp_path, "toy", check)
    store.folder.mkdir()
    store.path("run").write_text(json.dumps({"setup": SETUP}))
    with pytest.raises(ValueError, match=r"run\.json: not a finished run: run has no \['setup'\]"):
        store.read("run")


def test_what_another_process_kept_with_another_setup_stays(store):
    other = {"setup": {**SETUP, "epochs": 6}}
    store.checkpoint("run", SETUP).write_bytes(b"state")
    store.save("run", other)
    with pytest.raises(ValueError, match=r"run\.json: was run with epochs 6, not 5; choose another --out"):
        store.save("run", {"setup": SETUP})
    assert store.read("run") == other
    assert store.checkpoint("run", SETUP).read_bytes() == b"state"


def test_checkpoints_of_other_setups_are_told_and_stay(store):
    plan = [Planned(name, name, {**SETUP, "name": name}, "k", 10) for name in ("a.seed1", "a.seed10")]
    own = [store.checkpoint(run.name, run.setup) for run in plan]
    other = store.checkpoint("a.seed1", {**plan[0].setup, "epochs": 6})
    not_planned = store.checkpoint("b.seed1", SETUP)
    for path in (*own, other, not_planned):
        path.write_bytes(b"state")
    said = []
    run_missing(plan, store, lambda run: record(1.0), lambda: None, said.append)
    assert [line for line in said if "checkpoint" in line] == [
        f"{other}: is of other settings; remove it unless another process is at work on it"
    ]
    assert sorted(store.folder.glob("*.checkpoint")) == sorted([other, not_planned])


def test_two_processes_may_begin_at_the_same_time(tmp_path, monkeypatch):
    store = RunStore(tmp_path / "out", "toy")
    real = os.listdir

    def listdir(path):
        found = real(path)
        store.folder.mkdir(parents=True, exist_ok=True)  # by the other one, just then
        return found

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "listdir", listdir)
    store.prepare()
    monkeypatch.undo()
    (tmp_path / "out" / "toy.md").write_text("of the other")
    store.prepare()
    assert store.folder.is_dir()


@pytest.mark.parametrize("name", ["toy.md", "model.json", "runs/events.log"])
def test_somebody_elses_folder_is_refused(tmp_path, name):
    (tmp_path / "runs").mkdir()
    (tmp_path / name).write_text("mine")
    if name != "runs/events.log":
        (tmp_path / "runs").rmdir()
    first = name.split("/")[0]
    with pytest.raises(FileExistsError, match=rf"holds {first} but no runs of finevec reproduce toy; choose an empty"):
        RunStore(tmp_path, "toy").prepare()
    assert [path.name for path in tmp_path.iterdir()] == [first]


@pytest.mark.parametrize("name", ["a.json", "a.00.checkpoint", ".finevec-1-1.new"])
def test_a_folder_of_runs_may_hold_other_things(tmp_path, name):
    (tmp_path / "runs").mkdir()
    for path in (f"runs/{name}", "notes.txt"):
        (tmp_path / path).write_text("ours")
    RunStore(tmp_path, "toy").prepare()


# --- the loop --------------------------------------------------------------------------------------------------------


def planned(name, kind, texts):
    return Planned(name, name.upper(), {"paper": "toy", "name": name}, kind, texts)


def record(seconds):
    return {"seconds": seconds, "test_accuracy": 0.5, "history": {"epochs": [{}, {}]}}


def test_expected_time_goes_by_runs_of_the_kind_then_by_texts():
    plan = [planned("a", "mr", 100), planned("b", "mr", 100), planned("c", "mr", 100), planned("d", "sst", 1000)]
    done = {"a": record(10.0), "b": record(14.0)}
    assert expected_seconds(plan[2:], plan, done) == pytest.approx(12.0 + 1000 * 24 / 200)


def test_only_missing_runs_are_done_and_each_is_kept_at_once(store):
    plan = [planned(name, "k", 10) for name in "abc"]
    store.save("b", {**record(1.0), "setup": plan[1].setup})
    seen, said = [], []

    def train(run):
        seen.append(run.name)
        return record(2.0)

    run_missing(plan, store, train, lambda: seen.append(store.names()), said.append)
    assert seen == [["b"], "a", ["a", "b"], "c", ["a", "b", "c"]]
    assert said == [
        "3 runs, 1 of them finished before",
        "A: test 50.00 %, 2 epochs, 2 s; 1 left, about 2 s",
        "C: test 50.00 %, 2 epochs, 2 s; none left",
    ]


def test_what_is_told_of_a_result_may_be_another_measure(store):
    said = []
    run_missing(
        [planned("a", "k", 10)], store, lambda run: record(2.0), lambda: None, said.append, lambda record: "r 0.5"
    )
    assert said[-1] == "A: test r 0.5, 2 epochs, 2 s; none left"


def test_a_run_that_another_process_finished_meanwhile_is_taken(store):
    plan = [planned(name, "k", 10) for name in "ab"]
    seen = []

    def train(run):
        seen.append(run.name)
        store.save("b", {**record(3.0), "setup": plan[1].setup})
        return record(2.0)

    run_missing(plan, store, train, lambda: None, lambda text: None)
    assert seen == ["a"]
    assert json.loads(store.path("b").read_text())["seconds"] == 3.0


def test_a_run_of_another_setup_is_told_before_anything_is_run(store):
    plan = [planned(name, "k", 10) for name in "ab"]
    store.save("b", {**record(3.0), "setup": {**plan[1].setup, "epochs": 1}})
    with pytest.raises(ValueError, match=r"b\.json: was run with epochs 1, not unset"):
        run_missing(plan, store, pytest.fail, pytest.fail, pytest.fail)


def test_a_run_that_diverges_is_named(store):
    def train(run):
        raise FloatingPointError("the loss is nan")

    with pytest.raises(FloatingPointError, match="A: the loss is nan"):
        run_missing([planned("a", "k", 10)], store, train, lambda: None, lambda text: None)
    assert store.names() == []
