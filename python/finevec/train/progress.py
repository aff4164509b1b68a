"""How a training run is shown: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from .history import EpochRecord

_REDRAW_SECONDS = 0.1


class Progress(Protocol):
    """What the training loop tells."""

    def start(self, epochs: int) -> None:
        """Take note of the start of at most so many epochs."""

    def note(self, text: str) -> None:
        """Show a line."""

    def batch(self, epoch: int, seen: int, examples: int, loss: float, accuracy: float) -> None:
        """Take note of a step: `seen` of the epoch's examples are done; the epoch's mean loss and accuracy so far."""

    def epoch(self, record: EpochRecord, *, best: bool) -> None:
        """Take note of an epoch; `best` says whether it is the best so far."""

    def finish(self, best_epoch: int, stopped_early: bool) -> None:
        """Take note of the end; the model has the weights of `best_epoch`."""

    def close(self) -> None:
        """Leave the terminal tidy; also called when training was broken off."""


class Silent:
    """Shows nothing."""

    def start(self, epochs: int) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def batch(self, epoch: int, seen: int, examples: int, loss: float, accuracy: float) -> None:
        """Show nothing."""

    def epoch(self, record: EpochRecord, *, best: bool) -> None:
        """Show nothing."""

    def finish(self, best_epoch: int, stopped_early: bool) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing is left behind."""


class Lines(Silent):
    """One plain line for each epoch and note: for files, pipes and logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._digits = 1

    def start(self, epochs: int) -> None:
        """Learn how wide an epoch's number is."""
        self._digits = len(str(epochs))

    def note(self, text: str) -> None:
        """Print the note."""
        self._print(text)

    def epoch(self, record: EpochRecord, *, best: bool) -> None:
        """Print the epoch's figures."""
        self._print(
            f"epoch {record.epoch:{self._digits}d}"
            f"  loss {record.train_loss:.4f}  train {100 * record.train_accuracy:5.1f} %"
            f"  dev loss {record.dev_loss:.4f}  dev {100 * record.dev_accuracy:5.1f} %"
            f"  {record.examples_per_second:,.0f} texts/s{'  best so far' if best else ''}"
        )

    def finish(self, best_epoch: int, stopped_early: bool) -> None:
        """Say which epoch's weights are kept."""
        why = "no better dev result since" if stopped_early else "done"
        self._print(f"{why}: kept the weights of epoch {best_epoch}")

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class RedrawnLine:
    """The last line of a terminal, redrawn in place, ten times a second at most."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0
        self._next_draw = 0.0

    def due(self) -> bool:
        """Tell whether it is time to draw."""
        return time.monotonic() >= self._next_draw

    def draw(self, done: int, total: int, before: str, after: str) -> None:
        """Show how much of some work is done, at least 1 in total, between two texts."""
        self._next_draw = time.monotonic() + _REDRAW_SECONDS
        filled = 20 * done // total
        line = f"{before} [{'#' * filled}{'.' * (20 - filled)}] {100 * done // total:3d} %{after}"
        self._stream.write("\r" + line.ljust(self._drawn))
        self._stream.flush()
        self._drawn = len(line)

    def wipe(self) -> None:
        """Leave nothing."""
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()
            self._drawn = 0


class Bar(Lines):
    """The lines of `Lines`, and below them the epoch in progress, redrawn in place. Needs nothing installed."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._line = RedrawnLine(stream)

    def batch(self, epoch: int, seen: int, examples: int, loss: float, accuracy: float) -> None:
        """Redraw the bar, ten times a second at most."""
        if self._line.due():
            after = f"  loss {loss:.4f}  train {100 * accuracy:.1f} %"
            self._line.draw(seen, examples, f"epoch {epoch:{self._digits}d}", after)

    def close(self) -> None:
        """Wipe the bar."""
        self._line.wipe()

    def _print(self, text: str) -> None:
        self.close()
        super()._print(text)


class TqdmBar(Lines):
    """The lines of `Lines`, and below them a tqdm bar for the epoch in progress."""

    def __init__(self, stream: TextIO, tqdm: Any) -> None:
        super().__init__(stream)
        self._tqdm = tqdm
        self._bar: Any = None

    def batch(self, epoch: int, seen: int, examples: int, loss: float, accuracy: float) -> None:
        """Move the bar."""
        if self._bar is None:
            self._bar = self._tqdm(total=examples, desc=f"epoch {epoch}", unit="text", leave=False, file=self._stream)
        self._bar.set_postfix(loss=f"{loss:.4f}", train=f"{100 * accuracy:.1f}%", refresh=False)
        self._bar.update(seen - self._bar.n)

    def close(self) -> None:
        """Wipe the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _print(self, text: str) -> None:
        self.close()
        super()._print(text)


def progress_for(stream: TextIO, *, quiet: bool = False) -> Progress:
    """Return how to show training on a stream: nothing if `quiet`, a bar on a terminal, else lines.

    The bar is tqdm's where tqdm is installed (extra ``[cli]``), else our own.
    """
    if quiet:
        return Silent()
    if not stream.isatty():
        return Lines(stream)
    try:
        from tqdm import tqdm
    except ImportError:
        return Bar(stream)
    return TqdmBar(stream, tqdm)
