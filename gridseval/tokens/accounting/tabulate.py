"""A model's cost with all visual tokens and with fewer, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass

from gridseval.errors import UsageError
from gridseval.tokens.accounting.conventions import CONVENTIONS, Convention
from gridseval.tokens.accounting.count import Cost, Schedule, count_macs
from gridseval.tokens.accounting.model import ModelDescription
from gridseval.tokens.pruners import Choice, pruner_macs
from gridseval.tokens.pruners.products import REUSING


@dataclass(frozen=True)
class Pruning:
    """How a model is pruned.

    Args:
        model: The model.
        tokens: Visual tokens kept of each image, 1 to the model's own number; of a pruner that
            reuses key-value entries, those that are computed.
        layer: From which decoder layer on, counted from 0; 0 is before the language model.
        pruner: The method, for what it costs itself; ``None`` counts nothing.

    Raises:
        UsageError: The numbers don't fit the model.
    """

    model: ModelDescription
    tokens: int
    layer: int = 0
    pruner: str | None = None

    def __post_init__(self) -> None:
        most = self.model.tokens_per_image
        if not 1 <= self.tokens <= most:
            raise UsageError(
                f"{self.model.name} has {most} visual tokens per image; cannot keep {self.tokens}"
            )
        if self.layer < 0:
            raise UsageError(f"there is no decoder layer {self.layer}", "they count from 0")
        self.schedule.tokens(self.model.visual_tokens, self.model.language.transformer.layers)

    @property
    def kept(self) -> int:
        """Visual tokens kept of all images."""
        return self.tokens * self.model.images

    @property
    def schedule(self) -> Schedule:
        """Visual tokens by layer."""
        return Schedule(((self.layer, self.kept),), self.pruner in REUSING)

    @property
    def choosing(self) -> int:
        """MACs of choosing the tokens."""
        if self.pruner is None:
            return 0
        model = self.model
        width, text = model.language.transformer.width, model.language.tokens
        choice = Choice(model.images, model.visual_tokens, self.kept, width, text)
        return pruner_macs(self.pruner, choice)


def parts(model: ModelDescription, pruning: Pruning | None = None) -> Cost:
    """Return a query's MACs part by part."""
    if pruning is None:
        return count_macs(model)
    return count_macs(model, pruning.schedule, pruning.choosing)


def operations(model: ModelDescription, pruning: Pruning | None = None) -> dict[Convention, int]:
    """Return a query's operations by every convention, each in its own unit."""
    schedule, choosing = (None, 0) if pruning is None else (pruning.schedule, pruning.choosing)
    return {each: each.operations(model, schedule, choosing) for each in CONVENTIONS.values()}
