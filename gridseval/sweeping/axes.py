"""Which values of which options a command line sweeps over, and the command line of each point."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gridseval.errors import UsageError

OPTIONS = (
    *("--delay", "--replan", "--seed", "--env-seed", "--max-steps", "--latency-scale"),
    *("--execution", "--when-late", "--policy", "--ckpt", "--perturb", "--policy-arg"),
)
"""Options whose value may be a list."""
MOST_POINTS = 1000

_NAMED = {"--perturb": ":", "--policy-arg": "="}
"""What stands between the name and the values in options that name what they set."""
_RANGE = re.compile(r"(-?[0-9]{1,6})\.\.(-?[0-9]{1,6})")
_UNSAFE = re.compile(r"[^A-Za-z0-9._=-]+")


@dataclass(frozen=True)
class Axis:
    """An option and the values that it is given.

    Attributes:
        name: For people and plots: ``delay``, ``camera``, ``k``.
        option: Such as ``--delay``.
        values: As texts, at least two, in the order given.
        at: Place of the option's value on the command line.
        before: What the value on the command line begins with: ``k=``, or nothing.
    """

    name: str
    option: str
    values: tuple[str, ...]
    at: int
    before: str = ""


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes:
        values: One per axis.
        words: Its command line, without ``--out``.
        folder: Its run directory's name.
    """

    values: tuple[str, ...]
    words: tuple[str, ...]
    folder: str


def expand(words: Sequence[str]) -> tuple[tuple[Axis, ...], tuple[Point, ...]]:
    """Return the axes of a command line and a point for each combination of their values.

    A value of one of OPTIONS is a list if it has a comma (``--delay 0,4,8``, ``k=1,4``) or is a
    range of whole numbers (``camera:1..5``). The first axis varies slowest. Strength 0 of a
    perturbation leaves it out.

    Args:
        words: Those of ``gridseval run`` without ``--out``, ``--option value`` or
            ``--option=value``.

    Raises:
        UsageError: Nothing is swept, a value is listed twice, or there are too many points.
    """
    plain = _separated(words)
    axes = tuple(filter(None, (_axis(plain, at) for at in range(1, len(plain)))))
    if not axes:
        raise UsageError(
            "nothing is swept", "give an option several values, such as --delay 0,2,4 or k=1,4,16"
        )
    count = 1
    for axis in axes:
        count *= len(axis.values)
        if len(set(axis.values)) < len(axis.values):
            raise UsageError(f"{axis.option} {axis.before}… has a value twice", "list each once")
    if count > MOST_POINTS:
        raise UsageError(f"the sweep has {count} points, more than {MOST_POINTS}")
    return axes, tuple(
        _point(plain, axes, values) for values in itertools.product(*(axis.values for axis in axes))
    )


def _separated(words: Sequence[str]) -> list[str]:
    """Return words with ``--option=value`` taken apart."""
    plain = []
    for word in words:
        option, equals, value = word.partition("=")
        plain += [option, value] if equals and option in OPTIONS else [word]
    return plain


def _axis(words: Sequence[str], at: int) -> Axis | None:
    """Return the axis of a value, if it is a list."""
    option, value = words[at - 1], words[at]
    if option not in OPTIONS:
        return None
    name, before = option.removeprefix("--"), ""
    if option in _NAMED:
        name, mark, value = value.partition(_NAMED[option])
        before = name + mark
        if "=" in value and option == "--perturb":
            return None  # parameters, which have commas between them
    bounds = _RANGE.fullmatch(value)
    if bounds is not None:
        first, last = int(bounds[1]), int(bounds[2])
        if not first < last <= first + MOST_POINTS:
            raise UsageError(f"{option} {before}{value}: the range is empty, backwards or too long")
        return Axis(name, option, tuple(map(str, range(first, last + 1))), at, before)
    if "," not in value:
        return None
    values = tuple(part.strip() for part in value.split(","))
    if not all(values):
        raise UsageError(f"{option} {before}{value} has an empty value between its commas")
    return Axis(name, option, values, at, before)


def _point(words: Sequence[str], axes: Sequence[Axis], values: tuple[str, ...]) -> Point:
    chosen: list[str | None] = list(words)
    for axis, value in zip(axes, values, strict=True):
        chosen[axis.at] = f"{axis.before}{value}"
        if axis.option == "--perturb" and value == "0":
            chosen[axis.at - 1] = chosen[axis.at] = None
    named = (f"{axis.name}={value}" for axis, value in zip(axes, values, strict=True))
    folder = "+".join(_UNSAFE.sub("_", name)[-60:] for name in named)[-200:]
    return Point(values, tuple(word for word in chosen if word is not None), folder)
