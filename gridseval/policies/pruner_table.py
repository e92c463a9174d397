"""Which pruner runs in which model, as a table for the documentation.

Each pruner is built for each model's shape, and the checks of that model's hooks are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gridseval.errors import PolicyError
from gridseval.policies.hosts.encoder import check_at_encoder
from gridseval.policies.nano import NanoConfig
from gridseval.tokens.pruners import CameraGrid, Host, argument_names, build_pruner, load_pruner
from gridseval.tokens.pruners.products import FORMULAS

_SIXTEEN = tuple(CameraGrid(camera, 16, 16) for camera in ("agentview", "wrist"))
_EIGHT = tuple(CameraGrid(camera, 8, 8) for camera in ("agentview", "wrist"))


@dataclass(frozen=True)
class _Column:
    """A kind of model.

    Attributes:
        title: In Markdown.
        host: Its shape.
    """

    title: str
    host: Host


def _columns() -> tuple[_Column, ...]:
    llama: Mapping[str, Any] = {
        "dim": 4096,
        "layers": 32,
        "encoder_dim": 2176,
        "head_dim": 128,
        "encoder_attends": True,
        "parts": ("layers",),
    }
    pi0 = Host(2048, 18, _SIXTEEN, 1152, "lerobot", 256, True, ("head",))
    return (
        _Column("`nano`", NanoConfig().host),
        _Column("`openvla`", Host(cameras=_SIXTEEN[:1], kind="openvla", **llama)),
        _Column("`openvla-oft`, `lightvla`", Host(cameras=_SIXTEEN, kind="openvla-oft", **llama)),
        _Column("`lerobot`: π0, π0.5", pi0),
        _Column("`lerobot`: SmolVLA", Host(960, 16, _EIGHT, 12288, "lerobot", 64, True)),
    )


_VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "`efficientvla drop_layers=10`": ("efficientvla", {"drop_layers": 10}),
        "`efficientvla head_interval=5`": ("efficientvla", {"head_interval": 5}),
        "`lightvla_star layer=1`": ("lightvla_star", {"layer": 1}),
    }
)
"""Rows besides one per pruner."""


def hosts_markdown() -> str:
    """Return a table in Markdown, and below it why a pruner does not run somewhere."""
    columns, reasons = _columns(), list[str]()
    rows = {f"`{name}`": (name, dict[str, Any]()) for name in sorted(FORMULAS)}
    lines = [
        f"| pruner | {' | '.join(column.title for column in columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for title, (name, arguments) in sorted({**rows, **_VARIANTS}.items()):
        cells = [_cell(name, arguments, column, reasons) for column in columns]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, start=1)]
    return "\n".join([*lines, "", *notes])


def _cell(name: str, arguments: Mapping[str, Any], column: _Column, reasons: list[str]) -> str:
    """Return "yes", or "no" with the number of the reason, which is added if it is new."""
    if "k" in argument_names(load_pruner(name)):
        arguments = {**arguments, "k": 16}
    try:
        pruner = build_pruner(name, column.host, **arguments)
        check_at_encoder(pruner)
    except PolicyError as error:
        reason = error.message.removeprefix(f"pruner {name!r} ")
        if reason not in reasons:
            reasons.append(reason)
        return f"no ({reasons.index(reason) + 1})"
    own = type(pruner).defaults(column.host).get("scores")
    return "yes" if own is None else f"yes, `scores={own}`"
