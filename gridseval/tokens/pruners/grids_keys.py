"""The names of GridS's parameters in the code that writes them, and what they tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gridseval.errors import PolicyError

JAX = re.compile(r"(?:.*[/.])?(action_active_sampler)[/.](.*)")
TORCH = re.compile(r"(?:.*\.)?(active_token_sampler|vision_token_sampler|token_sampler)\.(.*)")
BARE = re.compile(r"()(?:params[/.])?(.*)")
_LAYER = re.compile(r"(scout_mlp|coord_encoder)[/.]layers_([02])[/.](kernel|bias)(?:[/.]value)?")
_INPUT_NORM = re.compile(r"input_norm[/.](scale|weight|bias)(?:[/.]value)?")
# TDMPC's slow copy of its model, which only training reads.
_COPIES = ("model_target.",)


def is_sampler_key(key: str) -> bool:
    """Return whether a whole model's parameter is a sampler's, by its name."""
    return any(pattern.fullmatch(key) for pattern in (JAX, TORCH))


def flatten(state: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Return a tree of mappings, as flax keeps parameters, as one mapping of ``a/b/c``."""
    flat: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{head}{key}/")
        else:
            flat[f"{head}{key}"] = value
    return flat


def find_convention(state: Mapping[str, Any]) -> str:
    """Return the sampling convention of the code that writes a key set.

    ``token_sampler`` and ``vision_token_sampler``: ``"lerobot"``; else with ``input_norm``:
    ``"core_idea"``; all others: ``"openpi"``. In a whole model only the sampler's keys tell.

    Args:
        state: As for :func:`read_state`.
    """
    keys = [key for key in flatten(state) if not key.startswith(_COPIES)]
    found = [match for key in keys if (match := JAX.fullmatch(key) or TORCH.fullmatch(key))]
    if any("active" not in match[1] for match in found):
        return "lerobot"
    names = [match[2] for match in found] or keys
    if any(re.search(r"(^|[/.])input_norm[/.]", name) for name in names):
        return "core_idea"
    return "openpi"


def find_keys(pattern: re.Pattern[str], state: Mapping[str, Any]) -> dict[str, str]:
    """Return own names and a model's keys of the parameters whose keys match."""
    names: dict[str, str] = {}
    for key in state:
        found = pattern.fullmatch(key)
        if found is None or key.startswith(_COPIES):
            continue
        name = _own_name(found[2])
        if name in names:
            raise PolicyError(
                f"parameter {name} of GridS is there twice, as {names[name]} and as {key}",
                "leave averages, optimizer states and samplers of other encoders out",
            )
        names[name] = key
    return names


def _own_name(name: str) -> str:
    """Return a parameter's name here; torch's is the same, JAX's is not."""
    if layer := _LAYER.fullmatch(name):
        return f"{layer[1]}.{layer[2]}.{'weight' if layer[3] == 'kernel' else 'bias'}"
    if norm := _INPUT_NORM.fullmatch(name):
        return f"norm.{'bias' if norm[1] == 'bias' else 'weight'}"
    return name
