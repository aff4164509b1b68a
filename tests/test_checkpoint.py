"""Resumed training: a run that was cut in two, killed, or ended, ends with the bits of one that was not cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from finevec import blas
from finevec.models import BagClassifier
from finevec.models.text_classifier import Example
from finevec.train import OPTIMIZERS, Settings, fit, loop, settings
from test_train import toy
from toy_runs import RUNS, UNSTEADY, Told, bits, run, run_cnn


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


# --- N + M equals N, save, load, M -----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("freeze_epochs", [0, 1, 2, 3])
def test_a_run_in_two_parts_ends_with_the_bits_of_the_whole(path, optimizer, freeze_epochs):
    options = {"optimizer": optimizer, "freeze_epochs": freeze_epochs, "dropout": 0.3}
    whole = run(epochs=4, **options)
    run(path, epochs=2, **options)
    told = Told()
    assert run(path, epochs=4, told=told, **options) == whole
    assert told.notes[0] == f"going on after epoch 2, from {path}"
    thaws = [note for note in told.notes if "thaws" in note]
    assert len(thaws) == (freeze_epochs >= 2)  # in the part in which it happens
    assert told.batches == 2 * 3


def test_every_cut_gives_the_same_weights_best_epoch_and_history(tmp_path):
    whole = run(epochs=8, **UNSTEADY)
    _, best, _, changed = whole[1]
    assert 1 < best < 7, "the test needs a best epoch with cuts before and after it"
    assert changed
    assert run(tmp_path / "uncut", epochs=8, **UNSTEADY) == whole
    for cut in range(1, 8):
        path = tmp_path / f"{cut}"
        run(path, epochs=cut, **UNSTEADY)
        assert run(path, epochs=8, **UNSTEADY) == whole, f"cut after epoch {cut}"
    path = tmp_path / "many"
    for epochs in range(1, 9):
        result = run(path, epochs=epochs, **UNSTEADY)
    assert result == whole


@pytest.mark.parametrize("mode", ["static", "random"])
def test_other_modes_go_on_too(path, mode):
    options = {"mode": mode, "dropout": 0.2, "optimizer": "adam"}
    whole = run(epochs=4, **options)
    run(path, epochs=3, **options)
    assert run(path, epochs=4, **options) == whole


@pytest.mark.parametrize("mode", ["static", "multichannel"])
def test_the_text_cnn_goes_on_too(path, mode):
    whole = run_cnn(mode=mode, epochs=4, freeze_epochs=1)
    run_cnn(path, mode=mode, epochs=2, freeze_epochs=1)
    assert run_cnn(path, mode=mode, epochs=4, freeze_epochs=1) == whole


def test_early_stopping_counts_through_a_cut(tmp_path):
    whole = run(epochs=30, patience=3, **UNSTEADY)
    records, best, stopped, _ = whole[1]
    assert stopped
    assert 1 < best == len(records) - 3
    for cut in (best - 1, best, best + 1, len(records) - 1):
        path = tmp_path / f"{cut}"
        run(path, epochs=cut, patience=3, **UNSTEADY)
        assert run(path, epochs=30, patience=3, **UNSTEADY) == whole, f"cut after epoch {cut}"


def test_more_patience_goes_on_after_an_early_stop(path):
    patient = run(epochs=12, patience=8, **UNSTEADY)
    stopped = run(path, epochs=12, patience=2, **UNSTEADY)
    assert stopped[1][2]
    assert len(stopped[1][0]) < len(patient[1][0])
    assert run(path, epochs=12, patience=8, **UNSTEADY) == patient


@pytest.mark.parametrize("ending", [{"epochs": 4}, {"epochs": 30, "patience": 3}])
def test_a_run_that_had_ended_is_not_trained_again(path, ending, monkeypatch):
    def fitted(told):
        model, train_examples, dev_examples = toy(count=60)
        options = Settings(**{"patience": 0, **UNSTEADY, **ending})
        return model, fit(model, train_examples, dev_examples, options, told, path)

    model, history = fitted(None)
    written = path.read_bytes()
    monkeypatch.setattr(blas, "environment", lambda: {**history.environment, "threads": 99})
    told = Told()
    again, history_again = fitted(told)
    assert bits(again) == bits(model)
    assert history_again.to_json() == history.to_json()
    assert history_again.changed_rows.tolist() == history.changed_rows.tolist()
    assert (history_again.seconds, history_again.environment) == (history.seconds, history.environment)
    assert told.notes == [f"nothing is left to train after epoch {len(history.epochs)}, from {path}"]
    assert told.batches == 0
    assert path.read_bytes() == written


def test_seconds_add_up(path, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    model, train_examples, dev_examples = toy(count=60)
    first = fit(model, train_examples, dev_examples, Settings(epochs=2, patience=0), None, path)
    next(clock for _ in range(1000))  # nobody trains meanwhile
    model, train_examples, dev_examples = toy(count=60)
    second = fit(model, train_examples, dev_examples, Settings(epochs=4, patience=0), None, path)
    seconds = [record.seconds for record in second.epochs]
    assert seconds[:2] == [record.seconds for record in first.epochs]
    assert seconds == sorted(set(seconds))
    assert second.seconds == seconds[-1] < 100


def test_numpy_numbers_do_as_settings(path):
    numbers = {"seed": np.int64(3), "lr": np.float32(0.5)}
    run(path, epochs=1, **numbers)
    told = Told()
    assert run(path, epochs=2, told=told, **numbers) == run(epochs=2, **numbers)
    assert told.notes


# --- killed ----------------------------------------------------------------------------------------------------------

KILLED_RUN = """
import os, signal, sys, zipfile
from pathlib import Path

from finevec.train.progress import Silent
from finevec.vectors import npz
from toy_runs import RUNS

path, model, where = sys.argv[1:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

class Progress(Silent):
    def batch(self, epoch, seen, *_):
        if epoch == 3 and seen >= 20:
            if where == "in an epoch":
                die()
            elif where == "in the middle of the file":
                write = npz.write
                npz.write = lambda archive, name, array: die() if "dense" in name else write(archive, name, array)
            elif where == "before the rename":
                Path.replace = die
            elif where == "after the rename":
                rename = Path.replace
                Path.replace = lambda *paths: die(rename(*paths))

RUNS[model](path, epochs=5, told=Progress(), optimizer="adadelta")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("model", "where", "finished"),
    [
        ("bag", "in an epoch", 2),
        ("bag", "in the middle of the file", 2),
        ("bag", "before the rename", 2),
        ("bag", "after the rename", 3),
        ("cnn", "in an epoch", 2),
        ("cnn", "in the middle of the file", 2),
    ],
)
def test_a_killed_run_loses_the_epoch_in_progress_at_most(path, model, where, finished):
    command = [sys.executable, "-c", KILLED_RUN, str(path), model, where]
    python_path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": python_path}, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    told = Told()
    resumed = RUNS[model](path, epochs=5, told=told, optimizer="adadelta")
    assert resumed == RUNS[model](epochs=5, optimizer="adadelta")
    assert told.notes[0] == f"going on after epoch {finished}, from {path}"
    assert told.batches == (5 - finished) * 3


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(path, monkeypatch):
    run(path, epochs=2)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as caught:
            run(path, epochs=4)
        assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert run(path, epochs=4) == run(epochs=4)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_file_that_may_not_grow_so_large_is_named(path):
    resource = pytest.importorskip("resource")
    run(path, epochs=2)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            run(path, epochs=4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


# --- large tables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adagrad", "adadelta"])
def test_a_large_mapped_table_costs_its_trained_rows(tmp_path, monkeypatch, optimizer):
    rows, dim = 500_000, 64
    rng = np.random.default_rng(0)
    np.lib.format.open_memmap(tmp_path / "table.npy", "w+", np.float32, (rows, dim))[::1000] = 0.5
    words = [f"w{row}" for row in range(rows)]
    examples = [Example(rng.integers(0, 50, 5) * 1000, int(target)) for target in rng.integers(0, 2, 40)]
    trained = np.unique(np.concatenate([example.ids for example in examples]))
    optimizers = []
    build = loop._build_optimizer

    def kept(*arguments):
        optimizers.append(build(*arguments))
        return optimizers[-1]

    monkeypatch.setattr(loop, "_build_optimizer", kept)
    monkeypatch.setitem(settings.OPTIMIZERS, "adagrad", {"initial_accumulator_value": 0.25})

    def fitted(epochs, checkpoint=None):
        table = np.asarray(np.load(tmp_path / "table.npy", mmap_mode="c"))
        model = BagClassifier(table, words, ["neg", "pos"])
        fit(model, examples, examples, Settings(epochs=epochs, patience=0, optimizer=optimizer), None, checkpoint)
        return model

    whole = fitted(4)
    fitted(2, tmp_path / "run.ckpt")
    again = fitted(4, tmp_path / "run.ckpt")
    assert bits(again) == bits(whole)
    others = np.setdiff1d(np.arange(0, rows, 500), trained)
    assert np.array_equal(again.vectors[others], np.load(tmp_path / "table.npy", mmap_mode="r")[others])
    for state in (optimizers[0], optimizers[-1]):
        (table,) = state.param_groups[1]["params"]
        for name, array in state.state_dict(rows={table: others})["state"][2].items():
            assert name == "step" or (array == (0.25 if optimizer == "adagrad" else 0)).all()
    most = 4 * len(trained) * dim * 4  # weights, best and at most two of state
    assert (tmp_path / "run.ckpt").stat().st_size < most + 20_000
