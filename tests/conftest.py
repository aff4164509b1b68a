"""Fixtures and settings that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from toy_texts import BAD, GOOD, PLAIN, toy_texts, write_tsv, write_vectors

# One seed for every run: a failure is found again by running the test again.
_COMMON = {"deadline": None, "derandomize": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=40, **_COMMON)
settings.register_profile("ci", max_examples=100, **_COMMON)
settings.register_profile("deep", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets and vectors; a test that needs it is skipped where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("FINEVEC_DATA", beside))
    if not path.is_dir():
        pytest.skip(f"no data at {path}: set FINEVEC_DATA")
    return path


@pytest.fixture
def files(tmp_path):
    """Training, dev and test texts and vectors; "superb" has no vector, "pleasant" occurs in the test texts alone."""
    labels, texts = toy_texts(200, seed=0)
    dev_labels, dev_texts = toy_texts(60, seed=1)
    test_labels, test_texts = toy_texts(60, seed=2)
    words = [*GOOD[:4], *BAD, *PLAIN, "pleasant", "spare", "more"]
    return {
        "train": write_tsv(tmp_path / "train.tsv", labels, texts),
        "dev": write_tsv(tmp_path / "dev.tsv", dev_labels, dev_texts),
        "test": write_tsv(tmp_path / "test.tsv", [*test_labels, "pos"], [*test_texts, "pleasant xyzzy"]),
        "vectors": write_vectors(tmp_path / "vectors.txt", words),
        "save": str(tmp_path / "model"),
        "metrics": str(tmp_path / "metrics.json"),
    }
