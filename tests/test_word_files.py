"""Tables whose words are in a file beside them: which file that is, and that it is the table's own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from finevec import WordVectors, _finevec
from finevec.vectors import stored
from tensor_files import WORDS, made, table, tensor

OTHER = WordVectors(list("vwxyz"), table() * 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    WordVectors(WORDS, table()).save(tmp_path / "v.npy")
    return tmp_path / "v.npy"


def pair(wv: WordVectors) -> tuple[list[str], list[list[float]]]:
    return wv.index_to_key, wv.vectors.tolist()


# --- read while they are written --------------------------------------------------------------------------------------


def save_before_words_are_opened(monkeypatch, path: Path, saved) -> None:
    """Put the next of `saved` in place of the pair each time its words are about to be opened."""

    def opening(name, *mode):
        if str(name).endswith(".words.txt"):
            for wv in saved:
                wv.save(path)
                break
        return open(name, *mode)

    monkeypatch.setattr(stored, "open", opening, raising=False)


@pytest.mark.parametrize("mmap", [False, True])
def test_a_pair_that_is_replaced_while_it_is_opened_is_read_anew(path, monkeypatch, mmap):
    save_before_words_are_opened(monkeypatch, path, iter([OTHER]))
    assert pair(WordVectors.load(path, mmap=mmap)) == pair(OTHER)


@pytest.mark.parametrize("mmap", [False, True])
def test_a_pair_that_is_replaced_all_the_time_is_refused(path, monkeypatch, mmap):
    save_before_words_are_opened(monkeypatch, path, cycle([OTHER, WordVectors(WORDS, table())]))
    with pytest.raises(ValueError, match="was replaced or written while they were opened"):
        WordVectors.load(path, mmap=mmap)


@pytest.mark.parametrize("written", ["v.npy", "v.words.txt"])
def test_a_mapped_pair_that_is_written_into_before_its_words_are_read(path, written):
    wv = WordVectors.load(path, mmap=True)
    data = bytearray((path.parent / written).read_bytes())
    data[-2] = ord("x")
    with (path.parent / written).open("rb+") as file:
        file.write(data)
    os.utime(path.parent / written, ns=(1, 1))
    with pytest.raises(ValueError, match=f"{written}: the file was written into after it was mapped: load it again"):
        wv.index_to_key  # noqa: B018


def test_words_in_a_mapped_file_that_is_written_into(tmp_path):
    path = tmp_path / "v.safetensors"
    OTHER.save(path)
    wv = WordVectors.load(path, mmap=True)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match="the file was written into after it was mapped"):
        wv.index_to_key  # noqa: B018


_FORKED = """
import os, signal, sys, threading
from finevec import _finevec
from finevec.vectors.stored import LazyWords
reading, go_on, parent = threading.Event(), threading.Event(), os.getpid()
def pick():
    if os.getpid() == parent:
        reading.set()
        go_on.wait()
    return _finevec.Words(["a"]), None, 0
lazy = LazyWords("v", pick)
thread = threading.Thread(target=lazy)
thread.start()
reading.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(len(lazy()))
_, status = os.waitpid(child, 0)
go_on.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_another_thread_reads_the_words():
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", _FORKED], check=False).returncode == 1


def test_threads_that_read_the_words_at_once():
    both = threading.Barrier(2)

    def pick():
        both.wait(timeout=20)
        return _finevec.Words(["a"]), None, 0

    lazy = stored.LazyWords("v", pick)
    found = []
    threads = [threading.Thread(target=lambda: found.append(lazy())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [words.to_list() for words in found] == [["a"], ["a"]]
    assert lazy() is found[0] is found[1]


# --- which file -------------------------------------------------------------------------------------------------------


@pytest.fixture
def link(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    link = tmp_path / "link.npy"
    try:
        link.symlink_to(Path("data") / "v.npy")
    except OSError:
        pytest.skip("needs symbolic links")
    return link


def test_words_are_beside_what_a_link_points_to(tmp_path, link):
    """The link has another name than its target, which does not exist before the first save."""
    target = tmp_path / "data" / "v.npy"
    for wv in (WordVectors(WORDS, table()), OTHER):
        wv.save(link)
        assert sorted(os.listdir(tmp_path)) == ["data", "link.npy"]
        assert sorted(os.listdir(tmp_path / "data")) == ["v.npy", "v.words.txt"]
        for name in (link, target):
            for mmap in (False, True):
                assert pair(WordVectors.load(name, mmap=mmap)) == pair(wv)


def test_words_beside_a_link_are_read_where_its_target_has_none(tmp_path, link):
    np.save(tmp_path / "data" / "v.npy", table())
    words, left = tmp_path / "link.words.txt", tmp_path / "data" / "v.words.txt.previous"
    words.write_text("v\nw\nx\ny\nz\n")
    assert pair(WordVectors.load(link)) == (list("vwxyz"), table().tolist())
    # What a save left when it was broken off says that the target had some.
    left.write_text("a\nb\nc\nd\ne\n")
    with pytest.raises(FileNotFoundError, match="a save was broken off"):
        WordVectors.load(link)
    left.unlink()
    (tmp_path / "data" / "v.words.txt").write_text("a\nb\nc\nd\ne\n")
    assert WordVectors.load(link).index_to_key == list("abcde")


def test_tables_of_other_names_have_words_of_their_own(path):
    """The same words would be shared without harm, so these differ."""
    others = {path: WordVectors(WORDS, table()), path.with_suffix(""): OTHER}
    for name, scale in ((path.with_suffix(".NPY"), 3), (path.with_suffix(".npy.npy"), 4)):
        others[name] = WordVectors([f"{word}{scale}" for word in WORDS], table() * scale)
    if os.path.normcase("A") == "a":
        del others[path.with_suffix(".NPY")]
    for name, wv in others.items():
        wv.save(name, format="npy")
    for name, wv in others.items():
        assert pair(WordVectors.load(name)) == pair(wv)


def test_words_of_a_linked_safetensors_file_of_others(tmp_path):
    """As in a cache of downloads, where names are links to blobs."""
    (tmp_path / "blob").write_bytes(made({"weight": tensor("F32", [2, 1], 0, 8)}, np.ones(2, "<f4").tobytes()))
    try:
        (tmp_path / "v.safetensors").symlink_to("blob")
    except OSError:
        pytest.skip("needs symbolic links")
    (tmp_path / "v.words.txt").write_text("a\nb\n")
    assert WordVectors.load(tmp_path / "v.safetensors").index_to_key == ["a", "b"]
