"""``--perturb``: which kinds to apply in every episode, and how each episode draws them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gridseval.envs.perturbations.kinds import STRENGTHS, Kind, Values, find_kind
from gridseval.envs.perturbations.own_edits import code_of, own_edits
from gridseval.envs.perturbations.parameters import Value
from gridseval.envs.perturbations.perturbation import Perturbation
from gridseval.envs.perturbations.seeding import generator
from gridseval.errors import UsageError, did_you_mean
from gridseval.moved import current_perturbation


class Draw(NamedTuple):
    """What one episode drew.

    Attributes:
        perturbation: What to apply.
        record: The same as plain data: each kind with its ``strength`` (if given) and parameters,
            and under ``applied`` the perturbation itself.
    """

    perturbation: Perturbation
    record: dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One kind, with a strength, a range of strengths, or parameters.

    Attributes:
        kind: Its name.
        strength: From 1 to 5; of a range, the least one, from 0; or ``None``.
        values: Parameters by name; empty with a strength.
        most: The greatest strength of a range, which every episode draws from; 0 leaves the kind
            out of the episode.
    """

    kind: str
    strength: int | None
    values: tuple[tuple[str, Value], ...] = ()
    most: int | None = None

    def __str__(self) -> str:
        if self.most is not None:
            return f"{self.kind}:{self.strength}-{self.most}"
        if self.strength is not None:
            return f"{self.kind}:{self.strength}"
        return f"{self.kind}:" + ",".join(f"{name}={value}" for name, value in self.values)

    def drawn(self, seed: int, suite: str, task: int, trial: int) -> Item:
        """Return the item with the strength that one episode has, 0 to 5, or with parameters."""
        if self.strength is None or self.most is None:
            return self
        # Its own generator: an episode of strength n is the one that KIND:n has.
        rng = generator(seed, suite, task, trial, f"{self.kind} strength")
        return Item(self.kind, int(rng.integers(self.strength, self.most + 1)))


@dataclass(frozen=True)
class PerturbationPlan:
    """What every episode of a run draws its perturbation from.

    Attributes:
        items: At most one of each kind, in the order given, which does not matter.
    """

    items: tuple[Item, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The plan as it could be given again, for a run's manifest."""
        return tuple(map(str, self.items))

    def draw(self, seed: int, suite: str, task: int, trial: int) -> Draw:
        """Return what one episode draws; it depends on the arguments and the plan only.

        Kinds draw from their own generators: adding one leaves the others as they were.

        Args:
            seed: The run's seed.
            suite: The suite's name.
            task: The task's index.
            trial: The trial's number.

        Raises:
            UsageError: A kind's code raised or made what cannot be recorded, or two kinds change
                the same.
        """
        fields: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        record: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for item in (each.drawn(seed, suite, task, trial) for each in self.items):
            if item.strength == 0:
                record[item.kind] = {"strength": 0}
                continue
            kind = find_kind(item.kind)
            rng = generator(seed, suite, task, trial, kind.seeded_as or item.kind)
            values, made = _made(item, kind, rng)
            if kind.has_edit:
                extra[item.kind] = made
            else:
                _claim(owners, item.kind, made)
                fields |= made
            given = {} if item.strength is None else {"strength": item.strength}
            record[item.kind] = {**given, **values}
        perturbation = Perturbation(**fields, extra=extra)
        _check_starts(perturbation)
        if record:
            record["applied"] = perturbation.to_json()
        return Draw(perturbation, record)


def _made(item: Item, kind: Kind, rng: np.random.Generator) -> tuple[Values, Any]:
    """Return a kind's parameters, and what it makes of them."""
    with code_of(item.kind):
        values: Values = dict(item.values)
        if item.strength is not None:
            values = kind.sample(item.strength, rng)
        made = kind.make(values, rng)
        json.dumps(dict(values))  # a record shows them
        if kind.has_edit:
            return values, json.loads(json.dumps(made))  # as a record says it
        Perturbation(**made)
        return values, made


def _check_starts(perturbation: Perturbation) -> None:
    """Refuse two kinds that change the start: an arrangement is tried in several starts."""
    starts = own_edits(perturbation.extra, "edit_start")
    if perturbation.objects is not None and starts:
        raise UsageError(
            f"perturbations objects and {starts[0].kind} both change the start", "give one of them"
        )


def _claim(owners: dict[str, str], kind: str, made: Mapping[str, Any]) -> None:
    """Note whose fields are whose, and refuse a field of two kinds."""
    for name in made:
        if (owner := owners.setdefault(name, kind)) != kind:
            raise UsageError(
                f"perturbations {owner} and {kind} both change {name}", "give one of them"
            )


def parse_plan(texts: Iterable[str]) -> PerturbationPlan:
    """Return the plan that ``--perturb`` options describe.

    Args:
        texts: Such as ``"camera:3"``, ``"camera:0-2"`` or ``"camera:azimuth=20,elevation=10"``.

    Raises:
        UsageError: A kind, strength or parameter does not exist, is out of its range, or
            contradicts another; names the nearest valid one.
    """
    items: dict[str, Item] = {}
    for text in texts:
        item = parse_item(text)
        if item.kind in items:
            raise UsageError(f"--perturb names {item.kind} twice", "give each kind once")
        items[item.kind] = item
    for name in items:
        for other in find_kind(name).contradicts:
            if other in items:
                raise UsageError(
                    f"--perturb names {name} and {other}, which contradict each other",
                    "; ".join(f"{each} {find_kind(each).summary}" for each in (name, other)),
                )
    return PerturbationPlan(tuple(items.values()))


def parse_item(text: str) -> Item:
    """Return what one ``--perturb`` option describes.

    Raises:
        UsageError: As for :func:`parse_plan`.
    """
    name, _, rest = (part.strip() for part in current_perturbation(text).partition(":"))
    kind = find_kind(name)
    if not rest:
        example = " or ".join((f"{name}:3", *(f"{name}:{p.name}=…" for p in kind.parameters[:1])))
        raise UsageError(f"--perturb {text!r} says no strength and no parameters", f"try {example}")
    if "=" in rest:
        return Item(name, None, tuple(_parse_values(kind, rest).items()))
    least, dash, most = (part.strip() for part in rest.partition("-"))
    if least and dash and most:
        return _range_of(kind, rest, least, most)
    return Item(name, _parse_strength(kind, rest))


def _range_of(kind: Kind, text: str, least: str, most: str) -> Item:
    """Return a kind whose strength every episode draws."""
    first = 0 if least == "0" else _parse_strength(kind, least)
    last = _parse_strength(kind, most)
    if first >= last:
        raise UsageError(
            f"--perturb {kind.name}:{text} is not a range of strengths",
            f"{kind.name}:{last}, or {kind.name}:0-{last} to draw the strength in every episode",
        )
    return Item(kind.name, first, most=last)


def _parse_strength(kind: Kind, text: str) -> int:
    valid = [str(strength) for strength in range(1, STRENGTHS + 1)]
    if text in valid:
        return int(text)
    if text.lstrip("+-").isdecimal():
        raise UsageError(f"{kind.name} has no strength {text}", f"strengths are 1 to {STRENGTHS}")
    raise UsageError(
        f"--perturb {kind.name}:{text} is neither a strength (1 to {STRENGTHS}) nor name=value",
        _nearest(kind, text),
    )


def _nearest(kind: Kind, name: str) -> str:
    """Return what to write in place of a parameter that a kind does not have."""
    names = [parameter.name for parameter in kind.parameters]
    return did_you_mean(name, names) if names else f"try {kind.name}:3"


def _parse_values(kind: Kind, text: str) -> Mapping[str, Value]:
    parameters = {parameter.name: parameter for parameter in kind.parameters}
    values: dict[str, Value] = {}
    for part in text.split(","):
        name, _, given = (piece.strip() for piece in part.partition("="))
        if name not in parameters:
            raise UsageError(f"{kind.name} has no parameter {name!r}", _nearest(kind, name))
        if name in values:
            raise UsageError(f"--perturb {kind.name} gives {name} twice", "give it once")
        try:
            values[name] = parameters[name].parse(given)
        except ValueError as error:
            valid = f"valid: {parameters[name].range}"
            raise UsageError(f"{kind.name}:{name}: {error}", valid) from None
    for one, other in kind.exclusive:
        if one in values and other in values:
            raise UsageError(f"{kind.name}: {one} and {other} contradict each other", "give one")
    return values
