"""Damaged files of vectors: every reader agrees with a slow one bit for bit, or both refuse the file."""

from __future__ import annotations

import gzip
import random
import struct
import subprocess
import sys
from pathlib import Path

import mutations
import pytest
import reference_files
import table_mutations
from finevec.vectors import inspection
from hypothesis import given, settings
from mutations import compare, try_one
from reference_files import Options, RefusedError
from strategies import seeds

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("mutated")


@pytest.fixture(scope="module")
def real(request) -> Path | None:
    """Real vectors, where they are at hand."""
    try:
        return request.getfixturevalue("data_dir") / "vectors" / "glove.6B.50d.subset.txt.gz"
    except pytest.skip.Exception:
        return None


@given(seed=seeds)
def test_mutated_files(folder, real, seed):
    for one in random.Random(seed).sample(range(2**40), 10):
        try_one(one, folder, real, large=False)


@settings(max_examples=max(6, settings.default.max_examples // 20))
@given(seed=seeds)
def test_mutated_files_of_several_pieces(folder, real, seed):
    try_one(seed, folder, real, large=True)


@given(seed=seeds)
def test_mutated_tables(folder, seed):
    for one in random.Random(seed).sample(range(2**40), 10):
        table_mutations.try_one(one, folder)


@given(seed=seeds)
def test_a_file_is_sound_for_inspect_where_it_is_read(folder, seed):
    """`finevec inspect` passes over rows with faults: another way through the same readers."""
    rng = random.Random(seed)
    path = folder / "inspected"
    for format in ("glove", "word2vec", "word2vec-binary") * 5:
        data = mutations.mutated(rng, mutations.corpus(rng, format, None, large=False))
        path.write_bytes(data)
        try:
            wanted = reference_files.read(data, Options())
        except RefusedError:
            wanted = None
        try:
            report = inspection.inspect(path, "auto", "strict", None)
        except mutations.ERRORS:
            assert wanted is None
            continue
        assert report.is_sound == (wanted is not None)
        if wanted:
            told = (report.rows, report.words, report.repeated, report.numbered, report.dim)
            assert told == (wanted.rows, len(wanted.words), wanted.repeated, wanted.numbered, wanted.dim)


@pytest.mark.parametrize("format", ["glove", "word2vec", "word2vec-binary", "word2vec-binary lines"])
@pytest.mark.parametrize("asked", ["auto", "own"])
def test_a_file_cut_at_every_byte(folder, format, asked):
    """The slow reader says of each cut what rows are before it, or where the row is that is not whole."""
    rows = [b"the 0.5 -1.25 3", b". . . 1e-3 2 0", "çä 25.5 -3 12".encode(), b"2008 1 2 3", b"the 4 5 6"]
    format, _, lines = format.partition(" ")
    if format == "word2vec-binary":
        data = mutations.word2vec_binary(rows, 3, b"\n" if lines else b"")
    else:
        data = mutations.glove(rows) if format == "glove" else mutations.word2vec(rows, 3)
    for dtype in ("float32", "float64"):
        options = Options(format="auto" if asked == "auto" else format, dtype=dtype)
        outcomes = [compare(folder / "cut", data[:cut], options) for cut in range(len(data) + 1)]
        assert outcomes[0] == "refused alike"
        assert outcomes[-1] == "read alike"
    packed = gzip.compress(data)
    for cut in range(2, len(packed)):
        assert compare(folder / "cut", packed[:cut], Options()) == "refused alike"


NPY = (
    b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 300)}".ljust(127)
    + b"\n"
)
SAFETENSORS = b'{"vectors": {"dtype": "F32", "shape": [1000000000000, 300], "data_offsets": [0, 1200000000000000]}}'
MODEL = struct.pack("<14i", 793712314, 12, 2**20, 5, 5, 1, 5, 1, 1, 2, 2**31 - 1, 3, 6, 100)
DICTIONARY = struct.pack("<d3i2q", 0.0, 2**31 - 1, 2**31 - 1, 0, 0, -1)
WORD = struct.pack("<q?", 1, False)

BUCKETS = (
    MODEL + struct.pack("<d3i2q", 0.0, 1, 1, 0, 0, -1) + b"the\0" + WORD + struct.pack("<?2q", False, 2**31, 2**20)
)

PROMISES = {
    "glove.txt": b"the 1 2\n",
    "word2vec": b"1000000000000 300\nthe 1 2\n",
    "word2vec, wide": b"4294967295 1048576\nthe 1 2\n",
    "word2vec binary": b"1000000000000 1048576\nthe \0\0\0\0",
    "a long word": b"1000000000000 2\n" + b"x" * 3_000_000,
    "npy": NPY + bytes(100),
    "safetensors": struct.pack("<Q", len(SAFETENSORS)) + SAFETENSORS + bytes(100),
    "safetensors, header": struct.pack("<Q", 2**31) + SAFETENSORS,
    "fasttext, words": MODEL + DICTIONARY + b"the\0" + WORD,
    "fasttext, buckets": BUCKETS + bytes(100),
    "fasttext, buckets, packed": gzip.compress(BUCKETS + bytes(20_000_000)),
    "fasttext, packed": gzip.compress(MODEL + DICTIONARY + b"the\0" + WORD),
    "a bomb": gzip.compress(b"1000000000000 2\n" + b"\0" * 200_000_000, 9),
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of address space from /proc")
@pytest.mark.parametrize("name", PROMISES)
def test_no_memory_for_what_a_header_promises(tmp_path, name):
    """The address space, so that memory that is asked for and never written counts too."""
    path = tmp_path / "v"
    path.write_bytes(PROMISES[name])
    program = """
import sys
from finevec.vectors import WordVectors
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmPeak"))
def load(path, limit):
    try:
        return len(WordVectors.load(path, limit=limit))
    except ValueError as error:
        return str(error)
load(sys.argv[1], None)
before = peak()
told = load(sys.argv[2], None), load(sys.argv[2], 10**12)
print(peak() - before, *told)
"""
    warm = tmp_path / "warm"
    warm.write_bytes(b"the 1 2\n" * 100_000)
    run = [sys.executable, "-c", program, warm, path]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
    grown, told = done.stdout.split(" ", 1)
    assert int(grown) < 64 << 10, told
    assert told.count(str(path)) == 2 or name == "glove.txt"
