"""Run the points of a sweep, one after the other, whatever becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from gridseval.errors import GridsevalError, OutputError, UsageError
from gridseval.evaluation import Progress, RunConfig, evaluate
from gridseval.evaluation.sharing import Sharing
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.sweeping.axes import Axis, Point
from gridseval.sweeping.record import SWEEP, SweepRecord, new_record, read_sweep, write_sweep


class SweepProgress(Protocol):
    """Shows how far a sweep is."""

    def on_point(self, number: int, count: int, point: Point) -> Progress:
        """Learn that a point begins; return what shows its run."""

    def on_broken(self, point: Point, error: GridsevalError) -> None:
        """Learn that a point could not be run to its end."""


def sweep(
    axes: Sequence[Axis],
    points: Sequence[Point],
    config_of: Callable[[Point, Path], RunConfig],
    out: Path,
    command: str,
    progress: SweepProgress,
) -> SweepRecord:
    """Run every point into a folder below ``out``, and note what became of it.

    The loaded policy and compiled scenes are kept from one point to the next where they are the
    same. The same call goes on after an interruption; more values of the same options extend a
    sweep.

    Args:
        axes: What is swept over.
        points: All combinations.
        config_of: Makes a run's arguments from a point and its run directory.
        out: The sweep's folder.
        command: The command line, for the record.
        progress: Shows how far it is.

    Raises:
        UsageError: ``out`` holds another sweep, or a run.
        OutputError: ``out`` cannot be written.
    """
    # A wrong option is one error, not one of every point; so no folder is made before.
    configs = [config_of(point, out / point.folder) for point in points]
    record = _begun(out, new_record(axes, points, command))
    places = {point.run: at for at, point in enumerate(record.points)}
    with Sharing() as sharing:
        for number, (point, config) in enumerate(zip(points, configs, strict=True)):
            shown = progress.on_point(number, len(points), point)
            try:
                summary = evaluate(config, shown, sharing=sharing)
            except OutputError:
                raise  # the disk is full, or the folder is in use: the next point fails alike
            except GridsevalError as error:
                progress.on_broken(point, error)
                record = record.told(places[point.folder], "broken", error.message)
            else:
                state = "errors" if summary.tally.errors else "done"
                record = record.told(places[point.folder], state)
            write_sweep(out, record)
    return record


def _begun(out: Path, record: SweepRecord) -> SweepRecord:
    """Return the record that an earlier start left, with the points of this one."""
    if (out / SWEEP).is_file():
        before = read_sweep(out)
        if before.axes != record.axes:
            old = ", ".join(axis.name for axis in before.axes)
            raise UsageError(f"{out} is a sweep over {old}", "name another --out")
        known = {point.run for point in before.points}
        added = tuple(point for point in record.points if point.run not in known)
        record = replace(record, points=(*before.points, *added))
    elif (out / "run.yaml").exists():
        raise UsageError(f"{out} is a run's folder", "name another --out")
    with os_errors(f"cannot create {out}", hint=RUN_HINTS):
        out.mkdir(parents=True, exist_ok=True)
    write_sweep(out, record)
    return record
