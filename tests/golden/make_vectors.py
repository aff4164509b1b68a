"""Write the small files of vectors/: whole ones of every kind, and ones that are broken on purpose.

    python tests/golden/make_vectors.py

They are kept beside this program, so that what is read of them is known to be read of the same bytes everywhere.
"""

import gzip
import io
import json
import struct
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "vectors"

ROWS = [("the", (0.5, -1.25, 3.0)), (",", (1e-3, 2.0, 0.0)), ("straße", (25.5, -3.0, 12.0)), ("2008", (1.0, 2.0, -0.0))]

GLOVE = "the 0.5 -1.25 3\n, 1e-3 2 0\nstraße 25.5 -3 12\n2008 1 2 -0\n".encode()


def binary(rows, end=b"", header=None):
    packed = [word.encode() + b" " + struct.pack("<3f", *values) + end for word, values in rows]
    return (header or b"%d 3\n" % len(rows)) + b"".join(packed)


def npy(vectors):
    file = io.BytesIO()
    np.save(file, vectors)
    return file.getvalue()


def safetensors(vectors, words):
    block = b"".join(word.encode() for word in words)
    offsets = np.cumsum([0, *(len(word.encode()) for word in words)])
    parts = [("word_offsets", "I64", offsets.astype("<i8")), ("vectors", "F32", vectors.astype("<f4"))]
    parts.append(("words", "U8", np.frombuffer(block, "u1")))
    header, data = {}, b""
    for name, dtype, array in parts:
        end = len(data) + array.nbytes
        header[name] = {"dtype": dtype, "shape": [*array.shape], "data_offsets": [len(data), end]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


NAN = [("quiet", (float("nan"), float("inf"), float("-inf"))), ("tiny", (1e-45, -1e-45, 3.4028235e38))]
VECTORS = np.array([values for _, values in ROWS], "<f4")
BINARY, SAFETENSORS, NPY = binary(ROWS), safetensors(VECTORS, [word for word, _ in ROWS]), npy(VECTORS)

FILES = {
    # Whole, if not always as they should be.
    "glove.txt": GLOVE,
    "glove.txt.gz": gzip.compress(GLOVE, mtime=0),
    "word2vec.txt": b"4 3\n" + GLOVE,
    "fasttext.vec": b"4 3\n" + GLOVE.replace(b"\n", b" \n"),
    "spaces.txt": ". . . 0.5 1 2\nat name@domain.com 3 4 5\nroute 66 6 7 8\n8\u00a01/2 9 10 11\n 12 13 14\n".encode(),
    "repeated.txt": b"a 1 2 3\nb 4 5 6\na 7 8 9\nA 1 1 1\nb 0 0 0\n",
    "windows.txt": b"\xef\xbb\xbf4 3\r\n" + GLOVE.replace(b"\n", b"\r\n"),
    "no_final_newline.txt": GLOVE[:-1],
    "blank_end.txt": GLOVE + b"\n \r\n\n",
    "numbers.txt": b"a +1 .5 5.\nb 1E2 -0.0 123456789012345678901234567890\nc 7.038531e-26 1e-50 3.4028235e38\n",
    "word2vec.bin": BINARY,
    "word2vec_lines.bin": binary(ROWS, end=b"\n"),
    "word2vec_odd_values.bin": binary(NAN),
    "word2vec_odd_words.bin": binary([("a\nb", (1.0, 2.0, 3.0)), ("", (4.0, 5.0, 6.0)), ("\ttab\0", (7.0, 8.0, 9.0))]),
    "table.safetensors": SAFETENSORS,
    "table.npy": NPY,
    "table.words.txt": "the\n,\nstraße\n2008\n".encode(),
    # Broken.
    "empty.txt": b"",
    "blank.txt": b"\n\n",
    "words_alone.txt": b"the\nof\n",
    "cut_in_row.txt": b"4 3\n" + GLOVE[:-5],
    "cut_between_rows.txt": b"4 3\n" + GLOVE[: GLOVE.index(b"2008")],
    "cut.txt.gz": gzip.compress(GLOVE, mtime=0)[:-9],
    "damaged.txt.gz": gzip.compress(GLOVE, mtime=0)[:-8] + b"\0\0\0\0" + gzip.compress(GLOVE, mtime=0)[-4:],
    "too_many_words.txt": b"3 3\n" + GLOVE,
    "wrong_dim.txt": b"4 2\n" + GLOVE,
    "huge_header.txt": b"1000000000000 3\n" + GLOVE,
    "not_utf8.txt": GLOVE.replace("ß".encode(), b"\xdf"),
    "joined_lines.txt": GLOVE.replace(b"3\n", b"3 ", 1),
    "decimal_comma.txt": GLOVE.replace(b"25.5", b"25,5"),
    "not_a_number.txt": GLOVE.replace(b"25.5", b"nan"),
    "too_large.txt": GLOVE.replace(b"25.5", b"3.5e38"),
    "blank_inside.txt": GLOVE.replace(b"12\n", b"12\n\n"),
    "zero_byte.txt": GLOVE.replace(b"12", b"1\0"),
    "cut_in_row.bin": BINARY[:-3],
    "cut_between_rows.bin": binary(ROWS[:3], header=b"4 3\n"),
    "too_many_words.bin": binary(ROWS, header=b"3 3\n"),
    "not_utf8.bin": BINARY.replace("ß".encode(), b"\xdf?"),
    "cut.safetensors": SAFETENSORS[:-1],
    "cut.npy": NPY[:-1],
    "words_missing.npy": NPY,
    "words_short.npy": NPY,
    "words_short.words.txt": "the\n,\nstraße\n".encode(),
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, data in FILES.items():
        (FOLDER / name).write_bytes(data)
