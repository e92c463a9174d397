"""``sweep.yaml``: the axes of a sweep, and what became of each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml

from gridseval.config import load_yaml
from gridseval.errors import UsageError
from gridseval.files import write_atomically
from gridseval.sweeping.axes import Axis, Point

SWEEP = "sweep.yaml"


@dataclass(frozen=True)
class RecordedAxis:
    """An axis.

    Attributes:
        name: For people.
        option: Of ``gridseval run``.
    """

    name: str
    option: str


@dataclass(frozen=True)
class RecordedPoint:
    """A point.

    Attributes:
        values: One per axis.
        run: Its run directory, relative to the sweep's.
        state: ``"waiting"``, ``"done"``, ``"errors"`` (some episodes had one) or ``"broken"``.
        reason: Why it is broken.
    """

    values: tuple[str, ...]
    run: str
    state: str = "waiting"
    reason: str | None = None


@dataclass(frozen=True)
class SweepRecord:
    """What ``sweep.yaml`` says.

    Attributes:
        axes: At least one.
        points: In the order of the values.
        command: The last command line.
        schema: Of this form.
    """

    axes: tuple[RecordedAxis, ...]
    points: tuple[RecordedPoint, ...]
    command: str = ""
    schema: int = 1

    def told(self, at: int, state: str, reason: str | None = None) -> SweepRecord:
        """Return the record with another state of a point."""
        points = list(self.points)
        points[at] = replace(points[at], state=state, reason=reason)
        return replace(self, points=tuple(points))


def new_record(axes: Sequence[Axis], points: Sequence[Point], command: str) -> SweepRecord:
    """Return the record of a sweep that is about to start.

    Raises:
        UsageError: Two points would have one folder.
    """
    folders = [point.folder for point in points]
    if len(set(folders)) < len(folders):
        raise UsageError("two values of the sweep make the same folder name", "sweep over others")
    return SweepRecord(
        tuple(RecordedAxis(axis.name, axis.option) for axis in axes),
        tuple(RecordedPoint(point.values, point.folder) for point in points),
        command,
    )


def write_sweep(folder: Path, record: SweepRecord) -> None:
    """Write ``sweep.yaml``.

    Raises:
        OutputError: It cannot be written.
    """
    data = asdict(record)
    data["axes"], data["points"] = list(data["axes"]), list(data["points"])
    for point in data["points"]:
        point["values"] = list(point["values"])
    write_atomically(folder / SWEEP, yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def read_sweep(folder: Path) -> SweepRecord:
    """Read a sweep's record.

    Raises:
        UsageError: The folder holds no sweep, or its file is broken.
    """
    if not (folder / SWEEP).is_file():
        raise UsageError(f"{folder} holds no {SWEEP}", "gridseval sweep run … --out writes one")
    record = load_yaml(folder / SWEEP, SweepRecord)
    if record.schema != 1:
        raise UsageError(f"{folder / SWEEP}: schema {record.schema} is newer; update gridseval")
    for point in record.points:
        inside = Path(point.run)
        if inside.is_absolute() or ".." in inside.parts or len(point.values) != len(record.axes):
            raise UsageError(f"{folder / SWEEP}: {point.run!r} is not a point of this sweep")
    return record
