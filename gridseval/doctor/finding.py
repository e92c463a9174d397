"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from gridseval.errors import GridsevalError

Health = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        name: What was looked at, one word.
        status: ``"failure"`` if a run with images would fail or measure something else.
        text: What was found.
        hint: What to do about it, or ``None``.
    """

    name: str
    status: Health
    text: str
    hint: str | None = None


def guarded(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return a check's findings, or a failure in place of whatever exception it raised.

    A doctor is called when things are broken, and a traceback is no diagnosis.
    """
    try:
        return list(check())
    except GridsevalError as error:
        return [Finding(name, "failure", error.message, error.hint)]
    except Exception as error:
        return [Finding(name, "failure", f"{type(error).__name__}: {error}")]
