"""The bar chart of the README: milliseconds of an operation, finevec's beside the best way of each other library."""

from __future__ import annotations

from collections.abc import Sequence

import harness
from cases import LARGE
from measure import THREADS, Result
from operations import OPERATIONS

COLOURS = {"finevec": "#1b6ca8", "torch": "#e07b39", "FBGEMM": "#8e6bb0", "NumPy": "#9aa0a6"}
LEFT_OUT = {"lookup, new array, the last one held", "bag sum"}  # much as the one beside it
DISTRIBUTIONS = {"zipf": "ids Zipf", "uniform": "ids uniform"}


def draw(results: Sequence[Result], name: str) -> None:
    """Draw the large case with all threads to benches/results/; where it was not measured, draw nothing."""
    best: dict[tuple[str, str, str], float] = {}
    for row in results:
        if row.case == str(LARGE) and row.threads == max(THREADS) and row.distribution in DISTRIBUTIONS:
            key = row.distribution, row.operation, row.library
            best[key] = min(best.get(key, float("inf")), 1e3 * row.seconds)
    compared = {operation for _, operation, library in best if library != "finevec"} - LEFT_OUT
    operations = [operation for operation in OPERATIONS if operation in compared]
    if not operations:
        return

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import patches, pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(11, 8), layout="constrained", sharey=True, sharex=True)
    for axes, (distribution, title) in zip(panels, DISTRIBUTIONS.items(), strict=True):
        for place, operation in enumerate(operations):
            there = [library for library in COLOURS if (distribution, operation, library) in best]
            for number, library in enumerate(there):
                value = best[distribution, operation, library]
                y = place + 0.22 * (number - (len(there) - 1) / 2)
                axes.barh(y, value, height=0.2, color=COLOURS[library])
                axes.text(1.05 * value, y, f"{value:.3g}", va="center", fontsize=7)
        axes.set_title(title)
        axes.set_xscale("log")
        axes.set_xlim(0.7 * min(best.values()), 2 * max(best.values()))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("ms, logarithmic: shorter is faster")
        axes.set_yticks(range(len(operations)), operations)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    legend = [patches.Patch(color=colour, label=library) for library, colour in COLOURS.items()]
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend), frameon=False)
    figure.suptitle(f"Table and batch: {LARGE}, float32, {max(THREADS)} threads")
    figure.savefig(harness.RESULTS / name, dpi=120)
