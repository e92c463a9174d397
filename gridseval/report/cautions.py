"""What a reader must know before they trust the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gridseval.report.source import ReportRun
from gridseval.results.run.comparable import published_differences, run_differences
from gridseval.results.run.notes import kind_of


@dataclass(frozen=True)
class Caution:
    """One thing a reader must know.

    Args:
        letters: The runs that it is about, at least one.
        sentence: What.
    """

    letters: tuple[str, ...]
    sentence: str


def cautions(runs: Sequence[ReportRun]) -> tuple[Caution, ...]:
    """Return reasons not to trust the numbers, worst first; empty if there are none."""
    found = []
    for run in runs[1:]:
        pair = (runs[0].letter, run.letter)
        found += [Caution(pair, sentence) for sentence in _comparison(runs[0], run)]
    about: dict[str, list[str]] = {}
    for run in runs:
        for sentence in dict.fromkeys((*_state(run), *_notes(run), *_protocol(run), *_errors(run))):
            about.setdefault(sentence, []).append(run.letter)
    found += [Caution(tuple(letters), sentence) for sentence, letters in about.items()]
    return tuple(found)


def _comparison(first: ReportRun, second: ReportRun) -> Iterator[str]:
    """Return why two runs cannot be compared; the gate refuses them for the first reason."""
    for difference in run_differences(first.run, second.run):
        yield f"not comparable, {difference.replace(' -> ', ' against ')}"
    keys, others = ({record.key for record in run.records} for run in (first, second))
    if keys != others:
        common = len(keys & others)
        yield f"not the same episodes: {len(keys)} and {len(others)}, {common} in common"


def _state(run: ReportRun) -> Iterator[str]:
    expected, done = run.summary.expected, run.summary.done
    if expected is not None and done < expected and not run.manifest.get("stopped"):
        yield f"incomplete: {done} of {expected} episodes are done; it was stopped, or still runs"
    seeds = {record.seed for record in run.records}
    if len(seeds) > 1:
        yield f"episodes of {len(seeds)} seeds are mixed"
    if len({record.schema for record in run.records}) > 1:
        yield "records were written by different versions of gridseval"
    lost = sum(1 for r in run.records if r.video and run.file(r.video) is None)
    if lost:
        yield f"{lost} of the videos that records name are not in the run directory"


def _notes(run: ReportRun) -> Iterator[str]:
    """Yield the tables' notes, except those that the page shows elsewhere."""
    yield from (note for note in run.run.notes if kind_of(note) != "measured on")
    yield from (note for note in run.summary.notes if kind_of(note) != "mean over tasks")


def _protocol(run: ReportRun) -> Iterator[str]:
    """Say in one sentence how the protocol differs from papers'; ``_notes`` names the assets."""
    found = [line for line in published_differences(run.run) if not line.startswith("assets.")]
    if run.manifest and run.records and found:
        shown = "; ".join(line.replace(" -> ", " in papers, here ") for line in found)
        yield f"published rates do not compare: {shown}"


def _errors(run: ReportRun) -> Iterator[str]:
    reasons = Counter(record.error for record in run.records if record.error)
    for reason, count in reasons.most_common(3):
        yield f"{count} × error: {_shortened(reason)}"


def _shortened(text: str, most: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
