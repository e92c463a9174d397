"""Parameters of a kind of perturbation: their ranges, and how they are written."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypeAlias

from gridseval.errors import did_you_mean

Value: TypeAlias = "float | int | str | bool"


@dataclass(frozen=True)
class Number:
    """A number within a range.

    Attributes:
        name: As users write it.
        low: The least value.
        high: The greatest value.
        unit: Of the value, or what it counts.
        whole: Whether only whole numbers are valid.
    """

    name: str
    low: float
    high: float
    unit: str
    whole: bool = False

    @property
    def range(self) -> str:
        """The valid values, in words."""
        return f"{self.low:g} to {self.high:g} {self.unit}".rstrip()

    def parse(self, text: str) -> Value:
        """Return the value of a text.

        Raises:
            ValueError: The text is not such a number; the message says why.
        """
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number") from None
        if not math.isfinite(value):
            raise ValueError(f"{text!r} is not finite")
        if not self.low <= value <= self.high:
            raise ValueError(f"{text} is out of range")
        if self.whole and value != int(value):
            raise ValueError(f"{text!r} is not a whole number")
        return int(value) if self.whole else value


@dataclass(frozen=True)
class Choice:
    """One of several words.

    Attributes:
        name: As users write it.
        choices: The words.
    """

    name: str
    choices: tuple[str, ...]

    @property
    def range(self) -> str:
        """The valid values, in words."""
        return ", ".join(self.choices)

    def parse(self, text: str) -> Value:
        """Return the word.

        Raises:
            ValueError: It is not one of them; names the nearest.
        """
        if text not in self.choices:
            raise ValueError(f"there is no {text!r}, {did_you_mean(text, self.choices)}")
        return text


@dataclass(frozen=True)
class Colour:
    """A colour as six hexadecimal digits.

    Attributes:
        name: As users write it.
    """

    name: str

    @property
    def range(self) -> str:
        """The valid values, in words."""
        return "six hexadecimal digits, such as ff8000"

    def parse(self, text: str) -> Value:
        """Return the digits in lower case.

        Raises:
            ValueError: The text is not a colour.
        """
        if not re.fullmatch("[0-9a-fA-F]{6}", text, re.ASCII):
            raise ValueError(f"{text!r} is not a colour")
        return text.lower()


Parameter: TypeAlias = "Number | Choice | Colour"
