"""Choosing tasks from what a user typed, and listing the episodes of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gridseval.errors import UsageError, did_you_mean
from gridseval.suites.bounds import MOST_TRIALS
from gridseval.suites.protocols import Starts
from gridseval.suites.suite import Episode, Suite, Task

# Nine digits are more tasks than any suite has, and few enough for every later conversion.
_RANGE = re.compile(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?")


def select_tasks(suite: Suite, text: str | None) -> tuple[Task, ...]:
    """Return the tasks that a text such as ``"0,3-5"`` selects, each once, in the suite's order.

    Args:
        suite: Where to choose from.
        text: Indices, inclusive ranges and exact task names, separated by commas; ``None`` selects
            all tasks.

    Raises:
        UsageError: A part is empty, unreadable, a reversed range, or selects what does not exist.
    """
    if text is None:
        return suite.tasks
    chosen = {index for part in text.split(",") for index in _indices(suite, part.strip(), text)}
    return tuple(suite.tasks[index] for index in sorted(chosen))


def list_episodes(
    suite: Suite, tasks: Iterable[Task], trials: int, starts: Starts = "stored"
) -> tuple[Episode, ...]:
    """Return the episodes of the first trials of some tasks, task by task: (t0, 0), (t0, 1), ...

    Args:
        suite: The suite of the tasks.
        tasks: In the order wanted.
        trials: How many per task, 1 to ``suite.trials``, or to 100,000 of fresh starts.
        starts: Whether trials number stored initial states or fresh starts.

    Raises:
        UsageError: ``trials`` is out of its range.
    """
    if trials < 1:
        raise UsageError(f"cannot run {trials} trials per task: at least 1 is needed")
    if starts == "fresh" and trials > MOST_TRIALS:
        raise UsageError(f"cannot run {trials} fresh starts per task: at most {MOST_TRIALS}")
    if starts == "stored" and trials > suite.trials:
        raise UsageError(
            f"cannot run {trials} trials per task: {suite.name} stores {suite.trials} initial "
            f"states, so that its trials are numbered 0 to {suite.trials - 1}"
        )
    return tuple(
        Episode(suite.name, task.index, trial) for task in tasks for trial in range(trials)
    )


def parse_range(text: str) -> tuple[int, int] | None:
    """Return both ends of a range such as ``"3-5"``, or a number twice.

    Returns:
        ``None`` if it is neither. The first may be the larger one.
    """
    match = _RANGE.fullmatch(text)
    return None if match is None else (int(match[1]), int(match[2] or match[1]))


def _indices(suite: Suite, part: str, text: str) -> range:
    names = [task.name for task in suite.tasks]
    if part in names:
        return range(names.index(part), names.index(part) + 1)
    if not part:
        where = f"between the commas of {_short(text)}" if text.strip() else "at all"
        raise UsageError(
            f"no task is named {where}", "give indices, ranges or names, such as 0,3-5"
        )
    ends = parse_range(part)
    if ends is None:
        raise UsageError(
            f"{_short(part)} is neither an index, nor a range such as 3-5, "
            f"nor the name of a task in {suite.name}",
            did_you_mean(part[:200], names, at_most=3),
        )
    first, last = ends
    if first > last:
        raise UsageError(f"the range {part} runs backwards", f"write {last}-{first}")
    suite.task(last)  # refuses what is beyond the end
    return range(first, last + 1)


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:99] + "…")
