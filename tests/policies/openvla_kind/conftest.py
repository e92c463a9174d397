"""Small checkpoints of OpenVLA's family, with code of their own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision_operators import define_operators

HERE = Path(__file__).parent
Make = Callable[..., Path]

LOW, HIGH = [-0.5] * 6 + [0.0], [0.5] * 6 + [1.0]
ACTION = {"q01": LOW, "q99": HIGH, "mask": [True] * 6 + [False]}
STATISTICS = {
    "libero_object_no_noops": {
        "action": ACTION,
        "proprio": {"q01": [-1.0] * 8, "q99": [3.0] * 8},
    },
    "bridge_orig": {"action": ACTION},
}


@pytest.fixture(scope="session", autouse=True)
def transformers_works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make transformers' models importable here, and its copies of code temporary."""
    define_operators()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with checkpoints saved by transformers.

    ``openvla``, ``oft``, ``light``, and ``projected``: an ``oft`` whose features are projected.
    """
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("family")
    sys.path.insert(0, str(HERE))
    try:
        from tiny.configuration_tiny import TinyConfig
        from tiny.modeling_tiny import TinyVla
    finally:
        sys.path.remove(str(HERE))
    for name in ("openvla", "oft", "light", "projected"):
        torch.manual_seed(0)
        kind = {"oft": name != "openvla", "light": name == "light", "projects": name == "projected"}
        model = TinyVla(TinyConfig(**kind))
        made = folder / name
        shutil.copytree(HERE / "tiny", made, ignore=shutil.ignore_patterns("__pycache__"))
        save_file(
            {key: value.clone() for key, value in model.state_dict().items()},
            made / "model.safetensors",
            metadata={"format": "pt"},
        )
        code = {
            "AutoConfig": "configuration_tiny.TinyConfig",
            "AutoModelForVision2Seq": "modeling_tiny.TinyVla",
            "AutoProcessor": "processing_tiny.TinyProcessor",
        }
        config = {"model_type": "openvla", "auto_map": code, **kind}
        (made / "config.json").write_text(json.dumps(config))
        (made / "dataset_statistics.json").write_text(json.dumps(STATISTICS))
        if name != "openvla":
            torch.save(head(), made / "action_head--10_checkpoint.pt")
            torch.save(projector(), made / "proprio_projector--10_checkpoint.pt")
    return folder


@pytest.fixture
def checkpoint(family: Path, tmp_path: Path) -> Iterator[Make]:
    """Return a copy of a checkpoint, to be spoilt."""

    def make(name: str, **statistics: Any) -> Path:
        made = tmp_path / name
        shutil.copytree(family / name, made)
        if statistics:
            (made / "dataset_statistics.json").write_text(json.dumps(statistics))
        return made

    yield make


def head() -> dict[str, Any]:
    """Return the parameters of an L1 head as a distributed training saves them."""
    rng = np.random.default_rng(1)
    shapes = {
        "layer_norm1.weight": (224,),
        "layer_norm1.bias": (224,),
        "fc1.weight": (32, 224),
        "fc1.bias": (32,),
        "layer_norm2.weight": (32,),
        "layer_norm2.bias": (32,),
        "fc2.weight": (7, 32),
        "fc2.bias": (7,),
    }
    for block in (0, 1):
        shapes |= {
            f"mlp_resnet_blocks.{block}.ffn.0.weight": (32,),
            f"mlp_resnet_blocks.{block}.ffn.0.bias": (32,),
            f"mlp_resnet_blocks.{block}.ffn.1.weight": (32, 32),
            f"mlp_resnet_blocks.{block}.ffn.1.bias": (32,),
        }
    return {f"module.model.{key}": draw(rng, shape) for key, shape in shapes.items()}


def projector() -> dict[str, Any]:
    rng = np.random.default_rng(2)
    shapes = {"fc1.weight": (32, 8), "fc1.bias": (32,), "fc2.weight": (32, 32), "fc2.bias": (32,)}
    return {key: draw(rng, shape) for key, shape in shapes.items()}


def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    import torch

    return torch.from_numpy(rng.normal(0, 0.3, shape).astype(np.float32))
