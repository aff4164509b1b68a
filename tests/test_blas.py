"""What is done about the threads of NumPy's BLAS, and what is told of them. threadpoolctl is a stand-in here."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import finevec
import numpy as np
import pytest
from finevec import blas
from finevec.commands import main
from finevec.models import BagClassifier
from finevec.train import Settings, fit
from toy_texts import arguments


@pytest.fixture
def pools(monkeypatch):
    """Two thread pools as threadpoolctl tells them; limits reach the one of the BLAS only."""
    told = [{"user_api": "blas", "num_threads": 4}, {"user_api": "openmp", "num_threads": 7}]

    @contextmanager
    def threadpool_limits(limits, user_api):
        kept = [pool["num_threads"] for pool in told]
        for pool in told:
            if pool["user_api"] == user_api:
                pool["num_threads"] = limits
        yield
        for pool, threads in zip(told, kept, strict=True):
            pool["num_threads"] = threads

    module = SimpleNamespace(threadpool_limits=threadpool_limits, threadpool_info=lambda: told)
    monkeypatch.setitem(sys.modules, "threadpoolctl", module)


def test_threads_are_limited_and_given_back(pools):
    assert blas.environment()["blas_threads"] == 4
    for count in (1, 3):
        with blas.threads(count):
            assert blas.environment()["blas_threads"] == count
    assert blas.environment()["blas_threads"] == 4


@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({}, None),
        ({"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5", "MKL_NUM_THREADS": "many"}, 5),
    ],
)
def test_without_threadpoolctl_the_environment_tells(monkeypatch, variables, threads):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with blas.threads(1):
        assert blas.environment()["blas_threads"] == threads


def test_the_record_names_versions_and_threads():
    told = blas.environment()
    assert told["numpy"] == np.__version__
    assert told["threads"] == finevec.get_num_threads()
    assert told["blas"] == np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]


def test_a_training_run_has_the_blas_threads_of_its_settings_and_says_so(pools):
    model = BagClassifier(np.eye(2, dtype=np.float32), ["good", "bad"], ["neg", "pos"])
    examples = model.examples([["good"], ["bad"]], np.array([1, 0]))
    assert fit(model, examples, examples, Settings(epochs=1)).environment["blas_threads"] == 1
    assert fit(model, examples, examples, Settings(epochs=1, blas_threads=2)).environment["blas_threads"] == 2
    assert blas.environment()["blas_threads"] == 4


def test_the_command_measures_accuracies_with_the_blas_threads_of_the_run(pools, files, monkeypatch):
    seen, loss = [], BagClassifier.loss

    def watched(*args):
        seen.append(blas.environment()["blas_threads"])
        return loss(*args)

    monkeypatch.setattr(BagClassifier, "loss", watched)
    assert main(arguments(files, "train", "dev", "test", "vectors", epochs=1, blas_threads=3)) == 0
    assert len(seen) == 4 + 1 + 3  # batches; the dev set after the epoch; three parts at the end
    assert set(seen) == {3}
    assert blas.environment()["blas_threads"] == 4


def test_threads_that_cannot_be_had_are_told_where_they_were_asked_for(files, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in blas.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for more, environment, warned in (({}, None, 0), ({"blas_threads": 2}, None, 1), ({"blas_threads": 2}, "2", 0)):
        if environment is not None:
            monkeypatch.setenv("OPENBLAS_NUM_THREADS", environment)
        assert main(arguments(files, "train", "vectors", epochs=1, **more)) == 0
        told = capsys.readouterr().err
        assert told.count("\n") == warned
        assert told.startswith("finevec: warning: --blas-threads 2 has no effect without threadpoolctl (" * warned)


KERNELS = """
import numpy as np
from finevec import blas
from test_train_text_cnn import toy
from finevec.train import Settings, fit

model, train, dev = toy(count=80, dim=16, filters=20)
fit(model, train, dev, Settings(epochs=2))
print(blas.environment()["blas_bits"], hash(b"".join(array.tobytes() for array in model.arrays().values())))
"""


def test_kernels_that_train_to_other_bits_have_other_blas_bits():
    """OpenBLAS can be told to take the kernels of another CPU; where it cannot, all runs are the same."""
    runs = set()
    for kernels in ("Prescott", "Haswell", None):
        variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONHASHSEED": "0"}
        variables |= {} if kernels is None else {"OPENBLAS_CORETYPE": kernels}
        shown = subprocess.run(
            [sys.executable, "-c", KERNELS], env=variables, capture_output=True, text=True, check=True
        )
        runs.add(tuple(shown.stdout.split()))
    assert len({blas_bits for blas_bits, _ in runs}) == len(runs)


def test_the_bits_of_one_process_are_the_same_at_any_alignment():
    now = blas.environment()["blas_bits"]
    kept = []
    for size in range(1, 40):
        blas._blas_bits.cache_clear()
        kept.append(np.empty(size * 7, np.uint8))
        assert blas.environment()["blas_bits"] == now
