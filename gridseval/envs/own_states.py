"""The files of a custom suite's tasks, checked before the first episode."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gridseval.envs.init_states import read_init_states
from gridseval.envs.libero_package import package_root
from gridseval.envs.task_files import TaskFiles
from gridseval.errors import UsageError, did_you_mean
from gridseval.suites import PlusFolder, Suite, Task


def check_own_states(suite: Suite, tasks: Iterable[Task], folder: PlusFolder) -> None:
    """Check that each task's files exist and store a state for every trial of the suite.

    Suites that ship are not checked: their files are known.

    Args:
        suite: The suite.
        tasks: Those of its tasks that are available.
        folder: LIBERO-Plus's files, for suites with a base.

    Raises:
        UsageError: LIBERO has no such folder or task, or a file stores fewer states than the suite
            has trials; names the task.
        MachineError: A file is broken or holds anything but numbers.
    """
    if suite.file is None:
        return
    check_liberos_tasks(suite)
    stored: dict[Path, int] = {}
    for task in tasks:
        path = TaskFiles.of_task(task, Path(), folder, trusted=True).init_states  # only looked at
        if path is None:
            continue
        if path not in stored:  # variants share the file of their base task
            stored[path] = len(read_init_states(path))
        if stored[path] < suite.trials:
            raise UsageError(
                f"task {task.name} of {suite.name}: {path} stores {stored[path]} initial states "
                f"for {suite.trials} trials",
                f"write trials: {stored[path]} into {_yaml_of(suite)}",
            )


def _yaml_of(suite: Suite) -> str:
    """Return the YAML that says how many trials a suite has."""
    assert suite.file is not None  # asked of custom suites only
    return str(suite.file) if suite.file.is_file() else f"a suite.yaml in {suite.file}"


def check_liberos_tasks(suite: Suite) -> None:
    """Check that LIBERO has the tasks that a custom suite takes from a folder of LIBERO's.

    Raises:
        UsageError: There is no such folder or task; names the nearest.
    """
    for task in suite.tasks if suite.file is not None else ():
        if task.folder or (task.files is not None and task.files.bddl is None):
            _check_liberos_task(task, f"{suite.file}: files.libero")


def _check_liberos_task(task: Task, place: str) -> None:
    problem = TaskFiles.of(task.folder, task.name, Path()).bddl
    if problem.is_file():
        return
    if not problem.parent.is_dir():
        folders = sorted(path.name for path in (package_root() / "bddl_files").iterdir())
        hint = did_you_mean(task.folder, folders)
        raise UsageError(f"{place}: LIBERO has no folder {task.folder!r}", hint)
    names = sorted(path.stem for path in problem.parent.glob("*.bddl"))
    hint = did_you_mean(task.name, names, at_most=3)
    raise UsageError(f"{place}: {task.folder} has no task {task.name!r}", hint)
