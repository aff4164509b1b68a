"""Lookup beside NumPy's indexing: 131,072 ids (Zipf) of a 400,000 x 100 float32 table."""

from __future__ import annotations

import finevec.functional as F
import harness
import numpy as np


def main() -> None:
    args = harness.arguments(__doc__)
    rows, dim, count = (4_000, 100, 2_048) if args.check else (400_000, 100, 131_072)
    rng = np.random.default_rng(0)
    table = rng.standard_normal((rows, dim), dtype=np.float32)
    ids = harness.zipf_ids(rng, rows, count)
    out = np.empty((count, dim), np.float32)

    np.testing.assert_array_equal(F.embedding(ids, table), table[ids])
    np.testing.assert_array_equal(F.embedding(ids, table, out=out), table[ids])

    held: list[np.ndarray] = []

    def hold_last() -> None:
        held[:] = [F.embedding(ids, table)]

    seconds = harness.medians(
        [
            harness.Contender("finevec, new result (recycled memory)", lambda: F.embedding(ids, table)),
            harness.Contender("finevec, new result, the last one still held", hold_last),
            harness.Contender("NumPy table[ids]", lambda: table[ids]),
            harness.Contender("finevec, out=", lambda: F.embedding(ids, table, out=out)),
            harness.Contender("NumPy take, out=", lambda: np.take(table, ids, axis=0, out=out, mode="clip")),
        ],
        args.rounds,
    )
    fresh, into = seconds["NumPy table[ids]"], seconds["NumPy take, out="]
    harness.show(
        f"lookup of {count:,} ids, table {rows:,} x {dim} float32",
        ["contender", "ms", "times NumPy's speed"],
        [[name, 1e3 * value, (into if "out=" in name else fresh) / value] for name, value in seconds.items()],
        save="lookup.csv" if args.save else None,
    )


if __name__ == "__main__":
    main()
