"""The key sets in which GridS's parameters are published, read strictly.

========= ==================================================================================
JAX       ``action_active_sampler/{scout_mlp,coord_encoder}/{layers_0,layers_2}/{kernel,bias}``,
          each perhaps followed by ``/value``; kernels are (in, out)
torch     ``active_token_sampler.{scout_mlp,coord_encoder}.{0,2}.{weight,bias}``; (out, in)
bare      ``{scout_mlp,coord_encoder}.{0,2}.{weight,bias}``, and ``norm.{weight,bias}``
========= ==================================================================================

Published converters drop these keys without a word and run with all tokens; here a key too few or
too many is an error. Other parameters of the model (without the sampler's prefix) are left alone.
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

_NEEDED = tuple(
    f"{network}.{layer}.{kind}"
    for network in ("scout_mlp", "coord_encoder")
    for layer in (0, 2)
    for kind in ("weight", "bias")
)
_NORM = ("norm.weight", "norm.bias")
_JAX = re.compile(r"(?:.*[/.])?action_active_sampler[/.](.*)")
_TORCH = re.compile(r"(?:.*\.)?active_token_sampler\.(.*)")
_JAX_NAME = re.compile(r"(scout_mlp|coord_encoder)[/.]layers_([02])[/.](kernel|bias)([/.]value)?")


def read_state(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a sampler's parameters under this package's own names.

    Args:
        state: Key to array or tensor, of a sampler alone or a whole model.

    Raises:
        PolicyError: Two key sets are mixed, two samplers are there, or a key is missing or unknown.
    """
    jax, published = _find(_JAX, state), _find(_TORCH, state)
    if jax and published:
        raise PolicyError("parameters of GridS are there in JAX's and in torch's names")
    bare = {key: key for key in state} if not jax and not published else {}
    names = jax | published | bare
    _check_names(names)
    tensors = {name: _as_tensor(key, state[key]) for name, key in names.items()}
    if jax:
        for name in _NEEDED:
            if name.endswith("weight"):
                tensors[name] = tensors[name].mT.contiguous()
    return tensors


def find_sizes(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the constructor arguments that parameters' shapes say: K, widths, normalisation.

    Raises:
        PolicyError: Shapes do not fit each other.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in _NEEDED:
        if len(shapes[name]) != (2 if name.endswith("weight") else 1):
            raise PolicyError(f"parameter {name} of GridS has shape {shapes[name]}")
    hidden, dim = shapes["scout_mlp.0.weight"]
    out = shapes["scout_mlp.2.weight"][0]
    coordinate_hidden = shapes["coord_encoder.0.weight"][0]
    expected = {
        "scout_mlp.0.bias": (hidden,),
        "scout_mlp.2.weight": (out, hidden),
        "scout_mlp.2.bias": (out,),
        "coord_encoder.0.weight": (coordinate_hidden, 2),
        "coord_encoder.0.bias": (coordinate_hidden,),
        "coord_encoder.2.weight": (dim, coordinate_hidden),
        "coord_encoder.2.bias": (dim,),
    }
    expected |= {name: (dim,) for name in _NORM if name in shapes}
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise PolicyError(f"parameter {name} of GridS has shape {shapes[name]}, not {shape}")
    if out < 2 or out % 2:
        raise PolicyError(f"GridS's scout_mlp.2 gives {out} numbers, not an x and y per point")
    return {
        "k": out // 2,
        "dim": dim,
        "hidden": hidden,
        "coordinate_hidden": coordinate_hidden,
        "layer_norm": _NORM[0] in shapes,
    }


def _find(pattern: re.Pattern[str], state: Mapping[str, Any]) -> dict[str, str]:
    """Return own names and a model's keys of the parameters whose keys match."""
    names: dict[str, str] = {}
    for key in state:
        found = pattern.fullmatch(key)
        if found is None:
            continue
        name = _own_name(found[1])
        if name in names:
            raise PolicyError(
                f"parameter {name} of GridS is there twice, as {names[name]} and as {key}",
                "leave averages and optimizer states out",
            )
        names[name] = key
    return names


def _own_name(name: str) -> str:
    """Return a parameter's name here; torch's is the same, JAX's is not."""
    found = _JAX_NAME.fullmatch(name)
    if found is None:
        return name
    return f"{found[1]}.{found[2]}.{'weight' if found[3] == 'kernel' else 'bias'}"


def _check_names(names: Mapping[str, str]) -> None:
    wanted = {*_NEEDED, *(_NORM if any(name in names for name in _NORM) else ())}
    missing, extra = sorted(wanted - set(names)), sorted(set(names) - wanted)
    if missing or extra:
        parts = [f"{len(missing)} missing ({_some(missing)})"] if missing else []
        parts += [f"{len(extra)} unknown ({_some([names[name] for name in extra])})"]
        raise PolicyError(
            f"parameters of GridS: {' and '.join(parts if extra else parts[:1])}",
            "a checkpoint of GridS has scout_mlp and coord_encoder, each two layers",
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
    if array.dtype == np.dtype("V2"):  # how numpy writes JAX's bfloat16, which it does not know
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    if array.dtype.kind not in "fiub":
        raise PolicyError(f"parameter {key} of GridS holds {array.dtype}, not numbers")
    return torch.from_numpy(array)
