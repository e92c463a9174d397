"""Takes GridS's sampler out of a LeRobot checkpoint, so that LeRobot loads the rest strictly."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.fork import (
    check_sampler,
    is_old,
    read_config,
    rewrite,
)
from gridseval.policies.lerobot_kind.old_statistics import is_statistic
from gridseval.policies.lerobot_kind.vision_grids import VisionGrids, find_vision_grids

if TYPE_CHECKING:
    from gridseval.tokens.pruners.grids import GridSampler


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
        PolicyError: Keys or shapes are not a sampler's, there are two samplers, or none that the
            arguments are for.
    """
    file = checkpoint / "model.safetensors"
    keys = _keys(file) if file.is_file() else ()  # an adapter has another
    from gridseval.tokens.pruners.grids_keys import is_sampler_key

    own = any(map(is_sampler_key, keys))
    given: GridSampler | None = None
    if grids is not None:
        if own:
            raise PolicyError(f"{checkpoint} has its own sampler", "leave grids out")
        from gridseval.tokens.pruners.grids_checkpoint import load_grids

        given = load_grids(grids, **arguments)
    elif arguments and not own:
        raise PolicyError(
            f"{' and '.join(arguments)} is for GridS's sampler, and {checkpoint} has none",
            "leave it out, or give a sampler: --policy-arg grids=FILE",
        )
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
    from gridseval.tokens.pruners.grids_keys import is_sampler_key

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
