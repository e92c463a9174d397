"""What papers count when they write FLOPs, by name: figures of two conventions never compare.

A published figure is reproduced by the convention it was made with; a new table states
one, for all of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from gridseval.errors import UsageError, did_you_mean
from gridseval.tokens.accounting.count import Cost, Repeats, Schedule, count_macs
from gridseval.tokens.accounting.model import ModelDescription

FLOPS_PER_MAC = 2


@dataclass(frozen=True)
class Convention:
    """What a figure counts.

    Attributes:
        name: For ``--convention``.
        unit: ``"FLOPs"``, two per MAC, or ``"MACs"``.
        counts: In words.
        used_by: Whose figures it reproduces.
        parts: The MACs that count, of a query's cost.
        repeats: What counts once although it runs more often.
    """

    name: str
    unit: Literal["FLOPs", "MACs"]
    counts: str
    used_by: str
    parts: Callable[[Cost], int]
    repeats: Repeats = field(default_factory=Repeats)

    def operations(
        self, model: ModelDescription, schedule: Schedule | None = None, pruner: int = 0
    ) -> int:
        """Return the operations of one query, in ``unit``.

        Args:
            model: The model.
            schedule: Visual tokens by layer; default: all in every layer.
            pruner: MACs of choosing the tokens.

        Raises:
            UsageError: The schedule does not fit the model.
        """
        macs = self.parts(count_macs(model, schedule, pruner, self.repeats))
        return macs * (FLOPS_PER_MAC if self.unit == "FLOPs" else 1)


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        convention.name: convention
        for convention in (
            Convention(
                "full",
                "FLOPs",
                "all that runs: vision, projector, pruner, every decoder layer, generated tokens, "
                "every denoising step",
                "gridseval's own tables",
                lambda cost: cost.total,
            ),
            Convention(
                "llm-macs",
                "MACs",
                "the language model's pass over its prefix alone, multiply-accumulates",
                "VLA-Pruner's tables, under the name FLOPs",
                lambda cost: cost.prefill,
            ),
            Convention(
                "vision-llm",
                "FLOPs",
                "vision, projector and the language model's pass over its prefix",
                "LightVLA's tables",
                lambda cost: cost.vision + cost.prefill,
            ),
            Convention(
                "single-layer",
                "FLOPs",
                "one layer of the vision encoder with patch embedding and projector, the pruner, "
                "the mean decoder layer, one denoising step through one layer",
                "GridS's tables",
                lambda cost: cost.total,
                Repeats(layers=False, steps=False),
            ),
        )
    }
)
"""All conventions, by name."""


def find_convention(name: str) -> Convention:
    """Return a convention by name.

    Raises:
        UsageError: The name is unknown (names the nearest).
    """
    found = CONVENTIONS.get(name)
    if found is None:
        raise UsageError(f"unknown convention {name!r}", did_you_mean(name, CONVENTIONS))
    return found
