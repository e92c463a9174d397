"""Plays the actions of an earlier run again.

That is how to check that an environment repeats itself to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridseval.array_files import read_npy
from gridseval.demonstrations import demonstration_files, read_actions, without_noops
from gridseval.errors import PolicyError, UsageError
from gridseval.plain_files import MOST_YAML_BYTES, plain_yaml, read_regular
from gridseval.policies.protocol import (
    ACTION_SIZE,
    ActionChunk,
    EnvironmentNeeds,
    Observations,
    at_least,
)
from gridseval.run_names import ACTIONS, MANIFEST

if TYPE_CHECKING:
    from gridseval.suites import Episode


class ReplayPolicy:
    """Plays recorded actions: a run's, or one file's in every episode.

    Of a run made with ``--record-actions`` it plays ``actions/<suite>-<task>-<trial>.npy``, under
    the run's protocol and LIBERO's seed of it: actions say nothing in other episodes.

    What comes next is counted by ``observations["steps"]``, so any ``replan`` plays the same
    actions. Past the end of a recording the arm stands still and the gripper keeps its last
    command.

    Args:
        checkpoint: The run directory, a file ``*.npy`` of float32 (T, 7), or LIBERO's
            demonstrations: an HDF5 file or a folder of such files, which ``--suite`` names, too.
        chunk: Steps H per query, at least 1.
        filter_noops: Leave out a demonstration's actions that do nothing, as OpenVLA does.

    Raises:
        PolicyError: The directory holds no recorded actions, or its ``run.yaml`` cannot be read.
    """

    observation_keys = ("state",)

    def __init__(self, checkpoint: str, chunk: int = 8, filter_noops: bool = False) -> None:
        self._checkpoint = checkpoint
        self._folder = Path(checkpoint) / ACTIONS
        self._chunk = at_least(1, "chunk", chunk)
        self._recordings: dict[int, NDArray[np.float32]] = {}
        self._run: dict[str, Any] = {}
        self.needs = EnvironmentNeeds()
        self._demonstrations = demonstration_files(Path(checkpoint))
        self._one: NDArray[np.float32] | None = None
        if self._demonstrations and not self._folder.is_dir():
            self._filters = filter_noops
            return
        if filter_noops:
            raise PolicyError("filter_noops is for demonstrations (HDF5)")
        if Path(checkpoint).is_file():
            self._one = _load(Path(checkpoint))
            return
        if not self._folder.is_dir():
            raise PolicyError(
                f"{checkpoint} holds no recorded actions ({self._folder} is not a folder)",
                "record them with: gridseval run … --record-actions",
            )
        self._run = _read_manifest(Path(checkpoint) / MANIFEST)
        self.needs = _needs(self._run)

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Read the recordings of these episodes.

        Raises:
            PolicyError: An episode is of another suite than the recording, was not recorded, or
                its file is not float32 (T, 7) of finite numbers.
        """
        for slot, episode in zip(slots, episodes, strict=True):
            self._check_suite(episode.suite)
            self._recordings[int(slot)] = self._read(episode)

    def act(self, observations: Observations) -> ActionChunk:
        """Return float32 (B, chunk, 7): what was recorded from each slot's current step on."""
        slots, steps = observations["slots"], observations["steps"]
        chunks = [
            _cut(self._recordings[int(slot)], int(step), self._chunk, self.needs.actions)
            for slot, step in zip(slots, steps, strict=True)
        ]
        return ActionChunk(np.stack(chunks))

    def _check_suite(self, now: str) -> None:
        """Refuse a recording of other suites; what its ``run.yaml`` leaves out may be."""
        recorded = [str(name) for name in _suites(self._run)] or [now]
        if now not in recorded:
            told = ",".join(recorded)
            raise PolicyError(
                f"{self._checkpoint} was recorded with suite {told}, but this run has {now}",
                f"replay it with --suite {told}",
            )

    def _read(self, episode: Episode) -> NDArray[np.float32]:
        if self._one is not None:
            return self._one
        if self._demonstrations:
            return self._demonstrated(episode)
        file = self._folder / f"{episode.suite}-{episode.task}-{episode.trial}.npy"
        try:
            return _load(file)
        except FileNotFoundError as error:
            raise PolicyError(
                f"{episode.suite} task {episode.task} trial {episode.trial} was not recorded: "
                f"{file} does not exist"
            ) from error

    def _demonstrated(self, episode: Episode) -> NDArray[np.float32]:
        if episode.task >= len(self._demonstrations):
            raise PolicyError(
                f"{self._checkpoint} has {len(self._demonstrations)} files, and task "
                f"{episode.task} needs one",
                f"replay it with --suite {self._checkpoint}",
            )
        try:
            actions = read_actions(self._demonstrations[episode.task], episode.trial)
        except UsageError as error:
            raise PolicyError(error.message, error.hint) from error
        return without_noops(actions) if self._filters else actions


def _load(file: Path) -> NDArray[np.float32]:
    """Return actions, float32 (T, 7); a file that does not exist raises ``FileNotFoundError``."""
    try:
        recorded: NDArray[np.float32] = read_npy(file)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise PolicyError(f"cannot read {file}: {error}", "save it with numpy.save") from error
    if recorded.dtype != np.float32 or recorded.ndim != 2 or recorded.shape[1] != ACTION_SIZE:
        raise PolicyError(
            f"{file} holds {recorded.dtype} {recorded.shape}, expected float32 (steps, 7)"
        )
    return recorded


def _read_manifest(file: Path) -> dict[str, Any]:
    """Return what ``run.yaml`` says; nothing where there is none, as beside copied recordings."""
    try:
        manifest = plain_yaml(read_regular(file, MOST_YAML_BYTES).decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise PolicyError(f"cannot read {file}: {error}") from error
    if not isinstance(manifest, dict):
        raise PolicyError(f"cannot read {file}: it is not the manifest of a run")
    return manifest


def _needs(run: Mapping[str, Any]) -> EnvironmentNeeds:
    """Return what a run's environments were like; before protocols one seed served for all."""
    seed, protocol = run.get("env_seed", run.get("seed")), run.get("protocol")
    image_px, settle_steps = run.get("image_px"), _settle_steps(run)
    return EnvironmentNeeds(
        protocol=protocol if isinstance(protocol, str) else None,
        env_seed=seed if isinstance(seed, int) else None,
        actions="absolute" if run.get("actions") == "absolute" else "delta",
        strict=True,
        seeding="trial" if run.get("seeding") == "trial" else "task",
        starts="fresh" if run.get("starts") == "fresh" else None,
        image_px=image_px if isinstance(image_px, int) else None,
        settle_steps=settle_steps if isinstance(settle_steps, int) else None,
    )


def _suites(run: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return what a run says of each of its suites, as far as it says it by suite."""
    several = run.get("suites")
    if isinstance(several, Mapping):
        return several
    return {run["suite"]: run} if "suite" in run else {}


def _settle_steps(run: Mapping[str, Any]) -> Any:
    found = {str(each.get("settle_steps")): each for each in (_suites(run) or {"": run}).values()}
    if len(found) > 1:
        raise PolicyError(
            f"its suites were recorded with different settle steps: {', '.join(sorted(found))}",
            "record each suite in another run",
        )
    return next(iter(found.values())).get("settle_steps")


def _cut(
    recorded: NDArray[np.float32], start: int, count: int, actions: str
) -> NDArray[np.float32]:
    """Return float32 (count, 7) from step ``start`` on, standing still after the end.

    As motions zeros do nothing, but as goals they are the world's origin: the last pose is held.

    Raises:
        PolicyError: There is no pose to hold.
    """
    cut = np.zeros((count, ACTION_SIZE), np.float32)
    cut[:, 6] = recorded[-1, 6] if len(recorded) else -1
    if actions == "absolute":
        if not len(recorded):
            raise PolicyError("an empty recording of absolute actions has no pose to hold")
        cut[:] = recorded[-1]
    played = recorded[start : start + count]
    cut[: len(played)] = played
    return cut
