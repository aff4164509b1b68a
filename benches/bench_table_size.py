"""Cost follows the batch, not the vocabulary: an Adagrad update of 10,000 fresh random ids x 100, 10^4 to 4e6 rows."""

from __future__ import annotations

import finevec.functional as F
import harness
import numpy as np

DIM = 100
COUNT = 10_000


def main() -> None:
    args = harness.parser(__doc__).parse_args()
    rounds = 1 if args.check else args.rounds
    sizes = [10_000, 20_000] if args.check else [10_000, 100_000, 1_000_000, 4_000_000]
    rng = np.random.default_rng(0)
    grad = rng.standard_normal((COUNT, DIM), dtype=np.float32)

    small = rng.standard_normal((sizes[0], DIM), dtype=np.float32)
    ids = rng.integers(sizes[0], size=COUNT)
    weight, state = small.copy(), np.zeros_like(small)
    F.adagrad_update(weight, state, ids, grad, lr=0.1)
    unique, summed = F.coalesce(ids, grad)
    expected = small.copy()
    expected[unique] -= 0.1 * summed / (np.abs(summed) + 1e-10)
    np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)

    contenders = []
    for rows in sizes:
        weight = np.ones((rows, DIM), np.float32)  # not zeros: every page is written, so every page is there
        state = np.ones((rows, DIM), np.float32)
        fresh = [np.empty(0, np.int64)]

        def draw(rows: int = rows, fresh: list[np.ndarray] = fresh) -> None:
            fresh[0] = rng.integers(rows, size=COUNT)

        def update(weight: np.ndarray = weight, state: np.ndarray = state, fresh: list[np.ndarray] = fresh) -> None:
            F.adagrad_update(weight, state, fresh[0], grad, lr=0.1)

        contenders.append(harness.Timed(update, draw))
    milliseconds = [1e3 * seconds for seconds in harness.medians(contenders, rounds)]

    header = ["rows of the table", "ms", f"beside {sizes[1]:,} rows"]
    table = [[f"{rows:,}", value, value / milliseconds[1]] for rows, value in zip(sizes, milliseconds, strict=True)]
    harness.show(f"one Adagrad update of {COUNT:,} fresh random ids x {DIM} float32", header, table)
    if args.save:
        harness.save("table_size.csv", header, table)
        plot(sizes, milliseconds)


def plot(sizes: list[int], milliseconds: list[float]) -> None:
    """Draw the table to benches/results/table_size.png."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.semilogx(sizes, milliseconds, marker="o")
    axes.set_ylim(0, 1.2 * max(milliseconds))
    axes.set_xlabel("rows of the table")
    axes.set_ylabel("ms per update")
    axes.set_title(f"Adagrad, {COUNT:,} random ids x {DIM} float32")
    axes.grid(alpha=0.3)
    figure.savefig(harness.RESULTS / "table_size.png", dpi=120)


if __name__ == "__main__":
    main()
