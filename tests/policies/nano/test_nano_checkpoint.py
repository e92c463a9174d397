"""Checkpoints: what is written is what is loaded, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gridseval.errors import OutputError, PolicyError
from gridseval.policies import load_policy
from gridseval.policies.nano import NanoConfig
from gridseval.policies.nano.checkpoint import load_nano, new_nano, save_model, save_nano
from gridseval.policies.nano.model import NanoInput
from gridseval.suites import Episode

Small = Callable[..., NanoConfig]


@pytest.fixture
def folder(tmp_path: Path, small: Small) -> Path:
    """Return a checkpoint of a small model with GridS."""
    save_nano(tmp_path / "nano", small("grids", k=4), seed=5)
    return tmp_path / "nano"


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf8")


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_what_is_saved_is_loaded_to_the_bit(folder: Path, tmp_path: Path) -> None:
    model = load_nano(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    save_model(tmp_path / "again", model)
    again = load_nano(tmp_path / "again")
    assert again.config == model.config
    assert again.config.pruner.name == "grids"
    states = model.state_dict(), again.state_dict()
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(key.startswith("pruner.scout_mlp") for key in states[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rounded_weights_become_float32(folder: Path, dtype: torch.dtype) -> None:
    exact = load_nano(folder).state_dict()
    edit_weights(folder, lambda t: t.update({key: value.to(dtype) for key, value in t.items()}))
    for key, value in load_nano(folder).state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, exact[key].to(dtype).float())


def test_half_the_size(tmp_path: Path, small: Small) -> None:
    model = new_nano(small("grids", k=4), seed=5)
    with torch.no_grad():
        model.state_std.fill_(1 / 3)
        model.norm.weight[0] = 1e6  # more than float16 can hold
    save_model(tmp_path / "whole", model)
    save_model(tmp_path / "half", model, half=True)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.7 * sizes[1]
    again = load_nano(tmp_path / "half").state_dict()
    exact = model.state_dict()
    for key, value in again.items():
        assert torch.allclose(value, exact[key], rtol=1e-3, atol=1e-6)
    assert torch.equal(again["state_std"], exact["state_std"])
    assert torch.equal(again["norm.weight"], exact["norm.weight"])


def test_a_fresh_model_follows_from_its_seed_and_disturbs_nobody(small: Small) -> None:
    torch.manual_seed(1)
    undisturbed = torch.rand(3)
    torch.manual_seed(1)
    first, same, other = (new_nano(small("grids", k=4), seed) for seed in (5, 5, 6))
    assert torch.equal(torch.rand(3), undisturbed)
    for a, b, c in zip(first.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c) == (a.unique().numel() == 1)  # norms are ones in all


def test_ckpt_alone_is_enough(tmp_path: Path) -> None:
    save_nano(tmp_path / "nano", seed=5)
    loaded = load_policy(None, str(tmp_path / "nano"), {}, seed=7)
    assert loaded.name == "nano"
    assert loaded.description["sha256"] is not None
    assert loaded.description["torch"] == torch.__version__
    assert loaded.observation_keys == ("agentview", "wrist", "state", "instruction")
    assert loaded.replan == 8
    save_nano(tmp_path / "other", seed=6)
    other = load_policy(None, str(tmp_path / "other"), {}, seed=7)
    assert other.description["sha256"] != loaded.description["sha256"]
    pairs = zip(loaded.policy.model.parameters(), new_nano(seed=5).parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        (lambda t: t.pop("norm.weight"), "lacks norm.weight", "config.json belong"),
        (
            lambda t: [t.pop(key) for key in list(t) if key.startswith("encoder.")],
            r"lacks encoder\.patch\.weight.* and \d+ more",
            None,
        ),
        (lambda t: t.update(extra=torch.zeros(1)), "does not describe: extra", None),
        (
            lambda t: t.update({"pruner.scout_mpl.0.bias": t.pop("pruner.scout_mlp.0.bias")}),
            "pruner.scout_mpl.0.bias",
            "pruner.scout_mlp.0.bias",
        ),
        (
            lambda t: t.update({"head.weight": t["head.weight"][:, :-1].contiguous()}),
            r"head.weight has shape \(7, 31\), expected \(7, 32\)",
            None,
        ),
        (
            lambda t: t.update({"head.bias": t["head.bias"].int()}),
            "head.bias is torch.int32, expected torch.float32",
            None,
        ),
        (
            lambda t: t.update({"head.bias": t["head.bias"].double()}),
            "head.bias is torch.float64, expected torch.float32",
            None,
        ),
        (lambda t: t["state_std"][3].zero_(), "state_std has values that are not positive", None),
        (lambda t: t["head.bias"].fill_(float("nan")), "head.bias has values that are not", None),
    ],
)
def test_weights_that_do_not_fit(folder: Path, change: Any, said: str, hint: str | None) -> None:
    edit_weights(folder, change)
    with pytest.raises(PolicyError, match=said) as caught:
        load_nano(folder)
    assert str(folder) in caught.value.message
    assert hint is None or hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda old: old[: len(old) // 2], "not a safetensors file"),
        (lambda old: b"", "not a safetensors file"),
        (lambda old: b"\xff" * 8 + old[8:], "not a safetensors file"),
        (lambda old: old[:8] + b"[" + old[9:], "not a safetensors file"),
        (lambda old: b"PK\x03\x04" + old, "not a safetensors file"),
    ],
)
def test_damaged_weights(folder: Path, content: Any, said: str) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(content(file.read_bytes()))
    with pytest.raises(PolicyError, match=said):
        load_nano(folder)


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        ({"witdh": 32}, "unknown key 'witdh'", "width"),
        ({"width": "32"}, "width: expected a whole number", None),
        ({"width": 32.0}, "width: expected a whole number", None),
        ({"width": 30}, r"width \(30\) must be a multiple of heads \(4\)", None),
        ({"width": 10**9}, "width must be within 1 and 4096", None),
        ({"layers": 0}, "layers must be within 1 and 64", None),
        ({"layers": -3}, "layers must be within 1 and 64", None),
        ({"chunk": 10**6}, "chunk must be within 1 and 100", None),
        ({"image_px": 36}, r"image_px \(36\) must be a multiple of twice patch_px \(4\)", None),
        ({"heads": 3, "width": 33}, "multiple of kv_heads|multiple of heads", None),
        ({"cameras": []}, "at least one camera", None),
        ({"cameras": ["agentview", "agentview"]}, "each once", None),
        ({"cameras": ["agentveiw"]}, "agentveiw", "agentview"),
        ({"kind": "mini"}, "kind: .*mini", None),
        ({"version": 3}, "version: 3 is not a choice", None),
        ({"version": 1}, "a nano of version 1, whose architecture", "train it anew with gridseval"),
        ({"pruner": {"name": "grid", "arguments": {}}}, "unknown pruner 'grid'", "grids"),
        ({"pruner": {"nmae": "grids"}}, "pruner: unknown key 'nmae'", "name"),
        ({"pruner": {"name": "vla_cache", "arguments": {"layers": 10**12}}}, "at most", None),
        ({"pruner": {"name": "grids", "arguments": {"k": 500}}}, "500", None),
        ({"layers": 64, "width": 4096, "heads": 64, "mlp": 16384}, "million parameters", None),
        ({"layers": 5}, "does not describe: layers.5", None),
    ],
)
def test_configurations_that_make_no_model(
    folder: Path, changes: dict[str, Any], said: str, hint: str | None
) -> None:
    edit_config(folder, **changes)
    with pytest.raises(PolicyError, match=said) as caught:
        load_nano(folder)
    assert hint is None or hint in str(caught.value.hint)


def test_a_checkpoint_cannot_name_code(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit('code of a checkpoint ran')")
    monkeypatch.syspath_prepend(tmp_path)
    edit_config(folder, pruner={"name": "planted:Pruner", "arguments": {}})
    with pytest.raises(PolicyError, match="'planted:Pruner' is code, and a checkpoint is data"):
        load_nano(folder)


@pytest.mark.parametrize("text", ["{", "", "[1]", "null", "\x00", "[" * 100_000])
def test_configurations_that_are_none(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text, encoding="utf8")
    with pytest.raises(PolicyError, match=r"config\.json"):
        load_nano(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_files(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PolicyError, match=rf"cannot read .*{name}: No such file") as caught:
        load_nano(folder)
    assert "config.json and model.safetensors" in str(caught.value.hint)


def test_a_folder_that_cannot_be_made(tmp_path: Path, small: Small) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write to"):
        save_nano(tmp_path / "file" / "nano", small())


def test_images_of_another_size_than_the_cards(folder: Path, observe: Any) -> None:
    """A checkpoint says for which images it was trained; the card's 128 px are nano's own."""
    policy = load_policy("nano", str(folder), {}, seed=7).policy
    seen: list[NanoInput] = []
    policy.model.register_forward_pre_hook(lambda _, given: seen.append(given[0]))  # type: ignore[attr-defined]
    episode = Episode("libero_goal", 0, 0)
    policy.reset([0], [episode])
    observed = observe({0: episode})
    policy.act(observed)
    for number, camera in enumerate(("agentview", "wrist")):
        shown = seen[0].images[0, number].numpy()
        assert shown.shape == (32, 32, 3)
        assert np.array_equal(shown, observed[camera][0, ::8, ::8])  # of one colour each
