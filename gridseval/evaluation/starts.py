"""Where a run's episodes start: at stored initial states, or at fresh ones."""

from __future__ import annotations

import re

from gridseval.errors import UsageError, did_you_mean
from gridseval.evaluation.config import RunConfig
from gridseval.policies import EnvironmentNeeds
from gridseval.suites import STARTS, Starts, Suite

_FORM = re.compile(r"(?P<kind>[^:]*)(?::(?P<count>[0-9]{1,9}))?")


def starts_of(config: RunConfig, suite: Suite) -> tuple[Starts | None, int]:
    """Return what ``--starts`` asks for, and how many trials each task has.

    Args:
        config: Its ``starts`` is ``"stored"``, ``"fresh"`` or ``"fresh:N"``.
        suite: Says how many trials there are by default.

    Returns:
        ``None`` where the option is not given.

    Raises:
        UsageError: The text has another form, or counts otherwise than ``--trials``.
    """
    trials = suite.trials if config.trials is None else config.trials
    if config.starts is None:
        return None, trials
    match = _FORM.fullmatch(config.starts)
    kind = next((kind for kind in STARTS if match and match["kind"] == kind), None)
    count = match["count"] if match else None
    if kind is None or (kind == "stored" and count is not None):
        near = did_you_mean(config.starts[:60], STARTS) or "write stored, fresh or fresh:N"
        raise UsageError(f"--starts {config.starts[:60]!r} is not a kind of start", near)
    if count is None:
        return kind, trials
    if config.trials not in (None, int(count)):
        raise UsageError(
            f"--starts {config.starts} and --trials {config.trials} ask for different numbers",
            "leave --trials out",
        )
    return kind, int(count)


def agreed_starts(asked: Starts | None, needs: EnvironmentNeeds, suite: Suite) -> Starts:
    """Return where episodes start: as asked, or else as the policy needs, or as the suite can.

    Raises:
        UsageError: The policy acts in episodes of the other kind only, as recorded actions do, or
            the suite has no stored states.
    """
    recorded = needs.starts or ("stored" if suite.has_states else "fresh")
    if "stored" in (asked, needs.starts) and not suite.has_states:
        raise UsageError(
            f"{suite.name} has no stored initial states", "--starts fresh:N begins at fresh starts"
        )
    if needs.strict and asked not in (None, recorded):
        raise UsageError(
            f"the policy acts in episodes from {recorded} starts, not {asked} ones",
            f"--starts {recorded}",
        )
    return asked or recorded
