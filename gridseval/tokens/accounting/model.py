"""Descriptions of models, for counting what a query of them costs; one YAML each.

They lie in ``policies/models/``. A description holds shapes only, and its source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gridseval.named_files import NamedFiles
from gridseval.tokens.accounting.transformer import Convolution, Linear, Transformer


@dataclass(frozen=True)
class Tower:
    """A vision encoder that is run once per image.

    Args:
        transformer: Its layers; ``None`` for one of convolutions alone.
        tokens: Tokens of an image inside it, class and register tokens with them.
        linears: Besides the layers, per image: the embedding of patches, a head.
        convolutions: Per image.
    """

    transformer: Transformer | None
    tokens: int
    linears: tuple[Linear, ...] = ()
    convolutions: tuple[Convolution, ...] = ()


@dataclass(frozen=True)
class Language:
    """The language model.

    Args:
        transformer: Its layers.
        text_tokens: Tokens of an instruction with its template, padding included where it is run.
        other_tokens: Further tokens of the prefix: state, special ones.
        action_tokens: Slots for actions that are decoded in parallel, in the same pass.
        generated: Tokens that are decoded one after the other; the first comes from the prefix.
        vocabulary: Width of the output layer, for each generated token; 0 for none.
        linears: Besides the layers, per query: projections of the state.
    """

    transformer: Transformer
    text_tokens: int
    other_tokens: int = 0
    action_tokens: int = 0
    generated: int = 0
    vocabulary: int = 0
    linears: tuple[Linear, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of the prefix without the visual ones."""
        return self.text_tokens + self.other_tokens + self.action_tokens


@dataclass(frozen=True)
class Expert:
    """An action expert that is run several times over the language model's keys and values.

    Args:
        transformer: Its layers, as many as the language model's.
        tokens: Its own tokens: actions, state.
        steps: Denoising steps of a query.
        linears: Per step, besides the layers.
        layer_linears: Per step and layer, such as adaptive norms.
        cross_layers: Layers that attend to the prefix alone, with its keys and values projected
            anew in every step.
    """

    transformer: Transformer
    tokens: int
    steps: int
    linears: tuple[Linear, ...] = ()
    layer_linears: tuple[Linear, ...] = ()
    cross_layers: int = 0


@dataclass(frozen=True)
class ModelDescription:
    """A policy's shapes.

    Args:
        name: The file's stem.
        title: As papers write it.
        source: Where the shapes come from.
        images: Images that are encoded per query, masked ones included where they are run.
        tokens_per_image: Visual tokens that the language model gets of one image, unpruned.
        towers: Vision encoders, each run on every image.
        projector: From vision features to the language model's width, per image.
        language: The language model.
        head: Linear maps from the language model's output to actions, per query.
        expert: The action expert, if there is one.
        notes: What a reader should know.

    Raises:
        ValueError: Numbers are below 1, or the expert does not have the language model's layers.
    """

    name: str
    title: str
    source: str
    images: int
    tokens_per_image: int
    towers: tuple[Tower, ...]
    projector: tuple[Linear, ...]
    language: Language
    head: tuple[Linear, ...] = ()
    expert: Expert | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        if min(self.images, self.tokens_per_image) < 1:
            raise ValueError("images and tokens_per_image must be at least 1")
        layers = self.language.transformer.layers
        if self.expert is not None and self.expert.transformer.layers != layers:
            raise ValueError(f"the expert needs the language model's {layers} layers")

    @property
    def visual_tokens(self) -> int:
        """Visual tokens of a query before pruning, all images."""
        return self.images * self.tokens_per_image


def saving_steps(model: ModelDescription, interval: int) -> ModelDescription:
    """Return a model whose expert's layers run in one of ``interval`` denoising steps only.

    What else a step computes, its projections, is counted as before.
    """
    expert = model.expert
    if expert is None or interval == 1:
        return model
    steps = math.ceil(expert.steps / interval)
    every = tuple(
        replace(each, times=round(each.times * expert.steps / steps)) for each in expert.linears
    )
    return replace(model, expert=replace(expert, steps=steps, linears=every))


_MODELS = NamedFiles("model", ModelDescription, ("policies", "models"))


def list_models() -> tuple[str, ...]:
    """Return the names of all descriptions that ship with gridseval."""
    return _MODELS.names()


def load_model(name: str) -> ModelDescription:
    """Return a description by name, or from a user's file.

    Args:
        name: A name of :func:`list_models`, or a path that ends in ``.yaml``.

    Raises:
        UsageError: There is no such description (names the nearest), or the file is not one (names
            file, key path, and the nearest key).
    """
    return _MODELS.load(name)
