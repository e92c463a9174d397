"""What a run records of a LeRobot policy, and what its user should know before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridseval.policies.lerobot_kind.adapters import base_checkpoint
from gridseval.policies.lerobot_kind.checkpoint import PADDING, Checkpoint
from gridseval.policies.lerobot_kind.places import ADAPTER
from gridseval.policies.protocol import EnvironmentNeeds
from gridseval.versions import release_of, versions_of

USUAL_PX = 256


def policy_details(
    checkpoint: Checkpoint, folder: Path, resize: int | None, needs: EnvironmentNeeds
) -> dict[str, Any]:
    """Return the plain values that decide how a policy acts, for ``run.yaml``.

    Args:
        checkpoint: The policy.
        folder: Its files.
        resize: Side to which frames are resized, or ``None``.
        needs: What its environments must be like.
    """
    images = checkpoint.images
    return {
        "type": checkpoint.config.type,
        "cameras": dict(images.cameras),
        "renamed_from": {new: old for new, old in images.sources.items() if new != old},
        "unfilled": list(images.unfilled),
        "resize": resize,
        "actions": needs.actions,
        "use_amp": bool(checkpoint.config.use_amp),
        "adapter_of": base_checkpoint(folder) if (folder / ADAPTER).is_file() else None,
        "packages": versions_of("lerobot", "transformers", "peft"),
    }


def policy_notes(
    checkpoint: Checkpoint, resize: int | None, needs: EnvironmentNeeds, rows: int
) -> tuple[str, ...]:
    """Return what the user should know.

    Args:
        checkpoint: The policy.
        resize: As for :func:`policy_details`.
        needs: The same.
        rows: Environments that it is asked for at once.
    """
    config, notes = checkpoint.config, list(checkpoint.notes)
    if checkpoint.cameras:
        notes.append(f"image features: {checkpoint.images.described()}")
    sides = {tuple(config.image_features[name].shape[1:]) for name in checkpoint.cameras}
    if resize is None and config.type not in PADDING and sides - {(USUAL_PX, USUAL_PX)}:
        notes.append(
            f"frames go to {config.type!r} as they are, as in LeRobot's own evaluation; its "
            f"config says {shown(sides)}: --policy-arg resize=PX resizes them"
        )
    notes += _release_notes(needs)
    if needs.actions == "absolute":
        notes.append("its actions are goal poses: the arm's controller takes them as absolute")
    if config.use_amp:
        notes.append("its config says use_amp: it runs under torch.autocast, as in LeRobot")
    if rows == 1:
        notes.append("LeRobot's policy is asked for one environment at a time")
    return tuple(notes)


def _release_notes(needs: EnvironmentNeeds) -> tuple[str, ...]:
    """Return that an older LeRobot's own evaluation renders other frames than its protocol here."""
    version = versions_of("lerobot").get("lerobot")
    if needs.protocol != "lerobot" or version is None or release_of(version) >= (0, 6):
        return ()
    return (
        f"LeRobot {version} is installed: before 0.6 its own evaluation renders 256 px, the "
        "protocol 'lerobot' 360 px; as that release does it: --protocol lerobot-0.4",
    )


def shown(sides: set[tuple[int, int]]) -> str:
    """Return image sizes, (height, width), for people."""
    return " and ".join(f"{height}×{width}" for height, width in sorted(sides))
