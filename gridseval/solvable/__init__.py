"""A map of which tasks the scripted expert solves, and of why it does not solve the others."""

from gridseval.solvable.config import SolvableConfig
from gridseval.solvable.map_file import read_map
from gridseval.solvable.mapping import make_map
from gridseval.solvable.plan import Plan, plans_of
from gridseval.solvable.task_map import MapRow, TaskMap

__all__ = [
    "MapRow",
    "Plan",
    "SolvableConfig",
    "TaskMap",
    "make_map",
    "plans_of",
    "read_map",
]
