"""Words as they are shown: nothing a terminal would obey, and no longer than there is room for."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

ELLIPSIS = "…"


def printable(text: str) -> str:
    r"""Return a text with what is not printable escaped.

    Examples
    --------
    >>> print(printable("8\xa01/2 größer\n"))
    8\xa01/2 größer\n
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def columns(text: str) -> int:
    """Return how many columns of a terminal a printable text takes.

    Examples
    --------
    >>> columns("film"), columns("映画"), columns("e\u0301")
    (4, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "FW") for c in text)


def shortened(text: str, width: int) -> str:
    """Return a text that takes at most `width` columns: where it is longer, its middle is left out.

    Examples
    --------
    >>> shortened("sst-constituency-fixed", 12), shortened("sst-fixed", 12)
    ('sst-co…fixed', 'sst-fixed')
    """
    if columns(text) <= width:
        return text
    tail = _fitting(text[::-1], (width - 1) // 2)[::-1]
    return _fitting(text, width - 1 - columns(tail)) + ELLIPSIS + tail


def _fitting(text: str, width: int) -> str:
    """Return as much of the head of a text as takes at most `width` columns."""
    used = 0
    for place, character in enumerate(text):
        used += columns(character)
        if used > width:
            return text[:place]
    return text


def joined(words: Sequence[str], first: int, last: int, width: int) -> str:
    """Return ``words[first:last]`` with spaces between, in at most `width` columns: words in the middle are left out.

    Of however many words, it looks at those that fit.

    Examples
    --------
    >>> words = "It 's a lovely film with lovely performances".split()
    >>> joined(words, 2, 5, 30), joined(words, 0, 8, 30), joined(words, 3, 8, 16)
    ('a lovely film', "It 's a lovely … performances", 'lovely … per…es')
    """
    used = -1
    for place in range(first, last):
        used += columns(words[place]) + 1
        if used > width:
            break
    else:
        return " ".join(words[first:last])
    if last - first == 1:
        return shortened(words[first], width)
    tail = " ".join(reversed(_taken(words, range(last - 1, first, -1), (width - 3) // 2)))
    head = " ".join(_taken(words, range(first, last - 1), width - 3 - columns(tail)))
    return f"{head} {ELLIPSIS} {tail}"


def _taken(words: Sequence[str], places: range, width: int) -> list[str]:
    """Return the words at these places as long as they fit, and of the first at least a part."""
    taken = []
    used = -1
    for place in places:
        used += columns(words[place]) + 1
        if used > width:
            break
        taken.append(words[place])
    return taken or [shortened(words[places[0]], width)]
