"""How long pruners take, measured: each on the same tokens, and LightVLA beside its products.

Times are of the fastest of several calls, on one CPU thread: on a busy machine a median would say
how busy it is. What is compared runs in turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from gridseval.tokens.pruners import CameraGrid, Host, Role, build_pruner
from gridseval.tokens.pruners.entropy import entropy_of
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.lightvla import LightVla

CAMERAS = (CameraGrid("agentview", 16, 16), CameraGrid("wrist", 16, 16))
OTHERS = 90
"""Tokens after the visual ones, as OpenVLA-OFT has with a short instruction."""


@dataclass(frozen=True)
class BenchSizes:
    """What is timed.

    Attributes:
        dim: Width of the tokens of the table.
        layers: Decoder layers that the pruners believe in.
        heads: Attention heads of the maps they are given.
        lightvla_dim: Width at which LightVLA is compared with its products.
        repeats: Calls, at least 1; the fastest counts.
    """

    dim: int = 1024
    layers: int = 32
    heads: int = 8
    lightvla_dim: int = 4096
    repeats: int = 15


@dataclass(frozen=True)
class PrunerTime:
    """One pruner's call.

    Attributes:
        name: The pruner's.
        kept: Tokens that it kept, of 512.
        best_ms: Milliseconds of the fastest call, all its places together.
    """

    name: str
    kept: int
    best_ms: float


@dataclass(frozen=True)
class PrunerBench:
    """All times.

    Attributes:
        sizes: What was timed.
        pruners: One per pruner, as they were named.
        lightvla_ms: LightVLA's call at ``sizes.lightvla_dim``.
        products_ms: Its three matrix products alone.
    """

    sizes: BenchSizes
    pruners: tuple[PrunerTime, ...]
    lightvla_ms: float
    products_ms: float

    @property
    def lightvla_ratio(self) -> float:
        """LightVLA's time in units of its products'."""
        return self.lightvla_ms / self.products_ms


def measure_pruners(
    names: Sequence[str],
    sizes: BenchSizes | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> PrunerBench:
    """Time pruners at batch 1; takes some seconds.

    Args:
        names: The pruners'.
        sizes: What to time.
        on_progress: Called with a name after each part; there is one more part than pruners.
    """
    sizes = sizes or BenchSizes()
    times = []
    with torch.inference_mode(), _one_thread():
        for name in names:
            times.append(_time_pruner(name, sizes))
            on_progress(name)
        products, whole = _time_lightvla(sizes)
        on_progress("products")
    return PrunerBench(
        sizes=sizes,
        pruners=tuple(times),
        lightvla_ms=min(whole),
        products_ms=min(products),
    )


def time_in_turns(calls: Sequence[Callable[[], Any]], repeats: int) -> tuple[list[float], ...]:
    """Return milliseconds of ``repeats`` calls of each, in turns, after one that warms up.

    Args:
        calls: What to time.
        repeats: At least 1.
    """
    times: tuple[list[float], ...] = tuple([] for _ in calls)
    for number in range(repeats + 1):
        for call, taken in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            if number:
                taken.append((time.perf_counter() - started) * 1e3)
    return times


def as_text(bench: PrunerBench) -> str:
    """Return a table for people."""
    sizes = bench.sizes
    lines = [
        f"Pruners: 2 cameras x 256 tokens of width {sizes.dim}, batch 1, one CPU "
        f"thread, fastest of {sizes.repeats}",
        f"{'pruner':<14}{'kept':>6}{'ms':>10}",
    ]
    lines += [f"{time.name:<14}{time.kept:>6}{time.best_ms:>10.3f}" for time in bench.pruners]
    lines.append(
        f"lightvla at width {sizes.lightvla_dim}: {bench.lightvla_ms:.1f} ms, its matrix products "
        f"alone {bench.products_ms:.1f} ms: {bench.lightvla_ratio:.2f} times"
    )
    return "\n".join(lines)


def as_json(bench: PrunerBench) -> dict[str, Any]:
    """Return the same for programs."""
    return {**asdict(bench), "lightvla_ratio": bench.lightvla_ratio}


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _time_pruner(name: str, sizes: BenchSizes) -> PrunerTime:
    host = Host(sizes.dim, sizes.layers, CAMERAS, sizes.dim)
    pruner = build_pruner(name, host).eval()
    inputs = _some_inputs(sizes.dim, sizes)
    if pruner.needs.observed:
        _give_history(pruner, inputs, sizes)
    (times,) = time_in_turns([lambda: _run_places(pruner, inputs)], sizes.repeats)
    kept = int(_run_places(pruner, inputs).counts[0])
    return PrunerTime(name, kept, min(times))


def _run_places(pruner: Pruner, inputs: PrunerInput) -> Pruned:
    """Prune at each place in turn; a later one gets the first columns of the same maps."""
    pruned: Pruned = pruner(inputs)
    for _ in pruner.places[1:]:
        maps = _first_columns(inputs.attention, pruned.tokens.shape[1])
        pruned = pruner(
            PrunerInput(
                tokens=pruned.tokens,
                cameras=inputs.cameras,
                text=inputs.text,
                text_roles=inputs.text_roles,
                attention=maps,
                embedded=inputs.embedded,
                earlier=pruned,
            )
        )
    return pruned


def _give_history(pruner: Pruner, inputs: PrunerInput, sizes: BenchSizes) -> None:
    """Let a pruner see as many queries as it waits for."""
    for _ in range(sizes.layers):
        pruned = pruner(inputs)
        maps = _first_columns(inputs.attention, pruned.tokens.shape[1])
        pruner.observe(inputs, pruned, maps)
        if int(pruned.counts[0]) < inputs.dense_count or pruned.reuse is not None:
            return


def _first_columns(maps: Any, count: int) -> dict[int, AttentionMap]:
    return {
        at: AttentionMap(seen.weights[..., :count], seen.roles, seen.entropy)
        for at, seen in maps.items()
    }


def _time_lightvla(sizes: BenchSizes) -> tuple[list[float], ...]:
    """Return times of the three products and of the pruner."""
    inputs = _some_inputs(sizes.lightvla_dim, sizes)
    assert inputs.text is not None
    tokens, text = inputs.tokens, inputs.text
    weights = torch.rand(1, tokens.shape[1], OTHERS)
    pruner = LightVla().eval()

    def multiply() -> tuple[Tensor, ...]:
        queries = weights @ text
        return tokens @ text.mT, queries @ tokens.mT

    return time_in_turns([multiply, lambda: pruner(inputs)], sizes.repeats)


def _some_inputs(dim: int, sizes: BenchSizes) -> PrunerInput:
    """Return random inputs with everything that some pruner needs."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    tokens, text = draw(1, 512, dim), draw(1, OTHERS, dim)
    roles = torch.full((1, OTHERS), int(Role.ACTION))
    roles[:, : OTHERS // 3] = Role.INSTRUCTION
    weights = draw(1, sizes.heads, OTHERS, 512).softmax(-1)
    seen = AttentionMap(weights, roles, entropy_of(weights))
    return PrunerInput(
        tokens=tokens,
        cameras=CAMERAS,
        text=text,
        text_roles=roles,
        attention=dict.fromkeys(range(sizes.layers), seen),
        outputs=dict.fromkeys(range(sizes.layers), tokens),
        pixels=torch.rand(1, 2, 224, 224, 3, generator=generator),
        slots=(0,),
        generators=(torch.Generator().manual_seed(0),),
        embedded=(tokens, text),
    )
