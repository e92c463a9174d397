"""Refuses arguments and inputs that a pruner cannot work with, before they pick wrong tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gridseval.errors import PolicyError, did_you_mean
from gridseval.tokens.pruners.layout import Role

if TYPE_CHECKING:
    from gridseval.tokens.pruners.interface import AttentionMap, Pruner, PrunerInput


MOST = 1 << 20
"""The largest width, layer or number of anything: more is a slip, or meant to fill the memory."""


def check_count(name: str, value: int, low: int = 1) -> int:
    """Return a whole number from ``low`` to ``MOST``.

    Raises:
        PolicyError: It is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise PolicyError(f"a pruner's {name} must be a whole number from {low}, not {value!r}")
    if value > MOST:
        raise PolicyError(f"a pruner's {name} must be at most {MOST}, not {value}")
    return value


def check_number(name: str, value: float, low: float, high: float = math.inf) -> float:
    """Return a number between two bounds, both allowed.

    Raises:
        PolicyError: It is not a number, or outside the bounds.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high or math.isinf(value):
        raise PolicyError(f"a pruner's {name} must be from {low} to {high}, not {value!r}")
    return float(value)


def check_layers(name: str, value: int | str | Sequence[int], low: int = 0) -> tuple[int, ...]:
    """Return layers in ascending order; text as in ``"2,6,15"`` is read.

    Raises:
        PolicyError: It names none, one twice, or one below ``low``.
    """
    given: Sequence[object] = value if isinstance(value, (list, tuple)) else (value,)
    if isinstance(value, str):
        given = [int(part) if part.strip().isdecimal() else part for part in value.split(",")]
    layers = tuple(layer for layer in given if type(layer) is int and low <= layer <= MOST)
    if not layers or len(layers) < len(given) or list(layers) != sorted(set(layers)):
        raise PolicyError(
            f"a pruner's {name} must be ascending decoder layers from {low}, not {value!r}",
            "such as 2,6,15",
        )
    return layers


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return one of several names.

    Raises:
        PolicyError: It is not one of them (with the nearest).
    """
    if not isinstance(value, str) or value not in choices:
        raise PolicyError(
            f"a pruner's {name} must be {' or '.join(choices)}, not {value!r}",
            did_you_mean(str(value), choices),
        )
    return value


def check_flag(name: str, value: bool) -> bool:
    """Return true or false.

    Raises:
        PolicyError: It is not a truth value; Python would take any text, ``"no"`` too, as true.
    """
    if not isinstance(value, bool):
        raise PolicyError(f"a pruner's {name} must be true or false, not {value!r}")
    return value


def check_inputs(pruner: Pruner, inputs: PrunerInput) -> None:
    """Check that a pruner gets what it needs, in the right shapes.

    Raises:
        PolicyError: With what is missing or does not fit.
    """
    tokens = inputs.tokens
    if tokens.ndim != 3 or not tokens.is_floating_point():
        raise PolicyError(
            f"visual tokens must be float (B, P, D), not {tokens.dtype} {tuple(tokens.shape)}"
        )
    _check_token_count(pruner, inputs)
    needs = pruner.needs
    if needs.text:
        _check_text(pruner.name, inputs)
    if needs.embeddings:
        _check_embeddings(pruner.name, inputs)
    if needs.slots and (inputs.slots is None or len(set(inputs.slots)) != len(tokens)):
        raise PolicyError(
            f"pruner {pruner.name!r} keeps a history and needs one slot number per row, "
            f"each once, not {inputs.slots!r}"
        )
    if needs.pixels and inputs.pixels is None:
        raise PolicyError(f"pruner {pruner.name!r} needs the model's input images (pixels)")
    given = inputs.generators
    if (needs.generators or given is not None) and (given is None or len(given) != len(tokens)):
        raise PolicyError(
            f"pruner {pruner.name!r} needs {len(tokens)} random generators, one per row"
        )


def attention_of(pruner: Pruner, inputs: PrunerInput, layer: int) -> AttentionMap:
    """Return a decoder layer's attention onto the visual tokens at hand.

    Raises:
        PolicyError: It is not given, or has another shape.
    """
    if layer not in inputs.attention:
        raise PolicyError(
            f"pruner {pruner.name!r} needs the attention of decoder layer {layer}",
            f"given: {', '.join(map(str, sorted(inputs.attention))) or 'none'}",
        )
    found = inputs.attention[layer]
    rows, columns = inputs.tokens.shape[:2]
    check_attention(pruner, layer, found, rows, (columns,))
    return found


def check_attention(
    pruner: Pruner, layer: int, given: AttentionMap, rows: int, columns: tuple[int, ...]
) -> None:
    """Check one map's shapes.

    Args:
        pruner: For the message.
        layer: Decoder layer, for the message.
        given: The map.
        rows: Batch size.
        columns: The widths that are allowed.

    Raises:
        PolicyError: The shapes do not fit.
    """
    shape = tuple(given.weights.shape)
    queries = (rows, shape[2]) if len(shape) == 4 else ()
    if len(shape) != 4 or shape[0] != rows or shape[3] not in columns:
        widths = " or ".join(map(str, columns))
        raise PolicyError(
            f"pruner {pruner.name!r}: attention of decoder layer {layer} has shape {shape}, "
            f"expected ({rows}, heads, queries, {widths})"
        )
    if tuple(given.roles.shape) != queries:
        raise PolicyError(
            f"pruner {pruner.name!r}: attention of decoder layer {layer} has roles of shape "
            f"{tuple(given.roles.shape)}, expected {queries}"
        )


def check_entropy(pruner: Pruner, layer: int, given: AttentionMap) -> None:
    """Check that a map has each query's entropy.

    Raises:
        PolicyError: It is missing, or has another shape than the roles.
    """
    if given.entropy is None:
        raise PolicyError(
            f"pruner {pruner.name!r} needs the entropy over all keys of decoder layer {layer}'s "
            "attention",
            "give AttentionMap(..., entropy=entropy_of(weights)) where Needs.entropy is true",
        )
    if given.entropy.shape != given.roles.shape:
        raise PolicyError(
            f"pruner {pruner.name!r}: attention of decoder layer {layer} has entropy of shape "
            f"{tuple(given.entropy.shape)}, expected {tuple(given.roles.shape)}"
        )


def check_finite(name: str, scores: Tensor) -> Tensor:
    """Return scores that can rank tokens.

    Raises:
        PolicyError: One is NaN or infinite.
    """
    if not bool(torch.isfinite(scores).all()):
        raise PolicyError(
            f"pruner {name!r} computed scores that are not finite",
            "the model's tokens or attention hold NaN or infinity",
        )
    return scores


def _check_token_count(pruner: Pruner, inputs: PrunerInput) -> None:
    rows, count, _ = inputs.tokens.shape
    if inputs.earlier is not None:
        if tuple(inputs.earlier.mask.shape) != (rows, count):
            raise PolicyError(
                f"pruner {pruner.name!r} got {count} visual tokens in {rows} rows, its earlier "
                f"place left {tuple(inputs.earlier.mask.shape)}"
            )
    elif count != inputs.dense_count:
        grids = " + ".join(f"{camera.rows} x {camera.columns}" for camera in inputs.cameras)
        raise PolicyError(
            f"pruner {pruner.name!r} got {count} visual tokens for grids of {grids or 'nothing'} "
            f"= {inputs.dense_count}"
        )


def _check_text(name: str, inputs: PrunerInput) -> None:
    if inputs.text is None or inputs.text_roles is None:
        raise PolicyError(f"pruner {name!r} needs the other tokens and their roles (text)")
    rows, _, width = inputs.tokens.shape
    text, roles = tuple(inputs.text.shape), tuple(inputs.text_roles.shape)
    if len(text) != 3 or (text[0], text[2]) != (rows, width) or roles != text[:2]:
        raise PolicyError(
            f"pruner {name!r}: other tokens have shape {text} and roles {roles}, expected "
            f"({rows}, T, {width}) and ({rows}, T)"
        )
    if not bool((inputs.text_roles != Role.PADDING).any(1).all()):
        raise PolicyError(f"pruner {name!r} got a row whose other tokens are all padding")


def _check_embeddings(name: str, inputs: PrunerInput) -> None:
    if inputs.embedded is None:
        raise PolicyError(f"pruner {name!r} needs the tokens before decoder layer 0 (embedded)")
    visual, text = (tuple(part.shape) for part in inputs.embedded)
    expected = (len(inputs.tokens), inputs.dense_count)
    roles = text[:2] if inputs.text_roles is None else tuple(inputs.text_roles.shape)
    if len(visual) != 3 or visual[:2] != expected or text[:2] != roles:
        raise PolicyError(
            f"pruner {name!r}: tokens before decoder layer 0 have shapes {visual} and {text}, "
            f"expected {expected} and {roles} rows and tokens"
        )
