"""Record which tokens SparseVLM's own code leaves in each layer: ``sparsevlm_left.npz``.

Needs torch and three files of ``llava/model/language_model`` of Gumpest/SparseVLMs (26a5f48),
``modelling_sparse_llama.py``, ``score.py`` and ``utils.py``, in one folder with ``sparse_`` before
their names::

    PYTHONPATH=.:tests/tokens/pruners python tests/tokens/pruners/record_sparsevlm.py \\
        FOLDER sparsevlm_left.npz

Their forward pass runs as it is, on a model whose layers answer with given attention. What is
changed: no CUDA clock, and no noise on the density of tokens that are merged.
"""

from __future__ import annotations

import ast
import logging
import math
import os
import sys
import typing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from authors_text import (
    BEFORE,
    CASES,
    IMAGE,
    LAYERS,
    PRUNED,
    WIDTH,
    attention_map,
    embedded,
    heads_of,
    layer_output,
)

HEAD_DIM = 128


class _Torch(type(torch)):  # type: ignore[misc]
    """``torch`` without a GPU's clock and without noise."""

    cuda = SimpleNamespace(
        Event=lambda **_: SimpleNamespace(record=lambda: None, elapsed_time=lambda _: 0.0),
        synchronize=lambda: None,
    )
    rand = staticmethod(torch.zeros)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def rearrange(x: torch.Tensor, pattern: str) -> torch.Tensor:
    """Stand for einops' in the two places where it adds an axis."""
    return x[:, :, None] if pattern.endswith("b l () r") else x[:, None]


def rotate(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, at: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Turn queries and keys by their positions, as LLaMA does (RoFormer, halves for neighbours)."""

    def turn(x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, -1)
        return x * cos[at][:, None] + torch.cat([-second, first], -1) * sin[at][:, None]

    return turn(q), turn(k)


def tables(_: Any, seq_len: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosines and sines of LLaMA's rotary positions."""
    steps = 10_000.0 ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM)
    angles = torch.outer(torch.arange(seq_len).float(), steps).repeat(1, 2)
    return angles.cos(), angles.sin()


def load(folder: Path, version: str, budget: int) -> type:
    """Return their model's class with its forward pass alone."""
    os.environ.update(USE_VERSION=version.replace(".", "_"), RETAIN_TOKN=str(budget))
    scope: dict[str, Any] = {"torch": _Torch("torch"), "math": math, "os": os, **vars(typing)}
    scope |= {"ein": SimpleNamespace(rearrange=rearrange), "loggerinfo": logging.getLogger()}
    scope |= {"prefix": "", "pad": "", "apply_rotary_pos_emb": rotate, "Cache": tuple}
    scope["BaseModelOutputWithPast"] = SimpleNamespace
    for name in ("score", "utils", "modelling_sparse_llama"):
        tree = ast.parse((folder / f"sparse_{name}.py").read_text(encoding="utf8"))
        if name == "modelling_sparse_llama":
            (found,) = (
                node for node in tree.body if getattr(node, "name", "") == "LlamaDynamicvitModel"
            )
            found.bases = []
            found.body = [node for node in found.body if getattr(node, "name", "") == "forward"]
            tree.body = [found]
        else:
            wanted = (ast.FunctionDef, ast.Assign) if name == "score" else ast.FunctionDef
            tree.body = [node for node in tree.body if isinstance(node, wanted)]
        scope["BaseModelOutputWithPast"] = lambda **given: SimpleNamespace(**given)
        scope |= {"Union": typing.Union, "DynamicCache": object}
        exec(compile(tree, name, "exec"), scope)
    return scope["LlamaDynamicvitModel"]  # type: ignore[return-value]


def run(folder: Path, version: str, budget: int, seed: int) -> dict[str, Any]:
    """Return the visual tokens and positions that enter the layers after the pruned ones."""
    model = load(folder, version, budget)
    # Its annotation names a class of transformers.
    recorded: dict[str, Any] = {}
    counts = []

    def layer(number: int) -> Any:
        def forward(hidden_states: Any, position_ids: Any, **_: Any) -> tuple[Any, ...]:
            length = hidden_states.shape[1]
            counts.append(length)
            if number - 1 in PRUNED:
                visual = hidden_states[0, BEFORE : BEFORE + length - (BEFORE + 12)]
                recorded[f"tokens/{number}"] = visual.numpy().copy()
                recorded[f"positions/{number}"] = position_ids[0].numpy().copy()
            seen = attention_map(seed, number, version, length) if number in PRUNED else None
            return layer_output(number, hidden_states), None, seen

        attention = SimpleNamespace(
            num_heads=heads_of(version), head_dim=HEAD_DIM, rotary_emb=tables
        )
        mlp = SimpleNamespace(up_proj=SimpleNamespace(out_features=WIDTH))
        return _Layer(forward, attention, mlp)

    its = model()
    vars(its).update(
        config=SimpleNamespace(
            output_attentions=False, output_hidden_states=False, use_cache=False
        ),
        layers=[layer(number) for number in range(LAYERS)],
        norm=lambda hidden: hidden,
        pruning_loc=list(PRUNED),
        gradient_checkpointing=False,
        training=False,
        _use_flash_attention_2=True,
        _use_sdpa=False,
        init_token_total_shape=664,
        generate_process_count=0,
        all_FLOPs=0,
        num_layers=LAYERS,
        total_cuda_time=0,
        num_forward=0,
        num_token_pool=0,
    )
    its.config.use_return_dict = True
    its.forward(
        inputs_embeds=embedded(seed),
        image_shape=IMAGE,
        token_length_list=[BEFORE + IMAGE + 12],
        pre_prompt_length_list=[BEFORE],
    )
    recorded["counts"] = np.array(counts, np.int16) - BEFORE - 12
    return recorded


class _Layer:
    def __init__(self, forward: Any, self_attn: Any, mlp: Any) -> None:
        self.forward, self.self_attn, self.mlp = forward, self_attn, mlp

    def __call__(self, hidden_states: Any, **given: Any) -> Any:
        return self.forward(hidden_states, **given)


def main(folder: Path, target: str) -> None:
    kept: dict[str, Any] = {}
    for number, (version, budget) in enumerate(CASES):
        for name, value in run(folder, version, budget, number).items():
            kept[f"{version}/{budget}/{name}"] = value
    np.savez_compressed(target, **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
