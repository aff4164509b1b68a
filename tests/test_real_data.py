"""Fine-tuning beats frozen vectors on real sentences. Skipped where the data are not."""

from __future__ import annotations

import json

import numpy as np
from finevec.commands import main
from finevec.datasets.labelled import read_labelled
from toy_texts import write_tsv


def test_the_command_line_with_its_defaults_on_four_of_ten_folds_of_movie_reviews(data_dir, tmp_path):
    data = read_labelled(data_dir / "sentences" / "mr.all.tsv.gz")
    order = np.random.default_rng(0).permutation(len(data.texts))
    accuracy = {"static": [], "non-static": []}
    for fold in range(4):
        held_out = np.isin(np.arange(len(order)), order[fold::10])
        for name, chosen in (("train", ~held_out), ("test", held_out)):
            positions = np.flatnonzero(chosen)
            labels, texts = ([column[position] for position in positions] for column in data)
            write_tsv(tmp_path / f"{name}.tsv", labels, texts)
        for mode, results in accuracy.items():
            out = tmp_path / "metrics.json"
            inputs = ["--train", str(tmp_path / "train.tsv"), "--test", str(tmp_path / "test.tsv")]
            vectors = str(data_dir / "vectors" / "glove.6B.100d.subset.txt.gz")
            assert main(["train", *inputs, "--vectors", vectors, "--mode", mode, "--metrics", str(out), "--quiet"]) == 0
            metrics = json.loads(out.read_text())
            assert metrics["known_words"] > 15_000
            results.append(metrics["test_accuracy"])
    # Everything follows from seeds: these folds give 79.1 and 72.4 %. Other last bits of a BLAS
    # may choose another epoch, which is worth some tenths of a point. 77.5 and 4 points are what the package promises.
    assert np.mean(accuracy["non-static"]) >= 0.775
    assert np.mean(accuracy["non-static"]) - np.mean(accuracy["static"]) >= 0.04
