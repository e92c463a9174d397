"""A double of WorldVLA's worldvla/data/pre_tokenize_action.py, as read at commit 6a9af08."""

from __future__ import annotations

from pathlib import Path


class ItemProcessor:
    def __init__(
        self,
        tokenizer: str = "worldvla/ckpts/chameleon/base_model",
        conv_template: object = None,
        target_size: int = 512,
    ) -> None:
        self.made_with = (tokenizer, target_size)
        self.made_in = Path.cwd()  # upstream's opens ../ckpts/chameleon/tokenizer/… from here
