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


def check_sgd(weight: np.ndarray, ids: np.ndarray, grad: np.ndarray) -> None:
    """Compare the three ways; the most frequent row sums thousands of gradients, each way in an order of its own."""
    tables = [weight.copy() for _ in range(3)]
    add_at(tables[0], ids, grad)
    sort_reduceat(tables[1], ids, grad)
    F.sgd_update(tables[2], ids, grad, lr=LR)
    sizes = np.abs(weight)
    np.add.at(sizes, ids, np.float32(LR) * np.abs(grad))
    # Each way rounds a row with k gradients k + 2 times at most, relative to the sizes of all its terms.
    bound = np.finfo(np.float32).eps * (np.bincount(ids, minlength=len(weight))[:, None] + 2) * sizes
    for other in tables[1:]:
        assert (np.abs(other - tables[0]) <= bound).all()


def check_rules(weight: np.ndarray, ids: np.ndarray, grad: np.ndarray) -> None:
    """Compare one step of each rule from zero state with its formula, given the summed gradient."""
    unique, g = F.coalesce(ids, grad)
    full, per_row = np.zeros_like(weight), np.zeros(len(weight), np.float32)
    steps = {
        "adagrad": (lambda w: F.adagrad_update(w, full.copy(), ids, grad, lr=LR), LR * g / (np.abs(g) + 1e-10)),
        "row-wise": (
            lambda w: F.rowwise_adagrad_update(w, per_row.copy(), ids, grad, lr=LR),
            LR * g / (np.sqrt((g * g).mean(axis=1, keepdims=True)) + 1e-10),
        ),
        "adam": (
            lambda w: F.adam_update(w, full.copy(), full.copy(), ids, grad, lr=LR, step=1),
            LR * np.sqrt(1e-3) / 0.1 * (0.1 * g) / (np.sqrt(1e-3 * g * g) + 1e-8),
        ),
        "adadelta": (
            lambda w: F.adadelta_update(w, full.copy(), full.copy(), ids, grad),
            np.sqrt(1e-6) / np.sqrt(0.1 * g * g + 1e-6) * g,
        ),
    }
    for name, (update, move) in steps.items():
        expected, updated = weight.copy(), weight.copy()
        expected[unique] -= move
        update(updated)
        np.testing.assert_allclose(updated, expected, rtol=1e-5, atol=1e-5, err_msg=name)


def main() -> None:
    args = harness.arguments(__doc__)
    rows, dim, count = (4_000, 100, 2_048) if args.check else (400_000, 100, 131_072)
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((rows, dim), dtype=np.float32)
    ids = harness.zipf_ids(rng, rows, count)
    grad = rng.standard_normal((count, dim), dtype=np.float32)
    states = [np.zeros_like(weight) for _ in range(2)]
    row_state = np.zeros(rows, np.float32)

    check_sgd(weight, ids, grad)
    check_rules(weight, ids, grad)

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
