"""Deltas: what fine-tuning changed comes back bit for bit, on its own base; and nothing else passes for a delta."""

from __future__ import annotations

import io
import os
import re
import stat
import tracemalloc
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from finevec import Embedding, WordVectors
from finevec.vectors import delta, npz
from helpers import Unchanged
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

DTYPES = ["float32", "float64"]
WORDS = ["the", "of", "naïve", "", "日本語"]
ADDED = ["new york", "x"]


def table(rows, dtype="float32", dim=3, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(dtype)


def bits(vectors):
    return vectors.view(f"u{vectors.itemsize}").tolist()


def assert_same(found, wanted):
    assert found.index_to_key == wanted.index_to_key
    assert found.vectors.dtype == wanted.vectors.dtype
    assert found.vectors.shape == wanted.vectors.shape
    assert bits(found.vectors) == bits(wanted.vectors)
    assert [found.get_index(word) for word in wanted.index_to_key] == list(range(len(wanted)))


@pytest.fixture
def base():
    return WordVectors(WORDS, table(5))


@pytest.fixture
def tuned(base):
    """Row 1 and 4 changed, words left out, in another order, two added."""
    other = base.vectors.copy()
    other[1] += 1.0
    other[4, 0] = -other[4, 0]
    return WordVectors([*ADDED[:1], *WORDS[:0:-1], *ADDED[1:]], np.vstack([table(1, seed=1), other[:0:-1], table(1)]))


@pytest.fixture
def path(tmp_path, base, tuned):
    tuned.save_delta(tmp_path / "d.npz", base=base)
    return tmp_path / "d.npz"


@given(
    data=st.data(),
    rows=st.integers(0, 12),
    dim=st.sampled_from([1, 2, 5]),
    dtype=st.sampled_from(DTYPES),
    plain=st.booleans(),
    blocks=st.sampled_from([(1, 1), (40, 1 << 22), (1 << 22, 24)]),
    seed=seeds,
)
def test_what_was_tuned_comes_back_bit_for_bit(data, rows, dim, dtype, plain, blocks, seed):
    rng = np.random.default_rng(seed)
    names = [f"w{row}" * (row % 3) or f"-{row}" for row in range(rows)]
    old = WordVectors(names, table(rows, dtype, dim, seed))
    kept = list(range(rows)) if plain else data.draw(st.permutations(range(rows)))[: data.draw(st.integers(0, rows))]
    chosen = [(names[row], old.vectors[row]) for row in kept]
    for number in range(data.draw(st.integers(0, 3))):
        place = len(chosen) if plain else data.draw(st.integers(0, len(chosen)))
        chosen.insert(place, (f"added {number}", rng.standard_normal(dim).astype(dtype)))
    vectors = np.array([vector for _, vector in chosen], dtype).reshape(-1, dim)
    # Any bits: also NaN with a payload, -0.0, subnormal numbers.
    changed = rng.random(len(vectors)) < 0.4
    wild = rng.integers(0, 256, (int(changed.sum()), dim * vectors.itemsize), dtype=np.uint8)
    vectors.view(np.uint8).reshape(-1, dim * vectors.itemsize)[changed] = wild
    new = WordVectors([word for word, _ in chosen], vectors)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, Unchanged(old.vectors):
        path = Path(folder, "d.npz")
        patch.setattr(npz, "BLOCK_BYTES", blocks[0])
        new.save_delta(path, base=old)
        patch.setattr(npz, "BLOCK_BYTES", blocks[1])
        found = old.apply_delta(path)
        assert os.listdir(folder) == ["d.npz"]
        with np.load(path) as file:
            stored = file["changed_rows"].tolist()
    assert_same(found, new)
    assert not np.shares_memory(found.vectors, old.vectors)
    before = dict(zip(names, bits(old.vectors), strict=True))
    differ = [before.get(word, row) != row for word, row in zip(new.index_to_key, bits(vectors), strict=True)]
    assert stored == np.flatnonzero(differ).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_changed_means_that_bytes_differ(tmp_path, dtype):
    numbers = np.array([[0.0], [np.nan], [1.0], [np.inf]], dtype)
    base = WordVectors(list("abcd"), numbers)
    payload = numbers.copy()
    payload.view(f"u{numbers.itemsize}")[1] += 1
    tuned = base.with_vectors(np.where([[True], [False], [False], [False]], -payload, payload))
    tuned.save_delta(tmp_path / "d.npz", base=base)
    with np.load(tmp_path / "d.npz") as file:
        assert file["changed_rows"].tolist() == [0, 1]
        assert file["changed_values"].shape == (2, 1)
        assert "base_row" not in file
    assert_same(base.apply_delta(tmp_path / "d.npz"), tuned)


def test_the_base_may_be_a_path(tmp_path):
    source = tmp_path / "v.txt"
    WordVectors(WORDS[:3], table(3, "float64")).save(source)
    for dtype in DTYPES:
        tuned = WordVectors.load(source, dtype=dtype, vocabulary=WORDS[:2])
        tuned.vectors[1] *= 2
        tuned.save_delta(tmp_path / "d.npz", base=source)
        assert_same(WordVectors.load(str(source), dtype=dtype).apply_delta(str(tmp_path / "d.npz")), tuned)


def test_a_base_that_cannot_be_mapped_is_loaded(tmp_path):
    source = tmp_path / "v.npy"
    numbers = table(3, "float32")
    numbers[:] = np.round(numbers)
    WordVectors(WORDS[:3], numbers).save(source, dtype="float16")
    np.save(tmp_path / "w.npy", numbers[[0, 1, 0]])
    (tmp_path / "w.words.txt").write_text("the\nof\nthe\n", encoding="utf-8")
    for path in (source, tmp_path / "w.npy"):
        base = WordVectors.load(path)
        tuned = base.with_vectors(base.vectors + np.float32(1))
        tuned.save_delta(tmp_path / "d.npz", base=path)
        assert_same(base.apply_delta(tmp_path / "d.npz"), tuned)
    (tmp_path / "w.words.txt").write_text("the\n", encoding="utf-8")
    with pytest.raises(ValueError, match="found 1 words, wanted 3"):
        tuned.save_delta(tmp_path / "d.npz", base=tmp_path / "w.npy")


def test_in_place(tmp_path, base):
    tuned = base.with_vectors(base.vectors.copy())
    tuned.vectors[[1, 3]] += 1
    tuned.save_delta(tmp_path / "d.npz", base=base)
    np.save(tmp_path / "v.npy", base.vectors)
    mapped = base.with_vectors(np.load(tmp_path / "v.npy", mmap_mode="c"))
    assert mapped.apply_delta(tmp_path / "d.npz", copy=False) is mapped
    assert_same(mapped, tuned)
    assert bits(np.load(tmp_path / "v.npy")) == bits(base.vectors)
    read_only = base.with_vectors(np.load(tmp_path / "v.npy", mmap_mode="r"))
    with pytest.raises(ValueError, match="copy=False: expected a writable table, got a read-only one"):
        read_only.apply_delta(tmp_path / "d.npz", copy=False)
    assert_same(read_only.apply_delta(tmp_path / "d.npz"), tuned)


def test_memory_is_taken_for_blocks_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "BLOCK_BYTES", 1 << 16)
    base = WordVectors([str(row) for row in range(20_000)], table(20_000, dim=100))  # 8 MB
    tuned = base.with_vectors(base.vectors + np.float32(1))
    path = tmp_path / "d.npz"

    def peak(call):
        tracemalloc.start()
        call()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # Words and numbers of rows take 16 bytes a row at most five times, beside some blocks.
    assert peak(lambda: tuned.save_delta(path, base=base)) < 2e6
    by_table = path.read_bytes()
    for name in ("v.safetensors", "v.npy"):
        base.save(tmp_path / name)
        assert peak(lambda name=name: tuned.save_delta(path, base=tmp_path / name)) < 2e6
        assert path.read_bytes() == by_table
    assert 8e6 < peak(lambda: base.apply_delta(path)) < 10e6
    assert peak(lambda: base.apply_delta(path, copy=False)) < 2e6
    assert bits(base.vectors) == bits(tuned.vectors)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 0, 2, 3, 4], [0, 1, 2, 3, 4, 5]])
def test_in_place_the_words_must_be_the_same(tmp_path, base, order):
    words, rows = [*WORDS, "new"], np.vstack([base.vectors, table(1)])
    tuned = WordVectors([words[row] for row in order], rows[order] + 1)
    tuned.save_delta(tmp_path / "d.npz", base=base)
    said = f"{tmp_path / 'd.npz'}: copy=False: expected tuned vectors of the words of the base in its order, got others"
    with Unchanged(base.vectors), pytest.raises(ValueError, match=re.escape(said)):
        base.apply_delta(tmp_path / "d.npz", copy=False)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda words, rows: (words, rows.astype("f8")), "dtype float32 wanted, got float64"),
        (lambda words, rows: (words, rows[:, :2].copy()), "dim 3 wanted, got 2"),
        (lambda words, rows: (words[:4], rows[:4]), "5 words wanted, got 4"),
        (lambda words, rows: (words[:4], rows[:4, :1].copy()), "dim 3 wanted, got 1; 5 words wanted, got 4"),
        (lambda words, rows: (words[::-1], rows), "the words or their order differ"),
        (lambda words, rows: (["th", "eof", *words[2:]], rows), "the words or their order differ"),
        (lambda words, rows: (words, np.abs(rows)), "the same words with other values"),
    ],
)
def test_another_base_is_refused(path, base, other, said):
    words, rows = other(WORDS, base.vectors)
    with pytest.raises(ValueError, match=re.escape(f"{path}: made from another base: {said}") + "$"):
        WordVectors(words, rows).apply_delta(path)


def test_a_value_that_differs_in_one_bit_is_another_base(path, base):
    zero = base.vectors.copy()
    zero.view("u4")[2, 1] ^= 1
    with pytest.raises(ValueError, match="made from another base: the same words with other values"):
        base.with_vectors(zero).apply_delta(path)


def test_vectors_that_share_memory_are_no_base(tmp_path, base):
    weight = Embedding.from_pretrained(base, freeze=False).weight.data
    wide = np.zeros((5, 8), np.float32)
    for tuned, old in [
        (base, base),
        (base.with_vectors(weight), base),
        (base.with_vectors(wide[:, :4]), base.with_vectors(wide[:, 2:6])),
    ]:
        with pytest.raises(ValueError, match="base: expected vectors that share no memory with the tuned ones"):
            tuned.save_delta(tmp_path / "d.npz", base=old)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("other", "error", "said"),
    [
        (
            WordVectors(WORDS, table(5, "float64")),
            ValueError,
            "expected rows like those of the tuned vectors, 3 float32",
        ),
        (WordVectors(WORDS, table(5, dim=2)), ValueError, "vectors, 3 float32, got 2 float32"),
        (3, TypeError, "base: expected a path or WordVectors, got int"),
        ("no-such-file", FileNotFoundError, "no-such-file"),
    ],
)
def test_bad_bases(tmp_path, base, other, error, said):
    with pytest.raises(error, match=said):
        base.save_delta(tmp_path / "d.npz", base=other)
    assert not list(tmp_path.iterdir())


def test_an_old_file_is_whole_after_a_failed_save(path, base, tuned, monkeypatch):
    before, mode = path.read_bytes(), path.stat().st_mode

    def interrupted(archive, *_):
        archive.fp.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delta, "write_blocks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tuned.save_delta(path, base=base)
    assert path.read_bytes() == before
    assert path.stat().st_mode == mode
    assert os.listdir(path.parent) == [path.name]
    tuned.save_delta(path, base=base)
    assert path.read_bytes() == before


def test_where_a_delta_may_be_saved(path, base, tuned):
    link = path.with_name("link")
    link.symlink_to(path.name)
    path.chmod(0o600)
    path.write_bytes(b"old")
    tuned.save_delta(link, base=base)
    assert link.is_symlink()
    assert_same(base.apply_delta(path), tuned)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(IsADirectoryError):
        tuned.save_delta(path.parent, base=base)
    with pytest.raises(ValueError, match="expected a file to replace, got a device or a pipe"):
        tuned.save_delta(os.devnull, base=base)
    with pytest.raises(FileNotFoundError, match="missing"):
        tuned.save_delta(path.parent / "missing" / "d.npz", base=base)
    with pytest.raises(FileNotFoundError):
        base.apply_delta(path.with_name("none"))


def test_a_file_cut_anywhere_is_refused(path, base):
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=re.escape(f"{path}: not a delta, or damaged: ")):
            base.apply_delta(path)


def test_a_file_with_a_bit_changed_is_refused_or_means_the_same(tmp_path, base):
    path = tmp_path / "d.npz"
    tuned = base.with_vectors(base.vectors + np.float32([[1], [0], [0], [1], [0]]))
    tuned.save_delta(path, base=base)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        own = base.with_vectors(base.vectors.copy())
        try:
            found = own.apply_delta(path, copy=False)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017 - not every change is an error
            assert bits(own.vectors) == bits(base.vectors)
            refused += 1
        else:
            # A date or an attribute of the archive, which nobody reads.
            assert_same(found, tuned)
    assert refused > len(whole) // 6


def arrays_of(path):
    with np.load(path) as file:
        return dict(file)


BAD_ARRAYS = {
    "another format": {"format": np.array("finevec-other")},
    "no version": {"version": None},
    "a float as version": {"version": np.array(1.0)},
    "no changed rows": {"changed_rows": None},
    "row out of range": {"changed_rows": np.array([3, 6])},
    "row below zero": {"changed_rows": np.array([-3, 4])},
    "row of an added word": {"changed_rows": np.array([0, 4])},
    "row twice": {"changed_rows": np.array([4, 4])},
    "rows that fall": {"changed_rows": np.array([4, 1])},
    "rows of int32": {"changed_rows": np.array([1, 4], np.int32)},
    "too many rows": {"changed_rows": np.array([1, 2, 4])},
    "rows of two dimensions": {"changed_rows": np.array([[1, 4]])},
    "values too wide": {"changed_values": np.zeros((2, 4), np.float32)},
    "values in another order": {"changed_values": np.zeros((3, 2), np.float32).T},
    "added values of another dtype": {"added_values": np.zeros((2, 3))},
    "values to unpickle": {"added_values": np.array([[print] * 3] * 2)},
    "base row out of range": {"base_row": np.array([-1, 5, 3, 2, 1, -1])},
    "base row below -1": {"base_row": np.array([-2, 4, 3, 2, 1, -1])},
    "base row twice": {"base_row": np.array([-1, 4, 4, 2, 1, -1])},
    "too few added": {"base_row": np.array([-1, 4, 3, 2, 1, 0])},
    "base row too short": {"base_row": np.array([-1, 4, 3, 2, -1])},
    "other number of rows": {"base_row": None},
    "rows without end": {"tuned_rows": np.array(10**15)},
    "fewer rows than none": {"tuned_rows": np.array(-1)},
    "added word of the base": {"added_words": np.frombuffer(b"thexxxxxx", np.uint8), "added_offsets": [0, 3, 9]},
    "added word twice": {"added_words": np.frombuffer(b"xxxxxx..x", np.uint8)[:6], "added_offsets": [0, 3, 6]},
    "not UTF-8": {"added_words": np.frombuffer(b"new yor\xff\xfe", np.uint8)},
    "cut inside a character": {"added_words": np.frombuffer("naïve123".encode(), np.uint8), "added_offsets": [0, 3, 9]},
    "offsets too short": {"added_offsets": np.array([0, 9])},
    "offsets that fall": {"added_offsets": np.array([0, 10, 9])},
    "offsets beyond": {"added_offsets": np.array([0, 8, 99])},
    "offsets from 1": {"added_offsets": np.array([1, 8, 9])},
    "no offsets": {"added_offsets": np.zeros(0, np.int64)},
    "short digest": {"base_words": np.zeros(5, np.uint8)},
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_arrays_that_do_not_fit_are_refused(path, base, case):
    arrays = {**arrays_of(path), **BAD_ARRAYS[case]}
    np.savez(path, **{name: np.asarray(array) for name, array in arrays.items() if array is not None})
    with Unchanged(base.vectors), pytest.raises(ValueError, match=re.escape(f"{path}: not a delta, or damaged: ")):
        base.apply_delta(path)


def test_files_of_other_kinds_are_refused(path, base):
    arrays = arrays_of(path)
    np.savez(path, **arrays)
    base.apply_delta(path)  # what NumPy writes is read
    np.savez_compressed(path, **arrays)
    with pytest.raises(ValueError, match="format: expected an uncompressed member of a file of"):
        base.apply_delta(path)
    np.savez(path, **{**arrays, "version": np.array(2)})
    with pytest.raises(ValueError, match=re.escape(f"{path}: delta of format version 2, this finevec reads 1")):
        base.apply_delta(path)
    np.savez(path, vectors=base.vectors)
    with pytest.raises(ValueError, match="not a delta, or damaged: it has no 'format'"):
        base.apply_delta(path)
    path.write_text("the 0.1 0.2 0.3\n")
    with pytest.raises(ValueError, match="not a delta, or damaged: File is not a zip file"):
        base.apply_delta(path)


@pytest.mark.parametrize("shape", [(10**12, 3), (-1, 3), (2, -3), (2**62, 4), (True, 3)])
def test_a_header_that_promises_too_much_costs_nothing(path, base, shape):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    arrays = arrays_of(path)
    del arrays["changed_values"]
    np.savez(path, **arrays)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("changed_values.npy", header.getvalue() + bytes(24))
    with pytest.raises(ValueError, match=re.escape(f"{path}: not a delta, or damaged: ")):
        base.apply_delta(path)
