"""Sparse updates beside NumPy's: 131,072 gradients (ids Zipf) into a 400,000 x 100 float32 table."""

from __future__ import annotations

import finevec.functional as F
import harness
import numpy as np

LR = 0.01


def add_at(weight: np.ndarray, ids: np.ndarray, grad: np.ndarray) -> None:
    """SGD as people write it."""
    np.add.at(weight, ids, np.float32(-LR) * grad)


def sort_reduceat(weight: np.ndarray, ids: np.ndarray, grad: np.ndarray) -> None:
    """SGD as people write it who know that ``add.at`` is slow: repeated ids are summed over a sorted copy."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weight[ordered[starts]] -= np.float32(LR) * np.add.reduceat(grad[order], starts, axis=0)


def main() -> None:
    args = harness.arguments(__doc__)
    rows, dim, count = (4_000, 100, 2_048) if args.check else (400_000, 100, 131_072)
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((rows, dim), dtype=np.float32)
    ids = harness.zipf_ids(rng, rows, count)
    grad = rng.standard_normal((count, dim), dtype=np.float32)
    states = [np.zeros_like(weight) for _ in range(2)]
    row_state = np.zeros(rows, np.float32)

    updated = {}
    for update in (add_at, sort_reduceat, lambda *arrays: F.sgd_update(*arrays, lr=LR)):
        table = weight.copy()
        update(table, ids, grad)
        updated[update] = table
    first, *others = updated.values()
    # The most frequent row sums thousands of gradients, and each contender in an order of its own.
    largest = np.bincount(ids).max()
    for other in others:
        np.testing.assert_allclose(other, first, rtol=0, atol=2 * largest * np.finfo(np.float32).eps * LR * 6)

    sgd = harness.medians(
        [
            harness.Contender("finevec SGD", lambda: F.sgd_update(weight, ids, grad, lr=LR)),
            harness.Contender("NumPy add.at", lambda: add_at(weight, ids, grad)),
            harness.Contender("NumPy sort + reduceat", lambda: sort_reduceat(weight, ids, grad)),
        ],
        args.rounds,
    )
    rules = harness.medians(
        [
            harness.Contender("finevec Adagrad", lambda: F.adagrad_update(weight, states[0], ids, grad, lr=LR)),
            harness.Contender(
                "finevec row-wise Adagrad", lambda: F.rowwise_adagrad_update(weight, row_state, ids, grad, lr=LR)
            ),
            harness.Contender("finevec Adam", lambda: F.adam_update(weight, *states, ids, grad, lr=LR, step=1)),
            harness.Contender("finevec Adadelta", lambda: F.adadelta_update(weight, *states, ids, grad)),
        ],
        args.rounds,
    )
    own = sgd["finevec SGD"]
    harness.show(
        f"update with {count:,} gradients, table {rows:,} x {dim} float32",
        ["contender", "ms", "finevec SGD is so many times faster"],
        [[name, 1e3 * value, value / own] for name, value in {**sgd, **rules}.items()],
        save="optim.csv" if args.save else None,
    )


if __name__ == "__main__":
    main()
