"""Play a recorded episode again: the environment that it needs, and its frames.

Episodes repeat to the bit on the assets and the MuJoCo with which they were run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gridseval.assets import Assets
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.rendering.backend import choose_backend
from gridseval.envs.simulator import Simulator, simulator_packages
from gridseval.envs.spaces import IMAGE_PX
from gridseval.errors import MachineError
from gridseval.pictures.recorded_episode import RecordedEpisode, name_of
from gridseval.results.run.keys import COMPARE
from gridseval.results.run.manifest import manifest_differences
from gridseval.results.run.reading import Run
from gridseval.suites import Suite, suite_digest
from gridseval.versions import imported_version
from gridseval.video import Frame


def replay(
    env: LiberoEnv,
    recorded: RecordedEpisode,
    every: int,
    on_step: Callable[[bool], None] = lambda _closing: None,
) -> Iterator[Frame]:
    """Play an episode, and yield its first frame, every n-th and the last one.

    Args:
        env: Made with :func:`replay_settings`.
        recorded: The episode.
        every: Policy steps from frame to frame.
        on_step: Called after each step, before its frame, with whether the gripper shall close.

    Raises:
        MachineError: It did not end as it was recorded.
    """
    record = recorded.record
    options = {"task": record.task, "trial": record.trial, "record_every": every}
    _, info = env.reset(options=options)
    yield from map(_frame, info["frames"])
    ended = False
    for number, action in enumerate(recorded.read_actions(), 1):
        if ended:
            raise _differs(recorded, f"ended after {number - 1}")
        _, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
        on_step(bool(action[6] > 0))
        yield from map(_frame, info["frames"])
    if record.status != "error" and (ended, info["is_success"]) != (True, record.success):
        raise _differs(recorded, "ended otherwise" if ended else "did not end")


def check_same_machine(run: Run, assets: Assets) -> None:
    """Refuse other assets or another simulator: the same actions would make another episode.

    Raises:
        MachineError: They are not those of the run.
    """
    name, digest = assets.identity()
    recorded = run.manifest.get("assets", {})
    if recorded.get("hash") != digest:
        raise MachineError(
            f"{run.paths[0]} was made with other assets ({recorded.get('identity')}) than those in "
            f"{assets.root} ({name})",
            "name the run's assets: --assets PATH",
        )
    made, here = run.manifest.get("versions", {}).get("mujoco"), imported_version("mujoco")
    if made != here:
        raise MachineError(
            f"{run.paths[0]} was made with MuJoCo {made}, here is {here}, in which the same "
            "actions may end elsewhere",
            f"pip install mujoco=={made}",
        )
    now = {"simulator": Simulator(tuple(simulator_packages())).manifest()}
    then = {key: run.manifest[key] for key in now if key in run.manifest}
    if differences := list(manifest_differences(then, now, COMPARE)):
        raise MachineError(
            f"{run.paths[0]} was made with another simulator: {differences[0]}",
            "gridseval doctor shows which packages are imported",
        )


def replay_settings(run: Run, suite: Suite, assets: Assets, libero_plus: str | None) -> EnvSettings:
    """Return the settings of an environment in which a run's episodes repeat, with images."""
    manifest = run.manifest
    return EnvSettings(
        suite=suite.address,
        suite_sha256=suite_digest(suite),
        assets=str(assets.root),
        observations=("state",),
        # Runs from before there were protocols have one seed, and none of the other keys.
        seed=manifest.get("env_seed", manifest["seed"]),
        seeding=manifest.get("seeding", "task"),
        starts=manifest.get("starts", "stored"),
        image_px=manifest.get("image_px", IMAGE_PX),
        actions=manifest.get("actions", "delta"),
        max_steps=manifest["max_steps"],
        settle_steps=manifest["settle_steps"],
        # What perturbs episodes is named in run.yaml only where it differs from these.
        perturb=tuple(manifest.get("perturb", ())),
        prompts=manifest.get("prompts", "base"),
        perturbed_start=manifest.get("perturbed_start", False),
        libero_plus=libero_plus or _folder_of(manifest.get("libero_plus")),
        backend=choose_backend().backend,
    )


def _folder_of(recorded: Any) -> str | None:
    """Return the folder that the run read LIBERO-Plus's data from, if it is still there."""
    return str(recorded) if recorded and Path(str(recorded)).is_dir() else None


def _frame(given: dict[str, Any]) -> Frame:
    return Frame(given["step"], given["agentview"], given["wrist"])


def _differs(recorded: RecordedEpisode, how: str) -> MachineError:
    record = recorded.record
    return MachineError(
        f"{name_of(record)}, recorded as {record.status} after {record.steps} steps, {how} when it "
        "was played again",
        "compare the versions in its run.yaml with: gridseval doctor",
    )
