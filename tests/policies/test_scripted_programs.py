"""TorchScript files of what policies are made of pass the check, and answer as their modules."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gridseval.policies.operators import may_run
from gridseval.policies.torch_file import TorchPolicy

torch_jit: Any = torch.jit
# torch 2.13 deprecates TorchScript, which is what is tested here.
pytestmark = pytest.mark.filterwarnings(r"ignore:`torch\.jit:DeprecationWarning")


def test_operators_that_take_a_file_s_name_are_the_ones_refused() -> None:
    with_names = {
        schema.name
        for schema in torch._C._jit_get_all_schemas()
        if any("file" in given.name for given in schema.arguments)
    }
    assert {"aten::save", "aten::from_file"} <= with_names
    assert not [name for name in with_names if may_run(name)]
    assert may_run("aten::conv2d") and may_run("prim::If") and may_run("quantized::linear_dynamic")
    assert not may_run("c10d::send") and not may_run("prim::PythonOp") and not may_run("x")


class Benign(nn.Module):
    """Uses what policies are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 4, 8, 8, padding="valid"), nn.GELU())
        self.bn = nn.BatchNorm2d(4)
        self.norm = nn.LayerNorm(8)
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(2)])
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.encoder = nn.TransformerEncoderLayer(8, 2, batch_first=True)
        self.scales = {"state": 0.5}
        self.limit: int | None = 3

    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        image = agentview.permute(0, 3, 1, 2).float() / 255
        image = functional.interpolate(image, (64, 64), mode="bilinear", align_corners=False)
        seen = self.bn(self.conv(image)).flatten(2).mean(-1)
        hidden = self.norm(state * self.scales["state"])
        for layer in self.layers:
            hidden = torch.relu(layer(hidden))
        query = hidden[:, None]
        query = functional.scaled_dot_product_attention(query, query, query)
        query = self.lstm(self.attention(query, query, query)[0])[0]
        parts: dict[str, Tensor] = {"query": self.encoder(query)}
        chunk: list[Tensor] = []
        while len(chunk) < 3:
            if bool(seen.sum() > 0) and self.limit is not None:
                chunk.append(parts["query"][:, 0])
            else:
                chunk.append(_add(parts["query"][:, 0], len(chunk)))
        assert len(chunk) == 3, f"a chunk of {len(chunk)}"
        actions = torch.einsum("bhc->bhc", torch.stack(chunk, dim=1))
        return torch.clamp(actions[..., :7] + seen.mean(), -1, 1)


def _add(hidden: Tensor, number: int) -> Tensor:
    return torch.where(hidden > 0, hidden, hidden + number)


def _traced(module: nn.Module) -> Any:
    images = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # control flow is traced as it went
        return torch_jit.trace(module, (images, images, torch.zeros(1, 8)), check_trace=False)


FORMS: dict[str, Callable[[nn.Module], Any]] = {
    "scripted": torch_jit.script,
    "frozen": lambda module: torch_jit.freeze(torch_jit.script(module)),
    "traced": _traced,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_harmless_program_runs(form: str, tmp_path: Path, observations: Any) -> None:
    torch.manual_seed(0)
    module, given = Benign().eval(), observations(1)
    program = FORMS[form](module)
    torch_jit.save(program, str(tmp_path / "policy.pt"), _extra_files={"note": "of the author"})
    actions = TorchPolicy(str(tmp_path / "policy.pt")).act(given).actions
    with torch.no_grad():
        keys = ("agentview", "wrist", "state")
        expected = module(*(torch.from_numpy(given[key]) for key in keys)).numpy()
    np.testing.assert_allclose(actions, expected, atol=1e-5)
