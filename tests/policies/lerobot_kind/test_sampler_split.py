"""Arguments of GridS's sampler, and the checkpoint that they are for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.sampler_split import split_sampler
from gridseval.tokens.pruners.grids import GridSampler

GIVEN: list[dict[str, Any]] = [
    {"convention": "openpi"},
    {"margin": 0.1},
    {"interpolation": "nearest"},
    {"embed_coords": False},
]


def checkpoint(folder: Path, name: str | None, **config: Any) -> Path:
    """Write a checkpoint of one weight, with a sampler's parameters under a name."""
    tensors = {"model.weight": torch.ones(2)}
    if name is not None:
        state = GridSampler(k=3, dim=8, hidden=6, coordinate_hidden=5).state_dict()
        tensors |= {f"{name}.{key}": value for key, value in state.items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"type": "smolvla", **config}))
    return folder


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: next(iter(given)))
@pytest.mark.parametrize("config", [{}, {"use_grid_token_sampler": False}])
def test_an_argument_of_a_sampler_that_is_not_there_is_refused(
    config: dict[str, Any], given: dict[str, Any], tmp_path: Path
) -> None:
    (argument,) = given
    folder = checkpoint(tmp_path, None, **config)
    with (
        pytest.raises(
            PolicyError, match=f"{argument} is for GridS's sampler, and .* has none"
        ) as e,
        split_sampler(folder, None, given),
    ):
        pass
    assert "--policy-arg grids=" in (e.value.hint or "")
    with split_sampler(folder, None, {}) as split:
        assert split.sampler is None


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: next(iter(given)))
def test_it_reaches_the_checkpoints_own_sampler_and_that_of_a_file(
    given: dict[str, Any], tmp_path: Path
) -> None:
    ((argument, value),) = given.items()
    for name in ("own", "plain"):
        (tmp_path / name).mkdir()
    own = checkpoint(tmp_path / "own", "model.token_sampler")
    plain = checkpoint(tmp_path / "plain", None)
    sampler = tmp_path / "sampler.safetensors"
    save_file(GridSampler(k=3, dim=8, hidden=6, coordinate_hidden=5).state_dict(), sampler)
    for folder, grids in ((own, None), (plain, str(sampler))):
        with split_sampler(folder, grids, given) as split:
            assert split.sampler is not None
            found = (
                split.sampler.coord_encoder is not None
                if argument == "embed_coords"
                else getattr(split.sampler, argument)
            )
            assert found == value
