"""Make fasttext_*.bin, fasttext_quantised.ftz and fasttext.npz: models, and fastText's vectors. Run once::

    python tests/golden/make_fasttext.py tests/golden

Made with fasttext-numpy2 0.10.4. Models are trained for their dictionaries and settings; their values are then replaced
by drawn ones, so that the files do not depend on threads. `fasttext_v11.bin` is `fasttext_supervised_chars.bin` with
another version in its header. In fasttext.npz, `<file>/words` and `<file>/unknown` are the vectors of the words of that
name in `cases`, a JSON text; `<file>/input` is the input matrix. `rows` of a file in `cases` are the input rows that
fastText sums for each unknown word, and `without` are words for which there are none.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

import fasttext
import numpy as np

# Also: marks that combine, right to left, outside the basic plane, an escape, a number.
TEXT = [
    *("the", "café", "by", "the", "river", "is", "naïve", "nai\u0308ve", "straße", "İstanbul", "Ωμέγα", "слово"),
    *("שלום", "مرحبا", "日本語", "한국어", "नमस्ते", "𐍈𝄞", "👩\u200d🚀", "2008", ",", "of", "<b>", "a"),
]
UNKNOWN = [
    *("rivers", "cafés", "naïveté", "日本", "日本語の", "сло", "Ω", "👩\u200d", "x", "xy", "xyz", "", "<b", "b>"),
    *("two words", "A", "2009", "</s", "\x7f", "\u0301", "an_unusually_long_word_of_many_characters"),
]
MODELS = {
    "skipgram": {"model": "skipgram", "dim": 5, "minn": 2, "maxn": 4, "bucket": 40},
    "cbow": {"model": "cbow", "dim": 4, "minn": 3, "maxn": 6, "bucket": 50},
    "short": {"model": "skipgram", "dim": 4, "minn": 1, "maxn": 2, "bucket": 7},
    "unsupervised_words": {"model": "cbow", "dim": 4, "minn": 0, "maxn": 0, "bucket": 50},
    "supervised_words": {"dim": 4},
    "supervised_pairs": {"dim": 4, "wordNgrams": 2, "bucket": 30},
    "supervised_chars": {"dim": 4, "wordNgrams": 2, "minn": 2, "maxn": 3, "bucket": 30},
}
# Word vectors trained on labelled texts have labels in their dictionaries, too.
LABELLED = ("cbow", "supervised_words", "supervised_pairs", "supervised_chars", "v11")
VERSION_AT, VERSION_11 = 4, b"\x0b\0\0\0"


def train(path: Path, settings: dict):
    """Return a model with drawn values. Fewer than ten threads leave memory of the matrix as it was."""
    common = {"minCount": 1, "epoch": 1, "thread": 12, "verbose": 0}
    train = fasttext.train_unsupervised if "model" in settings else fasttext.train_supervised
    model = train(str(path), **common, **settings)
    rng = np.random.default_rng(len(settings))
    shapes = model.get_input_matrix().shape, model.get_output_matrix().shape
    model.set_matrices(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes))
    return model


def vectors(model, words: list[str]) -> np.ndarray:
    return np.stack([model.get_word_vector(word) for word in words])


def main(folder: Path) -> None:
    draw = random.Random(3)
    lines = [" ".join(draw.sample(TEXT, 12)) for _ in range(30)]
    arrays: dict[str, np.ndarray] = {}
    cases: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as temporary:
        plain, labelled = Path(temporary, "plain.txt"), Path(temporary, "labelled.txt")
        plain.write_text("\n".join(lines) + "\n")
        labelled.write_text("".join(f"__label__{draw.choice('ab')} {line}\n" for line in lines))
        for name, settings in MODELS.items():
            model = train(labelled if name in LABELLED else plain, settings)
            model.save_model(str(folder / f"fasttext_{name}.bin"))
        quantised = train(labelled, {"dim": 2, "minn": 2, "maxn": 3, "bucket": 300, "wordNgrams": 2})
        quantised.quantize()
        quantised.save_model(str(folder / "fasttext_quantised.ftz"))
    bytes_ = bytearray((folder / "fasttext_supervised_chars.bin").read_bytes())
    bytes_[VERSION_AT : VERSION_AT + 4] = VERSION_11
    (folder / "fasttext_v11.bin").write_bytes(bytes_)
    for name in [*MODELS, "v11"]:
        model = fasttext.load_model(str(folder / f"fasttext_{name}.bin"))
        rows = {word: model.get_subwords(word)[1].tolist() for word in UNKNOWN if word not in model.words}
        unknown = [word for word in rows if rows[word]]
        without = [word for word in rows if not rows[word]]
        settings = {"words": model.words, "unknown": unknown, "without": without, "labels": 2 * (name in LABELLED)}
        cases[name] = {**settings, "rows": [rows[word] for word in unknown]}
        arrays[f"{name}/input"] = model.get_input_matrix()
        arrays[f"{name}/words"] = vectors(model, model.words)
        if unknown:
            arrays[f"{name}/unknown"] = vectors(model, unknown)
    np.savez_compressed(folder / "fasttext.npz", cases=np.array(json.dumps(cases)), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
