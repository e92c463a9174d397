"""GridS's parameters from published key sets: JAX's, torch's, our own; strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pruner_doubles import some_inputs
from safetensors.torch import save_file

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.grids import GridSampler
from gridseval.tokens.pruners.grids_checkpoint import load_grids


@pytest.fixture
def sampler() -> GridSampler:
    torch.manual_seed(0)
    return GridSampler(k=5, dim=16, hidden=12, coordinate_hidden=7)


def as_jax(sampler: GridSampler, tail: str = "", head: str = "") -> dict[str, Any]:
    names = {}
    for network in ("scout_mlp", "coord_encoder"):
        for layer in (0, 2):
            linear = getattr(sampler, network)[layer]
            place = f"{head}action_active_sampler/{network}/layers_{layer}"
            names[f"{place}/kernel{tail}"] = linear.weight.detach().numpy().T
            names[f"{place}/bias{tail}"] = linear.bias.detach().numpy()
    return names


def as_torch(sampler: GridSampler, head: str = "") -> dict[str, Any]:
    return {
        f"{head}active_token_sampler.{name}": value for name, value in sampler.state_dict().items()
    }


def assert_same(loaded: GridSampler, sampler: GridSampler) -> None:
    assert (loaded.k, loaded.dim) == (5, 16)
    inputs = some_inputs(1, 2)
    assert torch.equal(loaded(inputs).tokens, sampler(inputs).tokens)


@pytest.mark.parametrize("tail", ["", "/value"])
@pytest.mark.parametrize("head", ["", "params/"])
def test_jax_names_in_npz(sampler: GridSampler, tmp_path: Path, tail: str, head: str) -> None:
    path = tmp_path / "params.npz"
    others = {"params/PaliGemma/llm/kernel": np.zeros(3)} if head else {}
    np.savez(path, **as_jax(sampler, tail, head), **others)
    assert_same(load_grids(path), sampler)


@pytest.mark.parametrize("head", ["", "model.", "module.policy."])
def test_torch_names_in_safetensors(sampler: GridSampler, tmp_path: Path, head: str) -> None:
    path = tmp_path / "model.safetensors"
    others = {"model.norm.weight": torch.zeros(3), "scout_mlp.7": torch.zeros(1)} if head else {}
    save_file({**as_torch(sampler, head), **others}, path)
    assert_same(load_grids(path, convention="openpi"), sampler)


def test_own_names_with_normalisation(tmp_path: Path) -> None:
    sampler = GridSampler(k=5, dim=16, hidden=12, coordinate_hidden=7, layer_norm=True)
    save_file(sampler.state_dict(), tmp_path / "own.safetensors")
    loaded = load_grids(tmp_path / "own.safetensors", convention="core_idea", margin=0.05)
    assert (loaded.convention, loaded.margin) == ("core_idea", 0.05)
    assert set(loaded.state_dict()) == set(sampler.state_dict())


def test_bfloat16_parameters(sampler: GridSampler, tmp_path: Path) -> None:
    save_file(as_torch(sampler.bfloat16()), tmp_path / "half.safetensors")
    loaded = load_grids(tmp_path / "half.safetensors")
    assert loaded.state_dict()["scout_mlp.0.bias"].dtype == torch.float32
    assert_same(loaded, sampler.float())


def test_every_missing_key_is_named(sampler: GridSampler) -> None:
    for name in sampler.state_dict():
        state = as_torch(sampler)
        del state[f"active_token_sampler.{name}"]
        with pytest.raises(PolicyError, match=rf"1 missing \({name}\)"):
            GridSampler.from_state(state)


def test_extra_keys_are_named(sampler: GridSampler) -> None:
    state = {**as_torch(sampler), "active_token_sampler.scout_mlp.4.weight": torch.zeros(2)}
    with pytest.raises(PolicyError, match=r"1 unknown \(active_token_sampler.scout_mlp.4.weight"):
        GridSampler.from_state(state)
    state = {**as_jax(sampler), "action_active_sampler/temperature": np.zeros(1)}
    with pytest.raises(PolicyError, match=r"1 unknown \(action_active_sampler/temperature"):
        GridSampler.from_state(state)


def test_a_model_without_a_sampler_is_no_sampler() -> None:
    with pytest.raises(PolicyError, match=r"8 missing .* and 5 more.* and 1 unknown"):
        GridSampler.from_state({"model.layers.0.weight": torch.zeros(3)})


def test_mixed_names_are_refused(sampler: GridSampler) -> None:
    with pytest.raises(PolicyError, match="in JAX's and in torch's names"):
        GridSampler.from_state({**as_jax(sampler), **as_torch(sampler)})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("scout_mlp.2.bias", torch.zeros(9), r"scout_mlp.2.bias .* shape \(9,\), not \(10,\)"),
        ("coord_encoder.0.weight", torch.zeros(7, 3), r"\(7, 3\), not \(7, 2\)"),
        ("scout_mlp.0.weight", torch.zeros(12), r"scout_mlp.0.weight .* shape \(12,\)"),
        ("scout_mlp.0.bias", torch.full((12,), float("nan")), "NaN or infinity"),
        ("scout_mlp.0.bias", torch.zeros(12, dtype=torch.int64), "holds torch.int64"),
    ],
)
def test_shapes_that_do_not_fit(
    sampler: GridSampler, name: str, value: torch.Tensor, message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        GridSampler.from_state({**sampler.state_dict(), name: value})


def test_an_odd_number_of_coordinates(sampler: GridSampler) -> None:
    state = sampler.state_dict()
    state["scout_mlp.2.weight"] = state["scout_mlp.2.weight"][:9]
    state["scout_mlp.2.bias"] = state["scout_mlp.2.bias"][:9]
    with pytest.raises(PolicyError, match="9 numbers, not an x and y per point"):
        GridSampler.from_state(state)


def test_files_that_cannot_be_read(tmp_path: Path, sampler: GridSampler) -> None:
    for name in ("x.npz", "x.safetensors"):
        with pytest.raises(PolicyError, match=rf"{name}: cannot be read"):
            load_grids(tmp_path / name)
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(PolicyError, match=rf"{name}: cannot be read"):
            load_grids(tmp_path / name)
    (tmp_path / "x.pt").write_bytes(b"nonsense")
    with pytest.raises(PolicyError, match=r"reads \.safetensors and \.npz"):
        load_grids(tmp_path / "x.pt")
    for missing in ("params", "x.pt", "x.npz", "x.safetensors"):
        with pytest.raises(PolicyError, match="cannot be read: there is no such file or directory"):
            load_grids(tmp_path / "missing" / missing)
    pickled = {**as_jax(sampler), "action_active_sampler/x": np.array([{}], dtype=object)}
    np.savez(tmp_path / "pickle.npz", **pickled)
    with pytest.raises(PolicyError, match="allow_pickle=False"):
        load_grids(tmp_path / "pickle.npz")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v\x00{}", b"PK\x05\x06"])
def test_npz_files_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(PolicyError, match=r"x\.npz: cannot be read") as caught:
        load_grids(tmp_path / "x.npz")
    assert "allow_pickle" not in str(caught.value), "nobody should be told to unpickle it"


def test_bfloat16_arrays_that_numpy_has_no_name_for(sampler: GridSampler, tmp_path: Path) -> None:
    """JAX's bfloat16 comes back from an npz file as two bytes without a meaning."""
    sampler.bfloat16().float()
    halves = {
        key: np.ascontiguousarray(array).view(np.uint16)[..., 1::2].copy().view("V2")
        for key, array in as_jax(sampler).items()
    }
    np.savez(tmp_path / "half.npz", **halves)
    assert_same(load_grids(tmp_path / "half.npz"), sampler)


@pytest.mark.parametrize("dtype", [np.str_, np.complex64, np.int64])
def test_arrays_that_are_no_parameters(sampler: GridSampler, tmp_path: Path, dtype: type) -> None:
    arrays = {key: array.astype(dtype) for key, array in as_jax(sampler).items()}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(PolicyError, match=r"of GridS holds .*, not numbers"):
        load_grids(tmp_path / "x.npz")


def test_two_samplers_in_one_file_are_refused(sampler: GridSampler) -> None:
    """Averaged weights beside the others: neither may win by its place in the file."""
    twice = {
        f"{model}.{key}": value
        for model in ("now", "ema")
        for key, value in as_torch(sampler).items()
    }
    with pytest.raises(PolicyError, match=r"there twice, as now\..* and as ema\."):
        GridSampler.from_state(twice)
