"""`finevec` as a process: interrupts, broken pipes, encodings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from finevec.models import load_model
from toy_texts import arguments, read_json


def test_python_dash_m(files):
    argv = [sys.executable, "-m", "finevec", "train", "--train", "none.tsv", "--vectors", files["vectors"]]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "finevec: error: none.tsv: No such file or directory\n"


@pytest.mark.skipif(os.name == "nt", reason="a signal is sent the POSIX way")
def test_ctrl_c_while_training(files, tmp_path):
    before = sorted(os.listdir(tmp_path))
    argv = arguments(files, "train", "vectors", "save", "metrics", epochs=10**6, patience=0)
    argv.remove("--quiet")
    argv = [sys.executable, "-m", "finevec", *argv]
    # Whoever runs the tests in the background may have them ignore interrupts, and a child inherits that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    run = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    with run:
        while not run.stderr.readline().startswith("epoch"):
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        last = run.stderr.read().splitlines()[-1]
    assert (run.returncode, last) == (130, "finevec: interrupted")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.skipif(os.name == "nt", reason="a stream is closed the POSIX way")
@pytest.mark.parametrize("code", [0, 2])
def test_closed_standard_error_is_quiet(files, tmp_path, code):
    (tmp_path / "foreign.tsv").write_text("a\té\nb\tü good\n" * 9, encoding="utf-8")  # gives a warning, too
    argv = arguments(files, "vectors", "save", epochs=2, train=tmp_path / ("foreign.tsv" if code == 0 else "none.tsv"))
    argv.remove("--quiet")
    argv = ["sh", "-c", '"$@" 2>&-', "sh", sys.executable, "-m", "finevec", *argv]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == code
    begins = [line.split()[0] for line in done.stdout.splitlines()]
    assert begins == (["accuracy", "rows", "saved"] if code == 0 else [])


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way on Windows")
def test_a_reader_that_goes_away(files):
    argv = [sys.executable, "-m", "finevec", *arguments(files, "train", "vectors", epochs=1)]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(argv, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_name_that_cannot_be_printed_is_escaped(files, tmp_path):
    argv = [sys.executable, "-m", "finevec", *arguments(files, "train", "vectors", epochs=1, save=tmp_path / "mödel")]
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(argv, capture_output=True, encoding="ascii", check=False, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"saved  {tmp_path}{os.sep}m\\xf6del" in done.stdout
    assert load_model(tmp_path / "mödel").classes == ["neg", "pos"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are no text")
def test_a_name_that_is_no_text_is_told_as_escapes(files, tmp_path):
    train = os.fsencode(tmp_path) + b"/tr\xffain.tsv"
    os.link(files["train"], train)
    argv = arguments(files, "vectors", "save", "metrics", train=os.fsdecode(train), epochs=1)
    done = subprocess.run([sys.executable, "-m", "finevec", *argv], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert read_json(files["metrics"])["files"]["train"] == f"{tmp_path}/tr\\xffain.tsv"


_INTERRUPTED_IMPORT = """
import sys
from finevec.commands import entry_point

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "finevec.commands.train":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
entry_point()
"""


def test_an_interrupt_while_the_commands_are_imported():
    argv = [sys.executable, "-c", _INTERRUPTED_IMPORT]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "finevec: interrupted\n")
