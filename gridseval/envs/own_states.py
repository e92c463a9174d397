"""The stored initial states of a suite of one's own, checked before the first episode."""

from __future__ import annotations

from collections.abc import Iterable

from gridseval.envs.init_states import read_init_states
from gridseval.errors import UsageError
from gridseval.suites import Suite, Task


def check_own_states(suite: Suite, tasks: Iterable[Task]) -> None:
    """Check that each task's file can be read and stores a state for every trial of the suite.

    Files of LIBERO's and of LIBERO-Plus's are not read here: they are known.

    Raises:
        UsageError: A file stores fewer states than the suite has trials; names the task.
        MachineError: A file is broken or holds anything but numbers.
    """
    for task in tasks:
        if task.files is None:
            continue
        stored = len(read_init_states(task.files.init_states))
        if stored < suite.trials:
            raise UsageError(
                f"task {task.name} of {suite.name}: {task.files.init_states} stores {stored} "
                f"initial states for {suite.trials} trials",
                f"write trials: {stored} into {suite.file}",
            )
