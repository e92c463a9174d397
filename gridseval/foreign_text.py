"""Text of foreign origin, such as a server's error or a policy's name, where it is shown.

It may hold characters that clear a terminal's screen, HTML, which Markdown passes on, or begin as a
formula, which a spreadsheet evaluates.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_CONTROLS = re.compile(
    # All of C0 but tab and line feed, DEL, C1, what turns the direction of writing, line separators
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def without_controls(text: str) -> str:
    r"""Return a text whose control characters are written as escapes; tab and line feed stay.

    >>> without_controls("\x1b[2Ja\tb\n")
    '\\x1b[2Ja\tb\n'
    """
    return _CONTROLS.sub(_escape, text)


def one_line(text: str, most: int = 500) -> str:
    r"""Return a text for a record or a message: one line of printable characters, not too long.

    Args:
        text: Of any length.
        most: Characters of the result, at least 1.

    >>> one_line("lost:\n  \x1b[2J" + 600 * "x", most=20)
    'lost: \\x1b[2Jxxxxxx…'
    """
    # What is left of a long text after its blanks are joined may need twice as many characters.
    plain = " ".join(without_controls(" ".join(text[: 8 * most].split())).split())
    plain = "".join(each if each.isprintable() else "\ufffd" for each in plain)
    whole = len(plain) <= most and len(text) <= 8 * most
    return plain if whole else f"{plain[: most - 1]}…"


def markdown_cell(text: str) -> str:
    r"""Return a text for a cell or a line of Markdown, with no tag and no end of the cell in it.

    >>> markdown_cell("p < 0.05 <b>|")
    'p < 0.05 &lt;b>\\|'
    """
    plain = without_controls(" ".join(text.split()))
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", plain)).replace("|", "\\|")


def csv_cell(value: object) -> object:
    """Return a value for a cell of CSV; a text that a spreadsheet would evaluate gets a quote.

    >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell(-0.5)
    ("'=1+1", '-0.5', -0.5)
    """
    if not isinstance(value, str):
        return value
    plain = without_controls(value)
    if not value.lstrip().startswith(_FORMULA) and not value.startswith(_FORMULA):
        return plain
    return plain if _is_number(plain) else f"'{plain}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
