"""Make gensim_*.txt and gensim.npz: files that gensim saved, what it read back, and what it answers. Run once::

    python tests/golden/make_gensim.py tests/golden

Made with gensim 4.4.0 and NumPy 2.4. In gensim.npz, `<file>/float32` and `<file>/float64` are the tables as gensim
reads them from the file of that name, and `query/vectors` is the table of the queries. `cases` is a JSON text: the
words of each table (`words`) and the answers (`answers`). An example that is a number stands for that row of
`query/examples`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors

# Also: marks that combine, right to left, outside the basic plane, spaces that do not part fields, an empty word.
WORDS = [
    *("the", ",", "2008", "3.14", "-1e5", "nan", "", "naïve", "nai\u0308ve", "straße", "İstanbul", "Ωμέγα", "слово"),
    *("שלום", "مرحبا", "日本語", "한국어", "नमस्ते", "𐍈𝄞", "👩\u200d🚀", "new\u00a0york", "a\u3000b", "tab\tbed"),
    *("line\u2028break", "\u0085", "\ufffd"),
]
FINFO = np.finfo(np.float32)
LEAST = FINFO.smallest_subnormal
EDGES = np.array(
    [
        *(0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 16777216.0, 9999999.0, 1e10, -1e-10, FINFO.eps, FINFO.max, FINFO.min),
        *(FINFO.tiny, -FINFO.tiny, FINFO.tiny - LEAST, LEAST, -LEAST),
    ],
    np.float32,
)
DIM, QUERY_ROWS, QUERY_DIM = 6, 60, 10


def keyed(words: list[str], table: np.ndarray) -> KeyedVectors:
    vectors = KeyedVectors(table.shape[1], dtype=table.dtype)
    vectors.add_vectors(words, table)
    return vectors


def float32_table(rng: np.random.Generator) -> np.ndarray:
    """Return a third of ordinary values, a third of any bits that are a finite number, and the edges of float32."""
    size = len(WORDS) * DIM
    ordinary = rng.standard_normal(size).astype(np.float32)
    any_bits = rng.integers(0, 2**32, 3 * size, dtype=np.uint32).view(np.float32)
    any_bits = any_bits[np.isfinite(any_bits)][:size]
    edges = np.resize(EDGES, size)
    return rng.permuted(np.stack([ordinary, any_bits, edges]), axis=0)[0].reshape(len(WORDS), DIM)


def float64_table(rng: np.random.Generator) -> np.ndarray:
    """Return values whose cast to float32 rounds: any, halfway between two float32 and next to that, below them all."""
    low = rng.standard_normal((len(WORDS), DIM)).astype(np.float32)
    halfway = (low.astype(np.float64) + np.nextafter(low, np.float32(np.inf)).astype(np.float64)) / 2
    table = rng.standard_normal((len(WORDS), DIM)) * 10.0 ** rng.integers(-44, 38, (len(WORDS), 1))
    table[0::4] = halfway[0::4]
    table[1::4] = np.nextafter(halfway[1::4], np.inf)
    table[2::4] = np.nextafter(halfway[2::4], -np.inf)
    table[3, :4] = [1e-46, -1e-46, float(LEAST) / 2, float(LEAST) * 1.5]
    return table


def queries(rng: np.random.Generator) -> tuple[dict, dict]:
    """Return arrays, and words with answers. Rows have lengths from 1e-6 to 1e6."""
    words = [f"w{row}" for row in range(QUERY_ROWS - len(WORDS))] + WORDS
    lengths = 10.0 ** rng.uniform(-6, 6, (QUERY_ROWS, 1))
    table = (rng.standard_normal((QUERY_ROWS, QUERY_DIM)) * lengths).astype(np.float32)
    examples = rng.standard_normal((3, QUERY_DIM)).astype(np.float32)
    vectors = keyed(words, table)
    answers: dict[str, list] = {"most_similar": [], "similar_by_vector": [], "similarity": []}
    for positive, negative, topn in [
        ("w0", None, 10),
        ("日本語", None, 1),
        (["the"], [], 3),
        (["w1", "w2"], None, 5),
        (["w1", "naïve"], ["слово"], 10),
        (["w3"], ["w4", "w5", "👩\u200d🚀"], 7),
        (None, "", 4),
        (0, None, 10),
        ([0, "w6"], [1, "new\u00a0york"], 6),
        (["w7", "w7", "w8"], None, 5),
        (["w9", 2], None, QUERY_ROWS + 5),
        ("w9", None, 0),
        ("w10", None, None),
        (["w1", "w2", 1], ["w3"], None),
    ]:
        found = vectors.most_similar(real(positive, examples), real(negative, examples), topn=topn)
        if topn is None:
            found = found.tolist()
        else:
            # So that the order does not hang on roundings.
            assert np.all(np.diff([cosine for _, cosine in found]) < -1e-5)
        answers["most_similar"].append([positive, negative, topn, found])
    for row in range(len(examples)):
        answers["similar_by_vector"].append([row, 8, vectors.similar_by_vector(examples[row], topn=8)])
    for first, second in [("w0", "w0"), ("w1", "w2"), ("", "nan"), ("слово", "שלום"), ("w30", "the"), ("naïve", "w9")]:
        answers["similarity"].append([first, second, float(vectors.similarity(first, second))])
    units = np.stack([vectors.get_vector(word, norm=True) for word in words])
    return {"vectors": table, "examples": examples, "units": units}, {"words": words, "answers": answers}


def real(example, examples: np.ndarray):
    """Return an example, or a list of them, with vectors in place of their numbers."""
    if isinstance(example, list):
        return [real(one, examples) for one in example]
    return examples[example] if isinstance(example, int) else example


def main(folder: Path) -> None:
    rng = np.random.default_rng(7)
    arrays: dict[str, np.ndarray] = {}
    words = {}
    for name, table, header in [
        ("gensim_word2vec.txt", float32_table(rng), True),
        ("gensim_glove.txt", float32_table(rng), False),
        ("gensim_float64.txt", float64_table(rng), False),
    ]:
        keyed(WORDS, table).save_word2vec_format(folder / name, write_header=header)
        for dtype in (np.float32, np.float64):
            back = KeyedVectors.load_word2vec_format(folder / name, no_header=not header, datatype=dtype)
            arrays[f"{name}/{np.dtype(dtype)}"] = back.vectors
            words[name] = back.index_to_key
    query_arrays, query_cases = queries(rng)
    arrays |= {f"query/{name}": array for name, array in query_arrays.items()}
    words["query"] = query_cases["words"]
    cases = json.dumps({"words": words, "answers": query_cases["answers"]})
    np.savez_compressed(folder / "gensim.npz", cases=np.array(cases), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
