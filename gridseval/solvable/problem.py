"""What a task's BDDL file says of its goal: whether it can ever hold, and what it leaves open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gridseval.suites import BddlFile

PLACE_WORDS = frozenset(
    (
        *("left", "right", "front", "back", "rear", "middle", "center", "centre", "central"),
        *("upper", "uppermost", "top", "lower", "bottom", "first", "second", "third", "last"),
        *("on", "onto", "in", "into", "inside", "within", "at", "from", "atop", "under"),
        *(
            "next",
            "near",
            "nearest",
            "nearby",
            "beside",
            "between",
            "adjacent",
            "alongside",
            "amid",
            "amidst",
        ),
        *("close", "closest", "furthest", "behind", "above", "below", "upon", "off", "by"),
    )
)
"""Words that say where something is."""

_OPPOSITES = (frozenset({"open", "close"}), frozenset({"turnon", "turnoff"}))
_PLACING = ("on", "in")


@dataclass(frozen=True)
class Problem:
    """A parsed BDDL file.

    Attributes:
        sections: What follows each keyword, such as ``:goal``, as nested lists of text.
    """

    sections: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, file: BddlFile) -> Problem:
        """Return what a checked file says."""
        levels: list[list[Any]] = [[]]
        for token in file.text.split():
            if token == "(":  # noqa: S105 (a bracket)
                levels.append([])
            elif token == ")":  # noqa: S105
                done = levels.pop()
                levels[-1].append(done)
            else:
                levels[-1].append(token)
        parts = [part for part in levels[0][0] if isinstance(part, list) and part]
        return cls({part[0]: part[1:] for part in parts})

    @cached_property
    def goal(self) -> tuple[tuple[str, ...], ...]:
        """The predicates that must all hold."""
        (whole,) = self.sections[":goal"]
        parts = whole[1:] if whole[0] == "and" else [whole]
        return tuple(tuple(part) for part in parts)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The model of each object and fixture, by its name."""
        return {
            name: kind
            for section in (":objects", ":fixtures")
            for name, kind in _typed(self.sections.get(section, ()))
        }

    @cached_property
    def regions(self) -> frozenset[str]:
        """The whole names of all regions, such as ``wooden_cabinet_1_top_region``."""
        return frozenset(
            f"{inside[1]}_{region[0]}"
            for region in self.sections.get(":regions", ())
            for inside in region[1:]
            if inside[0] == ":target"
        )

    def contradictions(self) -> tuple[str, ...]:
        """Return why the goal can never hold, one sentence each; empty if nothing is found."""
        return tuple(dict.fromkeys((*self._unknown(), *self._opposed())))

    def leaves_open(self, instruction: str) -> tuple[str, ...]:
        """Return the objects of the goal that an instruction does not tell from others.

        The rule: the scene holds another body of the object's model that the goal does not name,
        and fewer than two words of the instruction are in :data:`PLACE_WORDS`. One such word says
        where to put the object; a second one is needed to say which of them.

        Args:
            instruction: What policies get.
        """
        words = re.findall(r"[a-z]+", instruction.lower())
        if sum(word in PLACE_WORDS for word in words) >= 2:
            return ()
        named = {name for atom in self.goal for name in atom[1:] if name in self.kinds}
        spare = {self.kinds[name] for name in self.kinds.keys() - named}
        return tuple(sorted(name for name in named if self.kinds[name] in spare))

    def _unknown(self) -> Iterator[str]:
        for atom in self.goal:
            for name in atom[1:]:
                if name not in self.kinds and name not in self.regions:
                    yield f"{' '.join(atom)}: there is no {name}"
            if len(atom) == 3 and atom[1] == atom[2]:
                yield f"{' '.join(atom)}: it names one thing twice"

    def _opposed(self) -> Iterator[str]:
        for pair in _OPPOSITES:
            parts = [atom for atom in self.goal if atom[0] in pair]
            for one in parts:
                for other in parts:
                    if one[0] < other[0] and one[1:] == other[1:]:
                        yield f"{' '.join(one)} contradicts {' '.join(other)}"
        for one in self.goal:
            for other in self.goal if one[1] != one[-1] else ():
                if one[0] in _PLACING and other[0] in _PLACING and one[1:] == other[:0:-1]:
                    yield f"{' '.join(one)} contradicts {' '.join(other)}"


def _typed(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and kind of a list such as ``bowl_1 bowl_2 - bowl plate_1 - plate``."""
    names: list[str] = []
    following = iter(words)
    for word in following:
        if word == "-":
            kind = next(following, "")
            yield from ((name, kind) for name in names)
            names = []
        else:
            names.append(word)
