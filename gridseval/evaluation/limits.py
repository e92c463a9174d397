"""How long a run's policy may take for an answer."""

from __future__ import annotations

import contextlib

from gridseval.errors import GridsevalError, OutputError, PolicyError
from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.results import RunDirectory, write_tables
from gridseval.rollout.answer_limit import GRACE_S, AnswerLimit, answer_seconds


def answer_limit(prepared: PreparedRun, run: RunDirectory, progress: object) -> AnswerLimit | None:
    """Return the time limit of a policy in this process; ``None`` where its server has one.

    Args:
        prepared: The run.
        run: Its tables are written where the policy cannot be interrupted.
        progress: Its method ``on_stuck(error)``, if it has one, is called in another thread then.
    """
    seconds = answer_seconds(prepared.config.timeout_s)
    if "server" in prepared.loaded.description:
        return None
    error = PolicyError(
        f"policy {prepared.loaded.name!r} has not answered for {seconds + GRACE_S:g} s, and cannot "
        "be interrupted",
        "finished episodes are kept: the same command resumes; a longer --timeout gives it more "
        "time",
    )
    return AnswerLimit(seconds, lambda: _give_up(error, run, progress))


def _give_up(error: GridsevalError, run: RunDirectory, progress: object) -> None:
    with contextlib.suppress(OutputError):
        write_tables(run)
    on_stuck = getattr(progress, "on_stuck", None)
    if on_stuck is not None:
        on_stuck(error)
