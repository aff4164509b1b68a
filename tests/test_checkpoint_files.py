"""Files that a run must not go on from, and places where none can be written: nothing is changed then."""

from __future__ import annotations

import json
import os
import struct
import zipfile

import numpy as np
import pytest
from finevec import blas
from finevec.models import save_model
from finevec.models.text_classifier import Example
from finevec.train.checkpoint import check_checkpoint_target
from finevec.train.run_state import digest
from test_train import WORDS, toy
from toy_runs import UNSTEADY, Told, assert_refused, run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


# --- another run -----------------------------------------------------------------------------------------------------


def other_vector(word):
    def change(model, *_):
        model.vectors[WORDS.index(word)] += 1

    return change


def dev_only_word(model, train_examples, dev_examples):
    dev_examples[0] = Example(np.array([WORDS.index("seen")]), dev_examples[0].target)


def dev_only_vector(model, train_examples, dev_examples):
    dev_only_word(model, train_examples, dev_examples)
    other_vector("seen")(model)


def dense_weight(model, *_):
    model.output.bias.data[1] += 1


def target(model, train_examples, dev_examples):
    dev_examples[3] = dev_examples[3]._replace(target=1 - dev_examples[3].target)


def word(model, train_examples, dev_examples):
    train_examples[5] = train_examples[5]._replace(ids=train_examples[5].ids[::-1].copy())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 11}, ": batch_size: expected 10, got 11: remove it or choose another file$"),
        (
            {"optimizer": "adam", "lr": 0.2, "embedding_lr": 0.01},
            r": optimizer: expected adagrad, got adam; .*; and \d+ more: ",
        ),
        ({"lr": 0.25}, r": lr: expected 0\.2, got 0\.25; optimizer\.0\.lr: expected 0\.2, got 0\.25: remove "),
        (
            {"embedding_lr": 0.5},
            r": embedding_lr: expected 0\.01, got 0\.5; optimizer\.1\.lr: expected 0\.01, got 0\.5: ",
        ),
        (
            {"freeze_epochs": 1},
            r": freeze_epochs: expected 0, got 1; optimizer\.1\.freeze_steps: expected 0, got 3: ",
        ),
        ({"seed": 2}, ": seed: expected 1, got 2: remove "),
        ({"model_seed": 2}, r": initial weights: expected \w{32}, got \w{32}: remove "),
        ({"blas_threads": 2}, r"blas_threads: expected 1, got 2"),
        ({"dropout": 0.5}, r": model\.dropout: expected 0\.0, got 0\.5: remove "),
        ({"mode": "random"}, r": model\.mode: expected non-static, got random: remove "),
        ({"mode": "static"}, r"model\.mode: expected non-static, got static; "),
        ({"change": dense_weight}, r": initial weights: expected \w{32}, got \w{32}: remove "),
        ({"change": other_vector("good")}, r": initial weights: expected \w{32}, got \w{32}: remove "),
        ({"change": target}, r": dev examples: expected 30 with digest \w{32}, got 30 with digest \w{32}: remove "),
        ({"change": word}, r": training examples: expected 30 with digest \w{32}, got 30 with digest \w{32}: remove "),
        ({"change": lambda _, t, d: t.pop()}, "training examples: expected 30 with .*, got 29 with "),
    ],
)
def test_the_checkpoint_of_another_run_is_refused_by_name(path, changed, message):
    run(path, epochs=2)
    assert_refused(path, "checkpoint of another run.*" + message, epochs=3, **changed)


@pytest.mark.parametrize("mode", ["static", "non-static"])
def test_vectors_that_only_dev_texts_look_up_count_too(path, mode):
    run(path, epochs=2, mode=mode, change=dev_only_word)
    assert_refused(path, "initial weights: expected", epochs=3, mode=mode, change=dev_only_vector)
    assert run(path, epochs=3, mode=mode, change=dev_only_word) == run(epochs=3, mode=mode, change=dev_only_word)


def test_vectors_that_no_text_looks_up_do_not_count(path):
    run(path, epochs=2)
    assert run(path, epochs=3, change=other_vector("never"))[1] == run(epochs=3)[1]


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (
            {"epochs": 4},
            "with epochs 4 and patience 0 the run would have ended after epoch 4, earlier than the checkpoint's epoch "
            "5: give at least as many epochs and as much patience as before",
        ),
        ({"epochs": 9, "patience": 1}, "with epochs 9 and patience 1 the run would have ended after epoch [1-4], "),
    ],
)
def test_a_run_that_would_have_ended_earlier_is_refused(path, ending, message):
    run(path, epochs=5, **UNSTEADY)
    assert_refused(path, message, **UNSTEADY, **ending)


def test_the_blas_must_be_the_same_and_versions_are_told(path, monkeypatch):
    now = {**blas.environment(), "blas_threads": 1}

    def pretend(**changed):
        monkeypatch.setattr(blas, "environment", lambda: {**now, **changed})

    pretend()
    run(path, epochs=2)
    for name, value in (("blas", "mkl"), ("blas_version", "0.0"), ("blas_bits", "0f")):
        pretend(**{name: value})
        assert_refused(path, rf": environment\.{name}: expected {now[name]}, got {value}: remove it or ", epochs=3)
    pretend(numpy="9.9", finevec="0.0", threads=99)
    told = Told()
    assert run(path, epochs=3, told=told) == run(epochs=3)
    assert told.notes[1:] == [
        f"warning: {path} was written with finevec {now['finevec']}, this is 0.0: the last bits may differ",
        f"warning: {path} was written with numpy {now['numpy']}, this is 9.9: the last bits may differ",
    ]


@pytest.mark.parametrize(
    ("kept", "now", "message"),
    [
        (1, None, r"set OPENBLAS_NUM_THREADS \(or .*\) to 1, or install threadpoolctl \(the extra \[repro\]\), to go"),
        (1, 4, r"set OPENBLAS_NUM_THREADS \(or .*\) to 1, or install threadpoolctl"),
        (4, 1, r"set OPENBLAS_NUM_THREADS \(or .*\) to 4, and go on without threadpoolctl"),
        (
            None,
            1,
            r"it was written without threadpoolctl and without OPENBLAS_NUM_THREADS \(or its kin\): go on without",
        ),
    ],
)
def test_other_blas_threads_are_refused_with_a_way_out(path, monkeypatch, kept, now, message):
    known = blas.environment()
    with monkeypatch.context() as patch:
        patch.setattr(blas, "environment", lambda: {**known, "blas_threads": kept})
        run(path, epochs=2)
    monkeypatch.setattr(blas, "environment", lambda: {**known, "blas_threads": now})
    told = rf"environment\.blas_threads: expected {kept}, got {now}: {message}.* remove it or choose another file$"
    assert_refused(path, told, epochs=3)


def test_an_unknown_number_of_blas_threads_is_told(path, monkeypatch):
    now = blas.environment()
    for threads in (None, 2):
        monkeypatch.setattr(blas, "environment", lambda threads=threads: {**now, "blas_threads": threads})
        path.unlink(missing_ok=True)
        run(path, epochs=2)
        told = Told()
        assert run(path, epochs=3, told=told) == run(epochs=3)
        warning = "warning: how many threads NumPy's BLAS uses is not known, and the last bits may differ: install "
        assert told.notes[1:] == ([f"{warning}threadpoolctl, or set OPENBLAS_NUM_THREADS"] if threads is None else [])


# --- damaged and foreign files ---------------------------------------------------------------------------------------


DAMAGED = "no finevec checkpoint, or a damaged one: "


def test_a_file_that_was_cut_off_is_refused(path):
    run(path, epochs=2)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), len(whole) // 25), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert_refused(path, DAMAGED, epochs=3)


def content(path):
    """Return the positions of the bytes of an archive's members, between its own headers."""
    whole, positions = path.read_bytes(), set()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + sum(struct.unpack_from("<HH", whole, info.header_offset + 26))
            positions.update(range(start, start + info.file_size))
    return positions


def test_flipped_bytes_are_refused_or_mean_nothing(path):
    run(path, epochs=2, optimizer="adadelta")
    whole, members = path.read_bytes(), content(path)
    assert len(members) > len(whole) / 2
    expected = run(epochs=3, optimizer="adadelta")
    for position in np.random.default_rng(0).permutation(len(whole))[:150]:
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            result = run(path, epochs=3, optimizer="adadelta")
        except ValueError as error:
            assert str(error).startswith(f"{path}: {DAMAGED}")  # noqa: PT017 - some positions raise nothing
            assert path.read_bytes() == damaged
        else:  # a date or an attribute of the archive's
            assert result == expected
            assert position not in members


@pytest.mark.parametrize("content", [b"", b"good 1 2 3\n", b"PK\x05\x06" + bytes(18), b"\x80\x04N."])
def test_foreign_files_are_refused_and_kept(path, content):
    path.write_bytes(content)
    assert_refused(path, DAMAGED, epochs=3)


def test_a_models_weights_are_no_checkpoint(tmp_path):
    save_model(toy()[0], tmp_path / "model")
    assert_refused(tmp_path / "model" / "weights.npz", DAMAGED + "ValueError: it has no 'run'", epochs=3)


def rewritten(path, **members):
    """Write the file anew with other members: the checksums are right."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content.update({f"{name}.npy": data for name, data in members.items()})
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            if data is not None:
                archive.writestr(name, data)


def test_an_npy_header_that_numpy_complains_of_at_length_is_told_in_a_line(path):
    run(path, epochs=2)
    header = b"{'descr': '<f4'," + b" " * 20_000 + b"}\n"
    rewritten(path, **{"weights.dense.0": b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header})
    assert_refused(path, DAMAGED + "ValueError: Header info length .* is large", epochs=3)


def npy(array, folder, **options):
    np.save(folder / "member.npy", array, **options)
    return (folder / "member.npy").read_bytes()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("pickled-array-ran",)


def test_nothing_is_unpickled(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(path, epochs=2)
    bomb = np.empty((2, 8), object)
    bomb[:] = Bomb()
    for name in ("weights.dense.0", "run"):
        rewritten(path, **{name: npy(bomb, tmp_path, allow_pickle=True)})
        assert_refused(path, DAMAGED, epochs=3)
    assert not (tmp_path / "pickled-array-ran").exists()


@pytest.mark.parametrize("name", ["weights.embedding.0", "weights.dense.1", "state.0.state_sum", "state.2.state_sum"])
def test_arrays_of_other_sizes_are_refused(path, tmp_path, name):
    run(path, epochs=2)
    huge = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.float32)) | {"shape": (1 << 40, 8)}
    with open(tmp_path / "huge.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, huge)
    for data in (
        npy(np.zeros((2, 3), np.float32), tmp_path),
        npy(np.zeros(2, np.int64), tmp_path),
        (tmp_path / "huge.npy").read_bytes(),
        None,
    ):
        rewritten(path, **{name: data})
        assert_refused(path, DAMAGED, epochs=3)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(format="other"), "it does not call itself finevec-checkpoint"),
        (lambda d: d.update(format_version=2), "expected format version 1, got 2"),
        (lambda d: d.update(epochs=[]), "epochs: expected at least 1, got 0"),
        (lambda d: d.pop("run"), "run: expected a dict, got NoneType"),
        (lambda d: d["epochs"].reverse(), "epoch: expected 1, got 2"),
        (lambda d: d["epochs"][0].update(dev_loss="0.1"), "dev_loss must be a number, got str"),
        (lambda d: d["epochs"][0].pop("seconds"), "KeyError: 'seconds'"),
        (lambda d: d["parameter_steps"].update({"9": 1}), "IndexError"),
        (lambda d: d["parameter_steps"].update({"0": 0}), "parameter 0: step must be at least 1, got 0"),
        (lambda d: d.update(steps=-1), "steps must be at least 0, got -1"),
    ],
)
def test_a_wrong_description_is_refused(path, tmp_path, edit, message):
    run(path, epochs=2)
    with zipfile.ZipFile(path) as archive, archive.open("run.npy") as member:
        description = json.loads(np.load(member).tobytes())
    edit(description)
    rewritten(path, run=npy(np.frombuffer(json.dumps(description).encode(), np.uint8), tmp_path))
    assert_refused(path, DAMAGED + ".*" + message, epochs=3)


# --- the target ------------------------------------------------------------------------------------------------------


def test_the_target_is_checked_before_training(tmp_path, monkeypatch):
    def refused(path, error, message):
        told = Told()
        with pytest.raises(error, match=message):
            run(path, epochs=1, told=told)
        assert told.batches == 0

    refused(tmp_path, IsADirectoryError, "expected a file to keep the checkpoint in, found a directory")
    refused(tmp_path / "no" / "run.ckpt", FileNotFoundError, f"there is no directory {tmp_path / 'no'} to write it in")
    if os.name != "nt":
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", ValueError, "found a device or a pipe")
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(tmp_path / "run.ckpt", PermissionError, f"no permission to write in {tmp_path}")
    monkeypatch.undo()
    check_checkpoint_target(tmp_path / "run.ckpt")
    assert [entry.name for entry in tmp_path.iterdir()] in (["pipe"], [])


def test_a_link_keeps_pointing_to_the_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "run.ckpt")
    run(tmp_path / "link", epochs=2)
    assert (tmp_path / "link").is_symlink()
    assert run(tmp_path / "run.ckpt", epochs=3) == run(epochs=3)


# --- digests ---------------------------------------------------------------------------------------------------------


def test_values_that_differ_have_other_digests():
    values = [
        None, 0, 1, True, 1.0, "1", b"1", "", [], {}, [[]], [1, 2], [[1], 2], [[1, 2]], ["ab"], ["a", "b"], {"a": 1},
        np.arange(6), np.arange(6.0), np.arange(6, dtype=np.int32), np.arange(6).reshape(2, 3), np.zeros(0),
        np.zeros((0, 2)), [np.arange(3), np.arange(3, 6)], np.array(1),
    ]  # fmt: skip
    assert len({digest(value) for value in values}) == len(values)


def test_equal_values_have_equal_digests():
    table = np.arange(12).reshape(3, 4)
    assert digest(table.T) == digest(np.ascontiguousarray(table.T))
    assert digest((1, "a")) == digest([1, "a"])
    assert digest(np.int32(7)) == digest(7)


def test_what_has_no_digest_is_refused():
    for value in ({1}, [object()], np.array([object()])):
        with pytest.raises(TypeError, match="expected arrays, numbers, strings and sequences of them, got "):
            digest(value)
