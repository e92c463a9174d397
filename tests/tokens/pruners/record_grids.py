"""Record what the Grid-Sampler repository's own samplers give: ``grids_recorded.npz``.

Needs its checkout (commit 11d58d7), jax 0.10, flax 0.12, torch, einops and matplotlib. Recorded on
28 November 2026 with::

    PYTHONPATH=tests/tokens/pruners python tests/tokens/pruners/record_grids.py CHECKOUT OUT.npz

Each case has the keys and shapes that the code itself gives its parameters, its tokens (B, K,
WIDTH) and coordinates (B, K, 2).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from flax.traverse_util import flatten_dict, unflatten_dict
from grids_arrays import CASES, WIDTH, K, grids_maps, grids_parameter

FILES = {
    "openpi": "openpi/src/openpi/models/grid.py",
    "core": "core_idea/grid_pytorch.py",
    "new": "core_idea/grid_new.py",
    "lerobot": "lerobot/src/lerobot/policies/active_token_sampler.py",
}


def module(checkout: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, checkout / FILES[name])
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def by_flax(code: Any, case: str) -> tuple[dict[str, Any], Any, Any]:
    import jax

    if case.endswith("nearest"):
        # The repository's own function, where its other one is called.
        code.grid_sample_jax = code.grid_sample_nearest
    given: dict[str, Any] = {"vision_dim": WIDTH, "num_tokens": K}
    given |= {"embed_coords": not case.endswith("plain")}
    if "margin" in CASES[case]:
        given["coordinate_margin"] = CASES[case]["margin"]
    sampler, maps = code.ActiveTokenSampler(**given), jnp.asarray(grids_maps(case))
    made = flatten_dict(sampler.init(jax.random.PRNGKey(0), maps)["params"], sep="/")
    own = {f"action_active_sampler/{key}": value.shape for key, value in made.items()}
    drawn = {key.partition("/")[2]: grids_parameter(key, shape) for key, shape in own.items()}
    tokens, points = sampler.apply({"params": unflatten_dict(drawn, sep="/")}, maps)
    return own, tokens, points


def by_torch(code: Any, case: str) -> tuple[dict[str, Any], Any, Any]:
    lerobot = case == "lerobot"
    kind = code.ActiveTokenSampler if lerobot else code.ActiveTokenSamplerTorch
    head = "model.token_sampler" if lerobot else "active_token_sampler"
    sampler, maps = kind(WIDTH, K), torch.from_numpy(grids_maps(case))
    own = {f"{head}.{key}": tuple(value.shape) for key, value in sampler.state_dict().items()}
    drawn = {key: torch.from_numpy(grids_parameter(key, shape)) for key, shape in own.items()}
    sampler.load_state_dict({key.removeprefix(f"{head}."): value for key, value in drawn.items()})
    points = sampler.scout_mlp(maps.mean((1, 2))).view(len(maps), K, 2)
    given = maps.permute(0, 3, 1, 2) if lerobot else maps
    out = sampler(given)
    return own, out if lerobot else out[0], points


def main(checkout: Path, target: str) -> None:
    recorded: dict[str, Any] = {}
    for case in CASES:
        name = case.partition("_")[0]
        by = by_torch if name in ("core", "lerobot") else by_flax
        keys, tokens, points = by(module(checkout, name), case)
        recorded[f"{case}/keys"] = json.dumps({key: list(shape) for key, shape in keys.items()})
        for part, value in (("tokens", tokens), ("points", points)):
            array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.array(value)
            recorded[f"{case}/{part}"] = array.astype(np.float32)
    np.savez_compressed(target, **recorded)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
