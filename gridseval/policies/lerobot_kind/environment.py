"""What LeRobot's LIBERO environment does to observations and actions, for policies that change it.

For most policies that is to rotate both images by 180° and to join the state from its parts, which
gridseval's observations are already. X-VLA replaces it: another state, other image values, a number
for the domain, and actions that are goal poses. Its own steps are run then, on observations turned
back into what LeRobot's environment gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.policies.protocol import Observations

_IMAGES = "observation.images."
_NAMES = {"agentview": "image", "wrist": "image2"}


@dataclass(frozen=True)
class EnvironmentSteps:
    """LeRobot's steps around a policy's own, where they are not gridseval's observations already.

    Attributes:
        before: From a raw observation to a policy's input, or ``None``.
        after: From a policy's actions, a dict, to the environment's, or ``None``.
        absolute: Whether the actions are goal poses.
    """

    before: Any = None
    after: Any = None
    absolute: bool = False

    def check_single(self, before: Any) -> None:
        """Refuse a policy whose own steps repeat these, which LeRobot's evaluation fails on.

        Args:
            before: The policy's own preprocessor.

        Raises:
            PolicyError: It repeats one.
        """
        own = {type(step) for step in (() if self.before is None else self.before.steps)}
        twice = [type(step).__name__ for step in before.steps if type(step) in own]
        # A number for the domain may be set twice; the policy's own is the later one.
        twice = [name for name in twice if "DomainId" not in name]
        if twice:
            raise PolicyError(
                f"the checkpoint's preprocessor does {twice[0]} too, which LeRobot's LIBERO "
                "environment did already",
                f"LeRobot's own evaluation fails here; without its environment's steps: {_USUAL}",
            )

    @property
    def keys(self) -> tuple[str, ...]:
        """What they look at beside images."""
        return ("state", "controller_state") if self.before is not None else ()

    def observed(self, observations: Observations) -> dict[str, Any]:
        """Return a policy's input by these steps: images under LeRobot's names, state, and more."""
        import torch

        state, pose = observations["state"], observations["controller_state"]
        parts = {
            "eef": {"pos": state[:, :3], "mat": rotation_matrices(pose[:, 3:6])},
            "gripper": {"qpos": state[:, 6:8]},
        }
        raw: dict[str, Any] = {
            "observation.robot_state": {
                name: {key: torch.from_numpy(np.ascontiguousarray(v)) for key, v in values.items()}
                for name, values in parts.items()
            },
            "task": list(observations["instruction"]),
        }
        for camera, name in _NAMES.items():
            if camera in observations:
                raw[_IMAGES + name] = as_lerobots(observations[camera][:, ::-1, ::-1])
        prepared: dict[str, Any] = self.before(raw)
        return prepared

    def image(self, prepared: dict[str, Any], camera: str) -> Any:
        """Return a camera's image from what :meth:`observed` returned."""
        return prepared.pop(_IMAGES + _NAMES[camera])

    def executed(self, actions: Any) -> Any:
        """Return the environment's actions, (B, 7)."""
        return actions if self.after is None else self.after({"action": actions})["action"]


def environment_steps(
    config: Any, module: Callable[[str], Any], environment: str
) -> EnvironmentSteps:
    """Return what LeRobot's own evaluation does around this policy's processors.

    Args:
        config: The policy's configuration.
        module: Imports a module of LeRobot.
        environment: ``"lerobot"`` for what LeRobot does, ``"libero"`` for the usual even where
            LeRobot does something else.

    Raises:
        PolicyError: LeRobot's steps for it cannot run here, or cannot run at all.
    """
    if environment not in ("lerobot", "libero"):
        raise PolicyError(f"environment must be lerobot or libero, not {environment!r}")
    factory, configs = module("envs.factory"), module("envs.configs")
    make = getattr(factory, "make_env_pre_post_processors", None)
    if environment == "libero" or make is None:
        return EnvironmentSteps()
    before, after = make(env_cfg=configs.LiberoEnv(), policy_cfg=config)
    usual = module("processor.env_processor").LiberoProcessorStep
    if all(type(step) is usual for step in before.steps) and not after.steps:
        return EnvironmentSteps()
    if config.type != "xvla":
        names = [type(step).__name__ for step in (*before.steps, *after.steps)]
        raise PolicyError(
            f"LeRobot's LIBERO environment does more for {config.type!r} than gridseval knows: "
            f"{', '.join(names)}",
            f"run it without: {_USUAL}",
        )
    mode = str(config.action_mode).lower()
    if not mode.endswith("ee6d"):
        raise PolicyError(
            f"LeRobot's LIBERO environment reads X-VLA's actions as position, 6-d rotation and "
            f"gripper, but its action_mode is {mode!r}",
            f"if it was trained on LIBERO's own states and actions: {_USUAL}",
        )
    return EnvironmentSteps(before, after, absolute=True)


_USUAL = "--policy-arg environment=libero"


def as_lerobots(frames: NDArray[np.uint8]) -> Any:
    """Return frames as LeRobot's environments give them: float (B, 3, H, W) in [0, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255


def rotation_matrices(turns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return rotations by axis-angle vectors as matrices (Rodrigues' formula).

    Args:
        turns: float (B, 3), rad.

    Returns:
        float64 (B, 3, 3).
    """
    exact = turns.astype(np.float64)
    angle = np.linalg.norm(exact, axis=-1)[:, None, None]
    cross = np.zeros((len(turns), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]] = exact
    cross[:, [1, 2, 0], [2, 0, 1]] = -exact
    safe = np.where(angle > 0, angle, 1)
    sine, rest = np.sin(angle) / safe, (1 - np.cos(angle)) / safe**2
    return np.asarray(np.eye(3) + sine * cross + rest * (cross @ cross))
