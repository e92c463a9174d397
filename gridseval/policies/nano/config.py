"""The shape of a ``nano`` model: ``config.json`` of its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from gridseval.config import build
from gridseval.errors import PolicyError, UsageError
from gridseval.plain_files import read_json
from gridseval.tokens.accounting import (
    Convolution,
    Language,
    Linear,
    ModelDescription,
    Tower,
    Transformer,
)
from gridseval.tokens.pruners import CameraGrid, Host, list_pruners

ACTION, STATE = 7, 8
"""Components of an action and of the proprioceptive state."""
_LARGEST = {
    "layers": 64,
    "heads": 64,
    "width": 4096,
    "words": 512,
    "buckets": 1 << 20,
    "chunk": 100,
}


@dataclass(frozen=True)
class PrunerChoice:
    """The pruner that a checkpoint was trained with.

    Args:
        name: One of :func:`gridseval.tokens.pruners.list_pruners`.
        arguments: Its constructor's.
    """

    name: str = "dense"
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class NanoConfig:
    """A ``nano``'s shape; the defaults have 2.3 million parameters.

    Args:
        kind: Always ``"nano"``; tells ``--ckpt`` what it is.
        version: Of this form of configuration.
        cameras: What it looks at, in the order of its tokens.
        image_px: Side of an input image; a multiple of twice ``patch_px``, at most 1024.
        patch_px: Side of what the first convolution sees of an image, and its stride; a visual
            token stands for twice as many rows and columns.
        stem_width: Channels between the first convolution and the second, at most 4096.
        encoder_layers: Residual convolutions of the vision encoder, 1–64.
        encoder_width: Of its features, at most 4096.
        layers: Of the decoder, 1–64.
        width: Of the decoder, at most 4096; ``width / heads`` is even.
        heads: Query heads, 1–64.
        kv_heads: Key and value heads; divides ``heads``.
        mlp: Inner width of the decoder's MLPs, at most 4 · 4096.
        words: Most words of an instruction, 1–512; further ones are cut off.
        buckets: Entries of each of the two word tables.
        chunk: Actions per query, 1–100.
        pruner: What chooses its visual tokens, unless the user names another.

    Raises:
        ValueError: A number is out of its range, or two don't go together.
    """

    kind: Literal["nano"] = "nano"
    version: Literal[2] = 2
    cameras: tuple[Literal["agentview", "wrist"], ...] = ("agentview", "wrist")
    image_px: int = 128
    patch_px: int = 4
    stem_width: int = 64
    encoder_layers: int = 2
    encoder_width: int = 128
    layers: int = 4
    width: int = 192
    heads: int = 4
    kv_heads: int = 2
    mlp: int = 384
    words: int = 64
    buckets: int = 1024
    chunk: int = 8
    pruner: PrunerChoice = field(default_factory=PrunerChoice)

    def __post_init__(self) -> None:
        for name in ("encoder_layers", "layers", "heads", "kv_heads", "words"):
            self._check_range(name, name.rpartition("_")[2])
        for name in ("stem_width", "encoder_width", "width", "buckets", "chunk"):
            self._check_range(name, name.rpartition("_")[2])
        if not 1 <= self.mlp <= 4 * _LARGEST["width"]:
            raise ValueError(f"mlp must be within 1 and {4 * _LARGEST['width']}, not {self.mlp}")
        if not 1 <= self.image_px <= 1024 or not 1 <= self.patch_px <= self.image_px:
            raise ValueError("image_px must be within 1 and 1024, patch_px within 1 and image_px")
        if not self.cameras or len(set(self.cameras)) < len(self.cameras):
            raise ValueError("cameras must name at least one camera, each once")
        if self.image_px % (2 * self.patch_px):
            raise ValueError(
                f"image_px ({self.image_px}) must be a multiple of twice patch_px ({self.patch_px})"
            )
        self._check_divisible("width", "heads")
        self._check_divisible("heads", "kv_heads")
        if self.head_dim % 2:
            raise ValueError(f"width / heads must be even, not {self.head_dim}")

    @property
    def head_dim(self) -> int:
        """Width of a decoder head."""
        return self.width // self.heads

    @property
    def grid(self) -> int:
        """Rows, and columns, of one camera's visual tokens."""
        return self.image_px // (2 * self.patch_px)

    @property
    def host(self) -> Host:
        """What pruners must know of the model."""
        cameras = tuple(CameraGrid(camera, self.grid, self.grid) for camera in self.cameras)
        return Host(self.width, self.layers, cameras, self.encoder_width, head_dim=self.head_dim)

    def describe(self) -> ModelDescription:
        """Return the shapes that cost is counted from, for an instruction of ten words."""
        tokens, width = self.grid**2, self.encoder_width
        decoder = Transformer(
            self.layers, self.width, self.mlp, self.heads, self.kv_heads, self.head_dim, gated=True
        )
        convolutions = (
            Convolution(3, self.stem_width, self.patch_px, 4 * tokens),
            Convolution(self.stem_width, width, 3, tokens),
            *[Convolution(width, width, 3, tokens)] * self.encoder_layers,
        )
        return ModelDescription(
            name="nano",
            title="nano",
            source="gridseval/policies/nano/config.py",
            images=len(self.cameras),
            tokens_per_image=tokens,
            towers=(Tower(None, tokens, convolutions=convolutions),),
            projector=(Linear(width, self.width, tokens),),
            language=Language(
                decoder, 10, other_tokens=1, action_tokens=self.chunk,
                linears=(
                    Linear(STATE, self.width),
                    Linear(self.width, 2 * width * self.encoder_layers),
                ),
            ),
            head=(Linear(self.width, ACTION, self.chunk),),
        )  # fmt: skip

    def _check_range(self, name: str, kind: str) -> None:
        value, most = getattr(self, name), _LARGEST[kind]
        if not 1 <= value <= most:
            raise ValueError(f"{name} must be within 1 and {most}, not {value}")

    def _check_divisible(self, name: str, by: str) -> None:
        value, divisor = getattr(self, name), getattr(self, by)
        if value % divisor:
            raise ValueError(f"{name} ({value}) must be a multiple of {by} ({divisor})")


def read_config(path: Path) -> NanoConfig:
    """Return the configuration in a file.

    Raises:
        PolicyError: It cannot be read, is not JSON, or does not describe a ``nano``: names the
            key, and the nearest valid one.
    """
    try:
        data = read_json(path)
    except OSError as error:
        hint = "a nano checkpoint is a folder with config.json and model.safetensors"
        raise PolicyError(f"cannot read {path}: {error.strerror}", hint) from error
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{path} is not JSON: {error}") from error
    _check_version(data, path)
    try:
        config = build(NanoConfig, data, str(path))
    except UsageError as error:
        raise PolicyError(error.message, error.hint) from error
    _check_no_code(config.pruner.name, path)
    return config


def _check_version(data: Any, path: Path) -> None:
    """Refuse the first version by name: its model was another one."""
    if isinstance(data, Mapping) and data.get("version") == 1 and data.get("kind") == "nano":
        raise PolicyError(
            f"{path}: a nano of version 1, whose architecture gridseval no longer has",
            "train it anew with gridseval train nano, or use gridseval 0.2",
        )


def _check_no_code(pruner: str, path: Path) -> None:
    """Refuse ``module:Class``: importing it would run code because a checkpoint says so."""
    if ":" in pruner:
        raise PolicyError(
            f"{path}: pruner {pruner!r} is code, and a checkpoint is data",
            f"name one of {', '.join(list_pruners())} there, and yours with --policy-arg pruner=",
        )


def config_text(config: NanoConfig) -> str:
    """Return a configuration as ``config.json`` has it."""
    return json.dumps(asdict(config), indent=2) + "\n"
