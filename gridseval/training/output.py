"""The folder that a training writes: checkpoint, record, loss, and the state to go on from."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from gridseval.config import read_yaml
from gridseval.errors import OutputError, UsageError
from gridseval.files import write_atomically
from gridseval.locking import try_acquire, unguarded
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.output_files import temporary_name
from gridseval.policies.nano.checkpoint import save_model
from gridseval.policies.nano.model import NanoModel
from gridseval.run_names import LOCK
from gridseval.training.config import TrainConfig
from gridseval.training.dataset import Dataset
from gridseval.training.loss_plot import draw_loss
from gridseval.training.model_card import model_card
from gridseval.training.record import RECORD, begun, changes_of, check_same, results
from gridseval.training.snapshot import STATE, TrainingState, save_state
from gridseval.training.trainer import Trainer

VALIDATED = ("validation", "translation", "rotation", "gripper")
COLUMNS = ("step", "minutes", "rate", "loss", *VALIDATED)
"""Of ``loss.csv``; ``loss`` is the mean since the row before, the last four are of held-out
episodes and of the averaged weights."""


class Output:
    """Writes a training's files, each whole or not at all.

    Args:
        folder: Where.
        known: What ``train.yaml`` says from the beginning.
        batch: Samples per step.

    Attributes:
        finished: What a finished training remembers; ``None`` while there is something to do.
        saved_step: Step of the state on disk.
        changes: What is not as it was when the training began, though it may go on, in words.
        warnings: What the user should know of the folder.
    """

    def __init__(self, folder: Path, known: dict[str, Any], batch: int) -> None:
        self._folder, self._known, self._batch = folder, known, batch
        self.finished: TrainingState | None = None
        self.saved_step: int | None = None
        self.changes: tuple[str, ...] = ()
        self.warnings: tuple[str, ...] = ()

    def save(self, trainer: Trainer, state: TrainingState) -> None:
        """Write the state, then the checkpoint of it with all that tells of it.

        Raises:
            OutputError: A file cannot be written; those from before are whole.
        """
        # First, for a state without a record would go on under any arguments.
        if not (self._folder / RECORD).is_file():
            self._write(RECORD, _yaml(self._record(state, finished=False)))
        save_state(self._folder, state, trainer.state_dict())
        save_model(self._folder, trainer.average, half=True)
        self._tell(state, finished=False)
        self.saved_step = state.step

    def finish(self, state: TrainingState) -> None:
        """Say that the training is done, and remove the state to go on from."""
        self._tell(state, finished=True)
        shutil.rmtree((self._folder / STATE).parent, ignore_errors=True)

    def _record(self, state: TrainingState, finished: bool) -> dict[str, Any]:
        return {**self._known, **results(state, self._batch, finished)}

    def _write(self, name: str, text: str) -> None:
        write_atomically(self._folder / name, text)

    def _tell(self, state: TrainingState, finished: bool) -> None:
        record = self._record(state, finished)
        held = io.StringIO()
        writer = csv.DictWriter(held, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(state.rows)
        self._write("README.md", model_card(record))
        self._write("loss.csv", held.getvalue())
        self._write("loss.svg", draw_loss(state.rows, state.evaluations))
        self._write(RECORD, _yaml(record))


@contextmanager
def open_output(
    config: TrainConfig, model: NanoModel, datasets: Sequence[Dataset], device: str, precision: str
) -> Iterator[Output]:
    """Make a training's folder, or go on with the one that is there; no other process may.

    Raises:
        OutputError: It holds something else or another training, or cannot be written.
    """
    folder, known = config.out, begun(config, model, datasets, device, precision)
    with os_errors(f"cannot write to {folder}", hint=RUN_HINTS):
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        try:
            guarded = try_acquire(lock, 0)
        except Timeout:
            raise OutputError(
                f"another process trains in {folder}", "wait for it, or name another folder"
            ) from None
    try:
        output = Output(folder, known, config.batch)
        output.warnings = () if guarded else (unguarded(folder),)
        if (folder / RECORD).is_file():
            stored = _read_record(folder / RECORD)
            check_same(folder, stored, known)
            output.finished = _remembered(folder, stored) if stored.get("finished") else None
            output.changes = changes_of(stored, known)
        yield output
    finally:
        lock.release()


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder with other files; run directories and datasets have a lock file, too."""
    if not folder.is_dir() or (folder / RECORD).is_file():
        return
    if {entry.name for entry in folder.iterdir()} - {LOCK, temporary_name(RECORD)}:
        raise OutputError(f"{folder} is not empty, and holds no training", "name another folder")


def _yaml(record: dict[str, Any]) -> str:
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=100)


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = read_yaml(path)
    except UsageError as error:
        raise OutputError(error.message, error.hint) from error
    if not isinstance(record, dict):
        raise OutputError(f"{path} does not say what was trained", "name another folder with --out")
    return record


def _remembered(folder: Path, stored: dict[str, Any]) -> TrainingState:
    try:
        return TrainingState(
            step=stored["steps"],
            seconds=60 * stored["minutes"],
            cpu_seconds=60 * stored["cpu_minutes"],
            evaluations=stored["evaluations"],
            rounds=stored["dagger"],
            started=stored["started"],
        )
    except (KeyError, TypeError) as error:
        raise OutputError(
            f"{folder / RECORD} is damaged: {error}", "name another folder with --out"
        ) from error
