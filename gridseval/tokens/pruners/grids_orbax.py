"""Reads a sampler's parameters from an orbax directory, as openpi's training writes ``params/``.

Only the sampler's arrays are read: the model around them has 3 billion parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.grids_keys import is_sampler_key

_SIGN = "_METADATA"
CONVERSION = (
    'python -c "import numpy as np; from flax.traverse_util import flatten_dict; '
    "from openpi.models.model import restore_params; "
    "np.savez('sampler.npz', **{k: np.asarray(v, np.float32) for k, v in flatten_dict("
    "restore_params('PARAMS', restore_type=np.ndarray), sep='/').items() "
    "if 'action_active_sampler' in k})\""
)
"""One line for openpi's environment that writes the sampler of the directory PARAMS to a file."""


def read_orbax(folder: Path) -> dict[str, Any]:
    """Return a sampler's arrays, float32, under the checkpoint's names: ``params/a/b/kernel``.

    Args:
        folder: What orbax wrote, or the folder that holds it as ``params/``.

    Raises:
        PolicyError: orbax did not write it, or is not installed, or cannot read it, or there is no
            sampler in it.
    """
    params = next(
        (place for place in (folder, folder / "params") if (place / _SIGN).exists()), None
    )
    if params is None:
        raise PolicyError(
            f"orbax did not write this directory: neither it nor its params/ has a file {_SIGN}",
            "give openpi's params/, or a .safetensors or .npz file",
        )
    try:
        import orbax.checkpoint as orbax
    except ImportError as error:
        raise PolicyError(
            f"reading an orbax directory needs the package orbax-checkpoint ({error})",
            "pip install 'gridseval[orbax]', or convert it where openpi is installed: "
            + CONVERSION.replace("PARAMS", str(params.resolve())),
        ) from error
    try:
        return _restore(orbax, params.resolve())
    except PolicyError:
        raise
    except Exception as error:  # orbax, tensorstore and json each have their own
        words = " ".join(str(error).split())[:300]
        raise PolicyError(f"cannot be read: {type(error).__name__}: {words}") from error


def _restore(orbax: Any, params: Path) -> dict[str, Any]:
    with orbax.PyTreeCheckpointer() as reader:
        wanted = _sampler_tree(_tree_of(reader.metadata(params)))
        if not wanted:
            raise PolicyError("the checkpoint has no sampler of GridS (action_active_sampler)")
        options: dict[str, Any] = {
            "item": wanted,
            "restore_args": _mapped(
                wanted, orbax.ArrayRestoreArgs(restore_type=np.ndarray, dtype=np.float32)
            ),
        }
        # Before 0.11.15 or so, an empty map of transformations says: leave the others out.
        if "partial_restore" in inspect.signature(orbax.args.PyTreeRestore).parameters:
            options["partial_restore"] = True
        else:
            options["transforms"] = {}
        restored: dict[str, Any] = reader.restore(params, orbax.args.PyTreeRestore(**options))
        return restored


def _tree_of(metadata: Any) -> Mapping[str, Any]:
    """Return the tree of what a checkpoint holds; newer releases wrap it."""
    found = getattr(metadata, "item_metadata", metadata)
    tree: Mapping[str, Any] = getattr(found, "tree", found)
    return tree


def _sampler_tree(tree: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Return the part of a tree that is a sampler's."""
    kept: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{head}{key}"
        if isinstance(value, Mapping):
            if part := _sampler_tree(value, f"{name}/"):
                kept[key] = part
        elif is_sampler_key(name):
            kept[key] = value
    return kept


def _mapped(tree: Mapping[str, Any], value: Any) -> dict[str, Any]:
    return {
        key: _mapped(part, value) if isinstance(part, Mapping) else value
        for key, part in tree.items()
    }
