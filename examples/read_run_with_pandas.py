"""Read a run with pandas: ``python examples/read_run_with_pandas.py RUN``."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def read_episodes(run: Path) -> pd.DataFrame:
    """Return a row per episode; the values of ``extra`` get separate columns.

    A later line replaces an error: that is what ``--retry-errors`` writes.
    """
    rows = pd.read_json(run / "episodes.jsonl", lines=True)
    extra = pd.json_normalize(list(rows.pop("extra")))
    episodes = pd.concat([rows, extra], axis="columns")
    return episodes.drop_duplicates(["suite", "task", "trial"], keep="last")


def main(run: Path) -> None:
    """Print success, steps and time per task; errors enter no rate."""
    episodes = read_episodes(run)
    counted = episodes[episodes.status != "error"]
    print(
        counted.assign(solved=counted.status == "success")
        .groupby("task_name")
        .agg(solved=("solved", "mean"), episodes=("trial", "size"), steps=("steps", "mean"))
        .round(3)
    )
    print(f"{(episodes.status == 'error').sum()} errors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
