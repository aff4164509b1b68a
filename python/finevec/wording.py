"""Words of messages and reports."""

from __future__ import annotations


def counted(count: int | str, noun: str) -> str:
    """Return a number of things, in the singular for one.

    Examples
    --------
    >>> counted(1, "run"), counted(1200, "run"), counted("an unknown number of", "thread")
    ('1 run', '1,200 runs', 'an unknown number of threads')
    """
    shown = f"{count:,}" if isinstance(count, int) else count
    return f"{shown} {noun}{'' if count == 1 else 's'}"
