"""The compact text in which a suite's YAML file lists its variants, and back.

A line is ``BASE KIND ITEM ITEM …``: the base task's index in its own suite, a kind, and for each
task its parameters joined by ``_``, its scene after ``=`` if it has one, and its level after ``:``
(``-`` for none). Tasks are numbered in the order of the text::

    3 view 0_0_115_0_0:2 348_15_100_0_0:4
    0 light 1=437:-
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from gridseval.suites.variant import KINDS, LEVELS, Variant

_ITEM = re.compile(r"(?P<parameters>\d+(?:_\d+)*)(?:=(?P<scene>[A-Za-z0-9_+]+))?:(?P<level>[1-5-])")
_LINE_CHARS = 100


def read_variants(text: str, suite: str, bases: Sequence[str]) -> Iterator[Variant]:
    """Yield the variants that a text lists.

    Args:
        text: Lines as above.
        suite: The base tasks' suite.
        bases: The names of its tasks.

    Raises:
        ValueError: A line says something else; names it.
    """
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        base, kind, *items = words
        if not (base.isdecimal() and int(base) < len(bases)):
            raise ValueError(f"{base!r} is not a task of {suite}, in the line {line[:60]!r}")
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}, in the line {line[:60]!r}")
        for item in items:
            yield _variant(item, suite, bases[int(base)], kind)


def write_variants(variants: Iterable[Variant], bases: Sequence[str]) -> str:
    """Return the text that lists these variants, in their order."""
    lines = []
    for (base, kind), group in groupby(variants, key=lambda v: (v.base, v.kind)):
        start = line = f"{bases.index(base)} {kind}"
        for variant in group:
            item = _item(variant)
            if len(line) + 1 + len(item) > _LINE_CHARS:
                lines.append(line)
                line = start
            line += f" {item}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _variant(item: str, suite: str, base: str, kind: str) -> Variant:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"{item!r} is not of the form PARAMETERS:LEVEL")
    parameters = tuple(map(int, match["parameters"].split("_")))
    if len(parameters) != KINDS[kind].parameters:
        expected = KINDS[kind].parameters
        raise ValueError(f"{kind} has {expected} parameters, not {len(parameters)} as in {item!r}")
    level = None if match["level"] == "-" else int(match["level"])
    return Variant(suite, base, kind, parameters, level, match["scene"] or "")


def _item(variant: Variant) -> str:
    scene = f"={variant.scene}" if variant.scene else ""
    level = variant.level if variant.level in LEVELS else "-"
    return f"{'_'.join(map(str, variant.parameters))}{scene}:{level}"
