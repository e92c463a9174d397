"""Any pruner inside LeRobot's π0, π0.5 and SmolVLA."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.checkpoint import Checkpoint, described_checkpoint
from gridseval.tokens import TokenTrace

if TYPE_CHECKING:
    from gridseval.policies.hosts.policy_pruner import PolicyPruner
    from gridseval.suites import Episode
    from gridseval.tokens.pruners.grids import GridSampler
    from gridseval.tokens.pruners.interface import Pruner

_TYPES = ("pi0", "pi05", "smolvla")
"""Types that take a pruner."""
_STATE_TOKENS = {"pi0": 1, "pi05": 0}
"""How many of an expert's tokens are the state."""


class PrunedPolicy:
    """A pruner in a loaded policy.

    Args:
        checkpoint: The policy.
        name: The pruner's.
        arguments: The pruner's.
        seed: Of fresh weights, and of what it draws.
        sampler: The checkpoint's GridS, beside which no other pruner works.

    Attributes:
        pruner: With notes, details and costs.

    Raises:
        PolicyError: The policy takes none, or this one does not fit it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        name: str,
        arguments: Mapping[str, Any],
        seed: int,
        sampler: GridSampler | None = None,
    ) -> None:
        kind = checkpoint.config.type
        if sampler is not None:
            raise PolicyError(
                f"pruner {name!r} and GridS's sampler exclude each other", "give one of them"
            )
        if kind not in _TYPES:
            raise PolicyError(
                f"pruner {name!r} cannot be put into LeRobot's {kind!r}",
                f"pruners go into {', '.join(_TYPES)}",
            )
        if getattr(checkpoint.config, "add_image_special_tokens", False):
            raise PolicyError(
                f"pruner {name!r} needs images beside each other, and this checkpoint has special "
                "tokens between them (add_image_special_tokens)"
            )
        self._checkpoint = checkpoint
        self.pruner = _put_in(checkpoint, name, arguments, seed)
        self._traces: list[TokenTrace | None] = []

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin episodes."""
        self.pruner.reset(slots, episodes)

    def forget(self) -> None:
        """Drop what a call noted that failed half-way."""
        self._traces = []

    def begin(self, slots: Sequence[int], batch: Mapping[str, Any]) -> None:
        """Begin a query.

        Args:
            slots: Of its rows.
            batch: The model's observations.
        """
        self.pruner.begin(slots, lambda: self._pixels(batch))

    def end(self, rows: int) -> None:
        """End a query; rows that the policy answered from its queue have no trace."""
        asked = self.pruner.asked
        self._traces += self.pruner.finish() if asked else [None] * rows

    def take(self) -> tuple[TokenTrace | None, ...]:
        """Return the traces of what was asked since the last call, one per slot."""
        traces, self._traces = self._traces, []
        return tuple(traces)

    def _pixels(self, batch: Mapping[str, Any]) -> Any:
        """Return the model's input images, float (B, cameras, height, width, 3) in [0, 255].

        That is the range of the frames that VLA-Cache compares and SP-VLA looks for edges in; the
        model's own, [-1, 1], makes other cosines of the same patches.
        """
        import torch

        policy = self._checkpoint.policy
        # SmolVLA's has another name than π0's.
        prepare = getattr(policy, "prepare_images", None) or policy._preprocess_images
        images, _ = prepare(batch)
        shown = images[: len(self._checkpoint.cameras)]
        return 127.5 * (torch.stack(shown, dim=1).movedim(2, -1).float() + 1)


class _Parts(NamedTuple):
    """The modules of a model that hooks go into."""

    whole: Any
    decoder: Any
    vision: Any
    projector: Any


def _parts_of(model: Any, smol: bool) -> _Parts:
    if smol:
        whole = model.vlm_with_expert
        vlm = whole.get_vlm_model()
        return _Parts(whole, vlm.text_model, vlm.vision_model, vlm.connector.modality_projection)
    whole = model.paligemma_with_expert
    vlm = getattr(whole.paligemma, "model", whole.paligemma)
    return _Parts(whole, vlm.language_model, vlm.vision_tower, vlm.multi_modal_projector)


def _put_in(
    checkpoint: Checkpoint, name: str, arguments: Mapping[str, Any], seed: int
) -> PolicyPruner:
    import torch

    from gridseval.policies.hosts.host import host_of
    from gridseval.policies.hosts.paligemma import PaliGemmaHooks
    from gridseval.policies.hosts.policy_pruner import Hooks, PolicyPruner
    from gridseval.policies.hosts.smolvla import SmolVlaHooks
    from gridseval.tokens.pruners.layout import CameraGrid

    config, smol = checkpoint.config, checkpoint.config.type == "smolvla"
    parts, decoder, vision, projector = _parts_of(checkpoint.policy.model, smol)
    weight = next(decoder.parameters())
    with torch.no_grad():
        size = config.resize_imgs_with_padding if smol else config.image_resolution
        count = parts.embed_image(torch.zeros(1, 3, *size, device=weight.device)).shape[1]
    side = math.isqrt(count)
    if side * side != count:
        raise PolicyError(f"pruners need a square grid of tokens, not {count}")
    cameras = tuple(CameraGrid(camera, side, side) for camera in checkpoint.cameras.values())

    def hook(pruner: Pruner) -> Hooks:
        if smol:
            return SmolVlaHooks(parts, pruner, cameras)
        expert, state = parts.gemma_expert.model, _STATE_TOKENS[config.type]
        return PaliGemmaHooks(
            *(decoder, expert, pruner, cameras),
            state_tokens=state,
            projector=projector,
            vision=vision,
        )

    return PolicyPruner(
        name,
        arguments,
        host_of(decoder, cameras, projector, "lerobot", vision, () if smol else ("head",)),
        hook,
        seed=seed,
        model=described_checkpoint(checkpoint),
        device=str(weight.device),
        dtype=weight.dtype,
        projects_all=True,
    )
