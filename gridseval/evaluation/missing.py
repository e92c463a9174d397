"""Files that an earlier start of a run has named, and that are gone when it is resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gridseval.results import EpisodeRecord


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
    actions = [run / "actions" / actions_name(*record.key) for record in kept]
    for kind, files in (("videos", videos), ("recorded actions", actions)):
        missing = sum(not file.exists() for file in files)
        if missing:
            yield f"{kind} of {missing} of {len(files)} episodes are missing in {run}"


def actions_name(suite: str, task: int, trial: int) -> str:
    """Return the name of the file with an episode's executed actions."""
    return f"{suite}-{task}-{trial}.npy"
