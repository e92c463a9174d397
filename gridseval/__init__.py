"""Evaluate vision-language-action policies on LIBERO in simulation.

Importing the package registers the Gymnasium environments ``gridseval/<suite>-v0``. The names below
are imported on first use, so that neither MuJoCo nor torch is loaded before one of them needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gridseval.importing import import_fault

if TYPE_CHECKING:
    from gridseval.evaluation import RunConfig, evaluate
    from gridseval.policies import ActionChunk, Policy, load_policy, register
    from gridseval.results import EpisodeRecord, Run, Summary, read_run
    from gridseval.suites import Episode, Suite, list_suites, load_suite
    from gridseval.tokens import TokenTrace

__version__ = "0.2.0"

_ROOMS = {
    "ActionChunk": "policies",
    "Episode": "suites",
    "EpisodeRecord": "results",
    "Policy": "policies",
    "Run": "results",
    "RunConfig": "evaluation",
    "Suite": "suites",
    "Summary": "results",
    "TokenTrace": "tokens",
    "evaluate": "evaluation",
    "list_suites": "suites",
    "load_policy": "policies",
    "load_suite": "suites",
    "read_run": "results",
    "register": "policies",
}

__all__ = [
    "ActionChunk",
    "Episode",
    "EpisodeRecord",
    "Policy",
    "Run",
    "RunConfig",
    "Suite",
    "Summary",
    "TokenTrace",
    "__version__",
    "evaluate",
    "list_suites",
    "load_policy",
    "load_suite",
    "read_run",
    "register",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room when it is first used."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'gridseval' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gridseval.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})


def _register() -> None:
    try:
        from gridseval.registration import register_environments

        register_environments()
    except Exception as error:
        # The command line, or what is imported next, tells of it in one line.
        if import_fault(error) is None:
            raise


_register()
