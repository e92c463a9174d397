"""No kind runs with a weight that its checkpoint does not have: one tensor is removed, renamed,
reshaped, or cut short, and the message names it.

LeRobot's and OpenVLA's kinds have the same tests beside theirs.
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.policies.nano import NanoConfig
from gridseval.policies.nano.checkpoint import save_nano
from gridseval.policies.nano.config import PrunerChoice
from gridseval.tokens.pruners.grids import GridSampler
from gridseval.tokens.pruners.grids_checkpoint import load_grids

Change = Callable[[dict[str, Any]], Any]


class Program(torch.nn.Module):
    """A policy with three weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(8, 16), torch.nn.Linear(16, 7)
        self.register_buffer("scale", torch.ones(7))

    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        return (self.second(torch.relu(self.first(state))) * self.scale)[:, None]


IMAGE = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
INPUTS = (IMAGE, IMAGE, torch.zeros(1, 8))


def remove(name: str) -> Change:
    return lambda tensors: tensors.pop(name)


def rename(name: str) -> Change:
    return lambda tensors: tensors.update({name.replace("we", "ew"): tensors.pop(name)})


def reshape(name: str) -> Change:
    return lambda tensors: tensors.update({name: tensors[name][:-1].contiguous()})


def refusal(path: Path, kind: str | None = None, **arguments: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(kind, str(path), arguments, 7)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    return caught.value.message


@pytest.mark.parametrize("change", [remove, rename, reshape])
@pytest.mark.parametrize(
    ("pruner", "weight"),
    [
        ("dense", "head.weight"),
        ("grids", "pruner.scout_mlp.0.weight"),
        ("lightvla_star", "pruner.query_weight"),
    ],
)
def test_nano(tmp_path: Path, change: Callable[[str], Change], pruner: str, weight: str) -> None:
    config = NanoConfig(pruner=PrunerChoice(pruner, {"k": 4} if pruner == "grids" else {}))
    save_nano(tmp_path, config)
    load_policy(None, str(tmp_path), {}, 7)
    tensors = load_file(tmp_path / "model.safetensors")
    change(weight)(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    assert (weight.replace("we", "ew") if change is rename else weight) in refusal(tmp_path)


@pytest.mark.parametrize("change", [remove, rename, reshape])
def test_grids(tmp_path: Path, change: Callable[[str], Change]) -> None:
    torch.manual_seed(0)
    tensors = dict(GridSampler(k=4, dim=8, hidden=8, coordinate_hidden=8).state_dict())
    file = tmp_path / "sampler.safetensors"
    save_file(tensors, file)
    load_grids(file)
    change("coord_encoder.2.weight")(tensors)
    save_file(tensors, file)
    with pytest.raises(PolicyError, match=r"coord_encoder\.2\.(we|ew)ight"):
        load_grids(file)


def rewrite(file: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as out:
        for name, content in members.items():
            changed = change(name, content)
            if changed is not None:
                out.writestr(name, changed)


def configured(change: Change) -> Callable[[str, bytes], bytes]:
    def rule(name: str, content: bytes) -> bytes:
        if not name.endswith("_weights_config.json"):
            return content
        parsed = json.loads(content)
        change(parsed["config"])
        return json.dumps(parsed).encode()

    return rule


def sized(*sizes: int) -> Change:
    def change(tensors: dict[str, Any]) -> None:
        meta = tensors["first.weight"]["tensor_meta"]
        meta["sizes"] = [{"as_int": size} for size in sizes]

    return change


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    file = tmp_path / "policy.pt2"
    torch.export.save(torch.export.export(Program().eval(), INPUTS), file)
    load_policy(None, str(file), {}, 7)
    return file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (configured(remove("first.weight")), "first.weight"),
        (configured(rename("first.weight")), "first.weight"),
        (configured(remove("scale")), "scale"),
        (configured(sized(8, 8)), r"first.weight \(8, 8\) of torch.float32, not \(16, 8\)"),
        (configured(sized(1, 8)), r"first.weight \(1, 8\)"),
        (configured(sized(17, 8)), "lacks the numbers of first.weight"),
        (
            configured(lambda t: t.update({"third.weight": t["scale"]})),
            "does not use: third.weight",
        ),
        (lambda n, d: None if n.endswith("weight_0") else d, "lacks the numbers of first.weight"),
        (lambda n, d: d[:-4] if n.endswith("weight_0") else d, "lacks the numbers of first.weight"),
    ],
)
def test_torch_export(exported: Path, change: Any, said: str, capfd: Any) -> None:
    rewrite(exported, change)
    assert re.search(said, refusal(exported))
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture(params=["traced", "scripted"])
def script(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "policy.pt"
    jit: Any = torch.jit
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        module = Program().eval()
        made = jit.trace(module, INPUTS) if request.param == "traced" else jit.script(module)
        made.save(str(file))
    load_policy(None, str(file), {}, 7)
    return file


def member(end: str, change: Callable[[bytes], bytes | None]) -> Callable[..., bytes | None]:
    return lambda name, content: change(content) if name.endswith(end) else content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (member("/data/1", lambda _: None), "lacks the weights in policy/data/1"),
        (member("/data/1", lambda d: d[:-4]), r"data/1 has \d+ bytes, its weights need \d+"),
        (member("/data/1", lambda d: d + bytes(64)), r"data/1 has \d+ bytes, its weights need"),
        (
            member("data.pkl", lambda d: d.replace(b"weight", b"ewight")),
            "lacks the weights first.weight, second.weight; it has first.ewight, second.ewight",
        ),
        (
            member("data.pkl", lambda d: d.replace(b"scale", b"elacs")),
            "lacks the weights scale; it has elacs",
        ),
        (
            member(".py", lambda d: d.replace(b"weight", b"ewight")),
            "lacks the weights first.ewight, second.ewight; it has first.weight",
        ),
    ],
)
def test_torchscript(script: Path, change: Any, said: str, capfd: Any) -> None:
    rewrite(script, change)
    assert re.search(said, refusal(script))
    assert "Traceback" not in capfd.readouterr().err


class Constant(torch.nn.Module):
    """A policy with a tensor in its code, a list of modules, and one that stands in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(8, 8) for _ in range(2)])
        self.norm = torch.nn.BatchNorm1d(8)
        self.again = self.norm
        self.last = torch.nn.LSTM(8, 7, batch_first=True)

    def forward(self, agentview: Any, wrist: Any, state: Any) -> Any:
        for layer in self.layers:
            state = layer(state)
        state = self.again(self.norm(state)) * torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8])
        return self.last(state[:, None])[0]


@pytest.mark.parametrize("way", ["trace", "freeze", "export", "half"])
def test_whole_programs_of_other_shapes_pass(tmp_path: Path, way: str) -> None:
    file = tmp_path / ("policy.pt2" if way == "export" else "policy.pt")
    module = Constant().eval()
    jit: Any = torch.jit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if way == "export":
            torch.export.save(torch.export.export(module, INPUTS), file)
        else:
            made = jit.trace(module, INPUTS)
            made = jit.freeze(made) if way == "freeze" else made
            (made.half() if way == "half" else made).save(str(file))
        load_policy(None, str(file), {}, 7)


def test_fresh_weights_are_said(tmp_path: Path) -> None:
    """A sampler that nobody trained is no result of GridS."""
    save_nano(tmp_path)
    trained = load_policy(None, str(tmp_path), {}, 7)
    assert not any("untrained" in note for note in trained.notes)
    assert "untrained" not in trained.description
    cases = [
        (str(tmp_path), {"pruner": "grids", "k": "4"}, ["the pruner grids"]),
        (str(tmp_path), {"pruner": "lightvla_star"}, ["the pruner lightvla_star"]),
        (str(tmp_path), {"pruner": "random", "k": "4"}, None),
        (None, {}, ["the whole model nano"]),
    ]
    for checkpoint, arguments, untrained in cases:
        loaded = load_policy("nano", checkpoint, arguments, 7)
        assert loaded.description.get("untrained") == untrained
        said = [note for note in loaded.notes if "untrained" in note]
        assert said == [
            f"{part} is untrained: its weights are drawn from seed 7" for part in untrained or []
        ]
    save_nano(tmp_path / "own", NanoConfig(pruner=PrunerChoice("grids", {"k": 4})))
    own = load_policy(None, str(tmp_path / "own"), {"pruner": "grids"}, 7)
    assert "untrained" not in own.description
