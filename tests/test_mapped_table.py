"""Tables mapped from a file: trained like those in memory, at the cost of the touched rows, and never in the file."""

import copy
import gc
import json
import mmap
import pickle
import subprocess
import sys
from pathlib import Path

import finevec as fv
import numpy as np
import pytest
from finevec import _finevec
from numpy.testing import assert_array_equal
from test_concurrency import assert_child_succeeds, needs_fork
from test_optim import OPTIMIZERS

ROWS, DIM = 300_000, 8  # one number of state per row is past the 1 MiB up to which memory is ordinary

CASES = [
    ("sgd", {}),
    ("adagrad", {}),
    ("adagrad", {"initial_accumulator_value": 0.1}),
    ("rowwise_adagrad", {}),
    ("rowwise_adagrad", {"initial_accumulator_value": 0.1}),
    ("adam", {}),
    ("adadelta", {}),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mapped") / "table.npy"
    np.save(path, np.random.default_rng(0).standard_normal((ROWS, DIM)).astype(np.float32))
    return path


def mapped(path, mode="c"):
    """The table as a plain array on mapped memory."""
    return np.asarray(np.load(path, mmap_mode=mode))


def trained(table, rule, options, steps=4, seed=1):
    """Train some rows by all that a step offers; return the optimizer."""
    embedding = fv.Embedding.from_pretrained(table, freeze=False, padding_idx=3, max_norm=2.0, scale_grad_by_freq=True)
    optimizer = OPTIMIZERS[rule]([embedding.weight], lr=0.1, **options)
    return go_on(optimizer, steps, seed)


def go_on(optimizer, steps=4, seed=1):
    rng = np.random.default_rng(seed)
    (weight,) = optimizer.param_groups[0]["params"]
    for _ in range(steps):
        ids = rng.integers(0, 300, 200) * 1000
        optimizer.zero_grad()
        weight.add_rows(ids, rng.standard_normal((200, DIM), dtype=np.float32), scale_grad_by_freq=True)
        optimizer.clip_grad_norm_(1.0)
        optimizer.step()
    return optimizer


def assert_same_bits(first, second):
    assert_array_equal(first.param_groups[0]["params"][0].data, second.param_groups[0]["params"][0].data)
    states = [optimizer.state_dict()["state"][0] for optimizer in (first, second)]
    assert states[0].keys() == states[1].keys()
    for name in states[0]:
        assert_array_equal(states[0][name], states[1][name])


@pytest.mark.parametrize(("rule", "options"), CASES)
def test_training_gives_the_bits_of_a_table_in_memory_and_leaves_the_file(file, rule, options):
    before = file.read_bytes()
    on_disk, in_memory = (trained(table, rule, options) for table in (mapped(file), np.load(file)))
    assert not np.array_equal(on_disk.param_groups[0]["params"][0].data, mapped(file))
    assert_same_bits(on_disk, in_memory)
    assert file.read_bytes() == before


@pytest.mark.parametrize(("rule", "options"), CASES[1:3])
def test_copies_and_saved_states_go_on_with_the_same_bits(file, rule, options):
    optimizer = trained(mapped(file), rule, options)
    copies = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    table = mapped(file)
    table[...] = optimizer.param_groups[0]["params"][0].data
    loaded = trained(table, rule, options, steps=0)
    loaded.load_state_dict(optimizer.state_dict())
    for other in [optimizer, *copies, loaded]:
        go_on(other, seed=2)
    for other in [*copies, loaded]:
        assert_same_bits(optimizer, other)


def test_a_read_only_map_is_looked_up_and_not_trained(file):
    table = mapped(file, "r")
    embedding = fv.Embedding.from_pretrained(table, freeze=False)
    assert_array_equal(embedding([7, 7, 9]), np.load(file)[[7, 7, 9]])
    optimizer = fv.optim.Adagrad([embedding.weight], initial_accumulator_value=0.1)
    embedding.backward([7], np.ones((1, DIM), np.float32))
    with pytest.raises(ValueError, match="read-only, so it cannot be trained"):
        optimizer.step()


MEASURE = """
import json, sys
from pathlib import Path
import numpy as np
import finevec as fv

def private():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))

def train(table, rule, options):
    embedding = fv.Embedding.from_pretrained(table, freeze=False, padding_idx=0, max_norm=2.0)
    optimizer = fv.optim.SGD([{"params": [embedding.weight], "rule": rule, **options}], lr=0.1)
    for ids in rows.reshape(5, -1):
        embedding.backward(ids, embedding(ids) + 1)
        optimizer.clip_grad_norm_(1.0)
        optimizer.step()
        optimizer.zero_grad()
    return optimizer

path, cases = sys.argv[1], json.loads(sys.argv[2])
rows = np.random.default_rng(0).permutation(1000)[:, None] * 199 + 5
train(np.zeros((200_000, 8), np.float32), "adagrad", {})
grown = []
for rule, options in cases:
    table = np.load(path, mmap_mode="c")
    before = private()
    optimizer = train(table, rule, options)
    grown.append(private() - before)
    del optimizer, table
json.dump(grown, sys.stdout)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell private memory")
def test_memory_grows_with_the_touched_rows_alone(tmp_path):
    path, rows = tmp_path / "table.npy", 1000
    np.lib.format.open_memmap(path, "w+", np.float32, (200_000, 300)).flush()  # 240 MB, all of it a hole in the file
    run = [sys.executable, "-c", MEASURE, str(path), json.dumps(CASES)]
    grown = json.loads(subprocess.run(run, check=True, capture_output=True, text=True, timeout=100).stdout)
    arrays = {"sgd": 1, "adagrad": 2, "rowwise_adagrad": 2, "adam": 3, "adadelta": 3}
    for (rule, options), bytes_grown in zip(CASES, grown, strict=True):
        pages = bytes_grown / mmap.PAGESIZE / (rows * arrays[rule])
        assert 0.5 < pages <= 3, f"{rule} {options}: {pages:.2f} pages per row and array"


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, 3_000_001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_lazy_arrays_hold_their_value_until_written(size, dtype, value):
    array = _finevec.lazy_full(size, value, dtype=dtype)
    wanted = np.full(size, value, dtype)
    assert array.dtype == wanted.dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert_array_equal(array, wanted)
    array[::5000] = 2.5
    wanted[::5000] = 2.5
    assert_array_equal(array, wanted)


def test_a_view_keeps_a_lazy_array_alive():
    view = _finevec.lazy_full(1 << 20, 0.5).reshape(1024, 1024)[1:, ::2]
    others = [_finevec.lazy_full(1 << 20, value) for value in (0.0, 2.0)]
    gc.collect()
    for other in others:
        other[...] = 1.0
    assert (view == 0.5).all()


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_lazy_arrays_beyond_memory_are_memory_errors(value):
    for size in (2**57, 2**61, 2**63, 2**100):
        with pytest.raises(MemoryError):
            _finevec.lazy_full(size, value, dtype="float64")


def test_bad_arguments_of_lazy_arrays_are_told():
    with pytest.raises(ValueError, match="size is -1, wanted at least 0"):
        _finevec.lazy_full(-1, 0.0)
    with pytest.raises(ValueError, match='dtype is "int8", wanted "float32" or "float64"'):
        _finevec.lazy_full(1, 0.0, dtype="int8")


@needs_fork
def test_a_forked_child_has_a_lazy_array_of_its_own():
    array = _finevec.lazy_full(1 << 20, 0.5)
    array[7] = 1.0

    def child():
        as_it_was = array[7] == 1.0 and array[8] == 0.5
        array[:] = 3.0
        return as_it_was

    assert_child_succeeds(child)
    assert array[7] == 1.0
    assert np.all(np.delete(array, 7) == 0.5)
