"""Words of a command line that cannot be used, and messages that would repeat them at length."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gridseval.errors import UsageError

_LONG_WORD = re.compile(r"\S{401,}")
_MOST = 8000


def check_words(words: Iterable[str]) -> None:
    """Refuse words that hold what no file name and no file of a run can hold.

    Raises:
        UsageError: One holds a zero character, or half of a character. Bytes that are not UTF-8 may
            be parts of a file's name; they come as U+DC80 to U+DCFF.
    """
    for number, word in enumerate(words, start=1):
        if "\0" in word:
            raise UsageError(f"word {number} of the command line holds a zero character")
        if any("\ud800" <= each <= "\udc7f" or "\udd00" <= each <= "\udfff" for each in word):
            raise UsageError(f"word {number} of the command line holds half of a character")


def shown_message(text: str) -> str:
    """Return a message whose long words are cut in their middle, such as a path of 4,000 letters.

    >>> len(shown_message("cannot read " + 4000 * "x" + ": too long"))
    322
    """
    cut = _LONG_WORD.sub(lambda found: f"{found[0][:200]}…{found[0][-100:]}", text)
    return cut if len(cut) <= _MOST else f"{cut[: _MOST - 1]}…"
