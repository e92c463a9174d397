"""Reads GridS's parameters from a file or an orbax directory; see ``grids_state`` for key sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gridseval.array_files import read_npz
from gridseval.errors import PolicyError
from gridseval.plain_files import check_regular
from gridseval.tokens.pruners.grids import GridSampler
from gridseval.tokens.pruners.grids_orbax import read_orbax


def load_grids(path: str | Path, **arguments: Any) -> GridSampler:
    """Return the sampler of a checkpoint.

    Args:
        path: A ``.safetensors`` or ``.npz`` file, or a directory that orbax wrote: openpi's
            ``params/``, or the checkpoint's directory with ``params/`` in it, which needs the
            package ``orbax-checkpoint``.
        **arguments: ``convention``, ``margin``, ``interpolation`` and ``embed_coords`` of
            :class:`~gridseval.tokens.pruners.grids.GridSampler`. Without ``convention`` the key set
            tells it: ``token_sampler`` and ``vision_token_sampler`` are ``"lerobot"``,
            ``input_norm`` is ``"core_idea"``, others are ``"openpi"``.

    Raises:
        PolicyError: The checkpoint cannot be read, or keys or shapes are not a sampler's.
    """
    try:
        return GridSampler.from_state(_read(Path(path)), **arguments)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error.message}", error.hint) from error


def _read(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        raise PolicyError("cannot be read: there is no such file or directory")
    if path.is_dir():
        return read_orbax(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix != ".npz":
        raise PolicyError("GridS reads .safetensors and .npz files, and directories of orbax")
    try:
        return read_npz(path)
    except OSError as error:
        raise PolicyError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise PolicyError(f"cannot be read: {error}") from error


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        check_regular(path)
        found: dict[str, Tensor] = load_file(path)
    except (OSError, ValueError, MemoryError, SafetensorError) as error:
        raise PolicyError(f"cannot be read: {error}") from error
    return found
