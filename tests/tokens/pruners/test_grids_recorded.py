"""GridS against its authors' own samplers (``record_grids.py``), and conventions by key names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from grids_arrays import CASES, SIDE, grids_maps, grids_parameter
from pruner_doubles import plain
from safetensors.torch import save_file

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import CameraGrid
from gridseval.tokens.pruners.grids import GridSampler
from gridseval.tokens.pruners.grids_checkpoint import load_grids
from gridseval.tokens.pruners.interface import PrunerInput

RECORDED = np.load(Path(__file__).parent / "grids_recorded.npz")
CONVENTION = {"openpi": "openpi", "core": "openpi", "new": "core_idea", "lerobot": "lerobot"}
CAMERA = (CameraGrid("wrist", SIDE, SIDE),)


def published(case: str) -> dict[str, Any]:
    """Return parameters under the keys that the authors' code gives them."""
    shapes = json.loads(str(RECORDED[f"{case}/keys"]))
    return {key: grids_parameter(key, tuple(shape)) for key, shape in shapes.items()}


def sampled(sampler: GridSampler, case: str) -> tuple[Any, Any]:
    """Return tokens (B, K, WIDTH) and coordinates (B, K, 2)."""
    maps = torch.from_numpy(grids_maps(case))
    with torch.no_grad():
        return plain(sampler(PrunerInput(maps.flatten(1, 2), CAMERA)).tokens), plain(
            sampler.place_points(maps)
        )


@pytest.mark.parametrize("case", CASES)
def test_tokens_and_coordinates_are_the_authors(case: str) -> None:
    sampler = GridSampler.from_state(published(case), **CASES[case])
    assert sampler.convention == CONVENTION[case.partition("_")[0]]
    tokens, points = sampled(sampler, case)
    assert points == pytest.approx(RECORDED[f"{case}/points"].astype(float), abs=2e-5)
    # The authors' dot products run in another order; a token's entries reach about 5.
    assert tokens == pytest.approx(RECORDED[f"{case}/tokens"].astype(float), abs=5e-4)


@pytest.mark.parametrize("case", ["openpi", "lerobot"])
def test_the_other_convention_is_far_off(case: str) -> None:
    """What a wrong convention does without a word: up to a third of a token's norm."""
    theirs = RECORDED[f"{case}/tokens"]
    wrong = {"openpi": "lerobot", "lerobot": "openpi"}[case]
    tokens, _ = sampled(GridSampler.from_state(published(case), convention=wrong), case)
    off = np.linalg.norm(tokens - theirs, axis=-1) / np.linalg.norm(theirs, axis=-1)
    assert off.max() > 0.2


def test_flaxs_epsilon_matters_where_features_are_small() -> None:
    sampler = GridSampler.from_state(published("new_faint"))
    assert isinstance(sampler.norm, torch.nn.LayerNorm)
    sampler.norm.eps = 1e-5  # torch's default
    _, points = sampled(sampler, "new_faint")
    assert np.abs(points - RECORDED["new_faint/points"]).max() > 0.1


def renamed(name: str, *, norm: bool = False) -> dict[str, torch.Tensor]:
    """Return a sampler's parameters below a name, as torch writes them."""
    made = GridSampler(k=3, dim=8, hidden=6, coordinate_hidden=5, layer_norm=norm).state_dict()
    head = f"{name}." if name else ""
    return {f"{head}{key.replace('norm.', 'input_norm.')}": value for key, value in made.items()}


@pytest.mark.parametrize(
    ("name", "norm", "convention"),
    [
        ("token_sampler", False, "lerobot"),
        ("model.token_sampler", False, "lerobot"),
        ("model.vision_token_sampler", False, "lerobot"),
        ("diffusion.rgb_encoder.vision_token_sampler", False, "lerobot"),
        ("model._encoder.vision_token_sampler", False, "lerobot"),
        ("active_token_sampler", False, "openpi"),
        ("model.active_token_sampler", False, "openpi"),
        ("active_token_sampler", True, "core_idea"),
        ("", True, "core_idea"),
        ("", False, "openpi"),
    ],
)
def test_the_key_set_tells_the_convention(
    name: str, norm: bool, convention: str, tmp_path: Path
) -> None:
    state = renamed(name, norm=norm)
    save_file(state, tmp_path / "model.safetensors")
    loaded = load_grids(tmp_path / "model.safetensors")
    assert loaded.convention == GridSampler.from_state(state).convention == convention
    assert isinstance(loaded.norm, torch.nn.LayerNorm) == norm
    for other in ("openpi", "core_idea", "lerobot"):
        assert GridSampler.from_state(state, convention=other).convention == other


@pytest.mark.parametrize("name", ["active_token_sampler", "action_active_sampler"])
def test_keys_of_the_model_around_it_tell_nothing(name: str) -> None:
    """A whole model may have a norm of that name, or a sampler's name inside another one."""
    others = (
        "expert.layers.0.input_norm.weight",
        "expert/input_norm/scale",
        "model_target._encoder.vision_token_sampler.scout_mlp.0.weight",
    )
    if name == "active_token_sampler":
        state: dict[str, Any] = renamed(name)
    else:
        state = published("openpi")
    state |= {key: torch.ones(8) for key in others}
    assert GridSampler.from_state(state).convention == "openpi"


def test_tdmpcs_target_network_is_left_out() -> None:
    own, copy = (
        renamed(f"{name}._encoder.vision_token_sampler") for name in ("model", "model_target")
    )
    loaded = GridSampler.from_state({**copy, **own})
    expected = own["model._encoder.vision_token_sampler.scout_mlp.0.weight"]
    assert torch.equal(loaded.state_dict()["scout_mlp.0.weight"], expected)


@pytest.mark.parametrize("head", ["", "params/"])
def test_trees_and_flax_names_without_the_samplers(head: str) -> None:
    flat = {key.partition("/")[2]: value for key, value in published("new").items()}
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *folders, leaf = f"{head}{key}".split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[leaf] = value
    for state in (tree, {f"{head}{key}": value for key, value in flat.items()}):
        loaded = GridSampler.from_state(state, margin=0.05)
        assert loaded.convention == "core_idea"
        tokens, _ = sampled(loaded, "new")
        assert tokens == pytest.approx(RECORDED["new/tokens"].astype(float), abs=5e-4)


def test_no_geometry_injection_is_an_option_and_a_lost_encoder_is_none() -> None:
    whole = GridSampler.from_state(published("openpi"), embed_coords=False)
    assert whole.coord_encoder is None
    # The same scout network as the authors' run without an encoder.
    tokens, _ = sampled(whole, "openpi_plain")
    assert tokens == pytest.approx(RECORDED["openpi_plain/tokens"].astype(float), abs=5e-4)
    with pytest.raises(PolicyError, match="have no coord_encoder"):
        GridSampler.from_state(published("openpi_plain"), embed_coords=True)
    half = published("openpi")
    del half["action_active_sampler/coord_encoder/layers_2/bias"]
    with pytest.raises(PolicyError, match=r"1 missing \(coord_encoder.2.bias\)"):
        GridSampler.from_state(half)


@pytest.mark.parametrize("convention", ["openpi", "lerobot"])
def test_nearest_neighbours_are_those_of_torch(convention: str) -> None:
    """At c = 1 of an even grid LeRobot's ``grid_sample`` takes the token outside: zeros."""
    from torch.nn.functional import grid_sample

    from gridseval.tokens.pruners.grids_sampling import sample

    features = torch.from_numpy(grids_maps("openpi"))
    places = torch.linspace(0, 1, 41)
    points = torch.cartesian_prod(places, places).expand(len(features), -1, -1)
    theirs = grid_sample(
        features.permute(0, 3, 1, 2),
        2 * points[:, :, None] - 1,
        mode="nearest",
        align_corners=convention == "openpi",
    )[..., 0].mT
    ours = sample(features, points, convention, "nearest")
    # torch computes a place from 2c − 1, so it may round the other way half-way between tokens.
    scale = SIDE - 1 if convention == "openpi" else SIDE
    halves = (points * scale + (0.5 if convention == "openpi" else 0)).frac()
    clear = ((halves > 1e-4) & (halves < 1 - 1e-4)).all(-1)
    assert clear.float().mean() > 0.6
    assert torch.equal(ours[clear], theirs[clear])
