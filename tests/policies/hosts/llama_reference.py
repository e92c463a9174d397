"""A small Llama, and the same model with pruned tokens masked in place of removed."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from gridseval.tokens.pruners import CameraGrid, Host

CAMERAS = (CameraGrid("agentview", 4, 4), CameraGrid("wrist", 4, 4))
VISUAL, PROMPT, LAYERS, WIDTH = 32, 7, 6, 48
LENGTH = 1 + VISUAL + 1 + PROMPT + 56 + 1
HOST = Host(WIDTH, LAYERS, CAMERAS, 0)


def llama(attention: str = "sdpa") -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=40,
        initializer_range=0.2,
        attn_implementation=attention,
    )
    return LlamaForCausalLM(config).eval()


def embeddings(rows: int = 1, length: int = LENGTH, seed: int = 1) -> Any:
    import torch

    return torch.randn(rows, length, WIDTH, generator=torch.Generator().manual_seed(seed))


def answer(model: Any, embeds: Any, mask: Any = None) -> Any:
    """Return the last hidden states and all logits."""
    import torch

    with torch.no_grad():
        output = model(
            inputs_embeds=embeds,
            attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long) if mask is None else mask,
            output_hidden_states=True,
            return_dict=True,
        )
    return output.hidden_states[-1], output.logits


def decode(model: Any, tokens: Any, before: Any) -> Any:
    """Return the output for tokens (B, n) after an output with a cache."""
    # transformers 5.2 renamed it.
    name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    return model(input_ids=tokens, use_cache=True, **{name: getattr(before, name)})


@dataclass
class Recorded:
    """Notes what a pruner was given and what it returned.

    Args:
        pruner: Its ``forward`` is wrapped.
    """

    pruner: Any
    given: list[Any] = field(default_factory=list)
    returned: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        forward = self.pruner.forward

        def noted(inputs: Any) -> Any:
            self.given.append(inputs)
            self.returned.append(forward(inputs))
            return self.returned[-1]

        self.pruner.forward = noted


def masked(
    model: Any,
    embeds: Any,
    pruned: dict[int, Any],
    *,
    both_sides: bool = False,
    after: int = 0,
    there: Any = None,
) -> Any:
    """Return the answer of a model that runs on all places and does not see those of pruned tokens.

    Args:
        model: A Llama of transformers.
        embeds: (B, L, WIDTH), decoded tokens at the end.
        pruned: Decoder layer to what the pruner returned before it.
        both_sides: Whether tokens see both sides.
        after: Tokens that were decoded.
        there: bool (B, L), false for padding.
    """
    import torch

    rows, length = embeds.shape[:2]
    seen = torch.ones(length, length, dtype=torch.bool)
    seen = (seen if both_sides else seen.tril()).expand(rows, -1, -1)
    if there is not None:
        seen = seen & there[:, None]
    state = {"seen": seen, "positions": torch.arange(length).expand(rows, -1)}

    def enter(number: int, layer: Any, given: Any, named: dict[str, Any]) -> Any:
        states = given[0]
        if number in pruned:
            made = pruned[number]
            columns, states = torch.ones(rows, length, dtype=torch.bool), states.clone()
            columns[:, 1 : 1 + VISUAL] = False
            positions = torch.arange(length).repeat(rows, 1)
            positions[:, 1 + VISUAL :] -= VISUAL - made.span
            for row in range(rows):
                count = int(made.mask[row].sum())
                places = 1 + made.position_ids[row, :count]
                columns[row, places] = True
                states[row, places] = made.tokens[row, :count].to(states.dtype)
            state["seen"] = seen & (columns[:, None] | torch.eye(length, dtype=torch.bool))
            state["positions"] = positions
        hidden = torch.zeros(rows, 1, length, length).masked_fill(
            ~state["seen"][:, None], torch.finfo(torch.float32).min
        )
        turned = model.model.rotary_emb(states, position_ids=state["positions"])
        more = {"attention_mask": hidden, "position_embeddings": turned}
        return (states, *given[1:]), {**named, **more}

    from functools import partial

    handles = [
        layer.register_forward_pre_hook(partial(enter, number), with_kwargs=True)
        for number, layer in enumerate(model.model.layers)
    ]
    made = answer(model, embeds)
    for handle in handles:
        handle.remove()
    return made


def places_left(made: Any, length: int = LENGTH) -> Any:
    """Return bool (B, length): the places that have a token at the end."""
    import torch

    left = torch.ones(len(made.mask), length, dtype=torch.bool)
    left[:, 1 : 1 + VISUAL] = False
    for row, kept in enumerate(made.mask):
        left[row, 1 + made.position_ids[row, kept]] = True
    return left
