"""Tiny checkpoints of OpenVLA's family, made with upstream's own classes.

Their structure is the real one (two timm vision transformers, a projector, a Llama), their sizes
are not. Needs the environment of ``compare_with_upstream.py``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from upstream_statistics import statistics

WIDTH, LAYERS, HEADS = 32, 3, 2
VOCABULARY = 32_064
SCALE = 0.12


def shrink_timm() -> None:
    """Let timm make its vision transformers small, whoever asks for them."""
    import timm

    whole = timm.create_model

    def small(name: str, **options: Any) -> Any:
        return whole(name, **options, embed_dim=WIDTH, depth=LAYERS, num_heads=HEADS)

    timm.create_model = small


def write_model(folder: Path, checkout: Path, suite: str) -> Any:
    """Write model, processor and code of a checkpoint; return the model."""
    import torch
    from prismatic.extern.hf.configuration_prismatic import OpenVLAConfig
    from prismatic.extern.hf.modeling_prismatic import OpenVLAForActionPrediction

    config = OpenVLAConfig(
        vision_backbone_id="dinosiglip-vit-so-224px",
        llm_backbone_id="llama2-7b-pure",
        arch_specifier="no-align+fused-gelu-mlp",
        image_resize_strategy="resize-naive",
        text_config={
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "vocab_size": VOCABULARY,
            "max_position_embeddings": 2048,
            "pad_token_id": 32_000,
        },
        norm_stats=statistics(suite),
    )
    torch.manual_seed(0)
    model = OpenVLAForActionPrediction(config)
    randomise(model)
    model.save_pretrained(folder)
    processor().save_pretrained(folder)
    for name in ("modeling", "configuration", "processing"):
        shutil.copy(checkout / f"prismatic/extern/hf/{name}_prismatic.py", folder)
    written = json.loads((folder / "config.json").read_text())
    written["auto_map"] = {
        "AutoConfig": "configuration_prismatic.OpenVLAConfig",
        "AutoModelForVision2Seq": "modeling_prismatic.OpenVLAForActionPrediction",
    }
    (folder / "config.json").write_text(json.dumps(written))
    for name in ("preprocessor_config.json", "processor_config.json", "tokenizer_config.json"):
        if (folder / name).exists():
            held = json.loads((folder / name).read_text())
            held["auto_map"] = {
                "AutoImageProcessor": "processing_prismatic.PrismaticImageProcessor",
                "AutoProcessor": "processing_prismatic.PrismaticProcessor",
            }
            (folder / name).write_text(json.dumps(held))
    (folder / "dataset_statistics.json").write_text(json.dumps(statistics(suite)))
    return model


def randomise(module: Any) -> None:
    """Give every parameter values that matter: as initialised, much would be zero or one."""
    import torch

    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in module.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            one = value.ndim == 1 and not name.endswith("bias")
            value.copy_(1 + SCALE * noise if one else SCALE * noise)


def processor() -> Any:
    """Return OpenVLA's processor around a tokenizer of one token per letter."""
    from prismatic.extern.hf.processing_prismatic import PrismaticImageProcessor, PrismaticProcessor
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = {"<unk>": 0, "<s>": 1, "</s>": 2, "<pad>": 3}
    words |= {chr(code): 4 + code for code in range(128)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_input_names=["input_ids", "attention_mask"],
    )
    images = PrismaticImageProcessor(
        use_fused_vision_backbone=True,
        image_resize_strategy="resize-naive",
        input_sizes=[[3, 224, 224]] * 2,
        interpolations=["bicubic"] * 2,
        means=[[0.484375, 0.455078125, 0.40625], [0.5, 0.5, 0.5]],
        stds=[[0.228515625, 0.2236328125, 0.224609375], [0.5, 0.5, 0.5]],
    )
    return PrismaticProcessor(images, fast)


def write_heads(folder: Path, proprio: bool) -> None:
    """Write OpenVLA-OFT's action head and, if wanted, its projector of the state."""
    import torch
    from prismatic.models.action_heads import L1RegressionActionHead
    from prismatic.models.projectors import ProprioProjector

    head = L1RegressionActionHead(input_dim=WIDTH, hidden_dim=WIDTH, action_dim=7)
    randomise(head)
    state = {f"module.{key}": value for key, value in head.state_dict().items()}
    torch.save(state, folder / "action_head--1_checkpoint.pt")
    if proprio:
        projector = ProprioProjector(llm_dim=WIDTH, proprio_dim=8)
        randomise(projector)
        torch.save(projector.state_dict(), folder / "proprio_projector--1_checkpoint.pt")


def write_film(folder: Path, model: Any, rank: int) -> None:
    """Write a vision backbone with FiLM and LoRA, as OpenVLA-OFT's training does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from prismatic.models.film_vit_wrapper import FiLMedPrismaticVisionBackbone

    lora = LoraConfig(
        r=rank,
        lora_alpha=min(rank, 16),
        lora_dropout=0.0,
        target_modules="all-linear",
        init_lora_weights="gaussian",
    )
    wrapped = get_peft_model(model, lora)
    film = FiLMedPrismaticVisionBackbone(wrapped.vision_backbone, llm_dim=wrapped.llm_dim)
    randomise(film)
    torch.save(film.state_dict(), folder / "vision_backbone--1_checkpoint.pt")
