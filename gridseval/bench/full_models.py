"""Models of the papers' shapes with random weights: a Llama, and a Gemma with an action expert.

Only what pruners change is there: no vision encoder, no words, no head. Shapes come from
``policies/models/``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from gridseval.bench.transformers_package import from_transformers
from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.layouts import oft_roles, openvla_roles
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.hosts.paligemma import PaliGemmaHooks
from gridseval.policies.hosts.query import Query, QueryContext
from gridseval.tokens import TokenTrace
from gridseval.tokens.accounting.model import ModelDescription
from gridseval.tokens.accounting.transformer import Transformer
from gridseval.tokens.pruners.interface import Pruner
from gridseval.tokens.pruners.layout import CameraGrid, Host

_CAMERAS = ("agentview", "wrist")


class Hooked(Protocol):
    """A pruner's hooks in a model."""

    @property
    def query(self) -> Query:
        """The query under way."""

    def begin(self, context: QueryContext | None = None) -> None:
        """Begin a query."""

    def finish(self) -> tuple[TokenTrace, ...]:
        """End it."""

    def remove(self) -> None:
        """Take the hooks out."""


class Model(Protocol):
    """A model that answers queries of random tokens.

    Attributes:
        cameras: Grids of the visual tokens.
        host: What pruners need to know of it.
        tokens: float (1, L, D): what its decoder is given; may be changed in place.
        start: Tokens before the visual ones.
    """

    cameras: tuple[CameraGrid, ...]
    host: Host
    tokens: Tensor
    start: int

    def ask(self) -> None:
        """Answer one query."""

    def hook(self, pruner: Pruner) -> Hooked:
        """Put a pruner in."""


def build_model(description: ModelDescription, device: str, dtype: torch.dtype) -> Model:
    """Return a model with random weights; its shapes decide which.

    Raises:
        UsageError: transformers is not installed, or cannot be imported.
    """
    kind = LlamaModel if description.expert is None else GemmaWithExpert
    with torch.random.fork_rng(), torch.inference_mode(), _made_as(device, dtype):
        torch.manual_seed(0)
        return kind(description)


class LlamaModel:
    """A Llama with OpenVLA's sequence, or OpenVLA-OFT's: BOS, visual tokens, the rest.

    Args:
        description: Its shapes; with ``generated`` tokens, they are decoded one by one.
    """

    start = 1

    def __init__(self, description: ModelDescription) -> None:
        language = description.language
        self._decoder = _decoder("Llama", language.transformer)
        self._parallel = language.action_tokens > 0
        self._steps = max(0, language.generated - 1)
        self.cameras = _cameras(description, description.images)
        kind = "openvla-oft" if self._parallel else "openvla"
        self.host = host_of(self._decoder, self.cameras, kind=kind)
        length = 1 + description.visual_tokens + language.tokens
        self.tokens = torch.randn(1, length, self.host.dim)
        self._next = torch.randn(1, 1, self.host.dim)

    def ask(self) -> None:
        """Run the whole sequence, then decode what is generated."""
        cache = _cache() if self._steps else None
        _run(self._decoder, self.tokens, cache)
        for _ in range(self._steps):
            _run(self._decoder, self._next, cache)

    def hook(self, pruner: Pruner) -> Hooked:
        """Put a pruner in."""
        roles = oft_roles if self._parallel else openvla_roles
        return LlamaHooks(self._decoder, pruner, self.cameras, roles, bidirectional=self._parallel)


class GemmaWithExpert:
    """A Gemma whose keys an expert looks at in every denoising step, as in π0.

    Args:
        description: Its shapes. A third image is there, masked, as in openpi.
    """

    start = 0

    def __init__(self, description: ModelDescription) -> None:
        language, expert = description.language, description.expert
        assert expert is not None
        self._decoder = _decoder("Gemma", language.transformer)
        self._expert = _decoder("Gemma", expert.transformer)
        self._steps = expert.steps
        self.cameras = _cameras(description, min(len(_CAMERAS), description.images))
        self.host = host_of(self._decoder, self.cameras, parts=("head",))
        length = description.visual_tokens + language.tokens
        self.tokens = torch.randn(1, length, self.host.dim)
        self._noisy = torch.randn(1, expert.tokens, expert.transformer.width)
        lowest = torch.finfo(self.tokens.dtype).min
        self._mask = torch.zeros(1, 1, length, length)
        self._mask[..., sum(each.count for each in self.cameras) : description.visual_tokens] = (
            lowest
        )
        self._later = torch.zeros(1, 1, expert.tokens, length + expert.tokens)
        self._later[..., :length] = self._mask[:, :, :1]

    def ask(self) -> None:
        """Run the prefix, then the expert once per step over its keys."""
        prefix, length = _cache(), self.tokens.shape[1]
        _run(
            self._decoder,
            self.tokens,
            prefix,
            attention_mask=self._mask,
            position_ids=torch.arange(length, device=self.tokens.device)[None],
        )
        places = length + torch.arange(self._noisy.shape[1], device=self.tokens.device)[None]
        for _ in range(self._steps):
            cache = _cache()
            for number, layer in enumerate(prefix.layers):
                cache.update(layer.keys, layer.values, number)
            _run(
                self._expert,
                self._noisy,
                cache,
                attention_mask=self._later,
                position_ids=places,
            )

    def hook(self, pruner: Pruner) -> Hooked:
        """Put a pruner in."""
        return PaliGemmaHooks(self._decoder, self._expert, pruner, self.cameras, state_tokens=1)


@contextmanager
def _made_as(device: str, dtype: torch.dtype) -> Iterator[None]:
    """Make all tensors on a device, in a type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def _decoder(family: str, shape: Transformer) -> Any:
    config, model = from_transformers(f"{family}Config", f"{family}Model")
    made = model(
        config(
            hidden_size=shape.width,
            intermediate_size=shape.mlp,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            vocab_size=64,
        )
    )
    return made.eval()


def _cameras(description: ModelDescription, count: int) -> tuple[CameraGrid, ...]:
    side = round(description.tokens_per_image**0.5)
    return tuple(CameraGrid(name, side, side) for name in _CAMERAS[:count])


def _cache() -> Any:
    from transformers import DynamicCache

    return DynamicCache()


def _run(decoder: Any, embeds: Tensor, cache: Any, **named: Any) -> None:
    # transformers 5.2 renamed it.
    taken = inspect.signature(type(decoder).forward).parameters
    name = "cache" if "cache" in taken else "past_key_values"
    decoder(inputs_embeds=embeds, use_cache=cache is not None, **{name: cache}, **named)
