"""Where a run's episodes start: at stored initial states, or at fresh ones."""

from __future__ import annotations

import re

from gridseval.errors import UsageError, did_you_mean
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.episode_choice import EpisodeChoice, parse_trials
from gridseval.policies import EnvironmentNeeds
from gridseval.suites import STARTS, Starts, Suite

_FORM = re.compile(r"(?P<kind>[^:]*)(?::(?P<count>[0-9]{1,9}))?")


def starts_of(
    config: RunConfig, suite: Suite, listed: EpisodeChoice | None = None
) -> tuple[Starts | None, EpisodeChoice]:
    """Return what ``--starts`` asks for, and which episodes each task has.

    Args:
        config: Its ``starts`` is ``"stored"``, ``"fresh"`` or ``"fresh:N"``.
        suite: Says how many trials there are by default.
        listed: The episodes that a file lists, if one is given.

    Returns:
        ``None`` where the option is not given.

    Raises:
        UsageError: The text has another form, or counts otherwise than ``--trials``.
    """
    asked = suite.trials if config.trials is None else config.trials
    choice = listed or parse_trials(asked)
    if config.starts is None:
        return None, choice
    match = _FORM.fullmatch(config.starts)
    kind = next((kind for kind in STARTS if match and match["kind"] == kind), None)
    count = match["count"] if match else None
    if kind is None or (kind == "stored" and count is not None):
        near = did_you_mean(config.starts[:60], STARTS) or "write stored, fresh or fresh:N"
        raise UsageError(f"--starts {config.starts[:60]!r} is not a kind of start", near)
    if count is None:
        return kind, choice
    if listed is not None or (config.trials is not None and choice != EpisodeChoice(int(count))):
        raise UsageError(
            f"--starts {config.starts} and {_other(config)} ask for different numbers",
            f"write --starts {kind}",
        )
    return kind, EpisodeChoice(int(count))


def _other(config: RunConfig) -> str:
    return f"--trials {config.trials}" if config.episodes is None else "--episodes"


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
