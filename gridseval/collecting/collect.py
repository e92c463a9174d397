"""``gridseval collect``: a run whose episodes become a dataset."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridseval.collecting.config import CollectConfig
from gridseval.collecting.lerobot_meta import CONTROL_HZ, INFO
from gridseval.collecting.lerobot_v3 import write_dataset
from gridseval.collecting.noise import ActionNoise
from gridseval.collecting.parquet import pyarrow
from gridseval.collecting.recorder import RecordingPolicy
from gridseval.collecting.staging import stage
from gridseval.envs.spaces import checked_px
from gridseval.errors import UsageError
from gridseval.evaluation import PreparedRun, Progress, evaluate
from gridseval.os_errors import os_errors
from gridseval.policies import load_policy
from gridseval.results import EpisodeRecord, Summary, read_run
from gridseval.rollout import Outcome

_STAGED = "staged"


def collect(config: CollectConfig, progress: Progress | None = None) -> tuple[Summary, int]:
    """Run the episodes, then write those that are kept as a LeRobot dataset into the same folder.

    Interrupted at any time, the same call goes on: an episode's samples are on disk before its
    record is, and the dataset is written from both.

    Args:
        config: What to collect.
        progress: Shows how far the run is; default: shows nothing.

    Returns:
        The run's figures, and how many episodes the dataset holds.

    Raises:
        GridsevalError: Something a user can mend.
    """
    pyarrow()  # before an hour of simulation
    if config.image_px is not None:
        checked_px(config.image_px)
    recording = _Recording(config)
    summary = evaluate(config.run, progress, recording)
    root = config.run.out
    kept = [record for record in _records(root) if _is_kept(record, config.keep)]
    if not kept:
        raise UsageError(
            f"none of the {summary.tally.counted} episodes succeeded, so that there is no dataset",
            "--keep all keeps failures, too",
        )
    if not (root / INFO).is_file():
        write_dataset(root, root / _STAGED, kept, recording.replan, config.manifest())
    with os_errors(f"cannot remove {root / _STAGED}"):
        shutil.rmtree(root / _STAGED, ignore_errors=True)
    return summary, len(kept)


class _Recording:
    """Makes a run's policy record, and stages each episode when it ends."""

    def __init__(self, config: CollectConfig) -> None:
        self._config = config
        self._policy: RecordingPolicy
        self.replan = 0

    def prepare(self, prepared: PreparedRun) -> PreparedRun:
        """Return the run with a policy that records, and environments that show what it needs."""
        config, acting = self._config, prepared.loaded
        self.replan = _checked_replan(prepared.replan)
        labelling = acting
        if config.label is not None:
            seed = prepared.conditions.policy_seed
            labelling = load_policy(config.label, None, config.label_arguments, seed)
        noise = ActionNoise(config.noise, config.noise_share, prepared.conditions.policy_seed)
        self._policy = RecordingPolicy(acting, labelling, noise)
        loaded = dataclasses.replace(
            acting, policy=self._policy, observation_keys=self._policy.observation_keys
        )
        return prepared.acting(loaded)

    def manifest(self) -> Mapping[str, Any]:
        """Return what ``run.yaml`` says of the dataset."""
        return {"collect": self._config.manifest()}

    def finish(self, outcome: Outcome) -> None:
        """Keep an episode's samples, if the dataset will."""
        samples = self._policy.take(outcome.episode)
        if samples and (outcome.status == "success" or self._config.keep == "all"):
            folder = self._config.run.out / _STAGED
            stage(folder, outcome.episode, samples, self._config.image_px)


def _checked_replan(replan: int | None) -> int:
    if replan is None or CONTROL_HZ % replan:
        raise UsageError(
            f"a second of {CONTROL_HZ} policy steps does not divide by --replan {replan or 'none'}",
            "--replan 1, 2, 4, 5, 10 or 20",
        )
    return replan


def _records(root: Path) -> list[EpisodeRecord]:
    return sorted(read_run(root).records, key=lambda record: record.key)


def _is_kept(record: EpisodeRecord, keep: str) -> bool:
    return record.status == "success" or (keep == "all" and record.status == "failure")
