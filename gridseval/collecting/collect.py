"""``gridseval collect``: a run whose episodes become a dataset."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from typing import Any

from gridseval.collecting.config import CollectConfig
from gridseval.collecting.labels import labelling_policy
from gridseval.collecting.lerobot_meta import INFO
from gridseval.collecting.lerobot_v3 import write_dataset
from gridseval.collecting.noise import ActionNoise
from gridseval.collecting.parquet import pyarrow
from gridseval.collecting.recorder import RecordingPolicy
from gridseval.collecting.staging import stage
from gridseval.envs.scene import CONTROL_HZ
from gridseval.errors import UsageError
from gridseval.evaluation import PreparedRun, Progress, evaluate
from gridseval.os_errors import os_errors
from gridseval.results import EpisodeRecord, RunDirectory, Summary
from gridseval.rollout import Outcome
from gridseval.suites import suite_names

_STAGED = "staged"
_ABOUT = (
    "suite",
    "tasks",
    "trials",
    "starts",
    "env_seed",
    "seeding",
    "seed",
    "protocol",
    "image_px",
    "actions",
    "perturb",
)
"""Keys of ``run.yaml`` that a dataset keeps where only its own files are copied."""


def collect(config: CollectConfig, progress: Progress | None = None) -> tuple[Summary, int]:
    """Run the episodes, then write those that are kept as a LeRobot dataset into the same folder.

    Interrupted at any time, the same call goes on: an episode's samples are on disk before its
    record is, and the dataset is written from both. Episodes that ended in an error are tried
    again; while there are any, no dataset is written.

    Args:
        config: What to collect.
        progress: Shows how far the run is; default: shows nothing.

    Returns:
        The run's figures, and how many episodes the dataset holds: 0 if it was not written.

    Raises:
        GridsevalError: Something a user can mend.
    """
    pyarrow()  # before an hour of simulation
    if len(suite_names(config.run.suite)) > 1:
        raise UsageError(
            f"a dataset is of one suite, and --suite is {config.run.suite}",
            "collect each suite; gridseval train takes several datasets",
        )
    recording = _Recording(config)
    run = dataclasses.replace(config.run, retry_errors=True)
    summary = evaluate(run, progress, recording)
    return summary, recording.kept


class _Recording:
    """Makes a run's policy record, and stages each episode when it ends."""

    def __init__(self, config: CollectConfig) -> None:
        self._config = config
        self._policy: RecordingPolicy
        self._label: dict[str, Any] | None = None
        self._replan = self.kept = 0

    def prepare(self, prepared: PreparedRun) -> PreparedRun:
        """Return the run with a policy that records, and environments that show what it needs."""
        config, acting = self._config, prepared.loaded
        self._replan = _checked_replan(prepared.replan)
        _check_px(config.image_px, prepared.conditions.protocol.image_px)
        if config.noise and acting.needs.actions == "absolute":
            raise UsageError(
                f"policy {acting.name!r} acts by goal poses, and --noise is meant for motions"
            )
        labelling = labelling_policy(config, acting, prepared.conditions.policy_seed)
        if labelling is not acting:
            self._label = {"name": labelling.name, **labelling.description}
        noise = ActionNoise(config.noise, config.noise_share, prepared.conditions.policy_seed)
        self._policy = RecordingPolicy(acting, labelling, noise, self._replan, config.image_px)
        loaded = dataclasses.replace(
            acting, policy=self._policy, observation_keys=self._policy.observation_keys
        )
        return prepared.acting(loaded)

    def manifest(self) -> Mapping[str, Any]:
        """Return what ``run.yaml`` says of the dataset."""
        return {"collect": {**self._config.manifest(), "label": self._label}}

    def finish(self, outcome: Outcome) -> None:
        """Keep an episode's samples, if the dataset will."""
        samples = self._policy.take(outcome.episode)
        wanted = ("success", "failure") if self._config.keep == "all" else ("success",)
        if samples and outcome.status in wanted:
            stage(self._config.run.out / _STAGED, outcome.episode, samples)

    def end(self, run: RunDirectory) -> None:
        """Write the dataset, unless it is there or episodes are still to be tried again."""
        records = sorted(run.records(), key=lambda record: record.key)
        kept = [record for record in records if _is_kept(record, self._config.keep)]
        if any(record.status == "error" for record in records):
            return
        if not kept:
            raise UsageError(
                f"none of the {len(records)} episodes succeeded, so that there is no dataset",
                "--keep all, in another folder, keeps failures, too",
            )
        staged = run.path / _STAGED
        if not (run.path / INFO).is_file():
            # Like a run's manifest, which says only where its starts are not stored ones.
            about = {"starts": "stored"}
            about |= {key: run.manifest[key] for key in _ABOUT if key in run.manifest}
            about |= {"collect": run.manifest["collect"], "assets": run.manifest["assets"]}
            write_dataset(run.path, staged, kept, self._replan, about)
        if staged.exists():
            with os_errors(f"cannot remove {staged}"):
                shutil.rmtree(staged)
        self.kept = len(kept)


def _checked_replan(replan: int | None) -> int:
    if replan is None or CONTROL_HZ % replan:
        raise UsageError(
            f"a second of {CONTROL_HZ} policy steps does not divide by --replan {replan or 'none'}",
            "--replan 1, 2, 4, 5, 10 or 20",
        )
    return replan


def _check_px(px: int | None, observed: int) -> None:
    if px is not None and not 1 <= px <= observed:
        raise UsageError(f"--image-px must be within 1 and the protocol's {observed}, not {px}")


def _is_kept(record: EpisodeRecord, keep: str) -> bool:
    return record.status == "success" or (keep == "all" and record.status == "failure")
