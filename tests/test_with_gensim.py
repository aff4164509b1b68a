"""`to_gensim` and `from_gensim` where gensim is not installed; with it, see test_live_gensim_queries.py."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from finevec import WordVectors


def test_gensim_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(ImportError, match=re.escape("to_gensim needs gensim 4: pip install gensim")):
        WordVectors(["a"], np.ones((1, 2))).to_gensim()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_table_is_shared(dtype):
    table = np.ones((2, 3), dtype)
    keyed = SimpleNamespace(index_to_key=["a", "b"], vectors=table)
    for given in (keyed, SimpleNamespace(wv=keyed)):
        wv = WordVectors.from_gensim(given)
        assert wv.index_to_key == ["a", "b"]
        assert np.shares_memory(wv.vectors, table)


@pytest.mark.parametrize(
    "table",
    [np.ones((2, 3), np.float16), np.ones((3, 2), np.float32).T, np.ones((2, 3), ">f4"), np.ones((2, 6), "f4")[:, ::2]],
)
def test_other_tables_are_converted(table):
    wv = WordVectors.from_gensim(SimpleNamespace(index_to_key=["a", "b"], vectors=table))
    assert wv.vectors.dtype == np.float32
    np.testing.assert_array_equal(wv.vectors, table)


def test_no_table_is_copied_where_it_is_to_be_shared(monkeypatch):
    """The refusals come before gensim is given anything; its place is held."""
    monkeypatch.setitem(sys.modules, "gensim.models", SimpleNamespace(KeyedVectors=lambda dim: SimpleNamespace()))
    table = np.ones((2, 6), np.float32)
    strided = WordVectors(["a", "b"], table[:, :3])
    with pytest.raises(ValueError, match="copy=False: expected a C-contiguous table"):
        strided.to_gensim(copy=False)
    copied = strided.to_gensim().vectors
    assert copied.flags.c_contiguous
    assert not np.shares_memory(copied, table)
    with pytest.raises(ValueError, match="copy=False: expected a float32 table"):
        WordVectors(["a", "b"], np.ones((2, 3))).to_gensim(copy=False)
    assert WordVectors(["a", "b"], table).to_gensim(copy=False).vectors is table


def test_something_else_is_refused():
    with pytest.raises(TypeError, match=re.escape("expected gensim's KeyedVectors or a model with .wv, got dict")):
        WordVectors.from_gensim({})
