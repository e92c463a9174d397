"""Turns ``--policy-arg key=value`` texts into constructor arguments, without evaluating them."""

from __future__ import annotations

import contextlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, Union

from gridseval.errors import PolicyError, UsageError, did_you_mean
from gridseval.policies.kinds import KINDS

_Init = TypeVar("_Init", bound=Callable[..., None])

PROVIDED = {
    "checkpoint": "--ckpt",
    "seed": "--seed",
    "trust_remote_code": "--trust-remote-code",
}
"""Arguments that a run itself hands to the constructors that take them, and the options that set
them."""


def convert_arguments(
    constructor: Callable[..., Any], texts: Mapping[str, str], policy: str
) -> dict[str, Any]:
    """Return keyword arguments for a constructor.

    A text becomes what the parameter's annotation asks for (int, float, bool, str, or one of them
    or None), otherwise what it looks like: ``8`` an int, ``0.5`` a float, ``true`` a bool, anything
    else a str.

    Args:
        constructor: The class, or any callable with a signature.
        texts: Argument name to text.
        policy: The policy's name, for messages.

    Raises:
        PolicyError: There is no such argument (with the nearest), an option sets it, or the text
            does not fit.
        UsageError: It is a whole number that is too long.
    """
    return {key: _convert(constructor, key, text, policy) for key, text in texts.items()}


def with_arguments_of(base: type) -> Callable[[_Init], _Init]:
    """Return a decorator for an ``__init__(self, …, **shared)`` that hands ``shared`` to a base.

    The signature then has the base's parameters, too, so that ``--policy-arg`` finds all of them
    with their types.

    Args:
        base: The class whose ``__init__`` takes ``shared``; new parameters are keyword-only.
    """

    def decorate(init: _Init) -> _Init:
        own = list(inspect.signature(init, eval_str=True).parameters.values())
        assert own[-1].kind is inspect.Parameter.VAR_KEYWORD
        inherited = inspect.signature(base.__init__, eval_str=True)  # type: ignore[misc]
        new = [each for each in own[:-1] if each.name not in inherited.parameters]
        parameters = [*inherited.parameters.values(), *new]
        parameters.sort(key=lambda each: each.kind is each.VAR_KEYWORD)  # which must come last
        init.__signature__ = inherited.replace(parameters=parameters)  # type: ignore[attr-defined]
        return init

    return decorate


def refuse_arguments(policy: str, arguments: Iterable[str], known: Sequence[str]) -> None:
    """Refuse arguments of a pruner where none is named.

    Args:
        policy: The policy's name, for messages.
        arguments: Names that the policy itself does not have.
        known: Names that it has.

    Raises:
        PolicyError: There are any (names the first, and the nearest known one).
    """
    for key in arguments:
        raise PolicyError(
            f"policy {policy!r} has no argument {key!r}",
            f"{did_you_mean(key, known)}; those of a pruner need --policy-arg pruner=NAME beside "
            "them",
        )


def accepted(constructor: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a constructor that can be given by name."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(constructor).parameters
    return {name: found for name, found in parameters.items() if found.kind in by_name}


def _convert(constructor: Callable[..., Any], key: str, text: str, policy: str) -> Any:
    names = accepted(constructor)
    if key in PROVIDED and key in names:
        raise PolicyError(
            f"argument {key!r} of policy {policy!r} is an option", f"use {PROVIDED[key]}"
        )
    if key not in names and key == "pruner":
        hosts = [kind.name for kind in KINDS if kind.prunes]
        raise PolicyError(
            f"policy {policy!r} takes no pruner",
            f"pruners work inside {', '.join(hosts[:-1])} and {hosts[-1]}",
        )
    if key not in names and not _takes_any(constructor):
        free = [name for name in names if name not in PROVIDED]
        hint = did_you_mean(key, free) if free else "it takes none"
        raise PolicyError(f"policy {policy!r} has no argument {key!r}", hint)
    kinds = _kinds(constructor, key) or (int, float, bool, str)
    if int in kinds and _LONG_NUMBER.fullmatch(text):
        raise UsageError(f"argument {key} of policy {policy!r} has {len(text)} digits")
    for kind in kinds:
        with contextlib.suppress(ValueError):
            return _READERS[kind](text)
    expected = " or ".join(_WORDS.get(kind, kind.__name__) for kind in kinds)
    raise PolicyError(f"argument {key}={text!r} of policy {policy!r} is not {expected}")


def _takes_any(constructor: Callable[..., Any]) -> bool:
    parameters = inspect.signature(constructor).parameters.values()
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def _kinds(constructor: Callable[..., Any], key: str) -> tuple[type, ...]:
    """Return the plain types that an annotation allows, narrowest first; else nothing."""
    try:
        hint = inspect.signature(constructor, eval_str=True).parameters[key].annotation
    except Exception:  # an annotation may name what is imported for type checking only
        return ()
    union = typing.get_origin(hint) in (Union, types.UnionType)
    members = typing.get_args(hint) if union else (hint,)
    if any(member not in _READERS for member in members):
        return ()
    return tuple(kind for kind in _READERS if kind in members)


def _read_none(text: str) -> None:
    if text.lower() != "none":
        raise ValueError(text)


def _read_bool(text: str) -> bool:
    if text.lower() not in ("true", "yes", "false", "no"):
        raise ValueError(text)
    return text.lower() in ("true", "yes")


_LONG_NUMBER = re.compile(r"[+-]?[0-9_]{19,}")
"""What no 64 bits hold: as a float it would be another number, and no run.yaml could be read."""

_READERS: dict[type, Callable[[str], Any]] = {
    type(None): _read_none,
    bool: _read_bool,
    int: int,
    float: float,
    str: str,
}
_WORDS = {type(None): "none", bool: "true or false"}
