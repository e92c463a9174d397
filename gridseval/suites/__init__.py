"""What is evaluated: suites, their tasks, and the episodes of a run."""

from gridseval.suites.catalogue import list_suites, load_suite, read_suite
from gridseval.suites.selection import list_episodes, select_tasks
from gridseval.suites.suite import Episode, Suite, Task, instruction_of

__all__ = [
    "Episode",
    "Suite",
    "Task",
    "instruction_of",
    "list_episodes",
    "list_suites",
    "load_suite",
    "read_suite",
    "select_tasks",
]
