"""GridS inside LeRobot's π0, π0.5 and SmolVLA: image tokens are sampled right after the encoder.

All three embed one image at a time by a method ``embed_image`` and take any number of tokens
it returns, so that is where the sampler goes.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.checkpoint import Checkpoint
from gridseval.policies.lerobot_kind.fork import (
    check_sampler,
    is_old,
    is_statistic,
    read_config,
    rewrite,
)
from gridseval.policies.lerobot_kind.vision_grids import VisionGrids, find_vision_grids
from gridseval.tokens import CameraTrace, TokenTrace

if TYPE_CHECKING:
    from gridseval.tokens.pruners.grids import GridSampler

_HOSTS = ("vlm_with_expert", "paligemma_with_expert")


class Split(NamedTuple):
    """A checkpoint without its sampler, and the sampler.

    Attributes:
        folder: What LeRobot loads.
        sampler: ``None`` for a checkpoint without.
        vision: Samplers on a ResNet's map, which are loaded with the checkpoint.
    """

    folder: Path
    sampler: GridSampler | None = None
    vision: VisionGrids | None = None


@contextlib.contextmanager
def split_sampler(
    checkpoint: Path, grids: str | None, arguments: Mapping[str, Any]
) -> Iterator[Split]:
    """Yield a checkpoint that LeRobot can load strictly, and the sampler's parameters beside it.

    Loaded as it is, a checkpoint with a sampler is refused, or loses the sampler without a word and
    runs on all tokens. One of the LeRobot fork is rewritten for the LeRobot at hand.

    Args:
        checkpoint: A checkpoint's folder.
        grids: A file or orbax directory with a sampler's parameters; the checkpoint then must have
            none.
        arguments: Of :func:`~gridseval.tokens.pruners.grids_checkpoint.load_grids`.

    Raises:
        PolicyError: Keys or shapes are not a sampler's, or there are two samplers.
    """
    file = checkpoint / "model.safetensors"
    keys = _keys(file) if file.is_file() else ()  # an adapter has another
    from gridseval.tokens.pruners.grids_state import is_sampler_key

    own = any(map(is_sampler_key, keys))
    given: GridSampler | None = None
    if grids is not None:
        if own:
            raise PolicyError(f"{checkpoint} has its own sampler", "leave grids out")
        from gridseval.tokens.pruners.grids_checkpoint import load_grids

        given = load_grids(grids, **arguments)
    if not own and not is_old(checkpoint, keys):
        yield Split(checkpoint, given)
        return
    with tempfile.TemporaryDirectory(prefix="gridseval-") as made:
        split = _split(checkpoint, Path(made), arguments)
        if given is not None and split.vision is None:
            split = split._replace(sampler=given)
        try:
            yield split
        except PolicyError as error:  # what is wrong is wrong in the checkpoint
            raise PolicyError(error.message.replace(made, str(checkpoint)), error.hint) from error


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
        self._taken: list[tuple[CameraTrace, ...]] = []
        self._images = 0
        host.embed_image = self._sample

    def begin(self) -> None:
        """Expect the images of a query: those of cameras, in order, then what stays unfilled."""
        self._images = 0

    def forget(self) -> None:
        """Drop what a call noted that failed half-way."""
        self._taken = []

    def take(self, batch: int) -> tuple[TokenTrace, ...] | None:
        """Return the traces of what was embedded since the last call, one per slot.

        ``None`` where that is not every camera once; LeRobot's empty cameras are not counted.

        Raises:
            PolicyError: Not every camera once, of sampled tokens.
        """
        calls, self._taken = self._taken, []
        per_camera = len(self._cameras)
        if sum(len(call) for call in calls) != batch * per_camera:
            if self._sampler is None:
                return None
            raise PolicyError(
                f"the policy embedded {len(calls)} images for {batch} slots of {per_camera} cameras"
            )
        slots: list[TokenTrace] = []
        # One policy call embeds all cameras of some slots; several calls follow each other.
        for first in range(0, len(calls), per_camera):
            group = calls[first : first + per_camera]
            slots += [TokenTrace(cameras) for cameras in zip(*group, strict=True)]
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
            self._taken.append(traces)
        return tokens


def embeds_images(checkpoint: Checkpoint) -> bool:
    """Return whether a policy embeds images one at a time, by LeRobot's method for that."""
    model = getattr(checkpoint.policy, "model", None)
    return any(hasattr(getattr(model, name, None), "embed_image") for name in _HOSTS)


def _keys(file: Path) -> tuple[str, ...]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as tensors:
            return tuple(tensors.keys())
    except (OSError, SafetensorError) as error:
        raise PolicyError(f"cannot read {file}: {error}") from error


def _split(folder: Path, made: Path, arguments: Mapping[str, Any]) -> Split:
    """Write what LeRobot can load to a folder of links, and return it with the samplers."""
    from safetensors.torch import load_file, save_file

    from gridseval.tokens.pruners.grids import GridSampler
    from gridseval.tokens.pruners.grids_state import is_sampler_key

    for file in folder.iterdir():
        if file.name != "model.safetensors":
            (made / file.name).symlink_to(file.resolve())
    tensors = load_file(folder / "model.safetensors")  # mapped, not read
    kind = str(read_config(folder).get("type"))
    statistics = {key: tensors.pop(key) for key in list(tensors) if is_statistic(key)}
    sampler: GridSampler | None = None
    try:
        vision = find_vision_grids(kind, tensors, arguments)
        if vision is None:
            state = {key: tensors.pop(key) for key in list(tensors) if is_sampler_key(key)}
            sampler = GridSampler.from_state(state, **arguments) if state else None
    except PolicyError as error:
        raise PolicyError(f"{folder}: {error.message}", error.hint) from error
    found = [sampler] if vision is None else list(vision.samplers.values())
    check_sampler(folder, {None if one is None else one.k for one in found})
    save_file(tensors, made / "model.safetensors")
    rewrite(folder, made, statistics)
    return Split(made, sampler, vision)
