"""Names of pruners and the classes behind them, imported on first use: listing needs no torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gridseval.errors import PolicyError, did_you_mean
from gridseval.registry import Interface, Registry
from gridseval.tokens.pruners.layout import Host
from gridseval.tokens.pruners.products import FORMULAS, Choice

if TYPE_CHECKING:
    from gridseval.tokens.pruners.interface import Pruner

_ROOM = "gridseval.tokens.pruners"
# One per process: a plug-in that registers a name must be seen here.
PRUNERS: Registry[type[Pruner]] = Registry(
    "gridseval.pruners",
    {
        "dense": f"{_ROOM}.dense:Dense",
        "efficientvla": f"{_ROOM}.efficientvla:EfficientVla",
        "fastv": f"{_ROOM}.fastv:FastV",
        "flashvla": f"{_ROOM}.flashvla:FlashVla",
        "grids": f"{_ROOM}.grids:GridSampler",
        "lightvla": f"{_ROOM}.lightvla:LightVla",
        "lightvla_star": f"{_ROOM}.lightvla_star:LightVlaStar",
        "random": f"{_ROOM}.baselines:RandomTokens",
        "sp_vla": f"{_ROOM}.sp_vla:SpVla",
        "sparsevlm": f"{_ROOM}.sparsevlm:SparseVlm",
        "topk": f"{_ROOM}.baselines:TopTokens",
        "uniform": f"{_ROOM}.baselines:UniformTokens",
        "vla_cache": f"{_ROOM}.vla_cache:VlaCache",
        "vla_pruner": f"{_ROOM}.vla_pruner:VlaPruner",
    },
    Interface("pruner", subclass_of=f"{_ROOM}.interface:Pruner", error=PolicyError),
)


def list_pruners() -> tuple[str, ...]:
    """Return the names in alphabetical order, those of plug-ins too, without importing them."""
    return PRUNERS.names()


def is_pruner(name: str) -> bool:
    """Return whether :func:`list_pruners` has a name; ``module:Class`` and files are not names."""
    return name in FORMULAS or name in PRUNERS.names()


def load_pruner(name: str) -> type[Pruner]:
    """Import and return the class of a name, ``module:Class`` or ``path/to/file.py:Class``.

    Raises:
        PolicyError: The name is unknown (with the nearest), the import fails, there is no such
            class, or it is not a pruner.
    """
    return PRUNERS.load(name)


def build_pruner(name: str, host: Host, **arguments: Any) -> Pruner:
    """Return a freshly initialised pruner that fits a model.

    Args:
        name: One of :func:`list_pruners`, or as for :func:`load_pruner`.
        host: The model around it; widths and layers that are not given follow from it.
        **arguments: The constructor's; they win over what follows from the host.

    Raises:
        PolicyError: The name or an argument is unknown, or a value does not fit the host.
    """
    loaded = load_pruner(name)
    names = argument_names(loaded)
    for key in arguments:
        if key not in names:
            hint = did_you_mean(key, names) if names else "it takes none"
            raise PolicyError(f"pruner {name!r} has no argument {key!r}", hint)
    pruner = loaded(**{**loaded.defaults(host), **arguments})
    pruner.check_host(host)
    return pruner


def argument_names(pruner: type[Pruner]) -> tuple[str, ...]:
    """Return the names of a class's constructor arguments, in their order."""
    parameters = inspect.signature(pruner).parameters.values()
    return tuple(found.name for found in parameters if found.kind is found.KEYWORD_ONLY)


def usable_pruners() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Import all pruners; return the names of those that can be loaded, and why others cannot."""
    loaded, failed = PRUNERS.load_all()
    return tuple(sorted(loaded)), tuple(map(str, failed.values()))


def macs_of(name: str) -> Callable[[Choice], int]:
    """Return a pruner's ``macs``; gridseval's own are found without importing torch.

    Args:
        name: As for :func:`load_pruner`.

    Raises:
        PolicyError: As for :func:`load_pruner`.
    """
    return FORMULAS.get(name) or load_pruner(name).macs


def pruner_macs(name: str, choice: Choice) -> int:
    """Return the MACs of one query's choice, as the pruner's class counts them.

    Args:
        name: As for :func:`load_pruner`.
        choice: The sizes.

    Raises:
        PolicyError: As for :func:`load_pruner`.
    """
    return macs_of(name)(choice)
