"""Small torch programs, made once, and observations to feed them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def make_observations(batch: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "slots": np.arange(batch),
        "steps": np.zeros(batch, np.int64),
        "instruction": ("pick up the bowl",) * batch,
        "agentview": random.integers(0, 256, (batch, 256, 256, 3), dtype=np.uint8),
        "wrist": random.integers(0, 256, (batch, 256, 256, 3), dtype=np.uint8),
        "state": random.normal(size=(batch, 8)).astype(np.float32),
    }


@pytest.fixture
def observations() -> Callable[..., dict[str, Any]]:
    return make_observations


@pytest.fixture(scope="session")
def module() -> Any:
    """Return a module whose 3 × 7 actions depend on each of its three inputs."""
    import torch

    class Actor(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(8, 21)

        def forward(
            self, agentview: torch.Tensor, wrist: torch.Tensor, state: torch.Tensor
        ) -> torch.Tensor:
            images = (agentview.float() - wrist.float()).mean(dim=[1, 2, 3]) / 100
            return torch.tanh(self.linear(state) + images[:, None]).view(-1, 3, 7)

    torch.manual_seed(0)
    return Actor().eval()


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory, module: Any) -> Path:
    """Return a folder with one module as script.pt, any.pt2 (any batch), one.pt2 and two.pt2."""
    import torch

    folder = tmp_path_factory.mktemp("programs")
    inputs = [
        torch.from_numpy(make_observations(2)[key]) for key in ("agentview", "wrist", "state")
    ]
    batch = torch.export.Dim("batch", min=1, max=64)
    sizes = ({0: batch}, {0: batch}, {0: batch})
    with warnings.catch_warnings():
        # torch 2.13 deprecates TorchScript, which is what is tested here.
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        torch.jit.save(torch.jit.script(module), str(folder / "script.pt"))
    any_batch = torch.export.export(module, tuple(inputs), dynamic_shapes=sizes)
    torch.export.save(any_batch, folder / "any.pt2")
    one = torch.export.export(module, tuple(tensor[:1] for tensor in inputs))
    torch.export.save(one, folder / "one.pt2")
    torch.export.save(torch.export.export(module, tuple(inputs)), folder / "two.pt2")
    torch.save(module.state_dict(), folder / "weights.pth")
    return folder


@pytest.fixture(scope="session")
def expected(module: Any) -> Callable[[dict[str, Any]], Any]:
    """Return what the module itself answers, slot by slot."""
    import torch

    def run(observations: dict[str, Any]) -> Any:
        keys = ("agentview", "wrist", "state")
        with torch.no_grad():
            return module(*(torch.from_numpy(observations[key]) for key in keys)).numpy()

    return run
