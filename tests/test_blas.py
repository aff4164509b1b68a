"""What is done about the threads of NumPy's BLAS, and what is told of them. threadpoolctl is a stand-in here."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import finevec
import numpy as np
import pytest
from finevec import blas


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
    from finevec.models import BagClassifier
    from finevec.train import Settings, fit

    model = BagClassifier(np.eye(2, dtype=np.float32), ["good", "bad"], ["neg", "pos"])
    examples = model.examples([["good"], ["bad"]], np.array([1, 0]))
    assert fit(model, examples, examples, Settings(epochs=1)).environment["blas_threads"] == 1
    assert fit(model, examples, examples, Settings(epochs=1, blas_threads=2)).environment["blas_threads"] == 2
    assert blas.environment()["blas_threads"] == 4
