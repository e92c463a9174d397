"""GridS inside ACT, Diffusion and VQ-BeT of the Grid-Sampler repository's LeRobot fork.

There the sampler works on a ResNet's map, and further layers of the fork's follow it. They are put
into LeRobot's own model, under the fork's names, before its weights are loaded. TDMPC of the fork
cannot be run: no camera of LIBERO has the name that its code looks for.

Source: the Grid-Sampler repository, commit 11d58d7, ``lerobot/src/lerobot/policies/{act,diffusion,
vqbet}/modeling_*.py`` and ``active_token_sampler.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.vision_notes import VisionNotes
from gridseval.tokens import CameraTrace

if TYPE_CHECKING:
    from gridseval.tokens.pruners.grids import GridSampler

NAME = "vision_token_sampler"
_POOLED = ("diffusion", "vqbet")


@dataclass(frozen=True)
class VisionGrids:
    """The samplers of one checkpoint.

    Attributes:
        kind: LeRobot's type of the policy.
        samplers: Where in the policy a sampler is, such as ``model``, to the sampler.
        outputs: The same to the width of the layer behind it; of Diffusion and VQ-BeT.
        notes: They receive where samplers look.
    """

    kind: str
    samplers: Mapping[str, GridSampler]
    outputs: Mapping[str, int]
    notes: list[VisionNotes] = field(default_factory=list)

    def watch(self, cameras: tuple[str, ...]) -> VisionNotes | None:
        """Return what notes where the samplers look from now on; ``None`` but for ACT.

        The other types look at several steps at once, and not in every query.

        Args:
            cameras: In the model's order.
        """
        if self.kind != "act":
            return None
        self.notes.append(VisionNotes(cameras))
        return self.notes[-1]

    def _note(self, traces: tuple[CameraTrace, ...]) -> None:
        for notes in self.notes:
            notes.note(traces)

    def fit(self, policy: Any) -> None:
        """Put samplers and the layers behind them into a policy that is not loaded yet.

        Args:
            policy: LeRobot's, of this kind.
        """
        from torch import nn

        for place, sampler in self.samplers.items():
            host = policy.get_submodule(place)
            setattr(host, NAME, sampler)
            if self.kind in _POOLED:
                width = sampler.k * sampler.dim
                host.prune_to_spatial = nn.Linear(width, self.outputs[place])
                _replace(host, "pool", _pooling(host))
            else:
                _fit_act(host, self._note)


def find_vision_grids(
    kind: str, state: Mapping[str, Any], arguments: Mapping[str, Any]
) -> VisionGrids | None:
    """Return a checkpoint's samplers, or ``None`` if it has none of this kind.

    Args:
        kind: LeRobot's type of the policy.
        state: All parameters of the checkpoint.
        arguments: Of :func:`~gridseval.tokens.pruners.grids_checkpoint.load_grids`.

    Raises:
        PolicyError: The fork does not have a sampler in such a policy, or parameters do not fit.
    """
    from gridseval.tokens.pruners.grids import GridSampler

    mark = f".{NAME}."
    places = dict.fromkeys(key.partition(mark)[0] for key in state if mark in key)
    if not places:
        return None
    if kind not in (*_POOLED, "act"):
        raise PolicyError(
            f"a {NAME} cannot be put into LeRobot's {kind!r}", "it goes into act, diffusion, vqbet"
        )
    samplers, outputs = {}, {}
    for place in places:
        part = {key: value for key, value in state.items() if key.startswith(f"{place}{mark}")}
        samplers[place] = GridSampler.from_state(part, **arguments)
        layer = state.get(f"{place}.prune_to_spatial.weight")
        if kind in _POOLED and layer is None:
            raise PolicyError(
                f"its {place}.prune_to_spatial.weight, behind the sampler, is missing"
            )
        outputs[place] = 0 if layer is None else len(layer)
    return VisionGrids(kind, samplers, outputs)


def _fit_act(host: Any, note: Callable[[tuple[CameraTrace, ...]], None]) -> None:
    from torch import nn

    sampler = getattr(host, NAME)
    host.encoder_cam_pruned_pos_embed = nn.Embedding(sampler.k, sampler.dim)

    def sampled(_module: Any, _given: Any, maps: Any) -> Any:
        # As a map of K rows and one column, which the model reads row by row.
        return _sample(sampler, maps, note).mT[..., None]

    def places(_maps: Any) -> Any:
        weight: Any = host.encoder_cam_pruned_pos_embed.weight
        return weight.mT[None, :, :, None]

    host.encoder_img_feat_input_proj.register_forward_hook(sampled)
    _replace(host, "encoder_cam_feat_pos_embed", places)


def _pooling(host: Any) -> Callable[[Any], Any]:
    def pooled(maps: Any) -> Any:
        out: Any = host.prune_to_spatial(_sample(getattr(host, NAME), maps).flatten(1))
        return out

    return pooled


def _replace(host: Any, name: str, function: Callable[[Any], Any]) -> None:
    """Put a function where a module was, so that the module's weights are not looked for."""
    delattr(host, name)
    setattr(host, name, function)


def _sample(
    sampler: GridSampler,
    maps: Any,
    note: Callable[[tuple[CameraTrace, ...]], None] | None = None,
) -> Any:
    """Return tokens (B, K, C) of maps (B, C, rows, columns), pooled to a square first."""
    from torch.nn.functional import adaptive_avg_pool2d

    from gridseval.tokens.pruners.grids_sampling import place_on_image

    side = min(maps.shape[2:])
    if max(maps.shape[2:]) > side:
        maps = adaptive_avg_pool2d(maps, (side, side))
    features = maps.permute(0, 2, 3, 1)
    points = sampler.place_points(features)
    if note is not None:
        places = place_on_image(points.detach(), side, side, sampler.convention).cpu().numpy()
        note(tuple(CameraTrace("unnamed", (side, side), points=row) for row in places))
    return sampler.sample(features, points)
