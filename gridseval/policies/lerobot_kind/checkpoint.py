"""Loads a LeRobot checkpoint with its processors, and says what it looks at."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError, did_you_mean
from gridseval.policies.cards import load_card
from gridseval.policies.cost import Flops, card_flops
from gridseval.policies.protocol import ACTION_SIZE

STATE_SIZE = 8


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        policy: LeRobot's ``PreTrainedPolicy``, in evaluation mode.
        config: Its configuration.
        before: From a batch of observations to the model's.
        after: From the model's actions to the environment's.
        cameras: Image feature to ``"agentview"`` or ``"wrist"``, in the model's order.
        has_state: Whether it sees the proprioceptive state.
    """

    policy: Any
    config: Any
    before: Any
    after: Any
    cameras: Mapping[str, str]
    has_state: bool


def load_checkpoint(name: str, device: str, cameras: str | None) -> Checkpoint:
    """Return a checkpoint, loaded by LeRobot itself.

    Args:
        name: A directory with ``config.json`` and ``model.safetensors`` (or a training checkpoint
            with ``pretrained_model/`` in it), or a hub id.
        device: A torch device.
        cameras: ``feature=agentview,feature=wrist``, or ``None`` to tell by the features' names.

    Raises:
        PolicyError: LeRobot is not installed, the checkpoint cannot be read, or it wants what
            LIBERO does not have.
    """
    configs, factory = (_lerobot(module) for module in ("configs.policies", "policies.factory"))
    path = Path(name) / "pretrained_model"
    where = str(path) if path.is_dir() else name
    try:
        config = configs.PreTrainedConfig.from_pretrained(where)
        config.device = device
        kind = factory.get_policy_class(config.type)
        policy = kind.from_pretrained(where, config=config, strict=True)
        overrides = {"device_processor": {"device": device}}
        before, after = factory.make_pre_post_processors(
            config, pretrained_path=where, preprocessor_overrides=overrides
        )
    except Exception as error:  # draccus, safetensors, the hub, torch: each has its own
        raise PolicyError(
            f"LeRobot cannot load {name}: {type(error).__name__}: {_short(error)}",
            "its own reason is shown with --debug",
        ) from error
    policy.to(device).eval()
    _check_sizes(config)
    named = _named(tuple(config.image_features), cameras)
    return Checkpoint(policy, config, before, after, named, config.robot_state_feature is not None)


def checkpoint_flops(checkpoint: Checkpoint, sampled: bool) -> Flops | None:
    """Return the cost of a query, of its trace; ``None`` for what no card describes.

    Args:
        checkpoint: The policy.
        sampled: Whether GridS samples its tokens, at a cost of its own.
    """
    kind, cameras = checkpoint.config.type, tuple(checkpoint.cameras.values())
    if kind not in ("pi0", "pi05", "smolvla"):
        return None
    card = load_card(kind)
    widths = {
        value.shape[1]
        for name, value in checkpoint.policy.named_parameters()
        if name.endswith("embed_tokens.weight")
    }
    width = next(iter(widths)) if len(widths) == 1 else 0
    fits = sorted(cameras) == sorted(card.cameras)
    return card_flops(replace(card, pruner="grids" if sampled else None), width) if fits else None


def _lerobot(module: str) -> Any:
    try:
        return importlib.import_module(f"lerobot.{module}")
    except ImportError as error:
        raise PolicyError(
            f"policy 'lerobot' needs the package lerobot: {error}",
            "install it here, or beside the model: gridseval serve --policy lerobot --ckpt …, then "
            "gridseval run --ckpt ws://127.0.0.1:8000",
        ) from error


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 400 else f"{text[:399]}…"


def _check_sizes(config: Any) -> None:
    """Refuse a checkpoint of another robot.

    Raises:
        PolicyError: Its state, actions or further inputs are not LIBERO's.
    """
    state, action = config.robot_state_feature, config.action_feature
    if state is not None and tuple(state.shape) != (STATE_SIZE,):
        raise PolicyError(
            f"the checkpoint's state has shape {tuple(state.shape)}, LIBERO's is ({STATE_SIZE},)",
            "was it trained on LIBERO with eef position, axis-angle and gripper?",
        )
    if action is None or tuple(action.shape) != (ACTION_SIZE,):
        shape = None if action is None else tuple(action.shape)
        raise PolicyError(f"the checkpoint's actions have shape {shape}, LIBERO's ({ACTION_SIZE},)")
    if config.env_state_feature is not None:
        raise PolicyError(
            "the checkpoint looks at the environment's state, which no policy is told"
        )


def _named(features: tuple[str, ...], cameras: str | None) -> dict[str, str]:
    """Return which camera each image feature is.

    Raises:
        PolicyError: Names do not tell, or tell the same twice, or ``cameras`` names no feature.
    """
    if cameras is not None:
        named = _parsed(cameras, features)
    else:
        named = {feature: _guessed(feature) for feature in features}
    if len(set(named.values())) < len(named):
        some = ",".join(f"{feature}=agentview" for feature in features[:1])
        raise PolicyError(
            f"cannot tell which cameras the image features {', '.join(features)} are",
            f"say so: --policy-arg cameras={some},…=wrist",
        )
    return named


def _guessed(feature: str) -> str:
    # LeRobot's LIBERO datasets have image and image2 or wrist_image.
    last = feature.rpartition(".")[2]
    wrist = any(sign in last for sign in ("wrist", "hand", "image2", "gripper"))
    return "wrist" if wrist else "agentview"


def _parsed(text: str, features: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in text.split(","))
    for feature, camera in pairs.items():
        if feature not in features:
            raise PolicyError(
                f"cameras: the checkpoint has no image feature {feature!r}",
                did_you_mean(feature, features),
            )
        if camera not in ("agentview", "wrist"):
            raise PolicyError(f"cameras: {camera!r} is neither agentview nor wrist")
    return {feature: pairs[feature] for feature in features if feature in pairs}
