"""Lines of ``episodes.jsonl`` as a run might have written them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

THINGS = ("soup", "cream cheese", "salad dressing", "bbq sauce", "ketchup")
DIMENSIONS = ("background", "camera", "language", "layout", "light", "noise", "robot")

Line = dict[str, Any]
MakeRun = Callable[..., Path]


def line(task: int, trial: int, **changed: Any) -> Line:
    """Return one line of ``episodes.jsonl``; two thirds succeed, and one of 100 is an error."""
    number = 50 * task + trial
    status = "error" if number % 100 == 99 else "failure" if number % 3 == 2 else "success"
    status = changed.pop("status", status)
    return {
        "schema": 1,
        "suite": "libero_object",
        "task": task,
        "task_name": f"task_{task}",
        "trial": trial,
        "instruction": f"put the {THINGS[task % len(THINGS)]} into basket {task}",
        "status": status,
        "success": {"success": True, "failure": False, "error": None}[status],
        "steps": 60 + number % 41,
        "error": "the worker was silent for 180 s" if status == "error" else None,
        "seed": 7,
        "queries": 15,
        "retries": 0,
        "wall_s": 4.0 + number % 7,
        "video": None,
        "extra": {},
        **changed,
    }


def pruned(task: int, trial: int) -> Line:
    """Return a line as of a perturbed suite and a policy that prunes tokens."""
    kept = [64 + 50 * math.exp(-query / 5) + trial % 9 for query in range(12)]
    place = {"dimension": DIMENSIONS[(task + trial) % 7], "level": 1 + trial % 5}
    return line(task, trial, extra={**place, "kept_tokens": kept, "kept_border_share": 0.125})


def lines(tasks: int = 10, trials: int = 50, make: Callable[..., Line] = line) -> list[Line]:
    """Return so many lines of each of so many tasks."""
    return [make(task, trial) for task in range(tasks) for trial in range(trials)]
