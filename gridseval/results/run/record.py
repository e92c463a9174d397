"""What is known of one finished episode: a line of ``episodes.jsonl``.

Schema 1 is what EpisodeRecord says. Schema 0, of the drafts before version 0.1, had no ``schema``,
no ``status`` (``success`` was ``null`` for an error) and neither ``task_name`` nor ``instruction``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from gridseval.config import build
from gridseval.errors import UsageError
from gridseval.moved import current_extra
from gridseval.status import Status

SCHEMA = 1

EpisodeKey: TypeAlias = tuple[str, int, int]
"""Suite name, task index, trial number."""


@dataclass(frozen=True, kw_only=True)
class EpisodeRecord:
    """One finished episode.

    Args:
        schema: Version of this form of record; readers refuse newer ones.
        suite: The suite's name.
        task: The task's index in the suite, from 0.
        task_name: The task's name.
        trial: The number of the stored initial state, from 0.
        instruction: What the policy was told.
        status: ``"error"`` is a technical failure; such an episode says nothing of the policy and
            enters no rate.
        success: Whether the task was solved; ``None`` for an error.
        steps: Policy steps taken, at least 0.
        error: What went wrong, for an error; else ``None``.
        seed: The run's seed.
        queries: How often the policy was asked for actions, at least 0.
        retries: How often the episode was started anew after a technical failure, at least 0.
        wall_s: Seconds from reset to the end, at least 0.
        video: The episode's video, relative to the run directory, or ``None``.
        extra: Further JSON values. On reading it takes in the keys that this version does not know.

    Raises:
        ValueError: A number is not within 0 and 2**53, or success does not agree with status.
    """

    schema: int = SCHEMA
    suite: str
    task: int
    task_name: str
    trial: int
    instruction: str
    status: Status
    success: bool | None
    steps: int
    error: str | None = None
    seed: int
    queries: int = 0
    retries: int = 0
    wall_s: float = 0.0
    video: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.schema > SCHEMA:
            raise ValueError(f"schema {self.schema} is newer than {SCHEMA}; update gridseval")
        # Written out, since a loop here would take a fifth of the time that reading a run takes.
        if not (
            self.schema >= 0
            and 0 <= self.task <= _LARGEST
            and 0 <= self.trial <= _LARGEST
            and 0 <= self.steps <= _LARGEST
            and 0 <= self.queries <= _LARGEST
            and 0 <= self.retries <= _LARGEST
            and 0 <= self.wall_s <= _LARGEST  # false for nan, too
        ):
            self._refuse_number()
        if self.status not in SUCCESS_OF:
            raise ValueError(f"status must be one of {', '.join(SUCCESS_OF)}, not {self.status!r}")
        if self.success is not SUCCESS_OF[self.status]:
            raise ValueError(f"success {self.success} does not agree with status {self.status!r}")

    def _refuse_number(self) -> None:
        for name in ("schema", "task", "trial", "steps", "queries", "retries", "wall_s"):
            value = getattr(self, name)
            if not 0 <= value <= _LARGEST:
                raise ValueError(f"{name} must be within 0 and 2**53, not {value}")

    @property
    def key(self) -> EpisodeKey:
        """Suite, task and trial: what no two records of a run share."""
        return (self.suite, self.task, self.trial)

    def to_json(self) -> str:
        """Return the record as one line of ASCII JSON, without the line's end.

        Raises:
            TypeError: ``extra`` holds what JSON has no type for.
            ValueError: ``extra`` holds a number that is not finite.
        """
        fields = {name: getattr(self, name) for name in _FIELDS}
        return json.dumps(fields | {"extra": dict(self.extra)}, allow_nan=False)


_LARGEST = 2**53  # whole numbers up to here survive readers that know floats only
SUCCESS_OF: Mapping[Status, bool | None] = {"success": True, "failure": False, "error": None}
"""Whether the task was solved."""

_FIELDS = tuple(field.name for field in dataclasses.fields(EpisodeRecord))


def record_from_json(data: Any) -> EpisodeRecord:
    """Make a record from a decoded line of ``episodes.jsonl``, of this schema or an older one.

    Raises:
        ValueError: It is no record, or one of a newer schema; says why.
    """
    if not isinstance(data, dict):
        raise ValueError("not a record of an episode")
    schema = data.get("schema", 0)
    if type(schema) is int and schema > SCHEMA:
        # Before the fields are looked at: a newer schema may have changed any of them.
        raise ValueError(f"schema {schema} is newer than {SCHEMA}; update gridseval")
    if type(schema) is int and schema == 0:
        data = _migrated(data)
    if data.keys() <= _TYPES.keys():
        return _present(_record(data))
    known = {name: value for name, value in data.items() if name in _TYPES}
    unknown = {name: value for name, value in data.items() if name not in _TYPES}
    record = _record(known)
    return _present(dataclasses.replace(record, extra=unknown | dict(record.extra)))


def _present(record: EpisodeRecord) -> EpisodeRecord:
    """Return a record whose kinds of perturbation have their present names."""
    extra = current_extra(record.extra)
    return record if extra is record.extra else dataclasses.replace(record, extra=extra)


def _migrated(data: dict[str, Any]) -> dict[str, Any]:
    """Return a record of schema 0 as one of schema 1."""
    status = {success: status for status, success in SUCCESS_OF.items()}
    added: dict[str, Any] = {"task_name": "", "instruction": ""}
    success = data.get("success")
    if "success" in data and (success is None or isinstance(success, bool)):
        added["status"] = status[success]
    return {**added, **data, "schema": 1}


def _record(known: dict[str, Any]) -> EpisodeRecord:
    # Ten times as fast as ``build``, which is left to say what is wrong with the others.
    if _fits(tuple(known), tuple(map(type, known.values()))) and known["status"] in SUCCESS_OF:
        return EpisodeRecord(**known)
    try:
        return build(EpisodeRecord, known, "record")
    except UsageError as error:
        raise ValueError(str(error).removeprefix("record: ")) from error


@lru_cache(maxsize=64)
def _fits(names: tuple[str, ...], types: tuple[type, ...]) -> bool:
    """Return whether all that a record needs is there and each value of its type."""
    pairs = zip(names, types, strict=True)
    return set(names) >= _REQUIRED and all(kind in _TYPES[name] for name, kind in pairs)


_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("suite", "task_name", "instruction", "status"), (str,)),
    **dict.fromkeys(("schema", "task", "trial", "steps", "seed", "queries", "retries"), (int,)),
    **dict.fromkeys(("error", "video"), (str, type(None))),
    "success": (bool, type(None)),
    "wall_s": (float,),
    "extra": (dict,),
}
_REQUIRED = {
    field.name
    for field in dataclasses.fields(EpisodeRecord)
    if field.default is field.default_factory is dataclasses.MISSING
}
