"""Loads a LeRobot checkpoint with its processors, and says what it looks at."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gridseval.errors import GridsevalError, PolicyError
from gridseval.policies.cards import load_card
from gridseval.policies.cost import Flops, card_flops, described_model
from gridseval.policies.lerobot_kind.adapters import load_adapted
from gridseval.policies.lerobot_kind.cameras import CameraFeatures, find_cameras
from gridseval.policies.lerobot_kind.environment import EnvironmentSteps, environment_steps
from gridseval.policies.lerobot_kind.normalisation import Normalised, check_statistics
from gridseval.policies.lerobot_kind.places import ADAPTER
from gridseval.policies.lerobot_kind.trust import check_trust
from gridseval.policies.lerobot_kind.weights import load_whole
from gridseval.policies.protocol import ACTION_SIZE
from gridseval.tokens.accounting import ModelDescription

STATE = "observation.state"
STATE_SIZE = 8
COLOURS = 3

PADDING = ("pi0", "pi05", "pi0_fast", "smolvla", "xvla")
"""Types that go without an image, and pad states and cut actions to the sizes they are given."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        policy: LeRobot's ``PreTrainedPolicy``, in evaluation mode.
        config: Its configuration.
        before: From a batch of observations to the model's.
        after: From the model's actions to the environment's.
        environment: What LeRobot's LIBERO environment does before and after those two.
        images: What its image features are.
        state: Key under which it sees the proprioceptive state, or ``None``.
        absolute_state: Whether its actions are added to the state of the step that they are
            executed at, so that it must be asked at each.
        notes: What the user should know of its statistics.
    """

    policy: Any
    config: Any
    before: Any
    after: Any
    environment: EnvironmentSteps
    images: CameraFeatures
    state: str | None
    absolute_state: bool
    notes: tuple[str, ...] = ()

    @property
    def cameras(self) -> Mapping[str, str]:
        """Image feature to ``"agentview"`` or ``"wrist"``, in the model's order."""
        return self.images.cameras


def load_checkpoint(
    folder: Path,
    device: str,
    cameras: str | None,
    environment: str,
    trusted: bool = False,
    fit: Callable[[Any], None] | None = None,
) -> Checkpoint:
    """Return a checkpoint, loaded by LeRobot itself.

    Args:
        folder: A directory with ``config.json`` and ``model.safetensors``, or an adapter's files.
        device: A torch device.
        cameras: ``feature=agentview,feature=wrist``, or ``None`` to tell by the features' names.
        environment: See :func:`environment_steps`.
        trusted: Whether code that the checkpoint names may run.
        fit: Puts further layers into the policy before its weights are loaded.

    Raises:
        PolicyError: LeRobot is not installed, the checkpoint cannot be read or would run code, a
            weight or statistic is missing, or it wants what LIBERO does not have.
    """
    configs, factory = (lerobot_module(name) for name in ("configs.policies", "policies.factory"))
    where = str(folder)
    try:
        config = configs.PreTrainedConfig.from_pretrained(where)
        config.device = device
        steps = environment_steps(config, lerobot_module, environment)
        _check_sizes(config, steps)
        kind = factory.get_policy_class(config.type)
        check_trust(folder, config.type, trusted)
        adapted = config.use_peft or (folder / ADAPTER).is_file()
        policy = (
            load_adapted(kind, where, config) if adapted else load_whole(kind, where, config, fit)
        )
        overrides = {"device_processor": {"device": device}}
        before, after = factory.make_pre_post_processors(
            config, pretrained_path=where, preprocessor_overrides=overrides
        )
    except GridsevalError:
        raise
    except Exception as error:  # draccus, safetensors, the hub, torch: each has its own
        newer = "are not valid for" in str(error) or "is not valid for" in str(error)
        raise PolicyError(
            f"LeRobot cannot load {folder}: {type(error).__name__}: {_short(error)}",
            "a newer LeRobot wrote it: install that one"
            if newer
            else "its own reason is shown with --debug",
        ) from error
    policy.to(device).eval()
    steps.check_single(before)
    renamed = _renamed(before)
    images = find_cameras(tuple(config.image_features), renamed, cameras)
    _check_unfilled(config, images)
    state = next((old for old, new in renamed.items() if new == STATE), STATE)
    return Checkpoint(
        policy=policy,
        config=config,
        before=before,
        after=after,
        environment=steps,
        images=images,
        state=state if config.robot_state_feature is not None else None,
        absolute_state=_adds_state(before),
        notes=_check_normalised(folder, config, (before, after), steps, images, renamed),
    )


def checkpoint_flops(checkpoint: Checkpoint, sampled: bool) -> Flops | None:
    """Return a function from a query's trace to its cost; ``None`` if no card describes it.

    Args:
        checkpoint: The policy.
        sampled: Whether GridS samples its tokens, which has its own cost.
    """
    known = _known_sizes(checkpoint)
    if known is None:
        return None
    card = replace(load_card(checkpoint.config.type), pruner="grids" if sampled else None)
    return card_flops(card, *known)


def described_checkpoint(checkpoint: Checkpoint) -> ModelDescription | None:
    """Return the description of a checkpoint's model; ``None`` if no card describes it."""
    known = _known_sizes(checkpoint)
    return None if known is None else described_model(load_card(checkpoint.config.type), *known)


def _known_sizes(checkpoint: Checkpoint) -> tuple[int, int] | None:
    """Return the language model's width and the images that are encoded, of a type with a card."""
    kind, cameras = checkpoint.config.type, tuple(checkpoint.cameras.values())
    if kind not in ("pi0", "pi05", "smolvla") or sorted(cameras) != sorted(load_card(kind).cameras):
        return None
    # Empty images are encoded like others; SmolVLA takes only as many as its config says.
    empty = len(checkpoint.images.unfilled)
    if kind == "smolvla":
        empty = min(empty, checkpoint.config.empty_cameras)
    widths = {
        value.shape[1]
        for name, value in checkpoint.policy.named_parameters()
        if name.endswith("embed_tokens.weight")
    }
    return next(iter(widths)) if len(widths) == 1 else 0, len(cameras) + empty


def lerobot_module(name: str) -> Any:
    """Import a module of LeRobot.

    Raises:
        PolicyError: It is not installed, or lacks one of its packages.
    """
    try:
        return importlib.import_module(f"lerobot.{name}")
    except ImportError as error:
        raise PolicyError(
            f"policy 'lerobot' needs the package lerobot: {error}",
            "install it here, or beside the model: gridseval serve --policy lerobot --ckpt …, then "
            "gridseval run --ckpt ws://127.0.0.1:8000",
        ) from error


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 400 else f"{text[:399]}…"


def _check_sizes(config: Any, steps: EnvironmentSteps) -> None:
    """Refuse a checkpoint of another robot, and cut actions that are padded in the file.

    LeRobot's own evaluation gives a policy the environment's action size, not that of its file.

    Raises:
        PolicyError: Its state, actions or further inputs are not LIBERO's.
    """
    state, action = config.robot_state_feature, config.action_feature
    padded = config.type in PADDING
    sizes = {STATE_SIZE, getattr(config, "max_state_dim", 0) if padded else STATE_SIZE}
    own = steps.before is not None  # LeRobot's steps make it
    if state is not None and not own and not (len(state.shape) == 1 and state.shape[0] in sizes):
        raise PolicyError(
            f"the checkpoint's state has shape {tuple(state.shape)}, LIBERO's is ({STATE_SIZE},)",
            "was it trained on LIBERO with eef position, axis-angle and gripper?",
        )
    shape = None if action is None else tuple(action.shape)
    if padded and shape == (config.max_action_dim,):
        action.shape = (ACTION_SIZE,)
    elif shape != (ACTION_SIZE,):
        raise PolicyError(f"the checkpoint's actions have shape {shape}, LIBERO's ({ACTION_SIZE},)")
    if config.env_state_feature is not None:
        raise PolicyError("the checkpoint reads the environment's state, which policies do not get")


def _check_unfilled(config: Any, images: CameraFeatures) -> None:
    """Refuse a checkpoint that needs an image which LIBERO lacks.

    Raises:
        PolicyError: An image feature stays unfilled, and the type does not go without.
    """
    if images.unfilled and config.type not in PADDING:
        raise PolicyError(
            f"LIBERO has no camera for {', '.join(images.unfilled)}, and LeRobot's "
            f"{config.type!r} needs every image",
            "if it is one of LIBERO's: --policy-arg cameras=FEATURE=agentview,FEATURE=wrist",
        )


def _check_normalised(
    folder: Path,
    config: Any,
    processors: tuple[Any, Any],
    steps: EnvironmentSteps,
    images: CameraFeatures,
    renamed: Mapping[str, str],
) -> tuple[str, ...]:
    """Refuse a checkpoint without statistics for what LIBERO gives it; see the check itself."""
    before, after = processors
    inputs = dict.fromkeys(images.cameras, COLOURS)
    state = config.robot_state_feature
    if state is not None:
        # Values of padded models come as long as LIBERO has them, but for LeRobot's own steps.
        inputs[STATE] = STATE_SIZE if steps.before is None else int(state.shape[0])
    action = ACTION_SIZE if steps.after is None else int(config.max_action_dim)
    return check_statistics(
        Normalised(str(folder), before, after, inputs, action, renamed),
        config.normalization_mapping,
    )


def _renamed(before: Any) -> dict[str, str]:
    """Return what a preprocessor renames, old name to new."""
    renamed: dict[str, str] = {}
    for step in before.steps:
        names = getattr(step, "rename_map", None)
        if isinstance(names, Mapping):
            renamed |= names
    return renamed


def _adds_state(before: Any) -> bool:
    steps = lerobot_module("processor")
    relative = getattr(steps, "RelativeActionsProcessorStep", None)
    return relative is not None and any(
        isinstance(step, relative) and step.enabled for step in before.steps
    )
