"""GridS inside LeRobot's π0, π0.5 and SmolVLA: image tokens are sampled right after the encoder.

All three embed one image at a time by a method ``embed_image`` and take any number of tokens
it returns, so that is where the sampler goes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.checkpoint import Checkpoint
from gridseval.tokens import CameraTrace, TokenTrace

if TYPE_CHECKING:
    from gridseval.tokens.pruners.grids import GridSampler

_HOSTS = ("vlm_with_expert", "paligemma_with_expert")


class GridsHook:
    """Notes what a loaded policy's image encoder gives on, after a sampler if there is one.

    Args:
        checkpoint: The policy.
        sampler: The sampler; moved to the policy's device. ``None`` gives on every token.

    Raises:
        PolicyError: The policy does not embed images one at a time.
    """

    def __init__(self, checkpoint: Checkpoint, sampler: GridSampler | None) -> None:
        model = getattr(checkpoint.policy, "model", None)
        host = next((getattr(model, name) for name in _HOSTS if hasattr(model, name)), None)
        if host is None or not hasattr(host, "embed_image"):
            raise PolicyError(
                f"GridS cannot be put into LeRobot's {checkpoint.config.type!r}",
                "it goes into pi0, pi05 and smolvla",
            )
        self._cameras = tuple(checkpoint.cameras.values())
        self._embed = host.embed_image
        self._sampler = sampler and sampler.to(checkpoint.config.device).eval()
        self._taken: list[list[tuple[CameraTrace, ...]]] = []
        self._images, self._embeds = 0, False
        host.embed_image = self._sample

    def begin(self) -> None:
        """Expect the images of a query: those of cameras, in order, then what stays unfilled."""
        self._images = 0
        self._taken.append([])

    def forget(self) -> None:
        """Drop what a call noted that failed half-way."""
        self._taken = []

    def take(self, batch: int) -> tuple[TokenTrace | None, ...] | None:
        """Return the traces of what was embedded since the last call, one per slot.

        ``None`` where that is not every camera once; LeRobot's empty cameras are not counted. A
        slot has none where the policy embedded no image and answered from its queue.

        Raises:
            PolicyError: Not every camera once, of sampled tokens; or no image in the first query.
        """
        queries, self._taken = self._taken, []
        per_camera = len(self._cameras)
        slots: list[TokenTrace | None] = []
        for calls in queries:
            if len(calls) == per_camera:
                slots += [TokenTrace(cameras) for cameras in zip(*calls, strict=True)]
                self._embeds = True
            elif not calls and self._embeds:
                slots.append(None)
        if len(slots) != batch:
            if self._sampler is None:
                return None
            number = sum(map(len, queries))
            raise PolicyError(
                f"the policy embedded {number} images for {batch} slots of {per_camera} cameras"
            )
        return tuple(slots)

    def _sample(self, image: Any) -> Any:
        from gridseval.tokens.pruners import CameraGrid
        from gridseval.tokens.pruners.interface import PrunerInput

        tokens = self._embed(image)
        side = math.isqrt(tokens.shape[1])
        if side * side != tokens.shape[1]:
            if self._sampler is None:
                return tokens
            raise PolicyError(f"GridS needs a square grid of tokens, not {tokens.shape[1]}")
        number, self._images = self._images, self._images + 1
        empty = number >= len(self._cameras)
        camera = "empty" if empty else self._cameras[number]
        if self._sampler is None:
            kept = CameraTrace(camera, (side, side), kept=np.ones(side * side, np.bool_))
            traces = (kept,) * len(tokens)
        else:
            pruned = self._sampler(PrunerInput(tokens, (CameraGrid(camera, side, side),)))
            tokens, traces = pruned.tokens, tuple(trace.cameras[0] for trace in pruned.traces)
        if not empty:
            self._taken[-1].append(traces)
        return tokens


def embeds_images(checkpoint: Checkpoint) -> bool:
    """Return whether a policy embeds images one at a time, by LeRobot's method for that."""
    model = getattr(checkpoint.policy, "model", None)
    return any(hasattr(getattr(model, name, None), "embed_image") for name in _HOSTS)
