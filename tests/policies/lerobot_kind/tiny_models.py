"""Makes LeRobot's π0 family and X-VLA so small that tests can build them, within LeRobot's classes.

Their sizes are fixed in LeRobot's code (a 2B Gemma, a 400M SigLIP, 257,152 words), not in a
checkpoint's configuration, so whoever loads such a checkpoint must call :func:`shrink` first.
LeRobot 0.4.4 needs besides what its own branch of transformers adds to Gemma: norms with a
condition, gated residuals, a key-value cache that a denoising step leaves as it is. The branch is
on no registry; :func:`add_conditions` writes these few lines anew (openpi's adaRMS: scale, shift
and gate from a linear layer of the condition).
"""

from __future__ import annotations

import copy
import sys
import types
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoProcessor, AutoTokenizer, PreTrainedTokenizerFast
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.models.gemma import modeling_gemma

WORDS = 400
SIDE = 28


def letters() -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows single letters, and π0-FAST's two words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<pad>", "<eos>", "<bos>", "<unk>", "Action", *map(chr, range(10, 127))]
    vocabulary = {word: number for number, word in enumerate(words)}
    vocabulary |= {f"<loc{n}>": len(words) + n for n in range(WORDS - len(words))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
    )


class TinyFast:
    """Stands for the FAST action tokenizer: one letter per DCT coefficient."""

    min_token = -64
    scale = 40.0
    vocab_size = 128

    class bpe_tokenizer:  # noqa: N801 (the name that LeRobot looks for)
        @staticmethod
        def decode(tokens: Any) -> str:
            return "".join(chr(48 + int(token) % 32) for token in tokens)


def shrink() -> None:
    """Shrink what LeRobot builds from now on."""
    from lerobot.policies.pi0 import modeling_pi0
    from lerobot.policies.pi0_fast import modeling_pi0_fast
    from lerobot.policies.pi05 import modeling_pi05

    if not hasattr(sys.modules["lerobot.policies"], "pi_gemma"):
        add_conditions()
    for module in (modeling_pi0, modeling_pi05, modeling_pi0_fast):
        module.get_gemma_config = lambda variant: types.SimpleNamespace(  # type: ignore[attr-defined]
            width=16, depth=2, mlp_dim=32, num_heads=8, num_kv_heads=1, head_dim=8
        )
        for name in [name for name in vars(module) if "ForC" in name and "Gemma" in name]:
            setattr(module, name, _small(getattr(module, name)))
    _replace(AutoTokenizer, "paligemma", letters)
    _replace(AutoProcessor, "fast", TinyFast)


def _replace(kind: Any, sign: str, make: Any) -> None:
    """Let a class of transformers make something for the hub ids that have a sign in them."""
    real = kind.from_pretrained

    def from_pretrained(name: Any, *rest: Any, **named: Any) -> Any:
        is_id = sign in str(name) and not Path(str(name)).exists()
        return make() if is_id else real(name, *rest, **named)

    kind.from_pretrained = from_pretrained


def _small(kind: type[Any]) -> type[Any]:
    class Small(kind):  # type: ignore[misc]
        def __init__(self, config: Any) -> None:
            text = getattr(config, "text_config", config)
            text.vocab_size = WORDS
            if text is not config:
                config.image_token_index = config.image_token_id = WORDS - 1
                config.projection_dim = text.hidden_size
                vision = config.vision_config
                vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers = 16, 32, 1
                vision.num_attention_heads, vision.projection_dim = 2, text.hidden_size
                vision.image_size = SIDE
            super().__init__(config)

    Small.__name__ = Small.__qualname__ = kind.__name__
    return Small


class _Norm(nn.Module):
    def __init__(self, dim: int, eps: float = 1e-6, condition: int | None = None) -> None:
        super().__init__()
        self.eps = eps
        if condition is None:
            self.weight = nn.Parameter(torch.zeros(dim))
        else:
            self.dense = nn.Linear(condition, 3 * dim)

    def forward(self, x: torch.Tensor, cond: torch.Tensor | None = None) -> Any:
        normed = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)
        if not hasattr(self, "dense"):
            return (normed * (1 + self.weight.float())).type_as(x), None
        scale, shift, gate = self.dense(cond)[:, None].chunk(3, dim=-1)
        return (normed * (1 + scale) + shift).type_as(x), gate.type_as(x)


def _joined(x: Any, y: Any, gate: Any) -> Any:
    return x + y if gate is None else x + y * gate


def add_conditions() -> None:
    """Give Gemma what LeRobot 0.4.4 expects of its branch of transformers."""
    check = types.ModuleType("transformers.models.siglip.check")
    check.check_whether_transformers_replace_is_installed_correctly = lambda: True  # type: ignore[attr-defined]
    sys.modules[check.__name__] = check
    import transformers.models.siglip as siglip

    siglip.check = check  # type: ignore[attr-defined]
    modeling_gemma._gated_residual = _joined  # type: ignore[attr-defined]
    build = modeling_gemma.GemmaModel.__init__

    def built(self: Any, config: Any) -> None:
        build(self, config)
        size = config.adarms_cond_dim if getattr(config, "use_adarms", False) else None
        for layer in self.layers:
            layer.input_layernorm = _Norm(config.hidden_size, config.rms_norm_eps, size)
            layer.post_attention_layernorm = _Norm(config.hidden_size, config.rms_norm_eps, size)
        self.norm = _Norm(config.hidden_size, config.rms_norm_eps, size)

    def forward(
        self: Any,
        inputs_embeds: Any,
        attention_mask: Any,
        position_ids: Any,
        past_key_values: Any = None,
        use_cache: bool = False,
        adarms_cond: Any = None,
        **_: Any,
    ) -> Any:
        from transformers import DynamicCache

        cache = DynamicCache() if past_key_values is None else copy.deepcopy(past_key_values)
        places = self.rotary_emb(inputs_embeds, position_ids)
        hidden = inputs_embeds
        for layer in self.layers:
            normed, gate = layer.input_layernorm(hidden, adarms_cond)
            seen, _weights = layer.self_attn(
                hidden_states=normed,
                position_embeddings=places,
                attention_mask=attention_mask,
                past_key_values=cache,
            )
            hidden = _joined(hidden, seen, gate)
            normed, gate = layer.post_attention_layernorm(hidden, adarms_cond)
            hidden = _joined(hidden, layer.mlp(normed), gate)
        hidden, _gate = self.norm(hidden, adarms_cond)
        return BaseModelOutputWithPast(hidden, cache if use_cache else None)

    modeling_gemma.GemmaModel.__init__ = built  # type: ignore[method-assign]
    modeling_gemma.GemmaModel.forward = forward  # type: ignore[method-assign]
