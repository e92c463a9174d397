"""Demonstration files as a suite: a task per file, a trial per demonstration."""

from __future__ import annotations

from pathlib import Path

from gridseval.demonstrations import DemonstrationFile, demonstration_files, read_file
from gridseval.errors import UsageError
from gridseval.suites.own import CAMERAS, check_names
from gridseval.suites.suite import OwnFiles, Suite, Task, instruction_of


def demonstration_suite(path: Path) -> Suite:
    """Return the demonstrations of a file, or of the files of a folder, as a suite.

    Trial i begins at the stored state of demonstration i, where fixtures stand as its model says,
    without settling. The problem is ``TASK.bddl`` beside the file, or else LIBERO's own. A task has
    as many trials as the file with the fewest demonstrations, and the steps of the longest one.

    Args:
        path: A ``.hdf5`` or ``.h5`` file, or a folder with such files.

    Raises:
        UsageError: A file cannot be read or lacks what it needs, or two are of the same task.
    """
    found = [read_file(file) for file in demonstration_files(path)]
    if not found:
        raise UsageError(f"{path} holds no demonstrations")
    name = path.resolve().stem
    try:
        check_names(name, (file.task for file in found))
        return Suite(
            name=name,
            title=f"demonstrations {name}",
            tasks=tuple(_task(name, index, file) for index, file in enumerate(found)),
            max_steps=max(1, *(each.steps for file in found for each in file.demonstrations)),
            settle_steps=0,
            trials=min(len(file.demonstrations) for file in found),
            cameras=CAMERAS,
            file=path.resolve(),
        )
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _task(suite: str, index: int, file: DemonstrationFile) -> Task:
    beside = file.path.with_name(f"{file.task}.bddl")
    own = beside.is_file()
    return Task(
        suite=suite,
        index=index,
        name=file.task,
        instruction=file.instruction or instruction_of(file.task),
        folder="" if own else file.folder,
        files=OwnFiles(beside if own else None, file.path),
    )
