"""A checkpoint's own code, as OpenVLA's checkpoints bring theirs: the configuration."""

import os
import pathlib

from transformers import LlamaConfig, PretrainedConfig

if "TINY_MARKER" in os.environ:
    pathlib.Path(os.environ["TINY_MARKER"]).touch()


class TinyConfig(PretrainedConfig):
    model_type = "openvla"

    def __init__(self, oft=False, light=False, projects=False, **kwargs):
        self.oft = oft
        self.projects = projects
        self.light = light
        self.text_config = LlamaConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            vocab_size=200,
            max_position_embeddings=1024,
        )
        super().__init__(**kwargs)
