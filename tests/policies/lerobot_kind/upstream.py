"""Run beside LeRobot: what its own evaluation does with a raw observation, step by step.

The functions are LeRobot's, in the order of ``lerobot_eval.rollout``; only the environment is
replaced, by recorded-like random frames and states in the form that its LiberoEnv gives.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs.policies import PreTrainedConfig
from lerobot.envs.configs import LiberoEnv
from lerobot.envs.factory import make_env_pre_post_processors
from lerobot.envs.utils import preprocess_observation
from lerobot.policies.factory import make_policy, make_pre_post_processors
from lerobot.processor.env_processor import LiberoProcessorStep
from scipy.spatial.transform import Rotation
from served import EPISODES

INSTRUCTION = "pick up the bowl"
SEED = 7


def raw_observation(step: int, px: int) -> dict[str, Any]:
    """Return what LeRobot's vector environment of one LiberoEnv gives, not yet rotated."""
    rng = np.random.default_rng([step, px])
    quaternion = np.array([0.9, 0.4, -0.1, 0.05]) + 0.05 * rng.standard_normal(4)
    quaternion /= np.linalg.norm(quaternion)
    eef = {
        "pos": rng.uniform(-0.2, 0.2, (1, 3)),
        "quat": quaternion[None],
        "mat": Rotation.random(random_state=step).as_matrix()[None],
    }
    grip = {"qpos": rng.uniform(0, 0.04, (1, 2)), "qvel": np.zeros((1, 2))}
    # Smooth as rendered frames are, so that a resize by another filter would not look like noise.
    coarse = {name: rng.integers(0, 256, (1, 16, 16, 3)) for name in ("image", "image2")}
    grown = {name: np.kron(v, np.ones((1, px // 16, px // 16, 1))) for name, v in coarse.items()}
    noise = rng.integers(-20, 20, (1, grown["image"].shape[1], grown["image"].shape[2], 3))
    pixels = {name: np.clip(v + noise, 0, 255).astype(np.uint8) for name, v in grown.items()}
    return {"pixels": pixels, "robot_state": {"eef": eef, "gripper": grip}}


def gridsevals(raw: Mapping[str, Any], step: int, exactly: bool = False) -> dict[str, Any]:
    """Return a raw observation as gridseval's environments give it: rotated, state joined.

    Args:
        raw: LeRobot's.
        step: Policy steps before it.
        exactly: Whether the state is LeRobot's to the last bit: it turns quaternions in float32,
            robosuite (and gridseval) in float64, and bfloat16 makes much of a last bit.
    """
    eef, grip = raw["robot_state"]["eef"], raw["robot_state"]["gripper"]["qpos"]
    xyz, w = eef["quat"][:, :3], eef["quat"][:, 3:]
    turn = xyz * 2 * np.arccos(w) / np.sqrt(1 - w * w)  # robosuite's, without an antipodal flip
    turned = Rotation.from_matrix(eef["mat"]).as_rotvec()
    state = np.concatenate([eef["pos"], turn, grip], axis=1).astype(np.float32)
    if exactly:
        joined = LiberoProcessorStep().observation(preprocess_observation(dict(raw)))
        assert np.abs(joined["observation.state"].numpy() - state).max() < 2e-6
        state = joined["observation.state"].numpy()
    controller = np.concatenate([eef["pos"], turned, grip], axis=1).astype(np.float32)
    return {
        "slots": np.array([0]),
        "steps": np.array([step]),
        "instruction": (INSTRUCTION,),
        "agentview": np.ascontiguousarray(raw["pixels"]["image"][:, ::-1, ::-1]),
        "wrist": np.ascontiguousarray(raw["pixels"]["image2"][:, ::-1, ::-1]),
        "state": state,
        "controller_state": controller,
    }


def query_seed(step: int) -> int:
    """Return what seeds gridseval's random numbers of a query, so that both draw the same."""
    episode = EPISODES[0]
    return zlib.crc32(f"{SEED} {episode.suite} {episode.task} {episode.trial} {step}".encode())


def by_lerobot(
    folder: Path, steps: int, px: int, renamed: Mapping[str, str], **overrides: Any
) -> list[list[float]]:
    """Return the actions that lerobot-eval would execute in these steps.

    Args:
        folder: A checkpoint.
        steps: So many.
        px: Side of the frames.
        renamed: ``--rename_map``, short names.
        overrides: ``--policy.NAME``.
    """
    names = {f"observation.images.{a}": f"observation.images.{b}" for a, b in renamed.items()}
    arguments = [f"--{name}={value}" for name, value in overrides.items()]
    config = PreTrainedConfig.from_pretrained(folder, cli_overrides=arguments)
    config.pretrained_path = folder
    config.device = "cpu"
    environment = LiberoEnv()
    policy = make_policy(cfg=config, env_cfg=environment, rename_map=names or None)
    policy.eval()
    before, after = make_pre_post_processors(
        policy_cfg=config,
        pretrained_path=config.pretrained_path,
        preprocessor_overrides={
            "device_processor": {"device": "cpu"},
            "rename_observations_processor": {"rename_map": names},
        },
    )
    around = make_env_pre_post_processors(env_cfg=environment, policy_cfg=config)
    autocast = torch.autocast(device_type="cpu") if config.use_amp else contextlib.nullcontext()
    policy.reset()
    done = []
    with torch.no_grad(), autocast:
        for step in range(steps):
            seen = preprocess_observation(raw_observation(step, px))
            seen["task"] = [INSTRUCTION]
            seen = before(around[0](seen))
            torch.manual_seed(query_seed(step))
            with torch.inference_mode():
                action = policy.select_action(seen)
            action = around[1]({"action": after(action)})["action"]
            done.append(action.to("cpu").float().numpy()[0].tolist())
    return done


def by_gridseval(
    loaded: Any, steps: int, px: int, turned: bool = False, exactly: bool = False
) -> list[list[float]]:
    """Return the actions that gridseval would execute in these steps.

    Args:
        loaded: A policy.
        steps: So many.
        px: Side of the frames.
        turned: Whether frames are the wrong way up, to see that a mistake would show.
        exactly: See :func:`gridsevals`.
    """
    loaded.policy.reset([0], [EPISODES[0]])
    done: list[list[float]] = []
    while len(done) < steps:
        step = len(done)
        seen = gridsevals(raw_observation(step, px), step, exactly)
        if turned:
            seen |= {camera: seen[camera][:, ::-1, ::-1] for camera in ("agentview", "wrist")}
        chunk = loaded.policy.act(seen)
        done += chunk.actions[0, : loaded.replan].tolist()
    return done[:steps]


def difference(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    return float(np.abs(np.array(first) - np.array(second)).max())
