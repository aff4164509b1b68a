"""Write the safetensors files of this folder with the safetensors package: ``python make_safetensors.py``."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save, save_file

FOLDER = Path(__file__).parent
WORDS = ["the", "a b", "ça"]


def main() -> None:
    """Write them."""
    vectors = np.array([[0.5, -1.25], [3.0, 1e-3], [0.0, -0.0]], np.float32)
    blocks = [word.encode() for word in WORDS]
    offsets = np.cumsum([0, *map(len, blocks)], dtype=np.int64)
    words = np.frombuffer(b"".join(blocks), np.uint8)
    tensors = {"vectors": vectors, "words": words, "word_offsets": offsets}
    save_file(tensors, FOLDER / "package.safetensors", metadata={"format": "np", "by": "the package"})
    save_file({"embedding.weight": vectors, "bias": vectors[0]}, FOLDER / "package_weight.safetensors")
    (FOLDER / "package_weight.words.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    whole = save(tensors)
    (FOLDER / "package_cut.safetensors").write_bytes(whole[:-3])
    overlap = whole.replace(b'"data_offsets":[32,56]', b'"data_offsets":[24,48]')
    assert overlap != whole
    (FOLDER / "package_overlap.safetensors").write_bytes(overlap)


if __name__ == "__main__":
    main()
