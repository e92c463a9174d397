"""Paraphrases of instructions, by rule and table: the same task in other words.

LIBERO-Plus's rewritten instructions come from a language model and lie in its data; these need none
and fit any suite. Words are replaced where they stand for themselves only: ``bowl`` is a dish, but
``bowl drainer`` stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

OPENINGS = (
    "please {}",
    "could you {}?",
    "would you please {}?",
    "i would like you to {}",
    "your next task is to {}",
    "robot, {}",
)
CLAUSES = (
    "{}, and leave everything else as it is",
    "{}, and do not mind the other objects",
    "{}, since the other things on the table are for later",
    "while i look for my keys, {}",
    "we will need the rest tomorrow, so {}",
)
VERBS: Mapping[str, tuple[str, ...]] = {
    "pick up": ("grab", "take", "lift", "grasp"),
    "put": ("place", "set", "position"),
    "place": ("put", "set", "lay"),
    "open": ("pull open", "slide open"),
    "close": ("shut", "push shut"),
    "turn on": ("switch on", "activate"),
    "turn off": ("switch off", "deactivate"),
    "push": ("slide", "shove", "move"),
    "stack": ("pile", "set"),
}
OBJECTS: Mapping[str, tuple[str, ...]] = {
    "frying pan": ("skillet", "pan for frying"),
    "moka pots": ("espresso pots", "coffee pots"),
    "moka pot": ("espresso pot", "coffee pot"),
    "wine bottle": ("bottle of wine", "wine flask"),
    "cream cheese box": ("box of cream cheese", "pack of cream cheese"),
    "cream cheese": ("soft cheese", "pack of cream cheese"),
    "chocolate pudding": ("chocolate dessert", "pack of chocolate pudding"),
    "alphabet soup": ("can of alphabet soup", "letter soup"),
    "tomato sauce": ("can of tomato sauce", "sauce made of tomatoes"),
    "salad dressing": ("dressing for the salad", "bottle of salad dressing"),
    "bbq sauce": ("barbecue sauce", "bottle of bbq sauce"),
    "orange juice": ("carton of orange juice", "juice made of oranges"),
    "ketchup": ("bottle of ketchup", "catsup"),
    "butter": ("block of butter", "pack of butter"),
    "milk": ("carton of milk", "pack of milk"),
    "cookie box": ("box of cookies", "pack of cookies"),
    "bowl": ("dish", "basin"),
    "plate": ("dinner plate", "flat dish"),
    "mug": ("cup", "coffee mug"),
    "book": ("volume", "paperback"),
    "stove": ("cooker", "hob"),
    "cabinet": ("cupboard", "chest of drawers"),
    "drawer": ("pull-out compartment", "sliding drawer"),
    "basket": ("hamper", "carrier basket"),
    "tray": ("platter", "serving tray"),
    "rack": ("stand", "holder"),
    "caddy": ("desk organiser", "organiser"),
    "microwave": ("microwave oven", "oven"),
    "shelf": ("rack", "ledge"),
    "ramekin": ("small baking dish", "small cup"),
}
LEVELS = 5
"""How many rules there are, and strengths: each strength adds one."""

_KEPT = ("bowl drainer", "wine rack", "butter dish")
_PLACE = re.compile(
    r"(?P<what>\S+ .+?) "
    r"(?P<where>(?:on top of|on|into|in|inside|under|to|at|next to) (?:the|it|a)\b.*)"
)
_TWO = re.compile(rf"(?P<first>.+?) and (?P<second>(?:{'|'.join(VERBS)})\b.*)")


@dataclass(frozen=True)
class LanguageEdit:
    """Which rules rewrite an instruction; numbers count from 0, ``None`` leaves a rule out.

    Attributes:
        opening: Which of OPENINGS.
        verbs: Chooses synonyms of verbs.
        objects: Chooses synonyms of objects.
        reorder: Whether the place comes first, or the order of two steps is spelt out.
        clause: Which of CLAUSES.

    Raises:
        ValueError: A number is out of its range.
    """

    opening: int | None = None
    verbs: int | None = None
    objects: int | None = None
    reorder: bool = False
    clause: int | None = None

    def __post_init__(self) -> None:
        for name, most in (("opening", len(OPENINGS)), ("clause", len(CLAUSES))):
            value = getattr(self, name)
            if value is not None and not 0 <= value < most:
                raise ValueError(f"there is no {name} {value}: 0 to {most - 1} exist")
        for name in ("verbs", "objects"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 2**32:
                raise ValueError(f"{name} must be within 0 and {2**32 - 1}, not {value}")

    def apply(self, instruction: str) -> str:
        """Return the instruction in other words: lower case, single spaces, no full stop."""
        text = " ".join(instruction.lower().split()).rstrip(".")
        place, text = _reordered(text) if self.reorder else ("", text)
        for table, number in ((VERBS, self.verbs), (OBJECTS, self.objects)):
            if number is not None:
                place, text = (_replaced(part, table, number) for part in (place, text))
        clause = "{}" if self.clause is None else CLAUSES[self.clause]
        opening = "{}" if self.opening is None else OPENINGS[self.opening]
        # A clause behind the instruction is part of what is asked for, one in front is not.
        before, after = ("{}", clause) if clause.startswith("{}") else (clause, "{}")
        asked = opening.format(after.format(text))
        return before.format(f"{place}, {asked}" if place else asked)


def language_of_strength(strength: int, rng: np.random.Generator) -> LanguageEdit:
    """Return the edit of a strength: politeness, verbs, objects, word order, a distracting clause.

    Args:
        strength: 1 to 5; each has the rules of those below it, too.
        rng: Where chance comes from.
    """
    opening, clause = (int(rng.integers(len(each))) for each in (OPENINGS, CLAUSES))
    verbs, objects = (int(rng.integers(1000)) for _ in range(2))
    return LanguageEdit(
        opening=opening,
        verbs=verbs if strength >= 2 else None,
        objects=objects if strength >= 3 else None,
        reorder=strength >= 4,
        clause=clause if strength >= LEVELS else None,
    )


def _replaced(text: str, table: Mapping[str, Sequence[str]], number: int) -> str:
    """Return a text with a synonym for each word of a table, the longest words first."""
    rng = np.random.default_rng(number)
    chosen = {word: str(rng.choice(synonyms)) for word, synonyms in table.items()}
    words = sorted((*table, *_KEPT), key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b")
    return pattern.sub(lambda found: chosen.get(found[0], found[0]), text)


def _reordered(text: str) -> tuple[str, str]:
    """Return a place to say first, maybe empty, and the rest, with two steps in words."""
    two = _TWO.fullmatch(text)
    if two is not None:
        return "", f"first {two['first']}, then {two['second']}"
    place = _PLACE.fullmatch(text)
    return ("", text) if place is None else (place["where"], place["what"])
