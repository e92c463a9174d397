"""Warns of files of an earlier start that are gone when a run is resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gridseval.results import EpisodeRecord
from gridseval.run_names import ACTIONS, TRACES
from gridseval.tokens.trace_file import trace_name


def missing_files(
    run: Path, records: Iterable[EpisodeRecord], record_actions: bool
) -> Iterator[str]:
    """Yield a warning for each kind of file that is missing: the run itself goes on without.

    Args:
        run: The run directory.
        records: What is recorded.
        record_actions: Whether the run keeps executed actions.
    """
    records = tuple(records)
    videos = [run / record.video for record in records if record.video is not None]
    kept = records if record_actions else ()
    actions = [run / ACTIONS / actions_name(*record.key) for record in kept]
    looked = [record for record in records if says_what_was_kept(record)]
    traces = [run / TRACES / trace_name(*record.key) for record in looked]
    kinds = (("videos", videos), ("recorded actions", actions), ("traces", traces))
    for kind, files in kinds:
        missing = sum(not file.exists() for file in files)
        if missing:
            yield f"{kind} of {missing} of {len(files)} episodes are missing in {run}"


def says_what_was_kept(record: EpisodeRecord) -> bool:
    """Return whether the policy gave traces, from which such figures come."""
    return any(key.startswith("kept") for key in record.extra)


def actions_name(suite: str, task: int, trial: int) -> str:
    """Return the name of the file of an episode's executed actions, or of its start."""
    return f"{suite}-{task}-{trial}.npy"
