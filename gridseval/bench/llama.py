"""How much faster a Llama runs with each pruner inside it, end to end.

The model is small and has random weights: 8 layers of width 512, with OpenVLA-OFT's sequence of 512
visual tokens. Dense and pruned passes run in turns on one CPU thread; of several the fastest
counts, since a median would say how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from gridseval.bench.pruners import CAMERAS, time_in_turns
from gridseval.bench.transformers_package import from_transformers
from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.layouts import oft_roles
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.hosts.query import QueryContext
from gridseval.policies.nano.policy import threads_set_to
from gridseval.tokens.pruners import build_pruner

LAYERS, WIDTH, HEADS, INNER = 8, 512, 8, 1376
"""The Llama; its MLP has LLaMA-2's proportion to the width."""
VISUAL, OTHERS = 512, 90
MOST_OVERHEAD = 0.03
"""What hooks may add where every token is kept, as a share of the dense pass."""
_WHOLE = "everything kept"
ROWS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        _WHOLE: ("fastv", {"layer": 2, "keep": 1.0}),
        "fastv 25 %": ("fastv", {"layer": 2, "keep": 0.25}),
        "lightvla": ("lightvla", {}),
        "grids 16": ("grids", {"k": 16}),
        "vla_pruner 25 %": ("vla_pruner", {"layer": 2, "keep": 0.25}),
        "sparsevlm 25 %": ("sparsevlm", {"layers": (2, 3, 5), "keep": 0.25}),
        "efficientvla 56": ("efficientvla", {"layer": 2, "k": 56}),
        "random 39": ("random", {"k": 39}),
        "vla_cache at rest": ("vla_cache", {"locations": (1, 2)}),
    }
)
"""Rows of the table: a pruner and its arguments. 39 tokens per camera are LightVLA's 78;
VLA-Cache sees the same images in every query, and reuses what it may at most."""
_HISTORY = 4
_PIXELS = 224
_LIKE = 78


@dataclass(frozen=True)
class LlamaTime:
    """One row.

    Attributes:
        name: Of the row.
        kept: Visual tokens that run through the last layer, of 512.
        dense_ms: Milliseconds of a pass of the model without hooks.
        pruned_ms: Milliseconds of a pass with them, choice of tokens included.
    """

    name: str
    kept: int
    dense_ms: float
    pruned_ms: float

    @property
    def speedup(self) -> float:
        """How many times faster than dense, both measured in turns."""
        return self.dense_ms / self.pruned_ms


def measure_llama(
    repeats: int = 9,
    rows: Sequence[str] = tuple(ROWS),
    on_progress: Callable[[str], None] = lambda _: None,
) -> tuple[LlamaTime, ...]:
    """Time a random Llama with pruners inside; takes a minute or two.

    Args:
        repeats: Passes of each, at least 1; the fastest counts.
        rows: Of :data:`ROWS`.
        on_progress: Called with a row's name when that is done.

    Raises:
        UsageError: transformers is not installed, or cannot be imported.
    """
    model = _llama()
    times = []
    with threads_set_to(1), torch.inference_mode():
        for name in rows:
            times.append(_time(model, name, repeats))
            on_progress(name)
    return tuple(times)


def llama_text(times: Sequence[LlamaTime]) -> str:
    """Return a table for people."""
    lines = [
        f"A Llama of {LAYERS} layers and width {WIDTH}, {VISUAL} visual tokens and {OTHERS} "
        "others, one CPU thread",
        f"{'pruner':<18}{'kept':>6}{'dense ms':>10}{'ms':>9}{'speed-up':>10}",
    ]
    lines += [
        f"{each.name:<18}{each.kept:>6}{each.dense_ms:>10.1f}{each.pruned_ms:>9.1f}"
        f"{each.speedup:>9.2f}x"
        for each in times
    ]
    for each in times:
        if each.name == _WHOLE:
            added = each.pruned_ms / each.dense_ms - 1
            verdict = "within" if added <= MOST_OVERHEAD else "more than"
            lines.append(
                f"hooks with everything kept add {100 * added:.1f} %, {verdict} "
                f"{100 * MOST_OVERHEAD:.0f} %"
            )
    return "\n".join(lines)


def llama_json(times: Sequence[LlamaTime]) -> list[dict[str, Any]]:
    """Return the same for programs."""
    return [{**asdict(each), "speedup": each.speedup} for each in times]


def _llama() -> Any:
    config_class, model_class = from_transformers("LlamaConfig", "LlamaForCausalLM")
    config = config_class(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        vocab_size=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return model_class(config).eval()


def _time(model: Any, name: str, repeats: int) -> LlamaTime:
    pruner_name, arguments = ROWS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pruner = build_pruner(pruner_name, host_of(model, CAMERAS), **arguments).eval()
    embeds = _embeddings(few=pruner_name == "lightvla")
    pixels = torch.rand(1, len(CAMERAS), _PIXELS, _PIXELS, 3) if pruner.needs.pixels else None
    hooks: LlamaHooks | None = None
    kept = VISUAL

    def dense() -> None:
        model.model(inputs_embeds=embeds, use_cache=False)

    def pruned() -> None:
        nonlocal hooks, kept
        # Putting hooks in takes microseconds; without them, dense passes are the model's own.
        hooks = LlamaHooks(model, pruner, CAMERAS, oft_roles, bidirectional=False)
        hooks.begin(QueryContext((0,), (torch.Generator().manual_seed(0),), pixels))
        model.model(inputs_embeds=embeds, use_cache=False)
        hooks.finish()
        kept = int(hooks.query.counts[-1][1][0])
        hooks.remove()

    for _ in range(_HISTORY if pruner.needs.slots else 0):
        pruned()
    whole, shorter = time_in_turns([dense, pruned], repeats)
    return LlamaTime(name, kept, min(whole), min(shorter))


def _embeddings(few: bool) -> Tensor:
    """Return random tokens, (1, 603, WIDTH).

    Args:
        few: Whether LightVLA should keep about 78 of them, as it does of real images: random tokens
            all want different ones.
    """
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(1, 1 + VISUAL + OTHERS, WIDTH, generator=generator)
    if few:
        tokens[:, 1 + _LIKE : 1 + VISUAL] *= 0
        tokens[:, 1 + _LIKE : 1 + VISUAL] += tokens[:, 1:2]
    return tokens
