"""Names of pruners and the classes behind them, imported on first use: listing needs no torch."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gridseval.errors import PolicyError, did_you_mean
from gridseval.tokens.pruners.layout import Host

if TYPE_CHECKING:
    from gridseval.tokens.pruners.interface import Pruner

_ROOM = "gridseval.tokens.pruners"
PRUNERS: Mapping[str, str] = MappingProxyType(
    {
        "dense": f"{_ROOM}.dense:Dense",
        "efficientvla": f"{_ROOM}.efficientvla:EfficientVla",
        "fastv": f"{_ROOM}.fastv:FastV",
        "grids": f"{_ROOM}.grids:GridSampler",
        "lightvla": f"{_ROOM}.lightvla:LightVla",
        "lightvla_star": f"{_ROOM}.lightvla_star:LightVlaStar",
        "random": f"{_ROOM}.baselines:RandomTokens",
        "sparsevlm": f"{_ROOM}.sparsevlm:SparseVlm",
        "topk": f"{_ROOM}.baselines:TopTokens",
        "uniform": f"{_ROOM}.baselines:UniformTokens",
        "vla_cache": f"{_ROOM}.vla_cache:VlaCache",
        "vla_pruner": f"{_ROOM}.vla_pruner:VlaPruner",
    }
)
"""Pruner name to ``"module:Class"``."""


def list_pruners() -> tuple[str, ...]:
    """Return the names in alphabetical order; imports none of them."""
    return tuple(sorted(PRUNERS))


def load_pruner(name: str) -> type[Pruner]:
    """Import and return the class of a name, or of ``module:Class``.

    Raises:
        PolicyError: The name is unknown (with the nearest), there is no such class, or it is no
            pruner.
    """
    target = name if ":" in name else PRUNERS.get(name)
    if target is None:
        raise PolicyError(f"unknown pruner {name!r}", did_you_mean(name, list_pruners()))
    module, _, class_name = target.partition(":")
    try:
        loaded: type[Pruner] = getattr(importlib.import_module(module), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise PolicyError(f"cannot import pruner {name!r}: {error}") from error
    base: type[Pruner] = importlib.import_module(f"{_ROOM}.interface").Pruner
    if not (isinstance(loaded, type) and issubclass(loaded, base)):
        raise PolicyError(
            f"{name!r} is no pruner",
            "a pruner is a subclass of gridseval.tokens.pruners.interface.Pruner",
        )
    return loaded


def build_pruner(name: str, host: Host, **arguments: Any) -> Pruner:
    """Return a freshly initialised pruner that fits a model.

    Args:
        name: One of :func:`list_pruners`, or ``module:Class``.
        host: The model around it; widths and layers that are not given follow from it.
        **arguments: The constructor's; they win over what follows from the host.

    Raises:
        PolicyError: The name or an argument is unknown, or a value does not fit the host.
    """
    loaded = load_pruner(name)
    parameters = inspect.signature(loaded).parameters.values()
    names = [found.name for found in parameters if found.kind is found.KEYWORD_ONLY]
    for key in arguments:
        if key not in names:
            hint = did_you_mean(key, names) if names else "it takes none"
            raise PolicyError(f"pruner {name!r} has no argument {key!r}", hint)
    pruner = loaded(**{**loaded.defaults(host), **arguments})
    pruner.check_host(host)
    return pruner
