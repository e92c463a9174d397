"""Latency and memory of OpenVLA, OpenVLA-OFT and π0 at full size with each pruner, on a GPU.

Weights are random: only shapes matter for time. What papers say of a pruner stands beside. Dense
and pruned queries run in turns, and the fastest of several counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import torch

from gridseval.bench.full_models import Model, build_model
from gridseval.bench.pruners import time_in_turns
from gridseval.errors import UsageError
from gridseval.policies.hosts.query import QueryContext
from gridseval.tokens.accounting import load_model
from gridseval.tokens.accounting.memory import PeakMemory
from gridseval.tokens.accounting.model import ModelDescription
from gridseval.tokens.pruners import build_pruner

_HISTORY = 4
_PIXELS = 224


@dataclass(frozen=True)
class Row:
    """A pruner at a paper's budget.

    Attributes:
        pruner: Its name.
        arguments: Its arguments.
        published: How many times as fast as dense a paper has it, and where; empty if none says.
        distinct: How many visual tokens are not like another one, for methods whose count follows
            from that; ``None``: all.
    """

    pruner: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    published: str = ""
    distinct: int | None = None

    @property
    def name(self) -> str:
        """The pruner and its arguments."""
        return " ".join([self.pruner, *(f"{key}={value}" for key, value in self.arguments.items())])


_TASKS = "(whole tasks, GridS)"
ROWS: Mapping[str, tuple[Row, ...]] = MappingProxyType(
    {
        "openvla-7b": (
            Row("fastv", {"keep": 1.0}),
            Row("fastv", {"layer": 3, "keep": 0.25}),
            Row("vla_pruner", {"keep": 0.5}, "1.33 (VLA-Pruner)"),
            Row("vla_pruner", {"keep": 0.25}, "1.63 (VLA-Pruner)"),
            Row("vla_pruner", {"keep": 0.125}, "1.83 (VLA-Pruner)"),
            Row("sparsevlm", {"keep": 0.25}),
            Row("vla_cache"),
            Row("flashvla", {"k": 160}),
            Row("efficientvla", {"k": 56, "drop_layers": 10}),
        ),
        "openvla-oft": (
            Row("fastv", {"keep": 1.0}),
            Row("fastv", {"layer": 4, "keep": 0.25}),
            Row("vla_pruner", {"keep": 0.25}),
            Row("lightvla", {}, "1.62 (LightVLA)", distinct=78),
            Row("lightvla_star", {"layer": 1}),
            Row("sparsevlm", {"keep": 0.25}),
            Row("vla_cache"),
            Row("efficientvla", {"k": 56}),
            Row("random", {"k": 39}),
            Row("uniform", {"k": 36}),
            Row("topk", {"k": 39}),
        ),
        "pi0": (
            Row("fastv", {"keep": 1.0}),
            Row("fastv", {"k": 100}, f"1.12 {_TASKS}"),
            Row("sparsevlm", {"k": 100}, f"1.09 {_TASKS}"),
            Row("vla_cache", {}, f"1.09 {_TASKS}"),
            Row("vla_pruner", {"keep": 0.25}),
            Row("efficientvla", {"k": 56, "head_interval": 5}),
            Row("grids", {"k": 16}, f"1.35 {_TASKS}"),
            Row("grids", {"k": 4}, f"1.39 {_TASKS}"),
        ),
    }
)
"""Rows by model. ``sp_vla`` is not there: it needs a vision encoder's attention."""


@dataclass(frozen=True)
class FullTime:
    """One row of one model.

    Attributes:
        model: Its title.
        pruner: The row's name.
        visual: Visual tokens of the cameras.
        kept: Those that run through the last layer.
        dense_ms: Milliseconds of a query without hooks.
        pruned_ms: Milliseconds of a query with them, choice of tokens included.
        dense_mb: Most memory held in a dense query, weights included (10⁶ bytes).
        pruned_mb: The same with the pruner.
        published: As in :class:`Row`.
    """

    model: str
    pruner: str
    visual: int
    kept: int
    dense_ms: float
    pruned_ms: float
    dense_mb: float | None
    pruned_mb: float | None
    published: str

    @property
    def speedup(self) -> float:
        """How many times as fast as dense, both measured in turns."""
        return self.dense_ms / self.pruned_ms


def measure_full(
    device: str = "cuda",
    dtype: torch.dtype = torch.bfloat16,
    *,
    repeats: int = 9,
    shrink: Callable[[ModelDescription], ModelDescription] = lambda model: model,
    on_progress: Callable[[str], None] = lambda _: None,
) -> tuple[FullTime, ...]:
    """Time all rows; some minutes on a GPU with 24 GB.

    Args:
        device: Where the models run.
        dtype: Of weights and tokens.
        repeats: Queries of each, at least 1; the fastest counts.
        shrink: Changes a model's shapes before it is built, for trying this out.
        on_progress: Called with a row's name when that is done.

    Raises:
        UsageError: There is no such device, or transformers cannot be imported.
    """
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "models of full size need a GPU that torch can use, and here is none",
            "--host llama times a small model on a CPU",
        )
    times = []
    for name, rows in ROWS.items():
        description = shrink(load_model(name))
        model = build_model(description, device, dtype)
        for row in rows:
            times.append(_time(description.title, model, row, repeats))
            on_progress(f"{name} {row.name}")
        del model
    return tuple(times)


def full_text(times: Sequence[FullTime], device: str = "cuda") -> str:
    """Return a table for people.

    Args:
        times: Its rows.
        device: Where they ran.
    """
    cuda = torch.device(device).type == "cuda"
    card = torch.cuda.get_device_name(0) if cuda else "CPU"
    lines = [
        f"{card}, torch {torch.__version__}: a query's decoder, random weights, batch 1",
        f"{'model':<13}{'pruner':<36}{'kept':>9}{'dense ms':>10}{'ms':>8}{'speed-up':>10}"
        f"{'dense MB':>10}{'MB':>8}  published",
    ]
    lines += [
        f"{each.model:<13}{each.pruner:<36}{f'{each.kept}/{each.visual}':>9}"
        f"{each.dense_ms:>10.1f}{each.pruned_ms:>8.1f}{each.speedup:>9.2f}x"
        f"{_number(each.dense_mb):>10}{_number(each.pruned_mb):>8}  {each.published or '–'}"
        for each in times
    ]
    return "\n".join(lines)


def full_json(times: Sequence[FullTime]) -> list[dict[str, Any]]:
    """Return the same for programs."""
    return [{**asdict(each), "speedup": each.speedup} for each in times]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


@torch.inference_mode()
def _time(title: str, model: Model, row: Row, repeats: int) -> FullTime:
    device, dtype = model.tokens.device, model.tokens.dtype
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pruner = build_pruner(row.pruner, model.host, **row.arguments).to(device, dtype).eval()
    pixels = torch.rand(1, len(model.cameras), _PIXELS, _PIXELS, 3).to(device)
    drawn = torch.Generator(device).manual_seed(0)
    visual, before = sum(each.count for each in model.cameras), model.tokens.clone()
    if row.distinct is not None:
        first, end = model.start, model.start + visual
        model.tokens[:, first + row.distinct : end] = model.tokens[:, first : first + 1]
    kept = visual

    def dense() -> None:
        model.ask()
        _wait(device)

    def pruned() -> None:
        nonlocal kept
        hooks = model.hook(pruner)
        try:
            hooks.begin(QueryContext((0,), (drawn,), pixels))
            model.ask()
            hooks.finish()
            kept = int(hooks.query.counts[-1][1][0])
        finally:
            hooks.remove()
        _wait(device)

    for _ in range(_HISTORY if pruner.needs.slots else 0):
        pruned()
    whole, shorter = time_in_turns([dense, pruned], repeats)
    dense_mb, pruned_mb = _peak(dense), _peak(pruned)
    model.tokens.copy_(before)
    return FullTime(
        title,
        row.name,
        visual,
        kept,
        min(whole),
        min(shorter),
        dense_mb,
        pruned_mb,
        row.published,
    )


def _peak(call: Callable[[], None]) -> float | None:
    memory = PeakMemory()
    call()
    return memory.peak_mb()


def _wait(device: torch.device) -> None:
    """Wait until a GPU is done; a call returns before."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
