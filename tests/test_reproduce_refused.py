"""`finevec reproduce kim`: what it refuses, and what is no reason to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from finevec.reproduce import kim_training
from toy_kim import DIM, WORDS, records, reproduce, stop_in, write_kim_data
from toy_texts import read_json, write_vectors


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with data and vectors."""
    write_kim_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


SMALL = ["--sets", "trec", "--variants", "static", "random", "--epochs", "1"]


def refused(capsys, message, code=2, **more):
    capsys.readouterr()
    assert reproduce(**more) == code
    assert message in capsys.readouterr().err


def test_all_missing_files_are_named_at_once(here, capsys):
    for name in ("sst5.dev.tsv", "trec.test.tsv", "mr.all.tsv"):
        os.unlink(f"data/{name}")
    refused(capsys, "data: no mr.all.tsv, sst5.dev.tsv, trec.test.tsv (plain, or packed")
    refused(capsys, "data: no trec.test.tsv (plain, or packed", settings=["--sets", "sst2", "trec"])
    assert not Path("out").exists()


@pytest.mark.parametrize("change", ["epochs", "vectors", "data", "dim", "not JSON"])
def test_runs_of_another_setup_are_refused(here, capsys, change):
    assert reproduce("--quiet", settings=SMALL) == 0
    kept = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    settings, message = SMALL, f"{change} "
    if change == "epochs":
        settings, message = [*SMALL, "--epochs", "3"], "trec.static.seed1.json: was run with epochs 1, not 3; choose"
    elif change == "vectors":
        write_vectors(here / "vectors.txt", WORDS, DIM, seed=5)
        message = "trec.static.seed1.json: was run with vectors "
    elif change == "data":
        with open("data/trec.test.tsv", "a") as file:
            file.write("1\tgood\n")
        message = "trec.static.seed1.json: was run with data trec.test.tsv "
    elif change == "dim":
        settings, message = [*SMALL, "--dim", "5"], f"trec.random.seed1.json: was run with dim {DIM}, not 5; choose"
    else:
        path = Path("out/runs/trec.static.seed1.json")
        path.write_text("{")
        kept[path], message = b"{", "trec.static.seed1.json: not a finished run: not JSON"
    refused(capsys, message, settings=settings)
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == kept


def test_a_checkpoint_that_is_refused_has_a_way_out(here, monkeypatch, capsys):
    only = [*SMALL, "--variants", "static", "--epochs", "2"]
    with monkeypatch.context() as patch:
        stop_in(patch, 1)
        assert reproduce("--quiet", settings=only) == 130
    assert "no run is finished: the same command goes on after the last finished" in capsys.readouterr().err
    (checkpoint,) = Path("out/runs").glob("trec.static.seed1.*.checkpoint")
    checkpoint.write_bytes(b"damaged")
    refused(capsys, f"; remove {checkpoint} to do the run anew, or choose another --out", settings=only)
    assert checkpoint.read_bytes() == b"damaged"
    checkpoint.unlink()
    assert reproduce("--quiet", settings=only) == 0


def test_an_unfinished_run_of_other_settings_is_not_gone_on_from(here, monkeypatch, capsys):
    only = [*SMALL, "--variants", "static", "--epochs", "2"]
    with monkeypatch.context() as patch:
        stop_in(patch, 1)
        assert reproduce("--quiet", settings=only) == 130
    (checkpoint,) = Path("out/runs").glob("trec.static.seed1.*.checkpoint")
    capsys.readouterr()
    assert reproduce(settings=[*only, "--lr", "0.001"]) == 0
    assert f"{checkpoint}: is of other settings; remove it unless" in capsys.readouterr().err
    assert records(here / "out", "*.json")["trec.static.seed1"]["lr"] == 0.001
    assert checkpoint.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8 need a file system that takes them")
def test_paths_may_be_other_than_utf_8(here, monkeypatch):
    odd = os.fsdecode(b"d\xff")
    os.rename("data", odd)
    os.rename("vectors.txt", f"{odd}/v.txt")
    paths = ["--data", odd, "--vectors", f"{odd}/v.txt", "--out", os.fsdecode(b"out\xfe")]
    only = [*SMALL, "--variants", "static", *paths]
    assert reproduce("--quiet", settings=only) == 0
    (path,) = Path(os.fsdecode(b"out\xfe"), "runs").iterdir()
    run = read_json(path)
    assert "--data 'd\\xff' --vectors 'd\\xff/v.txt' --out 'out\\xfe'" in run["command"]
    assert run["files"]["vectors"] == "d\\xff/v.txt"
    monkeypatch.setattr(kim_training, "fit", None)
    assert reproduce("--quiet", settings=only) == 0


def test_random_rows_do_not_depend_on_the_vectors(here, monkeypatch):
    only = [*SMALL, "--variants", "random"]
    assert reproduce("--quiet", settings=only) == 0
    write_vectors(here / "vectors.txt", WORDS, DIM, seed=5)
    monkeypatch.setattr(kim_training, "fit", None)
    assert reproduce("--quiet", settings=only) == 0


def test_wrong_choices_are_told_before_anything_is_run(here, capsys):
    refused(
        capsys, "--freeze-epochs 2 leaves none of at most 2 epochs", settings=["--epochs", "2", "--freeze-epochs", "2"]
    )
    refused(capsys, "folds: expected 2 to 30", settings=["--folds", "31"])
    Path("mine").mkdir()
    Path("mine/kim.md").write_text("mine")
    refused(capsys, "mine: holds kim.md but no runs", settings=["--out", "mine"])
    refused(capsys, "data: holds mr.all.tsv but no runs of finevec reproduce kim", settings=["--out", "data"])
    write_vectors(here / "vectors.txt", ["nothing", "known"], DIM)
    refused(capsys, "none of the 31 words of data/trec.train.tsv has a vector in vectors.txt", settings=SMALL)


def test_a_run_that_diverges_is_named(here, capsys):
    settings = [*SMALL, "--optimizer", "sgd", "--lr", "1e38"]
    refused(capsys, "finevec: error: TREC static, seed 1: the loss is ", code=1, settings=settings)
