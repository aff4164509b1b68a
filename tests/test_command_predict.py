"""`finevec predict`: a line for each line, in time, and how bad input is told."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from finevec.commands import lines as lines_module
from finevec.commands import main
from finevec.models import BagClassifier, load_model, save_model

WORDS = ["good", "bad", "film"]


def saved(folder, classes=("neg", "pos"), scale=1.0):
    """Save a model that knows "good" as the last class and "bad" as the first, and calls a text without words neg."""
    table = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    model = BagClassifier(table, WORDS, list(classes), tokenizer="lower")
    model.output.weight.data[...] = scale * np.array([[-1, 1], [1, -1]], np.float32)
    model.output.bias.data[...] = [0.25, 0]
    save_model(model, folder)
    return str(folder)


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path / "model")


def predicted(capsys, monkeypatch, model, data, *more):
    """Return what comes out for bytes on standard input, which must end well."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    assert main(["predict", "--model", model, *more]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"a good film\na bad film\n", "pos neg"),
        (b"good\nbad", "pos neg"),
        (b"good\r\nbad\r\n", "pos neg"),
        (b"\xef\xbb\xbfgood\nbad\n", "pos neg"),
        (b"\ngood\n\n\ngood\n", "neg pos neg neg pos"),
        (b"\r\ngood", "neg pos"),
        ("görüldü good\u2028bad good\x0b\x85\n".encode(), "pos"),
        (b"label\tgood\n", "pos"),
        (b"\n", "neg"),
        (b"", ""),
    ],
)
def test_one_line_comes_out_for_each_line(capsys, monkeypatch, tmp_path, model, data, wanted):
    lines = "".join(f"{name}\n" for name in wanted.split())
    assert predicted(capsys, monkeypatch, model, data) == lines
    assert predicted(capsys, monkeypatch, model, data, "-") == lines
    for name, content in [("plain", data), ("packed", gzip.compress(data))]:
        (tmp_path / name).write_bytes(content)
        assert predicted(capsys, monkeypatch, model, b"bad", str(tmp_path / name)) == lines
    assert predicted(capsys, monkeypatch, model, gzip.compress(data)) == lines


def test_probabilities_have_a_header_and_six_digits(capsys, monkeypatch, tmp_path):
    model = saved(tmp_path / "sure", scale=20.0)
    out = predicted(capsys, monkeypatch, model, b"good\nbad\n\n", "--proba")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert header == ["neg", "pos"]
    logits = np.array([[-19.75, 20], [20.25, -20], [0.25, 0]])
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    # Half a unit of the sixth digit, and what float32 adds: the logits are within 2^-20, and exp and sum add little.
    np.testing.assert_allclose(np.array(rows, float), wanted, rtol=5e-6 + 2e-6, atol=0)
    assert rows[0][1] == "1"
    assert predicted(capsys, monkeypatch, model, b"", "--proba") == "neg\tpos\n"


def test_a_large_file_comes_out_in_order_in_many_batches(capsys, monkeypatch, tmp_path, model):
    monkeypatch.setattr(lines_module, "_READ", 1000)
    monkeypatch.setattr(lines_module, "_MOST_INPUTS", 16)
    sizes = []
    monkeypatch.setattr(BagClassifier, "predict", lambda self, texts: sizes.append(len(texts)) or list(texts))
    texts = [" ".join(["x"] * (number % 97)) + str(number) for number in range(3000)]
    data = "\n".join(texts).encode()
    assert predicted(capsys, monkeypatch, model, data).splitlines() == texts
    assert max(sizes) <= 16
    assert sum(sizes) == len(texts)


def test_names_that_would_break_lines_or_columns_are_escaped(capsys, monkeypatch, tmp_path):
    model = saved(tmp_path / "odd", classes=("a\tb\nc\r\x1b\u2028", "größer \\"))
    escaped = "a\\tb\\nc\\r\\x1b\\u2028"
    assert predicted(capsys, monkeypatch, model, b"good\nbad\n") == f"größer \\\n{escaped}\n"
    out = predicted(capsys, monkeypatch, model, b"good\n", "--proba")
    assert out.split("\n")[0] == f"{escaped}\tgrößer \\"


@pytest.mark.parametrize("number", [1, 3, 2500])
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"caf\xe9!", "not UTF-8: byte 0xe9 at byte 4"),
        (b"g\0o\0", "a zero byte: expected UTF-8, is this UTF-16?"),
        (b"good\rbad", "a carriage return within the line: lines end in \\n or \\r\\n"),
        (b"x" * 1001, "longer than 1000 bytes"),
    ],
)
def test_a_bad_line_is_told_after_the_answers_before_it(capsys, monkeypatch, tmp_path, model, number, bad, said):
    monkeypatch.setattr(lines_module, "LONGEST_LINE", 1000)
    monkeypatch.setattr(lines_module, "_READ", 100)  # else the long line is found before those that came with it
    path = tmp_path / "texts.txt"
    path.write_bytes(b"good\n" * (number - 1) + bad + b"\nbad\n")
    assert main(["predict", "--model", model, str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "pos\n" * (number - 1)
    assert shown.err == f"finevec: error: {path}:{number}: {said}\n"


def test_a_cut_gzip_file_is_told_after_the_answers(capsys, monkeypatch, tmp_path, model):
    path = tmp_path / "texts.gz"
    path.write_bytes(gzip.compress(b"good\n" * 1000)[:-9])
    assert main(["predict", "--model", model, str(path)]) == 2
    shown = capsys.readouterr()
    lines = shown.out.count("\n")
    assert shown.out == "pos\n" * lines
    assert f"texts.gz: damaged gzip file after line {lines}: " in shown.err
    path.write_bytes(gzip.compress(b"good\n")[:12])
    assert main(["predict", "--model", model, str(path)]) == 2
    assert "texts.gz: damaged gzip file after line 0: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["predict"], "the following arguments are required: --model"),
        (["predict", "--model", ""], "argument --model: expected a path, got an empty one"),
        (["predict", "--model", "none"], "none: there is no such model directory"),
        (["predict", "--model", "."], "not a finevec model: it has no model.json"),
        (["predict", "--model", "model", "none.txt"], "none.txt: No such file or directory"),
        (["predict", "--proba", "--model", "model", "model"], "model: Is a directory"),
        (["predict", "--model", "model", "one.txt", "two.txt"], "unrecognized arguments: two.txt"),
    ],
)
def test_bad_arguments_print_nothing_else(capsys, monkeypatch, tmp_path, model, argv, said):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert shown.err.count("\n") == 1


def test_no_standard_input(capsys, monkeypatch, model):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["predict", "--model", model]) == 2
    assert capsys.readouterr().err == "finevec: error: standard input is closed: give a FILE\n"


class Slow(io.RawIOBase):
    """Has nothing yet, then two bytes, nothing yet, and so on."""

    def __init__(self, data):
        self.parts = [part for start in range(0, len(data), 2) for part in (None, data[start : start + 2])]

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self.parts.pop(0) if self.parts else b""
        if part is None:
            return None
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_nothing_yet_is_not_the_end(capsys, monkeypatch, model, pack):
    data = pack(b"good\nbad\n")
    waits = []
    monkeypatch.setattr(lines_module.select, "select", lambda *files: waits.append(files))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Slow(data))))
    assert main(["predict", "--model", model]) == 0
    assert capsys.readouterr().out == "pos\nneg\n"
    assert len(waits) == -(-len(data) // 2)


def test_no_standard_output(capsys, monkeypatch, model):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        assert main(["predict", "--model", model]) == 2
    told = "finevec: error: standard output is closed: there is nowhere to print the classes\n"
    assert capsys.readouterr().err == told


def test_it_answers_as_the_model(capsys, monkeypatch, model):
    texts = ["good bad good", "film", "bad"]
    out = predicted(capsys, monkeypatch, model, "\n".join(texts).encode())
    assert out.splitlines() == load_model(model).predict(texts)


# --- as a process ----------------------------------------------------------------------------------------------------


def started(model, *more, **options):
    argv = [sys.executable, "-m", "finevec", "predict", "--model", model, *more]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
    return subprocess.Popen(argv, **pipes | options)


def test_a_line_is_answered_before_the_next_is_written(model):
    # No timeout: an answer that does not come is a test that hangs.
    with started(model) as run:
        run.stdin.write(b"a good film\n")
        assert run.stdout.readline().rstrip() == b"pos"
        run.stdin.write(b"a ba")
        run.stdin.write(b"d film\na good film\na bad f")
        assert [run.stdout.readline().rstrip(), run.stdout.readline().rstrip()] == [b"neg", b"pos"]
        run.stdin.write(b"ilm")
        run.stdin.close()
        assert run.stdout.read().rstrip() == b"neg"
        assert run.wait() == 0
        assert run.stderr.read() == b""


def test_the_header_comes_before_the_first_line_is_written(model):
    with started(model, "--proba") as run:
        assert run.stdout.readline().rstrip() == b"neg\tpos"
        run.stdin.close()
        assert run.stdout.read() == b""
        assert run.wait() == 0


@pytest.mark.skipif(os.name == "nt", reason="pipes always wait on Windows")
def test_input_that_does_not_wait_is_waited_for(model):
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    with started(model, stdin=ours) as run:
        os.close(ours)
        os.write(theirs, b"good\n")
        assert run.stdout.readline() == b"pos\n"
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.3)  # it finds the pipe empty and stays
        os.write(theirs, b"bad\n")
        os.close(theirs)
        assert run.stdout.read() == b"neg\n"
        assert run.wait() == 0


@pytest.mark.skipif(os.name == "nt", reason="a signal is sent the POSIX way")
def test_ctrl_c_while_waiting_for_input(model):
    # Whoever runs the tests in the background may have them ignore interrupts, and a child inherits that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with started(model, preexec_fn=heed) as run:
        run.stdin.write(b"good\n")
        assert run.stdout.readline().rstrip() == b"pos"
        run.send_signal(signal.SIGINT)
        assert run.stderr.read() == b"finevec: interrupted\n"
        assert run.wait() == 130


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way on Windows")
def test_a_reader_that_goes_away(model):
    with started(model) as run:
        run.stdin.write(b"good\n")
        assert run.stdout.readline() == b"pos\n"
        run.stdout.close()
        run.stdin.write(b"good\n")
        assert run.wait() == 141
        assert run.stderr.read() == b""
