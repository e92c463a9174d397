"""What is evaluated: suites, their tasks, and the episodes of a run."""

from gridseval.suites.availability import (
    PROMPTS,
    Missing,
    check_problems,
    count_strata,
    instruct,
    missing,
    none_available,
    reasons,
    split_available,
)
from gridseval.suites.background import Background, background_of
from gridseval.suites.bddl import BddlFile, read_bddl
from gridseval.suites.bounds import BOUNDS, MOST_PX, MOST_SEED, MOST_STEPS, MOST_TRIALS
from gridseval.suites.catalogue import list_suites, load_suite, read_suite, shipped_suites
from gridseval.suites.groups import suite_names
from gridseval.suites.own import suite_digest
from gridseval.suites.plus_folder import PlusFolder
from gridseval.suites.protocols import (
    DEFAULT_PROTOCOL,
    SEEDINGS,
    STARTS,
    EvaluationProtocol,
    Seeding,
    Starts,
    list_protocols,
    load_protocol,
)
from gridseval.suites.scene_names import scene_stem
from gridseval.suites.selection import list_episodes, select_tasks
from gridseval.suites.strata import Selection
from gridseval.suites.suite import Episode, OwnFiles, Suite, Task, instruction_of
from gridseval.suites.variant import DIMENSIONS, LEVELS, Variant

__all__ = [
    "BOUNDS",
    "DEFAULT_PROTOCOL",
    "DIMENSIONS",
    "LEVELS",
    "MOST_PX",
    "MOST_SEED",
    "MOST_STEPS",
    "MOST_TRIALS",
    "PROMPTS",
    "SEEDINGS",
    "STARTS",
    "Background",
    "BddlFile",
    "Episode",
    "EvaluationProtocol",
    "Missing",
    "OwnFiles",
    "PlusFolder",
    "Seeding",
    "Selection",
    "Starts",
    "Suite",
    "Task",
    "Variant",
    "background_of",
    "check_problems",
    "count_strata",
    "instruct",
    "instruction_of",
    "list_episodes",
    "list_protocols",
    "list_suites",
    "load_protocol",
    "load_suite",
    "missing",
    "none_available",
    "read_bddl",
    "read_suite",
    "reasons",
    "scene_stem",
    "select_tasks",
    "shipped_suites",
    "split_available",
    "suite_digest",
    "suite_names",
]
