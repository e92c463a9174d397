"""A whole run, from arguments to tables: where the rooms meet."""

from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.extension import Extension, NoExtension
from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.evaluation.prepared_suites import PreparedSuites
from gridseval.evaluation.run import Progress, evaluate

__all__ = [
    "Extension",
    "NoExtension",
    "PreparedRun",
    "PreparedSuites",
    "Progress",
    "RunConfig",
    "evaluate",
]
