"""The command line from outside: what `finevec train` writes, and how every kind of bad input is told."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import finevec
import numpy as np
import pytest
from finevec import WordVectors
from finevec.commands import main
from finevec.commands import train as train_command
from finevec.models import directory, load_model
from toy_texts import BAD, GOOD, PLAIN, arguments, read_json, write_tsv, write_vectors


def failure(capsys, argv, code=2):
    """Run a command that must fail; return its one line on standard error."""
    assert main(argv) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1, shown.err
    assert shown.err.startswith("finevec: error: ")
    return shown.err.removeprefix("finevec: error: ").rstrip("\n")


# --- what is written -------------------------------------------------------------------------------------------------


def test_train_with_everything(files, capsys):
    assert main(arguments(files, "train", "dev", "test", "vectors", "save", "metrics", epochs=12)) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    metrics = read_json(files["metrics"])
    assert metrics["rows"] == len(GOOD) + len(BAD) + len(PLAIN) + 1
    assert metrics["known_words"] == metrics["rows"] - 1
    # All but "pleasant", which no training text has. "superb" trains from a random row.
    assert metrics["rows_changed"] == metrics["rows"] - 1
    assert metrics["classes"] == ["neg", "pos"]
    assert (metrics["train_texts"], metrics["dev_texts"], metrics["test_texts"]) == (200, 60, 61)
    assert metrics["test_accuracy"] >= 0.9
    assert metrics["seconds"] >= metrics["training_seconds"] > 0
    assert metrics["history"]["best_epoch"] >= 1
    assert f"test {100 * metrics['test_accuracy']:.2f} %" in shown.out
    assert f"rows changed  {metrics['rows_changed']} of {metrics['rows']}" in shown.out

    model = load_model(files["save"])
    rows = [line.split("\t") for line in Path(files["test"]).read_text(encoding="utf-8").splitlines()]
    right = [model.predict([text])[0] == label for label, text in rows]
    assert sum(right) / len(right) == metrics["test_accuracy"]
    tuned = WordVectors.load(os.path.join(files["save"], "vectors.txt"))
    assert np.array_equal(tuned.vectors, model.vectors)
    assert list(model.others.position) == ["spare", "more"]
    assert directory.read_training(files["save"])["optimizer"] == "adagrad"


def test_without_dev_and_test_a_tenth_is_held_out_and_what_is_missing_is_null(files):
    assert main(arguments(files, "train", "vectors", "metrics", epochs=1, mode="static")) == 0
    metrics = read_json(files["metrics"])
    assert metrics["test_accuracy"] is None
    assert (metrics["train_texts"], metrics["dev_texts"], metrics["test_texts"]) == (180, 20, 0)
    assert metrics["dev_accuracy"] is not None
    assert metrics["rows_changed"] == 0
    assert metrics["embedding_lr"] is None


def test_random_needs_no_vectors(files):
    options = {"epochs": 2, "mode": "random", "dim": 5}
    assert main(arguments(files, "train", "test", "metrics", "save", **options)) == 0
    metrics = read_json(files["metrics"])
    assert (metrics["dim"], metrics["known_words"]) == (5, 0)
    assert metrics["rows"] == len(GOOD) + len(BAD) + len(PLAIN)
    assert load_model(files["save"]).others is None


def test_packed_files_give_the_same_model(files, tmp_path):
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(Path(files["train"]).read_bytes()))
    results = []
    for train in (files["train"], str(packed)):
        assert main(arguments(files, "vectors", "metrics", train=train, epochs=2)) == 0
        results.append(read_json(files["metrics"])["history"]["epochs"][-1]["train_loss"])
    assert results[0] == results[1]


@pytest.mark.parametrize(("count", "expected"), [(0, None), (1, ["pleasant"])])
def test_how_many_other_words_are_saved_can_be_chosen(files, count, expected):
    assert main(arguments(files, "train", "vectors", "save", epochs=1, other_words=count)) == 0
    others = load_model(files["save"]).others
    assert (list(others.position) if others else None) == expected


def test_a_kept_vector_decides_about_a_text_of_new_words(files):
    assert main(arguments(files, "train", "vectors", "save", epochs=1)) == 0
    model = load_model(files["save"])
    assert not np.array_equal(model.predict_proba(["pleasant"]), model.predict_proba(["xyzzy"]))


def test_progress_is_on_standard_error_and_the_result_on_standard_output(files, capsys):
    argv = [part for part in arguments(files, "train", "vectors", epochs=2, freeze_epochs=1) if part != "--quiet"]
    assert main(argv) == 0
    shown = capsys.readouterr()
    assert "180 train, 20 dev texts, 2 classes (neg, pos); 30 words of 8 numbers, 29 with a pretrained" in shown.err
    assert "epoch 2: the embedding thaws" in shown.err
    assert shown.out.startswith("accuracy  train ")
    assert len(shown.out.splitlines()) == 2


def test_any_word_that_a_file_can_hold_can_be_saved(files, tmp_path):
    odd = "go\x0bod a\u2028b nb\u00a0sp \x85y \ufeff \u200b #c \U0001f600"
    train = write_tsv(tmp_path / "odd.tsv", ["a", "b"] * 10, [f"{odd} fine", "odd"] * 10)
    options = {"mode": "random", "dim": 2, "tokenizer": "whitespace", "epochs": 1}
    assert main(arguments(files, "save", train=train, **options)) == 0
    assert load_model(files["save"]).words == [*odd.split(" "), "fine", "odd"]
    tuned = WordVectors.load(os.path.join(files["save"], "vectors.txt"))
    assert list(tuned.index_to_key) == [*odd.split(" "), "fine", "odd"]


def test_what_is_saved_and_measured_does_not_change_the_training(files):
    first = ("train", "dev", "vectors", "metrics")
    histories = []
    for more in ([], ["save"], ["test"]):
        assert main(arguments(files, *first, *more, epochs=3)) == 0
        epochs = read_json(files["metrics"])["history"]["epochs"]
        histories.append([(epoch["train_loss"], epoch["dev_loss"]) for epoch in epochs])
    assert histories[0] == histories[1] == histories[2]


def test_vectors_of_test_words_alone_are_not_enough(files, tmp_path, capsys):
    vectors = write_vectors(tmp_path / "test-words.txt", ["pleasant"])
    message = failure(capsys, arguments(files, "train", "test", vectors=vectors))
    assert message == f"none of the 30 words of {files['train']} has a vector in {vectors}"


@pytest.mark.parametrize(("text", "warned"), [("ééxxxxxxxx", True), ("éxxxxxxxxx", False)])
def test_letters_that_kim_drops_are_told(files, tmp_path, capsys, text, warned):
    train = write_tsv(tmp_path / "accents.tsv", ["a", "b"] * 10, [text] * 20)
    options = {"train": train, "mode": "random", "dim": 2, "epochs": 1}
    assert main(arguments(files, **options)) == 0
    told = f"finevec: warning: {train}: the kim tokenizer drops 20 % of the letters, which are not A-Z: --tokenizer "
    assert capsys.readouterr().err == (f"{told}lower keeps them\n" if warned else "")
    assert main(arguments(files, "save", **options, tokenizer="lower")) == 0
    assert capsys.readouterr().err == ""
    assert load_model(files["save"]).words == [text]


def test_two_runs_write_the_same_model(files, tmp_path):
    saved = []
    for name in ("first", "second"):
        assert main(arguments(files, "train", "dev", "vectors", epochs=3, save=tmp_path / name)) == 0
        saved.append((tmp_path / name / "vectors.txt").read_bytes())
    assert saved[0] == saved[1]


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["tune"], "invalid choice: 'tune'"),
        (["train"], "the following arguments are required: --train"),
        (
            ["train", "--train", "x", "--epochs", "0"],
            "argument --epochs: expected a whole number of at least 1, got '0'",
        ),
        (["train", "--train", "x", "--epochs", "two"], "expected a whole number of at least 1, got 'two'"),
        (["train", "--train", "x", "--lr", "-1"], "argument --lr: expected a number above 0, got '-1'"),
        (["train", "--train", "x", "--lr", "nan"], "argument --lr: expected a number above 0, got 'nan'"),
        (["train", "--train", "x", "--dropout", "1"], "expected a number of at least 0 and below 1, got '1'"),
        (["train", "--train", "x", "--mode", "frozen"], "argument --mode: invalid choice: 'frozen'"),
        (["train", "--train", "x", "--optimizer", "lamb"], "argument --optimizer: invalid choice: 'lamb'"),
        (["train", "--train", "x"], "--mode non-static needs --vectors FILE"),
        (["train", "--train", "x", "--mode", "random", "--vectors", "v"], "--mode random takes no --vectors"),
        (["train", "--train", "x", "--vectors", "v", "--dim", "5"], "--dim is for --mode random only"),
        (["train", "--train", "x", "--vectors", "v", "--mode", "static", "--freeze-epochs", "1"], "has no meaning"),
        (
            ["train", "--train", "x", "--vectors", "v", "--freeze-epochs", "3", "--epochs", "3"],
            "--freeze-epochs 3 leaves none of at most 3 epochs to fine-tune in: choose fewer, or --mode static",
        ),
        (["train", "--train", ""], "argument --train: expected a path, got an empty one"),
        (["train", "--train", "x", "--save", ""], "argument --save: expected a path, got an empty one"),
        (["train", "--train", "x", "--metrics="], "argument --metrics: expected a path, got an empty one"),
        (["neighbors", "--vectors", "", "a"], "argument --vectors: expected a path, got an empty one"),
        (["demo", "--save", ""], "argument --save: expected a path, got an empty one"),
        (
            ["train", "--train", "x", "--mode", "random", "--dim", "1000000000000"],
            "--dim: expected a whole number of at least 1 and at most 1048576, got '1000000000000'",
        ),
        (
            ["train", "--train", "x", "--vectors", "v", "--model", "cnn", "--widths", "3,1000000"],
            "--widths: expected a whole number of at least 1 and at most 1000, got '1000000'",
        ),
        (
            ["train", "--train", "x", "--vectors", "v", "--model", "cnn", "--filters", "100001"],
            "--filters: expected a whole number of at least 1 and at most 100000, got '100001'",
        ),
        (
            ["train", "--train", "x", "--vectors", "v", "--blas-threads", "1025"],
            "--blas-threads: expected a whole number of at least 1 and at most 1024, got '1025'",
        ),
        (["train", "--train", "none.tsv", "--vectors", "v"], "none.tsv: No such file or directory"),
        (["demo", "--seeds", "0"], "argument --seeds: expected a whole number of at least 1"),
    ],
)
def test_wrong_arguments(capsys, argv, message):
    assert message in failure(capsys, argv)


@pytest.mark.parametrize(
    ("part", "data", "message"),
    [
        ("train", b"", "the file is empty"),
        ("train", b"a\tone\nb two\n", "train.bad:2: expected label<TAB>text, found no tab"),
        ("train", b"a\tone\nb\t\n", "train.bad:2: the text is empty"),
        ("train", b"a\tone\nb\t\xff\n", "train.bad:2: not UTF-8"),
        ("train", b"a\tone\na\ttwo\n", "expected texts of at least 2 classes, found only the label 'a'"),
        ("train", b"a\tgood\nb\tbad\n", "too few training texts to hold out a tenth"),
        ("train", b"a\t...\nb\t;;;\n", "the kim tokenizer finds no word in any text"),
        ("train", b"a\txyzzy plugh\na\txyzzy\nb\tfrotz\n", "train.bad has a vector in"),
        ("train", b"\x1f\x8b\x08rest", "damaged gzip file"),
        ("dev", b"pos\tgood\nmaybe\tbad\n", "dev.bad:2: label 'maybe' is not one of the training texts' labels"),
        ("test", b"neutral\tgood\n", "test.bad:1: label 'neutral' is not one of"),
        ("test", b"", "test.bad: the file is empty"),
        ("vectors", b"", "vectors.bad"),
        ("vectors", b"good 1 2 3\nbad 1 2\n", "vectors.bad"),
        ("vectors", b"good 1 2 3\nbad 1 x 3\n", "vectors.bad"),
        ("vectors", b"5 3\ngood 1 2 3\nbad 1 2 3\n", "vectors.bad"),
        ("vectors", b"good 1 2 3\nb\xff\xfed 1 2 3\n", "vectors.bad"),
    ],
)
def test_bad_files(files, tmp_path, capsys, part, data, message):
    bad = tmp_path / f"{part}.bad"
    bad.write_bytes(data)
    argv = arguments(files, *{"train", "vectors", "save", "metrics"} - {part}, **{part: bad})
    assert message in failure(capsys, argv)
    assert not os.path.exists(files["save"])
    assert not os.path.exists(files["metrics"])


@pytest.mark.parametrize("part", ["train", "dev", "test", "vectors"])
def test_a_directory_in_place_of_a_file(files, tmp_path, capsys, part):
    (tmp_path / "folder").mkdir()
    argv = arguments(files, *{"train", "vectors"} - {part}, **{part: tmp_path / "folder"})
    told = "found a directory without vectors.txt" if part == "vectors" else "Is a directory"
    assert failure(capsys, argv).startswith(f"{tmp_path / 'folder'}: ")
    assert told in failure(capsys, argv)


def test_output_that_cannot_be_written_is_told_before_training(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_command, "fit", None)  # training would fail in another way
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    message = failure(capsys, arguments(files, "train", "vectors", save=tmp_path / "mine"))
    assert "mine: holds something that is not a finevec model" in message
    message = failure(capsys, arguments(files, "train", "vectors", save=tmp_path / "no" / "model"))
    assert "there is no directory" in message
    message = failure(capsys, arguments(files, "train", "vectors", metrics=tmp_path / "no" / "m.json"))
    assert "there is no directory" in message
    message = failure(capsys, arguments(files, "train", "vectors", metrics=tmp_path))
    assert "expected a file to write the metrics to, found a directory" in message


@pytest.mark.parametrize("part", ["train", "dev", "test", "vectors"])
def test_metrics_never_replace_an_input(files, tmp_path, capsys, part):
    argv = ["train", "dev", "test", "vectors"]
    before = Path(files[part]).read_bytes()
    os.link(files[part], tmp_path / "same")
    for name in (files[part], tmp_path / "." / "same"):
        message = failure(capsys, arguments(files, *argv, metrics=name))
        assert f"the metrics would replace {files[part]}, which is read" in message
    assert Path(files[part]).read_bytes() == before


def test_metrics_never_replace_the_model(files, capsys):
    message = failure(capsys, arguments(files, "train", "vectors", "save", metrics=files["save"]))
    assert "expected a file to write the metrics to, found a directory" in message
    assert main(arguments(files, "train", "vectors", "save", epochs=1)) == 0
    capsys.readouterr()
    for name in directory.FILES:
        argv = arguments(files, "train", "vectors", "save", epochs=1, metrics=os.path.join(files["save"], name))
        assert "the metrics would replace a file of the model" in failure(capsys, argv)
    assert load_model(files["save"])


def test_the_checkpoint_never_replaces_a_model(files, tmp_path, capsys):
    assert main(arguments(files, "train", "vectors", "save", epochs=1)) == 0
    capsys.readouterr()
    os.symlink(files["save"], tmp_path / "link")
    os.mkdir(tmp_path / "empty")
    before = {name: (Path(files["save"]) / name).read_bytes() for name in os.listdir(files["save"])}
    assert set(before) == set(directory.FILES)
    for name in directory.FILES:
        for folder in (files["save"], tmp_path / "link"):
            argv = arguments(files, "train", "vectors", epochs=1, checkpoint=os.path.join(folder, name))
            assert "the checkpoint would replace a model's file; choose another name" in failure(capsys, argv)
    assert {name: (Path(files["save"]) / name).read_bytes() for name in os.listdir(files["save"])} == before
    elsewhere = tmp_path / "weights.npz"  # in a folder that is no model
    assert main(arguments(files, "train", "vectors", "save", epochs=1, checkpoint=elsewhere)) == 0
    assert os.path.isfile(elsewhere)
    assert load_model(files["save"])


def test_the_checkpoint_is_never_in_the_way_of_saving(files, tmp_path, capsys, monkeypatch):
    (tmp_path / "new" / "deep").mkdir(parents=True)
    os.symlink(tmp_path / "new", tmp_path / "link")
    with monkeypatch.context() as patch:
        patch.setattr(train_command, "fit", None)  # training would fail in another way
        for folder, left in ((tmp_path / "new", []), (tmp_path / "link", []), (tmp_path / "new", ["a.ckpt"])):
            for name in ("a.ckpt", "weights.npz", "deep/a.ckpt"):
                path = folder / name
                for other in left:  # of a run by an older finevec
                    (folder / other).write_bytes(b"state")
                message = failure(capsys, arguments(files, "train", "vectors", save=tmp_path / "new", checkpoint=path))
                told = f"{path}: the checkpoint would be in the way of saving the model to {tmp_path / 'new'}; choose a"
                assert told in message
    (tmp_path / "newer").mkdir()
    beside = tmp_path / "newer.ckpt"
    argv = arguments(files, "train", "vectors", epochs=1, save=tmp_path / "newer", checkpoint=beside)
    assert [main(argv), main(argv)] == [0, 0]


def test_a_link_for_metrics_keeps_pointing(files, tmp_path):
    (tmp_path / "link.json").symlink_to(files["metrics"])
    assert main(arguments(files, "train", "vectors", epochs=1, metrics=tmp_path / "link.json")) == 0
    assert (tmp_path / "link.json").is_symlink()
    assert read_json(files["metrics"])["rows"] == 30


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_metrics_go_through_a_pipe_and_leave_it_there(files, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    # Open at both ends, so that nobody waits for the other; the pipe's buffer holds the metrics.
    pipe = os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK)
    try:
        assert main(arguments(files, "train", "vectors", epochs=1, metrics=tmp_path / "pipe")) == 0
        assert json.loads(os.read(pipe, 1 << 16))["rows"] == 30
    finally:
        os.close(pipe)
    assert (tmp_path / "pipe").is_fifo()


def test_too_little_memory_is_one_line(files, capsys, monkeypatch):
    def full(*args):
        raise MemoryError("Unable to allocate 1.00 TiB for an array")

    monkeypatch.setattr(train_command, "fit", full)
    message = failure(capsys, arguments(files, "train", "vectors"))
    assert message == "not enough memory: Unable to allocate 1.00 TiB for an array"


def test_the_model_tells_versions_and_threads(files):
    assert main(arguments(files, "train", "vectors", "save", "metrics", epochs=1)) == 0
    told = directory.read_training(files["save"])["environment"]
    assert told == read_json(files["metrics"])["environment"]
    assert told["numpy"] == np.__version__
    assert told["threads"] == finevec.get_num_threads()


def test_metrics_may_go_into_the_model_directory(files, tmp_path):
    inside = tmp_path / "model" / "metrics.json"
    for _ in range(2):
        assert main(arguments(files, "train", "vectors", "save", epochs=1, metrics=inside)) == 0
        assert json.loads(inside.read_text())["rows"] == 30


def test_a_run_that_diverges_ends_with_1_and_saves_nothing(files, capsys):
    argv = arguments(files, "train", "vectors", "save", optimizer="sgd", lr=1e38, embedding_lr=1e38)
    message = failure(capsys, argv, code=1)
    assert "with lr 1e+38 and embedding lr 1e+38: try smaller rates" in message
    assert not os.path.exists(files["save"])


def test_an_interrupt_ends_with_130_and_one_line(files, capsys, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "fit", interrupt)
    assert main(arguments(files, "train", "vectors", "save")) == 130
    assert capsys.readouterr().err == "finevec: interrupted\n"
    assert not os.path.exists(files["save"])


def test_a_bug_is_not_dressed_up_as_bad_input(files, monkeypatch):
    def broken(*args):
        raise TypeError("a bug")

    monkeypatch.setattr(train_command, "fit", broken)
    with pytest.raises(TypeError, match="a bug"):
        main(arguments(files, "train", "vectors"))


@pytest.mark.parametrize("argv", [["--help"], ["train", "--help"], ["demo", "--help"], ["--version"]])
def test_help_and_version(capsys, argv):
    assert main(argv) == 0
    assert "finevec" in capsys.readouterr().out
