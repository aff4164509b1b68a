"""safetensors and npy: tables that lie in a file as in memory, read in blocks or mapped."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import finevec as fv
import numpy as np
import pytest
from finevec import WordVectors
from finevec.vectors import stored
from hypothesis import given
from hypothesis import strategies as st
from tensor_files import FORMATS, WORDS, made, npy, table, tensor

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(params=FORMATS)
def path(request, tmp_path: Path) -> Path:
    path = tmp_path / f"v.{request.param}"
    WordVectors(WORDS, table()).save(path)
    return path


# --- what is read back -----------------------------------------------------------------------------------------------

words = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=8, unique=True)


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
def test_what_is_saved_is_loaded_bit_for_bit(tmp_path_factory, data, width, format):
    path = tmp_path_factory.mktemp("round") / f"v.{format}"
    listed = data.draw(words)
    if format == "npy":
        listed = [word for word in listed if not set("\r\n") & set(word)]
        listed = [word for word in listed if not word.startswith("\ufeff")]
    dim = data.draw(st.integers(1, 4))
    drawn = st.lists(st.floats(width=width), min_size=dim * len(listed), max_size=dim * len(listed))
    values = np.array(data.draw(drawn), f"float{width}").reshape(len(listed), dim)
    WordVectors(listed, values).save(path)
    for mmap in (False, True, "c"):
        wv = WordVectors.load(path, dtype=values.dtype, mmap=mmap)
        assert (wv.index_to_key, wv.vectors.shape, wv.vectors.dtype) == (listed, values.shape, values.dtype)
        assert wv.vectors.tobytes() == values.tobytes()
        assert type(wv.vectors) is np.ndarray
        assert wv.vectors.flags.writeable == (mmap is not True)
    kept = data.draw(st.sets(st.sampled_from(listed))) if listed else set()
    some = WordVectors.load(path, dtype=values.dtype, vocabulary=kept)
    rows = [row for row, word in enumerate(listed) if word in kept]
    assert some.index_to_key == [listed[row] for row in rows]
    assert some.vectors.tobytes() == values[rows].tobytes()


def test_only_the_rows_asked_for_are_read(path, monkeypatch):
    """Rows that are far apart are fetched one by one, rows in a row in blocks."""
    rows = 5000
    values = np.random.default_rng(0).standard_normal((rows, 3)).astype(np.float32)
    listed = [f"w{row}" for row in range(rows)]
    WordVectors(listed, values).save(path)
    monkeypatch.setattr(stored, "_GAP_BYTES", 100)
    monkeypatch.setattr(stored, "rows_at_once", lambda row_bytes: 7)
    wanted = [0, 1, 2, 8, 30, 31, 32, 33, 34, 35, 36, 37, 38, 2000, 2009, 2018, 4999]
    wv = WordVectors.load(path, vocabulary=[listed[row] for row in wanted])
    assert wv.index_to_key == [listed[row] for row in wanted]
    np.testing.assert_array_equal(wv.vectors, values[wanted])
    calls = []
    whole = WordVectors.load(path, limit=50, progress=lambda *now: calls.append(now))
    np.testing.assert_array_equal(whole.vectors, values[:50])
    size = path.stat().st_size
    assert [done for done, _, _ in calls] == [*range(0, 50, 7), 50]
    assert calls == sorted(calls)
    assert {total for _, _, total in calls} == {size}


def test_limit_and_what_the_file_told(path):
    format = path.suffix[1:]
    for mmap in (False, True):
        wv = WordVectors.load(path, limit=2, mmap=mmap)
        assert (wv.index_to_key, wv.vectors.tolist()) == (WORDS[:2], table()[:2].tolist())
        assert wv.file_info == (str(path), format, 2, 0, 0, True, 5)
        assert len(WordVectors.load(path, limit=0, mmap=mmap)) == 0
        assert len(WordVectors.load(path, limit=9, mmap=mmap)) == 5
    assert WordVectors.load(path, format=format, limit=3, vocabulary=["2008", ""]).index_to_key == [""]


def test_values_are_turned_into_the_dtype_asked_for(path):
    for dtype in ("float16", "float32", "float64"):
        WordVectors(WORDS, table("float64")).save(path, dtype=dtype)
        for asked in ("float32", "float64"):
            wv = WordVectors.load(path, dtype=asked)
            assert (wv.vectors.dtype, wv.vectors.tolist()) == (asked, table().tolist())
    odd = np.array([[np.nan, np.inf, -np.inf], [1e-30, -0.0, 1.0]])
    WordVectors(["a", "b"], odd).save(path)
    np.testing.assert_array_equal(WordVectors.load(path).vectors, odd.astype(np.float32))
    wide = np.array([[0.0, 1.0], [2.0, -1e39]])
    WordVectors(["a", "b"], wide).save(path)
    for options in ({}, {"vocabulary": ["b"]}):
        with pytest.raises(ValueError, match=re.escape("row 1: value 1 is -1e+39: out of the range of float32")):
            WordVectors.load(path, **options)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape("word 1, 'b': value 1 is -1e+39: out of the range of float16")):
        WordVectors(["a", "b"], wide).save(path, dtype="float16")
    assert path.read_bytes() == before
    assert len(os.listdir(path.parent)) == 1 + (path.suffix == ".npy")


def test_bfloat16_comes_as_float32(tmp_path):
    path = tmp_path / "v.safetensors"
    # 1.0, -2.0 and the largest finite one, whose bits are the upper half of a float32.
    data = b"\x80\x3f\x00\xc0\x7f\x7f"
    path.write_bytes(made({"weight": tensor("BF16", [3, 1], 0, 6)}, data))
    (tmp_path / "v.words.txt").write_text("a\nb\nc\n")
    assert WordVectors.load(path).vectors.ravel().tolist() == [1.0, -2.0, float.fromhex("0x1.fep127")]
    with pytest.raises(ValueError, match="the file holds bfloat16, only float32 and float64 can be mapped"):
        WordVectors.load(path, mmap=True)


def test_what_other_programs_read(path):
    """The words of a safetensors file and NumPy's own reader; golden files are what other programs wrote."""
    if path.suffix == ".npy":
        np.testing.assert_array_equal(np.load(path), table())
        assert path.with_suffix(".words.txt").read_bytes() == "the\n. . .\n\n2008\nstraße\n".encode()
    else:
        safetensors = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package")
        tensors = safetensors.load_file(path)
        np.testing.assert_array_equal(tensors["vectors"], table())
        block = tensors["words"].tobytes()
        offsets = tensors["word_offsets"].tolist()
        assert [block[a:b].decode() for a, b in pairwise(offsets)] == WORDS
        assert tensors["word_offsets"].flags.aligned


def test_golden_files():
    """`golden/make_safetensors.py` wrote these with the safetensors package."""
    wanted = np.array([[0.5, -1.25], [3.0, 1e-3], [0.0, -0.0]], np.float32)
    for mmap in (False, True):
        wv = WordVectors.load(GOLDEN / "package.safetensors", mmap=mmap)
        assert wv.index_to_key == ["the", "a b", "ça"]
        assert wv.vectors.tobytes() == wanted.tobytes()
        other = WordVectors.load(GOLDEN / "package_weight.safetensors", mmap=mmap)
        assert (other.index_to_key, other.vectors.tobytes()) == (wv.index_to_key, wanted.tobytes())
    broken = (GOLDEN / "package_cut.safetensors", GOLDEN / "package_overlap.safetensors")
    for path, said in zip(
        broken, ("the header promises a file of", "not the header of a safetensors file"), strict=True
    ):
        with pytest.raises(ValueError, match=said):
            WordVectors.load(path)


# --- maps ------------------------------------------------------------------------------------------------------------


def test_a_map_reads_no_words_until_they_are_asked_for(path):
    mapped = WordVectors.load(path, mmap=True)
    assert isinstance(mapped.vectors.base, np.memmap)
    assert not mapped.vectors.flags.writeable
    shared = mapped.with_vectors(table("float64"))
    # What takes the file's name afterwards is not what is mapped.
    WordVectors(list("vwxyz"), table() * 2).save(path)
    assert shared.index_to_key == WORDS
    assert mapped.index_to_key == WORDS
    assert shared._words is mapped._words
    np.testing.assert_array_equal(mapped.vectors, table())


def test_training_a_map_leaves_the_file(path):
    before = path.read_bytes()
    wv = WordVectors.load(path, mmap="c")
    emb = fv.Embedding.from_pretrained(wv, freeze=False)
    assert np.shares_memory(emb.weight.data, wv.vectors)
    optimizer = fv.optim.Adagrad([emb.weight], lr=0.1)
    ids = np.array([1, 3, 1])
    emb.backward(ids, np.ones((3, 3), np.float32))
    optimizer.step()
    assert np.flatnonzero((wv.vectors != table()).any(axis=1)).tolist() == [1, 3]
    assert path.read_bytes() == before
    np.testing.assert_array_equal(WordVectors.load(path, mmap=True).vectors, table())
    wv.save(path)
    np.testing.assert_array_equal(WordVectors.load(path).vectors, wv.vectors)
    read_only = fv.Embedding.from_pretrained(WordVectors.load(path, mmap=True))
    np.testing.assert_array_equal(read_only(ids), wv.vectors[ids])


def test_copies_of_a_map_are_whole(path):
    for again in (copy.deepcopy, lambda wv: pickle.loads(pickle.dumps(wv))):
        wv = again(WordVectors.load(path, mmap=True))
        assert wv.index_to_key == WORDS
        np.testing.assert_array_equal(wv.vectors, table())


def test_repeated_words_keep_their_first_row_and_are_no_map(tmp_path, caplog):
    array = table(rows=4)
    (tmp_path / "v.npy").write_bytes(npy(array))
    (tmp_path / "v.words.txt").write_bytes(b"a\nb\r\na\nc")
    with caplog.at_level(logging.WARNING):
        wv = WordVectors.load(tmp_path / "v.npy")
    assert (wv.index_to_key, wv.file_info.repeated) == (["a", "b", "c"], 1)
    np.testing.assert_array_equal(wv.vectors, array[[0, 1, 3]])
    assert "left out 1 rows of repeated words" in caplog.text
    mapped = WordVectors.load(tmp_path / "v.npy", mmap=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="1 rows of repeated words, wanted each word once in a mapped file"):
            mapped.index_to_key  # noqa: B018


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vocabulary": ["the"]}, "a vocabulary picks rows, and a map has all of them"),
        ({"dtype": "float64"}, 'the file holds float32, a map cannot turn it into float64: give dtype="float32"'),
    ],
)
def test_what_cannot_be_mapped_is_refused(path, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        WordVectors.load(path, mmap=True, **options)


# --- saving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "said"),
    [("b\nc", "word 1, 'b\\nc', cannot be written: it holds a line break"), ("\r", "it holds a line break")],
)
def test_words_that_no_line_holds_are_refused(tmp_path, word, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        WordVectors(["a", word], table(rows=2)).save(tmp_path / "v.npy")
    with pytest.raises(ValueError, match="byte order mark"):
        WordVectors(["\ufeffa", "b"], table(rows=2)).save(tmp_path / "v.npy")
    assert os.listdir(tmp_path) == []


def stop(*now: int) -> None:
    raise RuntimeError("enough")


def test_a_save_that_fails_leaves_the_old_files(path):
    folder = {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)}
    with pytest.raises(RuntimeError, match="enough"):
        WordVectors(list("vwxyz"), table()).save(path, progress=stop)
    for options, error in (({"dtype": "int8"}, TypeError), ({"dtype": "float64", "format": "glove"}, ValueError)):
        with pytest.raises(error, match="dtype"):
            WordVectors(list("vwxyz"), table()).save(path, **options)
    with pytest.raises(ValueError, match="5 rows of 0 numbers cannot be written"):
        WordVectors(WORDS, np.empty((5, 0), np.float32)).save(path)
    assert {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)} == folder
    with pytest.raises(FileNotFoundError) as raised:
        WordVectors(WORDS, table()).save(path.parent / "no" / path.name)
    assert raised.value.filename == str(path.parent / "no" / path.name)


_KILLED = """
import os, signal, sys
import numpy as np
from finevec import WordVectors
def stop(*now):
    os.kill(os.getpid(), signal.SIGKILL)
WordVectors(list("vwxyz"), np.zeros((5, 3), np.float32)).save(sys.argv[1], progress=stop)
"""


@pytest.mark.skipif(os.name != "posix", reason="a process is killed the POSIX way")
def test_a_kill_in_the_middle_leaves_the_old_files(path):
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    wv = WordVectors.load(path)
    assert (wv.index_to_key, wv.vectors.tolist()) == (WORDS, table().tolist())
    assert any(name.startswith(".finevec-") for name in os.listdir(path.parent))
    WordVectors(WORDS, table() * 2).save(path)
    assert WordVectors.load(path).vectors.tolist() == (table() * 2).tolist()


_KILLED_BEFORE = """
import os, sys
from pathlib import Path
import numpy as np
from finevec import WordVectors
for number in range(5):
    for suffix in ("new", "tmp"):
        Path(sys.argv[1]).with_name(f".finevec-{os.getpid()}-{number}.{suffix}").write_text("left")
WordVectors(list("vwxyz"), np.zeros((5, 3), np.float32)).save(sys.argv[1])
"""


@pytest.mark.parametrize("name", ["v.safetensors", "v.npy", "v.txt", "v.bin"])
def test_files_that_a_killed_process_of_the_same_number_left_are_in_nobodys_way(tmp_path, name):
    path = tmp_path / name
    subprocess.run([sys.executable, "-c", _KILLED_BEFORE, str(path)], check=True)
    assert WordVectors.load(path).index_to_key == list("vwxyz")
    left = [beside for beside in tmp_path.iterdir() if beside.name.startswith(".finevec-")]
    assert [beside.read_text(encoding="utf-8") for beside in left] == ["left"] * 10


def test_a_table_is_never_read_with_the_words_of_another(tmp_path, monkeypatch):
    """A kill between any two renames of a pair of files; `os.replace` stands for what the kernel does."""
    path, other = tmp_path / "v.npy", WordVectors(list("vwxyz"), table() * 2)
    replace = os.replace

    class Killed(BaseException):
        pass

    for steps in range(4):
        WordVectors(WORDS, table()).save(path)
        left = [steps]

        def until_killed(source, target, left=left):
            # After a kill nothing is tidied up either.
            if left[0] <= 0:
                raise Killed
            left[0] -= 1
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", until_killed)
            patch.setattr(Path, "replace", lambda self, target: until_killed(self, target))
            with contextlib.suppress(Killed):
                other.save(path)
        if steps in (1, 2):
            with pytest.raises(FileNotFoundError, match="a save was broken off"):
                WordVectors.load(path)
            # Nor does a later save that fails give the words of the old table to the new one.
            with pytest.raises(RuntimeError, match="enough"):
                WordVectors(list("fghij"), table()).save(path, progress=stop)
            with pytest.raises(FileNotFoundError, match="a save was broken off"):
                WordVectors.load(path)
            assert (tmp_path / "v.words.txt.previous").read_text(encoding="utf-8").split("\n")[:-1] == WORDS
            continue
        wv = WordVectors.load(path)
        pair = (wv.index_to_key, wv.vectors.tolist())
        assert pair == ((other.index_to_key, other.vectors.tolist()) if steps == 3 else (WORDS, table().tolist()))
    assert sorted(os.listdir(tmp_path)) == ["v.npy", "v.words.txt"]


def test_the_same_words_are_left_alone(tmp_path):
    path, beside = tmp_path / "v.npy", tmp_path / "v.words.txt"
    WordVectors(WORDS, table()).save(path)
    before = beside.stat().st_ino
    WordVectors(WORDS, table() * 2).save(path)
    assert beside.stat().st_ino == before
    np.testing.assert_array_equal(WordVectors.load(path).vectors, table() * 2)
