"""Training runs as a figure: accuracy per epoch, and when the embedding was frozen.

Drawing needs matplotlib, which the extra ``[plot]`` installs; it is imported where it is used. Neither pyplot nor a
display is involved.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMATS = ("svg", "png", "pdf")
"""What a figure can be written as."""

_LONGEST_LABEL = 48  # characters; a longer one would leave no room for the curves
_OWN_COLOURS = 10  # colours that are told apart well; more runs share out a continuous scale
_FAINT = 0.35


@dataclass(frozen=True)
class Run:
    """What is drawn of a training run. Position k of a sequence belongs to epoch k + 1.

    Parameters
    ----------
    label : str
        What to call it.
    train_accuracy, dev_accuracy : sequences of float
        Between 0 and 1, one for each epoch.
    frozen_epochs : int
        In so many of the first epochs the embedding was frozen: in all of them where it never trained.
    best_epoch : int
        The epoch whose weights were kept, from 1.
    """

    label: str
    train_accuracy: Sequence[float]
    dev_accuracy: Sequence[float]
    frozen_epochs: int
    best_epoch: int


def read_run(path: str | os.PathLike[str], label: str) -> Run:
    """Read a run from the metrics that ``finevec train --metrics`` wrote.

    Parameters
    ----------
    path : path
    label : str
        What to call the run.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It does not hold such metrics.

    Examples
    --------
    >>> import tempfile
    >>> epochs = [{"epoch": k, "train_accuracy": 0.5, "dev_accuracy": 0.25 * k} for k in (1, 2, 3)]
    >>> metrics = {"mode": "non-static", "freeze_epochs": 2, "history": {"epochs": epochs, "best_epoch": 3}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "metrics.json").write_text(json.dumps(metrics))
    ...     read_run(f"{folder}/metrics.json", "thaws").dev_accuracy
    [0.25, 0.5, 0.75]
    """
    name = os.fspath(path)
    try:
        metrics = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: not metrics of finevec train: not JSON: {error}") from None
    try:
        history = metrics["history"]
        epochs = history["epochs"]
        mode, frozen_epochs, best_epoch = metrics["mode"], metrics["freeze_epochs"], history["best_epoch"]
        numbers = [record["epoch"] for record in epochs]
        train, dev = ([record[f"{part}_accuracy"] for record in epochs] for part in ("train", "dev"))
    except (KeyError, TypeError, IndexError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else "it is built in another way"
        raise ValueError(f"{name}: not metrics of finevec train: {what}") from None
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"{name}: expected epochs that count from 1, got {numbers!r:.40}")
    for accuracy in (*train, *dev):
        if not _is_number(accuracy) or not 0 <= accuracy <= 1:
            raise ValueError(f"{name}: expected accuracies between 0 and 1, got {accuracy!r:.40}")
    if type(frozen_epochs) is not int or frozen_epochs < 0:
        raise ValueError(f"{name}: freeze_epochs: expected a number of epochs, got {frozen_epochs!r:.40}")
    if type(best_epoch) is not int or not 1 <= best_epoch <= len(numbers):
        wanted = f"one of the {len(numbers)} epochs"
        raise ValueError(f"{name}: best_epoch: expected {wanted}, got {best_epoch!r:.40}")
    frozen = len(numbers) if mode == "static" else min(frozen_epochs, len(numbers))
    return Run(label, train, dev, frozen, best_epoch)


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _shortened(text: str) -> str:
    """Return a text, its head left out where it is long: files differ in the tail of their path."""
    return text if len(text) <= _LONGEST_LABEL else f"…{text[1 - _LONGEST_LABEL :]}"


def draw(runs: Sequence[Run]) -> Any:
    """Draw runs into one figure, each in a colour of its own.

    Dev accuracy is drawn strongly and training accuracy faintly, dashed up to the last epoch in which the embedding was
    frozen and solid from there on. A ring marks that epoch where training went on with a thawed embedding, a star the
    best epoch.

    Parameters
    ----------
    runs : sequence of Run
        At least one.

    Returns
    -------
    matplotlib.figure.Figure
        With one pair of axes, in epochs and percent. The group ids of its lines are
        ``run<k>.<dev or train>.<frozen or thawed>``, ``run<k>.thaw`` and ``run<k>.best``, k from 1; what a run does not
        have is left out.

    Raises
    ------
    ImportError
        There is no matplotlib.
    ValueError
        There are no runs.
    """
    if not runs:
        raise ValueError("expected runs to draw, got none")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.0, max(4.5, 1.5 + 0.22 * len(runs))), layout="constrained")
    axes = figure.add_subplot()
    colours = _colours(len(runs))
    for number, (run, colour) in enumerate(zip(runs, colours, strict=True), start=1):
        _draw_run(axes, run, f"run{number}", colour)
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _add_legend(figure, runs, colours)
    return figure


def _colours(count: int) -> list[Any]:
    import matplotlib

    if count <= _OWN_COLOURS:
        return [matplotlib.colormaps["tab10"](number) for number in range(count)]
    return [matplotlib.colormaps["turbo"](number / (count - 1)) for number in range(count)]


_RING: dict[str, Any] = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "linestyle": "none", "zorder": 3}
_STAR: dict[str, Any] = {"marker": "*", "markersize": 10, "linestyle": "none", "zorder": 3}


def _draw_run(axes: Any, run: Run, name: str, colour: Any) -> None:
    """Draw one run; `name` starts the group ids of its lines."""
    epochs = range(1, len(run.dev_accuracy) + 1)
    dev, train = ([100 * accuracy for accuracy in part] for part in (run.dev_accuracy, run.train_accuracy))
    frozen = run.frozen_epochs
    thaws = 0 < frozen < len(dev)
    for part, values, alpha in (("train", train, _FAINT), ("dev", dev, 1.0)):
        look = {"color": colour, "alpha": alpha, "marker": ".", "markersize": 5}
        if frozen:
            axes.plot(epochs[:frozen], values[:frozen], linestyle="--", gid=f"{name}.{part}.frozen", **look)
        if frozen < len(values):
            start = frozen - 1 if thaws else 0  # the line goes on from where the frozen epochs ended
            axes.plot(epochs[start:], values[start:], linestyle="-", gid=f"{name}.{part}.thawed", **look)
    if thaws:
        axes.plot([frozen], [dev[frozen - 1]], color=colour, gid=f"{name}.thaw", **_RING)
    axes.plot([run.best_epoch], [dev[run.best_epoch - 1]], color=colour, gid=f"{name}.best", **_STAR)


def _add_legend(figure: Any, runs: Sequence[Run], colours: Sequence[Any]) -> None:
    """Say which run has which colour, then what the lines and marks that occur mean."""
    from matplotlib.lines import Line2D

    entries = [(Line2D([], [], color=colour), run.label) for run, colour in zip(runs, colours, strict=True)]
    grey: dict[str, Any] = {"color": "0.3"}
    entries.append((Line2D([], [], **grey), "dev"))
    entries.append((Line2D([], [], alpha=_FAINT, **grey), "train, while learning"))
    if any(run.frozen_epochs for run in runs):
        entries.append((Line2D([], [], linestyle="--", **grey), "embedding frozen"))
    if any(0 < run.frozen_epochs < len(run.dev_accuracy) for run in runs):
        entries.append((Line2D([], [], **_RING, **grey), "thaws after this epoch"))
    entries.append((Line2D([], [], **_STAR, **grey), "best epoch"))
    handles = [handle for handle, _ in entries]
    legend = figure.legend(handles, [""] * len(handles), loc="outside right upper", frameon=False, fontsize=9)
    # Set here, where names with a leading underscore or with dollar signs are nothing but text.
    for text, (_, label) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(_shortened("".join(c if c.isprintable() else ascii(c)[1:-1] for c in label)))


def rendered(figure: Any, kind: str) -> bytes:
    """Return a figure as the bytes of a file.

    The same figure gives the same bytes with the same matplotlib and fonts: no date, no random ids.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    kind : str
        One of `FORMATS`.

    Raises
    ------
    ValueError
        `kind` is another one.
    """
    if kind not in FORMATS:
        raise ValueError(f"kind: expected one of {', '.join(FORMATS)}, got {kind!r}")
    import matplotlib

    dates: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "finevec"}):
        figure.savefig(file, format=kind, dpi=150, metadata=dates[kind])
    return file.getvalue()
