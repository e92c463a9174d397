"""Which way a language model attends: OpenVLA's to the left, OpenVLA-OFT's to both sides.

OpenVLA-OFT was trained with a fork of transformers, moojink/transformers-openvla-oft, whose Llama
attends to both sides. Stock transformers loads the same weights without a word and attends to the
left only, where published rates fall from 98 to 60 %. So nothing here trusts a version number: the
loaded model is asked, by changing its last token and looking at what comes before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError

FORK = "moojink/transformers-openvla-oft"

_TAIL = 8
"""Tokens of the probe beside the visual ones, which a model that prunes counts off."""
_SCALE = 0.02


def attend_to_both_sides(language_model: Any, visual_tokens: int) -> str:
    """Make a language model attend to both sides, as the fork does, unless it does already.

    Args:
        language_model: Of transformers, or with its attention layers.
        visual_tokens: How many tokens after the first may be pruned by the model itself.

    Returns:
        For ``run.yaml``, who made it so.

    Raises:
        PolicyError: It still attends to the left only (names the fork).
    """
    if sees_both_sides(language_model, visual_tokens):
        return "bidirectional, by the installed transformers"
    for fill in (False, True):
        hooks = [_open(layer, fill) for layer in _attention_layers(language_model)]
        if hooks and sees_both_sides(language_model, visual_tokens):
            return "bidirectional, by gridseval"
        for hook in hooks:
            hook()
    raise PolicyError(
        "the language model attends to the left only, and OpenVLA-OFT's to both sides",
        f"serve it from an environment with the transformers fork {FORK} (gridseval serve)",
    )


def attend_to_the_left(language_model: Any, visual_tokens: int) -> str:
    """Check that a language model attends to the left only.

    Returns:
        For ``run.yaml``, that it does.

    Raises:
        PolicyError: It attends to both sides (names the fork).
    """
    if not sees_both_sides(language_model, visual_tokens):
        return "causal"
    raise PolicyError(
        "the language model attends to both sides, and OpenVLA's to the left only; the installed "
        f"transformers may be OpenVLA-OFT's fork, {FORK}",
        "use an environment with transformers 4.40.1 of the registry",
    )


@torch.no_grad()
def sees_both_sides(language_model: Any, visual_tokens: int) -> bool:
    """Return whether a change of the last token changes what a model makes of the first."""
    weight = language_model.get_input_embeddings().weight
    generator = torch.Generator().manual_seed(0)
    size = (1, 1 + visual_tokens + _TAIL, weight.shape[1])
    embeds = _SCALE * torch.randn(size, generator=generator)
    other = embeds.clone()
    other[:, -1] = _SCALE * torch.randn(size[2], generator=generator)
    first, second = (
        _first_state(language_model, e.to(weight.device, weight.dtype)) for e in (embeds, other)
    )
    return not torch.equal(first, second)


def _first_state(language_model: Any, embeds: Tensor) -> Tensor:
    output = language_model(
        inputs_embeds=embeds,
        attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device),
        use_cache=False,
        output_hidden_states=True,
        return_dict=True,
    )
    state: Tensor = output.hidden_states[-1][:, 0]
    return state


def _attention_layers(language_model: Any) -> Iterator[nn.Module]:
    for module in language_model.modules():
        if hasattr(module, "self_attn"):
            yield module.self_attn


def _open(attention: Any, fill: bool) -> Callable[[], None]:
    """Let an attention layer see both sides.

    Args:
        attention: The layer, called with a keyword ``attention_mask``.
        fill: Whether it needs a mask where it gets none: before 4.48, transformers' layers take
            no mask for a causal one.

    Returns:
        What undoes it.
    """
    causal = getattr(attention, "is_causal", None)
    attention.is_causal = False

    def before(_: Any, positional: Any, named: dict[str, Any]) -> Any:
        mask = named.get("attention_mask")
        states = named["hidden_states"] if "hidden_states" in named else positional[0]
        if isinstance(mask, Tensor) and mask.ndim == 4:
            # All tokens may see what the last one may see: every token that is not padding.
            mask = mask[:, :, -1:].expand(-1, -1, states.shape[1], -1)
        elif mask is None and fill:
            mask = states.new_zeros(1, 1, states.shape[1], states.shape[1])
        return positional, {**named, "attention_mask": mask}

    handle = attention.register_forward_pre_hook(before, with_kwargs=True)

    def undo() -> None:
        handle.remove()
        attention.is_causal = causal

    return undo
