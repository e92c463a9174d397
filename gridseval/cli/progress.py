"""Progress of a run on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import click

if TYPE_CHECKING:
    from gridseval.errors import GridsevalError
    from gridseval.evaluation.prepared_suites import PreparedSuites
    from gridseval.results import EpisodeRecord

LINE_EVERY_S = 30.0
_FAILURES_WATCHED = 2
_BAR = "{desc} {bar:12} {n_fmt}/{total_fmt}{postfix}, {rate_hour}, {remaining} left"


class ClosableProgress(Protocol):
    """A ``Progress`` that can be closed."""

    def on_begin(self, prepared: PreparedSuites, done: Sequence[EpisodeRecord]) -> None:
        """See ``Progress``."""

    def on_record(self, record: EpisodeRecord) -> None:
        """See ``Progress``."""

    def close(self) -> None:
        """Finish the display; closing twice does nothing."""


def make_progress() -> ClosableProgress:
    """Return a bar if standard error is a terminal, else plain lines, which suit logs."""
    return ProgressBar() if sys.stderr.isatty() else ProgressLines()


class ProgressBar:
    """A tqdm bar with running success rate, its interval, episodes per hour and time left."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._running, self._watch = RunningRate(), SuspicionWatch()

    def on_begin(self, prepared: PreparedSuites, done: Sequence[EpisodeRecord]) -> None:
        """Show what an earlier start has done already."""
        from tqdm import tqdm

        _warn(prepared)
        for record in done:
            self._running.add(record)
            self._watch.take(record)
        self._bar = _hourly_bar(tqdm)(
            total=len(prepared.episodes),
            initial=len(done),
            desc=prepared.title,
            mininterval=0.2,
            bar_format=_BAR,
            **_width(),
            postfix=self._running.text(),
        )

    def on_record(self, record: EpisodeRecord) -> None:
        """Advance by one episode."""
        self._running.add(record)
        for note in self._watch.take(record):
            self._bar.write(f"gridseval: note: {note}", file=sys.stderr)
        self._bar.set_postfix_str(self._running.text(), refresh=False)
        self._bar.update()

    def on_stuck(self, error: GridsevalError) -> None:
        """End the process: nothing in it can be interrupted."""
        _end_process(error)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class ProgressLines:
    """A line at the start, one per half minute at most, and one at the end; no carriage returns.

    Args:
        write: Takes a line.
        clock: Returns seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or _to_standard_error
        self._clock = clock
        self._running, self._watch = RunningRate(), SuspicionWatch()
        self._suite, self._total, self._before, self._done = "", 0, 0, 0
        self._began_s = self._written_s = 0.0
        self._unsaid = False

    def on_begin(self, prepared: PreparedSuites, done: Sequence[EpisodeRecord]) -> None:
        """Say what an earlier start has done already."""
        _warn(prepared)
        for record in done:
            self._running.add(record)
            self._watch.take(record)
        self._suite, self._total = prepared.title, len(prepared.episodes)
        self._before = self._done = len(done)
        self._began_s = self._clock()
        self._say()

    def on_record(self, record: EpisodeRecord) -> None:
        """Count an episode, and say so if the last line is old enough."""
        self._running.add(record)
        for note in self._watch.take(record):
            self._write(f"gridseval: note: {note}")
        self._done += 1
        self._unsaid = True
        if self._clock() - self._written_s >= LINE_EVERY_S:
            self._say()

    def on_stuck(self, error: GridsevalError) -> None:
        """End the process: nothing in it can be interrupted."""
        _end_process(error)

    def close(self) -> None:
        """Say what has not been said yet."""
        if self._unsaid:
            self._say()

    def _say(self) -> None:
        now_s = self._clock()
        parts = [f"{self._suite}: {self._done} of {self._total} episodes", self._running.text()]
        fresh, elapsed_s = self._done - self._before, now_s - self._began_s
        if fresh and elapsed_s > 0:
            parts.append(f"{3600 * fresh / elapsed_s:.0f} episodes/h")
            if self._done < self._total:
                left_s = elapsed_s * (self._total - self._done) / fresh
                parts.append(f"{duration(left_s)} left")
        self._write(", ".join(parts))
        self._written_s, self._unsaid = now_s, False


class RunningRate:
    """Successes so far, in few words."""

    def __init__(self) -> None:
        self._successes = self._counted = self._errors = 0

    def add(self, record: EpisodeRecord) -> None:
        """Count an episode; an error enters no rate."""
        self._counted += record.success is not None
        self._successes += bool(record.success)
        self._errors += record.status == "error"

    def text(self) -> str:
        """Return ``success 94.2 % (88.4–97.2)``, the 95 % Wilson interval, and errors if any."""
        from gridseval.results import wilson_interval

        interval = wilson_interval(self._successes, self._counted)
        errors = f", errors {self._errors}" if self._errors else ""
        if interval is None:
            return f"success –{errors}"
        rate = f"{100 * self._successes / self._counted:.1f} %"
        return f"success {rate} ({100 * interval.lower:.1f}–{100 * interval.upper:.1f}){errors}"


class SuspicionWatch:
    """Says once, while a run goes on, why its policy seems unable to succeed."""

    def __init__(self) -> None:
        self._records: list[EpisodeRecord] = []
        self._over = False

    def take(self, record: EpisodeRecord) -> list[str]:
        """Take in an episode; return what to say now, mostly nothing.

        It speaks after the second episode that fails, and never again.
        """
        from gridseval.results.run.suspicions import suspicion_notes

        if self._over or record.success is None:
            return []
        self._records.append(record)
        self._over = bool(record.success) or len(self._records) >= _FAILURES_WATCHED
        return list(suspicion_notes(self._records)) if self._over else []


def duration(seconds: float) -> str:
    """Return a duration as ``2 h 5 min``, ``12 min`` or ``40 s``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _warn(prepared: PreparedSuites) -> None:
    for warning in prepared.warnings:
        click.echo(f"gridseval: warning: {warning}", err=True)


def _end_process(error: GridsevalError) -> NoReturn:
    # Workers end with this process, and what is in files is whole.
    click.echo(f"gridseval: {error.message}\n  {error.hint}", err=True)
    os._exit(error.exit_code)


def _to_standard_error(line: str) -> None:
    click.echo(line, err=True)


def _width() -> dict[str, Any]:
    """Return tqdm's options for width, as it prints nothing on a terminal of width 0."""
    with contextlib.suppress(OSError):
        if 0 in os.get_terminal_size(sys.stderr.fileno()):
            return {"ncols": 80, "nrows": 24}
    return {"dynamic_ncols": True}


def _hourly_bar(tqdm: Any) -> Any:
    """Return tqdm's class with one more field, ``rate_hour``."""

    class HourlyBar(tqdm):  # type: ignore[misc]
        @property
        def format_dict(self) -> dict[str, Any]:
            fields: dict[str, Any] = super().format_dict
            elapsed_s, done = fields["elapsed"], fields["n"] - fields["initial"]
            rate = f"{3600 * done / elapsed_s:.0f}" if done and elapsed_s else "–"
            return {**fields, "rate_hour": f"{rate} episodes/h"}

    return HourlyBar
