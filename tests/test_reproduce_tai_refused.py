"""`finevec reproduce tai`: what it refuses, and what it finds."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from finevec.reproduce import tai_training
from toy_kim import records, stop_in
from toy_tai import DIM, WORDS, reproduce, write, write_tai_data
from toy_texts import write_vectors

SMALL = ["--sets", "sst-fine", "sick", "--structures", "constituency", "--variants", "fixed", "--epochs", "1"]
NAME = "sst-fine.constituency.fixed.seed1"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with data and vectors."""
    write_tai_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, message, code=2, **more):
    capsys.readouterr()
    assert reproduce(**more) == code
    assert message in capsys.readouterr().err


def test_all_missing_files_are_named_at_once(here, capsys):
    for name in ("trees/sst.dev.ptb.txt.gz", "sick.trial.tsv", "sick.test.dep.tsv"):
        os.unlink(f"data/{name}")
    refused(capsys, "data: no sst.dev.ptb.txt, sick.trial.tsv, sick.test.dep.tsv (plain, or packed with .gz at the")
    refused(
        capsys,
        "data: no sick.trial.tsv, sick.test.dep.tsv (plain",
        settings=["--sets", "sick", "sst-fine", "--structures", "dependency"],
    )
    assert not Path("out").exists()
    assert reproduce("--quiet", settings=["--sets", "sst-binary", "--structures", "dependency", "--epochs", "1"]) == 0


def test_files_may_be_in_the_folder_or_its_subfolders_packed_or_not(here):
    for path in Path("data/trees").iterdir():
        Path("data", path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    os.mkdir("data/sick")
    for path in Path("data").glob("sick.*"):
        write(Path("data/sick", f"{path.name}.gz"), path.read_text().splitlines())
        path.unlink()
    assert reproduce("--quiet", settings=SMALL) == 0
    files = records(here / "out")["sick.constituency.fixed.seed1"]["files"]
    assert (files["dev"], files["dev_scores"]) == ("data/sick/sick.trial.dep.tsv.gz", "data/sick/sick.trial.tsv.gz")


@pytest.mark.parametrize("change", ["epochs", "vectors", "data", "not JSON", "incomplete"])
def test_runs_of_another_setup_are_refused(here, capsys, change):
    assert reproduce("--quiet", settings=SMALL) == 0
    path = Path(f"out/runs/{NAME}.json")
    settings, message = SMALL, f"{NAME}.json: was run with {change} "
    if change == "epochs":
        settings, message = [*SMALL, "--epochs", "3"], f"{NAME}.json: was run with epochs 1, not 3; choose"
    elif change == "vectors":
        write_vectors(here / "vectors.txt", WORDS, DIM, seed=5)
    elif change == "data":
        with gzip.open("data/trees/sst.test.ptb.txt.gz", "at") as file:
            file.write("(3 good)\n")
        message += "sst.test.ptb.txt "
    elif change == "not JSON":
        path.write_text("{")
        message = f"{NAME}.json: not a finished run: not JSON"
    else:
        path.write_text(path.read_text().replace('"test_scores": {\n    "accuracy"', '"test_scores": {\n    "x"'))
        message = f"{NAME}.json: not a finished run: it does not say accuracy"
    kept = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    refused(capsys, message, settings=settings)
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == kept


def test_a_checkpoint_that_is_refused_has_a_way_out(here, monkeypatch, capsys):
    only = [*SMALL, "--epochs", "2"]
    with monkeypatch.context() as patch:
        stop_in(patch, 1, tai_training)
        assert reproduce("--quiet", settings=only) == 130
    (checkpoint,) = Path("out/runs").glob(f"{NAME}.*.checkpoint")
    checkpoint.write_bytes(b"damaged")
    refused(capsys, f"; remove {checkpoint} to do the run anew, or choose another --out", settings=only)
    assert checkpoint.read_bytes() == b"damaged"


@pytest.mark.parametrize(
    ("ending", "lines", "message"),
    [
        ("ptb.txt", ["(3 good)", "(3 (2 good) (5 film))"], "ptb.txt.gz:2: expected labels from 0 to 4, found 5"),
        ("ptb.txt", ["(3 good)", "(3 (2 good) film)"], "ptb.txt.gz:2: column 13: "),
        ("ptb.txt", ["good\t0\troot\t3"], "ptb.txt.gz: expected constituency trees, found dependency trees"),
        ("dep.tsv", ["(3 good)"], "dep.tsv.gz: expected dependency trees, found constituency trees"),
        ("dep.tsv", ["good\t0\troot\t#"], "dep.tsv.gz:1: the root has no label"),
        ("dep.tsv", ["good\t0\troot\t2"], "dep.tsv.gz: all sentences are neutral"),
    ],
)
def test_other_trees_are_refused(here, capsys, ending, lines, message):
    write(Path(f"data/trees/sst.test.{ending}.gz"), lines)
    refused(capsys, f"data/trees/sst.test.{message}", settings=["--sets", "sst-binary"])
    assert not list(Path("out/runs").iterdir())


def test_scores_of_other_pairs_are_refused(here, capsys):
    lines = Path("data/sick.train.tsv").read_text().splitlines()
    write(Path("data/sick.train.tsv"), lines[:-1])
    refused(capsys, "data/sick.train.dep.tsv:31: a pair more than in data/sick.train.tsv", settings=["--sets", "sick"])


def test_wrong_choices_are_told_before_anything_is_run(here, capsys):
    refused(capsys, "--freeze-epochs 10 leaves none of at most 10 epochs", settings=["--freeze-epochs", "10"])
    nothing = ["--sets", "sick", "--variants", "random", "tuned"]
    refused(capsys, "the tables have no cell of these sets, structures and variants", settings=nothing)
    refused(capsys, "data: holds sick.test.dep.tsv but no runs of finevec reproduce tai", settings=["--out", "data"])
    write_vectors(here / "vectors.txt", ["nothing", "known"], DIM)
    refused(capsys, "words of data/trees/sst.train.ptb.txt.gz has a vector in vectors.txt", settings=SMALL)


def test_a_run_that_diverges_is_named(here, capsys):
    settings = [*SMALL, "--optimizer", "sgd", "--lr", "1e38", "--epochs", "3"]
    refused(capsys, "error: SST fine-grained constituency fixed, seed 1: the loss is ", code=1, settings=settings)
