"""How long ``nano`` takes with each pruner, and which part of that is the pruner's own.

Both are taken in the same passes, so that a busy machine slows both alike; of several passes the
fastest count. One CPU thread, batch 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from gridseval.policies.nano.checkpoint import new_nano
from gridseval.policies.nano.config import NanoConfig, PrunerChoice
from gridseval.policies.nano.model import NanoInput, NanoModel
from gridseval.policies.nano.policy import threads_set_to
from gridseval.policies.nano.words import hash_words
from gridseval.tokens.pruners import argument_names, load_pruner

MOST_SHARE = 0.02
"""What GridS may add to ``nano``'s forward pass, as a share of it."""
_K = 16
_INSTRUCTION = "pick up the black bowl and place it on the plate"
_HISTORY = 5


@dataclass(frozen=True)
class NanoTime:
    """One pruner in ``nano``.

    Attributes:
        name: The pruner's.
        kept: Visual tokens in the last layer, of 512.
        pass_ms: Milliseconds of a whole pass.
        pruner_ms: Milliseconds of it inside the pruner, at all its places.
    """

    name: str
    kept: int
    pass_ms: float
    pruner_ms: float

    @property
    def share(self) -> float:
        """The pruner's share of the pass."""
        return self.pruner_ms / self.pass_ms


def measure_nano(
    names: Sequence[str],
    repeats: int = 15,
    config: NanoConfig | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> tuple[NanoTime, ...]:
    """Time a fresh ``nano`` with each pruner, at 16 tokens per camera where one takes ``k``.

    Args:
        names: The pruners'.
        repeats: Passes of which the fastest counts, at least 1.
        config: The model without its pruner; default: :class:`NanoConfig`'s.
        on_progress: Called with a pruner's name when that is done.
    """
    times = []
    with threads_set_to(1), torch.inference_mode():
        for name in names:
            times.append(_time(name, config or NanoConfig(), repeats))
            on_progress(name)
    return tuple(times)


def nano_text(times: tuple[NanoTime, ...]) -> str:
    """Return a table for people."""
    lines = [
        "nano: a whole pass at batch 1 on one CPU thread, and the pruner's own part of it",
        f"{'pruner':<14}{'kept':>6}{'pass ms':>10}{'pruner ms':>11}{'share':>9}",
    ]
    lines += [
        f"{each.name:<14}{each.kept:>6}{each.pass_ms:>10.1f}{each.pruner_ms:>11.3f}"
        f"{100 * each.share:>7.2f} %"
        for each in times
    ]
    for share in (each.share for each in times if each.name == "grids"):
        verdict = "within" if share <= MOST_SHARE else "more than"
        lines.append(f"grids: {verdict} the {100 * MOST_SHARE:.0f} % that it may take")
    return "\n".join(lines)


def nano_json(times: tuple[NanoTime, ...]) -> list[dict[str, Any]]:
    """Return the same for programs."""
    return [{**asdict(each), "share": each.share} for each in times]


class _Stopwatch:
    """Adds up the time that a model spends inside its pruner."""

    def __init__(self, model: NanoModel) -> None:
        self.inside_ms, self._began = 0.0, 0.0
        model.pruner.register_forward_pre_hook(self._begin)
        model.pruner.register_forward_hook(self._end)

    def _begin(self, *_: Any) -> None:
        self._began = time.perf_counter()

    def _end(self, *_: Any) -> None:
        self.inside_ms += 1e3 * (time.perf_counter() - self._began)


def _time(name: str, config: NanoConfig, repeats: int) -> NanoTime:
    arguments = {"k": _K} if "k" in argument_names(load_pruner(name)) else {}
    model = new_nano(replace(config, pruner=PrunerChoice(name, arguments)))
    inputs = _some_input(model)
    if model.pruner.needs.slots:
        for _ in range(_HISTORY):
            model(inputs)
    watch = _Stopwatch(model)
    passes, inside = [], []
    for _ in range(repeats + 1):
        watch.inside_ms, began = 0.0, time.perf_counter()
        output = model(inputs)
        passes.append(1e3 * (time.perf_counter() - began))
        inside.append(watch.inside_ms)
    kept = int(output.pruned.counts[0])
    return NanoTime(name, kept, min(passes[1:]), min(inside[1:]))


def _some_input(model: NanoModel) -> NanoInput:
    config = model.config
    generator = torch.Generator().manual_seed(0)
    size = (1, len(config.cameras), config.image_px, config.image_px, 3)
    words = hash_words(_INSTRUCTION, config.words, config.buckets)
    return NanoInput(
        images=torch.randint(0, 256, size, generator=generator, dtype=torch.uint8),
        words=torch.from_numpy(words)[None],
        state=torch.randn(1, 8, generator=generator),
        slots=(0,),
        generators=(generator,),
    )
