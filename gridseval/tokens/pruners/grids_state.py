"""The key sets in which GridS's parameters are published, read strictly.

======== =========================================================================================
JAX      ``action_active_sampler/{scout_mlp,coord_encoder}/{layers_0,layers_2}/{kernel,bias}``,
         each perhaps followed by ``/value``; kernels are (in, out)
torch    ``NAME.{scout_mlp,coord_encoder}.{0,2}.{weight,bias}``, (out, in), where NAME is
         ``active_token_sampler`` (openpi's converter), ``token_sampler`` (SmolVLA of the LeRobot
         fork) or ``vision_token_sampler`` (the fork's ACT, Diffusion, VQ-BeT, TDMPC)
bare     either set without the sampler's name, perhaps after ``params/``
======== =========================================================================================

``grid_new.py`` adds ``input_norm/{scale,bias}``; this package's own name for it is
``norm.{weight,bias}``. A sampler that was trained with ``embed_coords=False`` has no
``coord_encoder``.

The names tell how a sampler was trained to sample, see ``grids_keys``. Published converters drop
these keys without a word and run with all tokens; here a key too few or too many is an error. Other
parameters of the model (without the sampler's prefix) are left alone.

Source: the Grid-Sampler repository, commit 11d58d7: ``core_idea/grid_new.py``, openpi's
``models/pi0.py`` and ``examples/convert_jax_model_to_pytorch.py``, LeRobot's ``modeling_*.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.grids_keys import BARE, JAX, TORCH, find_keys, flatten

_SCOUT, _ENCODER = (
    tuple(f"{network}.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias"))
    for network in ("scout_mlp", "coord_encoder")
)
_NORM = ("norm.weight", "norm.bias")


def read_state(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a sampler's parameters under this package's own names.

    Args:
        state: Key to array or tensor, of a sampler alone or a whole model; trees are flattened.

    Raises:
        PolicyError: Two key sets are mixed, two samplers are there, or a key is missing or unknown.
    """
    state = flatten(state)
    jax, published = find_keys(JAX, state), find_keys(TORCH, state)
    if jax and published:
        raise PolicyError("parameters of GridS are there in JAX's and in torch's names")
    names = jax | published or find_keys(BARE, state)
    _check_names(names)
    tensors = {name: _as_tensor(key, state[key]) for name, key in names.items()}
    for name, key in names.items():
        if re.search(r"[/.]kernel([/.]value)?$", key):
            tensors[name] = tensors[name].mT.contiguous()
    return tensors


def find_sizes(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the constructor arguments that parameters' shapes say: K, widths, normalisation.

    Raises:
        PolicyError: Shapes do not fit each other.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    encodes = _ENCODER[0] in shapes
    for name in (*_SCOUT, *(_ENCODER if encodes else ())):
        if len(shapes[name]) != (2 if name.endswith("weight") else 1):
            raise PolicyError(f"parameter {name} of GridS has shape {shapes[name]}")
    hidden, dim = shapes["scout_mlp.0.weight"]
    out = shapes["scout_mlp.2.weight"][0]
    sizes = {"k": out // 2, "dim": dim, "hidden": hidden, "embed_coords": encodes}
    expected = {
        "scout_mlp.0.bias": (hidden,),
        "scout_mlp.2.weight": (out, hidden),
        "scout_mlp.2.bias": (out,),
    }
    if encodes:
        inner = sizes["coordinate_hidden"] = shapes["coord_encoder.0.weight"][0]
        shaped = ((inner, 2), (inner,), (dim, inner), (dim,))
        expected |= dict(zip(_ENCODER, shaped, strict=True))
    expected |= {name: (dim,) for name in _NORM if name in shapes}
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise PolicyError(f"parameter {name} of GridS has shape {shapes[name]}, not {shape}")
    if out < 2 or out % 2:
        raise PolicyError(f"GridS's scout_mlp.2 gives {out} numbers, not an x and y per point")
    return {**sizes, "layer_norm": _NORM[0] in shapes}


def _check_names(names: Mapping[str, str]) -> None:
    # Without any key of the encoder it was trained without one; with some, the others are lost.
    whole = any(name.startswith("coord_encoder.") for name in names) or _SCOUT[0] not in names
    wanted = {*_SCOUT, *(_ENCODER if whole else ())}
    wanted |= {*(_NORM if any(name in names for name in _NORM) else ())}
    missing, extra = sorted(wanted - set(names)), sorted(set(names) - wanted)
    if missing or extra:
        parts = [f"{len(missing)} missing ({_some(missing)})"] if missing else []
        parts += [f"{len(extra)} unknown ({_some([names[name] for name in extra])})"]
        raise PolicyError(
            f"parameters of GridS: {' and '.join(parts if extra else parts[:1])}",
            "a checkpoint of GridS has scout_mlp and coord_encoder (or, trained with "
            "embed_coords=False, scout_mlp alone), each two layers",
        )


def _some(names: list[str], at_most: int = 3) -> str:
    more = len(names) - at_most
    return ", ".join(names[:at_most]) + (f", and {more} more" if more > 0 else "")


def _as_tensor(key: str, value: Any) -> Tensor:
    tensor = value if isinstance(value, Tensor) else _from_numpy(key, np.array(value))
    if not tensor.is_floating_point():
        raise PolicyError(f"parameter {key} of GridS holds {tensor.dtype}, not numbers")
    if not bool(torch.isfinite(tensor).all()):
        raise PolicyError(f"parameter {key} of GridS holds NaN or infinity")
    return tensor.detach()


def _from_numpy(key: str, array: NDArray[Any]) -> Tensor:
    # JAX's bfloat16, by name and as numpy writes it, which does not know it.
    if array.dtype.name == "bfloat16" or array.dtype == np.dtype("V2"):
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    if array.dtype.kind not in "fiub":
        raise PolicyError(f"parameter {key} of GridS holds {array.dtype}, not numbers")
    return torch.from_numpy(array)
