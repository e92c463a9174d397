"""The grammar of LIBERO's BDDL files: names, finite numbers, and words of an instruction."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NoReturn

_MAX_TERMS = 8
_MAX_LETTERS = 2000  # of an instruction; LIBERO-Plus's longest has 331

_NAME = re.compile(r"[a-z0-9_]{1,200}(?:[.-][a-z0-9_]{1,200}){0,20}")
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:e[+-]?\d{1,3})?", re.ASCII)
_TERM = re.compile(
    r"([*/+-]?)([+-]?)(pi|(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:e[+-]?\d{1,3})?)", re.ASCII
)


class RefusedError(Exception):
    """A token is out of place.

    Attributes:
        place: Which token, from 0.
    """

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place


class TokenReader:
    """Walks over the tokens, refuses what is out of place, and replaces arithmetic.

    Attributes:
        tokens: All tokens.
        found: By section what ``BddlFile`` tells of it.
    """

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.found: dict[str, list[str]] = {}
        self._place = 0
        self._sections: dict[str, Callable[[], list[str]]] = {
            "problem": lambda: [self._name("a problem")],
            ":domain": self._domain,
            ":requirements": lambda: self._until_closed(self._requirement),
            ":language": self._language,
            ":regions": lambda: self._until_closed(self._region),
            ":fixtures": self._typed,
            ":objects": self._typed,
            ":obj_of_interest": lambda: self._until_closed(lambda: self._name("an object")),
            ":init": lambda: self._until_closed(self._predicate),
            ":goal": self._goal,
        }

    def file(self) -> None:
        """Read everything."""
        self._expect("(")
        self._expect("define")
        while self._peek() == "(":
            self._section()
        self._expect(")")
        if self._place < len(self.tokens):
            self._refuse("expected the end of the file, not {}")
        for section in ("problem", ":domain", ":goal"):
            if section not in self.found:
                raise RefusedError(len(self.tokens), f"the file has no ({section} …)")

    def _section(self) -> None:
        self._expect("(")
        head = self._peek()
        if head not in self._sections:
            self._refuse("{} is not a section of a BDDL file")
        if head in self.found:
            self._refuse("a second section {}")
        self._place += 1
        self.found[head] = self._sections[head]()
        self._expect(")")

    def _domain(self) -> list[str]:
        if self._peek() != "robosuite":
            self._refuse("the domain must be robosuite, not {}")
        return [self._next()]

    def _language(self) -> list[str]:
        words = self._until_closed(self._word)
        if sum(map(len, words)) > _MAX_LETTERS:
            self._refuse(f"an instruction of more than {_MAX_LETTERS} letters, before {{}}")
        return words

    def _region(self) -> str:
        self._expect("(")
        name = self._name("a region")
        readers: dict[str, Callable[[], object]] = {
            ":target": lambda: self._name("an object"),
            ":ranges": lambda: self._lists(self._number, (4,)),
            ":yaw_rotation": lambda: self._lists(self._angle, (1, 2)),
            ":rgba": lambda: self._list(self._number, (4,)),
        }
        seen = set()
        while self._peek() == "(":
            self._place += 1
            attribute = self._peek()
            if attribute not in readers or attribute in seen:
                self._refuse("a region has :target, :ranges, :yaw_rotation and :rgba once, not {}")
            seen.add(attribute)
            self._place += 1
            readers[attribute]()
            self._expect(")")
        self._expect(")")
        if ":target" not in seen:
            raise RefusedError(self._place - 1, f"the region {name!r} has no :target")
        return name

    def _typed(self) -> list[str]:
        """Read ``name … - kind`` until the section ends; return the kinds."""
        kinds: list[str] = []
        untyped = 0
        while self._peek() != ")":
            if self._peek() == "-":
                self._place += 1
                kinds.append(self._name("a kind"))
                untyped = 0
            else:
                self._name("an object")
                untyped += 1
        if untyped:
            self._refuse("expected '- KIND' after the names, not {}")
        return kinds

    def _goal(self) -> list[str]:
        # Without a predicate, every episode would be a success.
        if self.tokens[self._place : self._place + 2] != ["(", "and"]:
            return [self._predicate()]
        self._place += 2
        predicates = [self._predicate(), *self._until_closed(self._predicate)]
        self._expect(")")
        return predicates

    def _predicate(self) -> str:
        self._expect("(")
        name = self._name("a predicate")
        arguments = self._until_closed(lambda: self._name("an object"))
        if not 1 <= len(arguments) <= 3:
            self._refuse(f"{name} has {len(arguments)} arguments, before {{}}")
        self._expect(")")
        return name

    def _lists(self, item: Callable[[], str], lengths: tuple[int, ...]) -> None:
        self._expect("(")
        while self._peek() == "(":
            self._list(item, lengths)
        self._expect(")")

    def _list(self, item: Callable[[], str], lengths: tuple[int, ...]) -> None:
        self._expect("(")
        number = len(self._until_closed(item))
        if number not in lengths:
            wanted = " or ".join(map(str, lengths))
            self._refuse(f"expected {wanted} numbers, found {number} before {{}}")
        self._expect(")")

    def _until_closed(self, item: Callable[[], str]) -> list[str]:
        items = []
        while self._peek() != ")":
            items.append(item())
        return items

    def _name(self, what: str) -> str:
        if not _NAME.fullmatch(self._peek()):
            self._refuse(f"{{}} is not the name of {what}")
        return self._next()

    def _requirement(self) -> str:
        if not _NAME.fullmatch(self._peek().removeprefix(":")):
            self._refuse("{} is not a requirement")
        return self._next()

    def _word(self) -> str:
        word = self._peek()
        if word in ("", "(") or not word.isprintable():
            self._refuse("{} is not a word of an instruction")
        return self._next()

    def _number(self) -> str:
        token = self._peek()
        if not _NUMBER.fullmatch(token) or not math.isfinite(float(token)):
            self._refuse("{} is not a finite number")
        return self._next()

    def _angle(self) -> str:
        """Read a number, ``pi``, or a sum of products of them; put the result in its place."""
        token = self._peek()
        value = _value(token)
        if value is None or not math.isfinite(value):
            self._refuse("{} is not a finite number, pi or arithmetic of them")
        self.tokens[self._place] = repr(value)
        return self._next()

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            self._refuse(f"expected {token!r}, not {{}}")
        self._place += 1

    def _next(self) -> str:
        self._place += 1
        return self.tokens[self._place - 1]

    def _peek(self) -> str:
        return self.tokens[self._place] if self._place < len(self.tokens) else ""

    def _refuse(self, reason: str) -> NoReturn:
        token = self._peek()
        shown = repr(token if len(token) <= 60 else token[:59] + "…") if token else "the file's end"
        raise RefusedError(self._place, reason.format(shown))


def _value(token: str) -> float | None:
    """Return what Python makes of ``-pi/2`` or ``0.5*pi+1``; ``None`` for anything else."""
    total, product, place = 0.0, 0.0, 0
    for _ in range(_MAX_TERMS):
        match = _TERM.match(token, place)
        if match is None or (place and not match[1]):
            return None
        factor = math.pi if match[3] == "pi" else float(match[3])
        factor = -factor if match[2] == "-" else factor
        if match[1] in ("*", "/"):
            if not place or (match[1] == "/" and not factor):
                return None
            product = product * factor if match[1] == "*" else product / factor
        else:
            total += product
            product = -factor if match[1] == "-" else factor
        place = match.end()
        if place == len(token):
            return total + product
    return None
