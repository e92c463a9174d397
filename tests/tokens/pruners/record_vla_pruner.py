"""Record which tokens the authors' FastV and VLA-Pruner keep: ``vla_pruner_kept.npz``.

Needs torch and four files of MINT-SJTU/VLA-Pruner: of ``src/openvla`` (fa5bfed) and of
``src/openvla-oft`` (3d156ee) each ``transformers/src/transformers/models/llama/modeling_llama.py``
and ``prismatic/extern/hf/modeling_prismatic.py``, as ``openvla_llama.py``, ``oft_llama.py``,
``openvla_prismatic.py`` and ``oft_prismatic.py`` in one folder::

    PYTHONPATH=.:tests/tokens/pruners python tests/tokens/pruners/record_vla_pruner.py \\
        FOLDER vla_pruner_kept.npz

Their methods run as they are, on a model whose layers answer with given attention. One thing is
changed: OpenVLA's port rounds the history to bfloat16, which leaves equal scores among which topk
draws; here it stays float32.
"""

from __future__ import annotations

import ast
import sys
import typing
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from authors_inputs import (
    DECODED,
    HEADS,
    OFT,
    OPENVLA,
    QUERIES,
    embeddings,
    weights,
)


class _Float32(type(torch)):  # type: ignore[misc]
    """``torch`` in which bfloat16 is float32."""

    bfloat16 = torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def methods_of(file: Path, name: str, **names: Any) -> type:
    """Return a class with one class's methods and nothing else of a file."""
    (found,) = (
        node
        for node in ast.parse(file.read_text(encoding="utf8")).body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    found.bases, found.decorator_list = [], []
    found.body = [node for node in found.body if isinstance(node, ast.FunctionDef)]
    for node in found.body:
        node.decorator_list = [
            each for each in node.decorator_list if getattr(each, "id", "") == "staticmethod"
        ]
    scope = {"torch": _Float32("torch"), "np": np, "deque": deque, **vars(typing)}
    scope |= {"LlamaConfig": object, "OpenVLAConfig": object, "BaseModelOutputWithPast": object}
    scope |= names
    exec(compile(ast.Module([found], []), str(file), "exec"), scope)
    return scope[name]  # type: ignore[return-value]


class Openvla:
    """The port to OpenVLA: authors' forward pass and history around given attention."""

    def __init__(self, folder: Path, seed: int, ratio: float, prefill: bool, temporal: bool):
        llama = methods_of(
            folder / "openvla_llama.py",
            "LlamaModel",
            Cache=tuple,
            StaticCache=tuple,
            DynamicCache=SimpleNamespace(
                from_legacy_cache=lambda _: SimpleNamespace(get_seq_length=lambda: 0)
            ),
            BaseModelOutputWithPast=SimpleNamespace,
        )
        llama.__init__ = lambda self: None  # type: ignore[misc]
        self.llama = llama()
        vars(self.llama).update(
            config=SimpleNamespace(use_cache=True, output_attentions=True, use_return_dict=True),
            gradient_checkpointing=False,
            training=False,
            device="cpu",
            norm=lambda hidden: hidden,
            layers=[self._layer(number) for number in range(16)],
            _update_causal_mask=lambda *_: None,
        )
        self.llama.config.output_hidden_states = False
        policy = methods_of(folder / "openvla_prismatic.py", "OpenVLAForActionPrediction")
        policy.__init__ = lambda self: None  # type: ignore[misc]
        self.policy = policy()
        vars(self.policy).update(
            use_fastv=True,
            fastv_k=3,
            fastv_r=ratio,
            fastv_image_token_start_index=1,
            fastv_image_token_length=256,
            use_text_vision_selection=False,
            use_prefil_attention=prefill,
            use_temporal=temporal,
            sparsevlm=False,
            step=None,
            av_hist=deque(maxlen=3),
            av_decay=0.8,
            vocab_size=32000,
            bin_centers=np.zeros(255),
            language_model=self.llama,
            get_action_dim=lambda _: 7,
            get_action_stats=lambda _: {"q01": np.zeros(7), "q99": np.ones(7)},
            _generate_with_fastv_forward=self._generate,
        )
        self.seed, self.query = seed, 0

    def _layer(self, number: int) -> Any:
        def run(hidden: torch.Tensor, position_ids: torch.Tensor, **_: Any) -> tuple[Any, ...]:
            left = position_ids[0]
            return hidden, self._weights(number)[:, :, left][..., left], None

        return run

    def _weights(self, layer: int) -> torch.Tensor:
        length = OPENVLA.length
        if layer not in (2, 15):
            return torch.zeros(1, HEADS, length, length)
        return weights(self.seed + self.query, layer, length, length)

    def _generate(self, *_: Any, fastv_config: dict[str, Any], **__: Any) -> SimpleNamespace:
        embedded = embeddings(self.seed + self.query, OPENVLA)
        given = self.llama.fastv_forward(
            inputs_embeds=embedded, use_cache=True, fastv_config=fastv_config
        )
        kept = self.llama.pruning_info["kept_indices"]
        attentions = [given.attentions]
        later = weights(self.seed + self.query, 99, DECODED, OPENVLA.length)
        for number in range(1, DECODED + 1):
            row = later[:, :, number - 1 : number]
            new = torch.zeros(1, row.shape[1], 1, number)  # keys of what was generated before
            full, left = torch.cat([row, new], -1), torch.cat([row[..., kept], new], -1)
            attentions.append([full if layer < 3 else left for layer in range(16)])
        sequences = torch.zeros(1, 7, dtype=torch.int64)
        return SimpleNamespace(attentions=attentions, sequences=sequences)

    def ask(self) -> list[int]:
        """Return the visual tokens that the next query keeps."""
        self.policy.predict_action(torch.tensor([[29871]]))
        self.query += 1
        kept = self.llama.pruning_info["kept_indices"]
        return [int(at) - 1 for at in kept if 1 <= at < 257]


class Oft:
    """The port to OpenVLA-OFT: the authors' choice and history around given attention."""

    def __init__(self, folder: Path, seed: int, ratio: float, **config: Any) -> None:
        llama = methods_of(folder / "oft_llama.py", "LlamaModel")
        llama.__init__ = lambda self: None  # type: ignore[misc]
        policy = methods_of(folder / "oft_prismatic.py", "OpenVLAForActionPrediction", ACTION_DIM=2)
        policy.__init__ = lambda self: None  # type: ignore[misc]
        self.llama, self.policy = llama(), policy()
        vars(self.policy).update(use_temporal=True, av_hist=deque(maxlen=3), av_decay=0.8)
        self.seed, self.query, self.ratio = seed, 0, ratio
        slots, visual = OFT.action_slots, OFT.visual
        self.metadata = {
            "visual_token_start": visual.start,
            "visual_token_end": visual.stop,
            "num_visual_tokens": visual.stop - visual.start,
            "action_token_start": slots.start,
            "action_token_end": slots.stop,
        }
        self.config = {
            **self.metadata,
            "image_token_start_index": visual.start,
            "image_token_length": visual.stop - visual.start,
            "patches_per_image": OFT.cameras[0].count,
            "num_images": 2,
            "use_temporal": True,
            **config,
        }

    def ask(self) -> list[int]:
        """Return the visual tokens that the next query keeps."""
        seed, length = self.seed + self.query, OFT.length
        history = self.policy._build_historical_action_attention("cpu", torch.float32)
        waiting = self.config.get("use_vla_pruner") and history is None
        config = {
            **self.config,
            "fastv_r": 0.0 if waiting else self.ratio,
            "historical_attention": history,
        }
        attention = weights(seed, 3, length, length).mean(1)[0]
        kept, _ = self.llama._fastv_pruning_indices(
            attention, length, config, inputs_embeds=embeddings(seed, OFT)
        )
        seen = weights(seed, 15, length, length)[:, :, kept][..., kept]
        info = {"kept_indices": kept, "pruning_layer": 3} if len(kept) < length else None
        output = SimpleNamespace(attentions=[None] * 15 + [seen], pruning_info=info)
        self.policy._update_action_attention_history(output, self.metadata)
        self.query += 1
        return [int(at) - 1 for at in kept if at in range(OFT.visual.start, OFT.visual.stop)]


def main(folder: Path, target: str) -> None:
    ports: dict[str, Any] = {}
    for prefill in (False, True):
        scores = "prefill" if prefill else "last"
        ports[f"openvla/vla_pruner/{scores}"] = Openvla(folder, 10, 0.75, prefill, temporal=True)
        ports[f"openvla/fastv/{scores}"] = Openvla(folder, 20, 0.5, prefill, temporal=False)
        ports[f"oft/fastv/{scores}"] = Oft(folder, 30, 0.75, fastv_attention_source=scores)
    ports["oft/vla_pruner/prefill"] = Oft(folder, 40, 0.75, use_vla_pruner=True)
    kept = {}
    for name, port in ports.items():
        for number in range(QUERIES):
            kept[f"{name}/{number}"] = np.array(port.ask(), np.int16)
    np.savez_compressed(target, **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
