"""The patch that lets the Grid-Sampler repository's server send GridS's coordinates.

It is applied as a reader applies it, to stand-ins: functions with the names, signatures and returns
of the repository's at commit 11d58d7, and the lines that the patch changes. There, they compute
with jax; numpy does here. With the repository itself, jax 0.5.3 and flax 0.10.2, the patched model
of the size "dummy" sent the coordinates of its sampler, run by hand on 2026-11-28.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from openpi_package import openpi_folder as openpi_folder
from openpi_package import openpi_packing as openpi_packing
from served import EPISODES, observe, scripted_server
from test_openpi_client import handler

from gridseval.policies import load_policy

ROOT = Path(__file__).parents[3]
PATCH = ROOT / "docs" / "guides" / "openpi-grids.patch"

STAND_INS = {
    "openpi/src/openpi/models/pi0.py": """\
from __future__ import annotations

import numpy as np


def make_attn_mask(input_mask, mask_ar):
    return input_mask[:, None] & input_mask[:, :, None]


class jax:
    class lax:
        @staticmethod
        def while_loop(cond, step, carry):
            while cond(carry):
                carry = step(carry)
            return carry


class Pi0:
    def __init__(self, config, sampler):
        self.grid = config.grid
        self.action_horizon, self.action_dim = 10, 32
        self.action_active_sampler = sampler

    def embed_prefix(
        self, obs: _model.Observation
    ) -> tuple[at.Float[at.Array, "b s emb"], at.Bool[at.Array, "b s"], at.Bool[at.Array, " s"]]:
        tokens = []
        for name in obs.images:
            image_tokens = obs.images[name].reshape(1, 256, 3)
            if self.grid:
                sampled_tokens, coords = self.action_active_sampler(
                    image_tokens.reshape(1, 16, 16, 3), noise=False
                )
                image_tokens = sampled_tokens

            tokens.append(image_tokens)
        tokens = np.concatenate(tokens, axis=1)
        return tokens, np.ones(tokens.shape[:2], bool), np.zeros(tokens.shape[1], bool)

    def compute_loss(self, rng, observation, actions, *, train=False):
        # one big forward pass of prefix + suffix at once
        prefix_tokens, prefix_mask, prefix_ar_mask = self.embed_prefix(observation)
        return np.mean(prefix_tokens)

    def sample_actions(self, rng, observation, *, num_steps=10, noise=None) -> _model.Actions:
        # first fill KV cache with a forward pass of the prefix
        prefix_tokens, prefix_mask, prefix_ar_mask = self.embed_prefix(observation)
        prefix_attn_mask = make_attn_mask(prefix_mask, prefix_ar_mask)

        def step(carry):
            x_t, time = carry
            return x_t + prefix_tokens.mean(), time + 1

        def cond(carry):
            return carry[1] < num_steps

        x_0, _ = jax.lax.while_loop(cond, step, (noise, 1.0))
        return x_0
""",
    "openpi/src/openpi/policies/policy.py": """\
from __future__ import annotations

import time

import numpy as np


class Policy:
    def __init__(self, model, *, transforms, output_transforms):
        self._sample_actions = model.sample_actions
        self._input_transform, self._output_transform = transforms, output_transforms

    def infer(self, obs: dict, *, noise: np.ndarray | None = None) -> dict:
        observation = self._input_transform(obs)
        inputs = {"state": np.zeros((1, 8))}
        sample_rng_or_pytorch_device = None
        sample_kwargs = {"noise": np.zeros((1, 10, 32))}
        start_time = time.monotonic()
        outputs = {
            "state": inputs["state"],
            "actions": self._sample_actions(sample_rng_or_pytorch_device, observation, \
**sample_kwargs),
        }
        model_time = time.monotonic() - start_time
        outputs = {key: np.asarray(x[0, ...]) for key, x in outputs.items()}

        outputs = self._output_transform(outputs)
        outputs["policy_timing"] = {
            "infer_ms": model_time * 1000,
        }
        return outputs
""",
    "openpi/scripts/serve_policy.py": '''\
import dataclasses
import enum


class EnvMode(enum.Enum):
    LIBERO_PI05_GRID16 = "libero_grid16"


@dataclasses.dataclass
class Args:
    """Arguments for the serve_policy script."""

    # Environment to serve the policy for. This is only used when serving default policies.
    env: EnvMode = EnvMode.ALOHA_SIM

    # If provided, will be used in case the "prompt" key is not present in the data.
    default_prompt: str | None = None
''',
}


def libero_outputs(data: dict[str, Any]) -> dict[str, Any]:
    """Drop every key but the actions, as ``LiberoOutputs``."""
    return {"actions": np.asarray(data["actions"][:, :7])}


def libero_inputs(request: dict[str, Any]) -> Any:
    """Return three images of 16 × 16, the last one empty, in the order of ``LiberoInputs``."""
    small = [
        request[f"observation/{name}"][::14, ::14] / 255.0 for name in ("image", "wrist_image")
    ]
    names = ("base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb")
    images = zip(names, (*small, np.zeros((16, 16, 3))), strict=True)
    return SimpleNamespace(images={name: image[None] for name, image in images})


def sampler(tokens: Any, noise: bool) -> Any:
    """Return tokens (B, 4, D) and their coordinates (B, 4, 2), which depend on the image."""
    mean = tokens.mean((1, 2, 3))
    coordinates = np.stack([mean * [0.1, 0.2, 0.3, 0.4], 1 - mean * [0.1, 0.2, 0.3, 0.4]], -1)
    return tokens.reshape(len(tokens), 256, 3)[:, :4], coordinates[None].astype(np.float16)


@pytest.fixture(params=[False, True], ids=["as published", "patched"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, bool]:
    """Return the repository's folder, and whether the patch was applied."""
    for name, text in STAND_INS.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    if request.param:
        done = subprocess.run(
            ["git", "apply", "-v", str(PATCH)], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return tmp_path, request.param


def load_module(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def served(folder: Path, grid: bool) -> tuple[Any, Any]:
    """Return a model of the repository and the policy that its server asks."""
    source = folder / "openpi" / "src" / "openpi"
    model = load_module(source / "models" / "pi0.py", "pi0").Pi0(
        SimpleNamespace(grid=grid), sampler
    )
    policy = load_module(source / "policies" / "policy.py", "policy").Policy(
        model, transforms=libero_inputs, output_transforms=libero_outputs
    )
    return model, policy


def test_the_patched_server_sends_what_its_sampler_chose(
    repository: tuple[Path, bool], openpi_packing: ModuleType
) -> None:
    folder, patched = repository
    _, policy = served(folder, grid=True)
    chosen = []

    def infer(request: dict[str, Any]) -> Any:
        images = libero_inputs(request).images
        chosen.append([sampler(images[name], noise=False)[1][0] for name in images])
        return policy.infer(request)

    with scripted_server(handler(openpi_packing, infer)) as address:
        client = load_policy("openpi", address, {"card": "pi05_grids"}, 7).policy
        client.reset([0, 1], EPISODES[:2])
        chunk = client.act(observe([0, 1]))
    assert chunk.actions.shape == (2, 10, 7)
    if not patched:
        assert chunk.traces is None
        return
    assert chunk.traces is not None
    for trace, places in zip(chunk.traces, chosen, strict=True):
        assert [camera.camera for camera in trace.cameras] == ["agentview", "wrist"]
        for camera, coordinates in zip(trace.cameras, places, strict=False):
            assert camera.grid == (16, 16)
            # Pixels of the model's image: patch c · 15 of 14 pixels, from its centre.
            pixels = (coordinates.astype(float) * 15 + 0.5) * 14
            assert camera.points is not None
            assert camera.points * 224 == pytest.approx(pixels, abs=1e-3)
    assert not np.array_equal(chunk.traces[0].cameras[0].points, chunk.traces[0].cameras[1].points)


@pytest.mark.parametrize("grid", [False, True])
def test_the_patch_changes_nothing_else(grid: bool, repository: tuple[Path, bool]) -> None:
    folder, patched = repository
    model, policy = served(folder, grid)
    rng = np.random.default_rng(0)
    request = {
        f"observation/{name}": rng.integers(0, 255, (224, 224, 3), np.uint8)
        for name in ("image", "wrist_image")
    }
    reply = policy.infer(request)
    assert reply.keys() - {"traces"} == {"actions", "policy_timing"}
    assert ("traces" in reply) == (grid and patched)
    # Ten steps that each add the mean of the tokens: as without the patch.
    tokens, mask, causal = model.embed_prefix(libero_inputs(request))
    assert tokens.shape[1] == len(causal) == mask.shape[1] == (12 if grid else 768)
    assert reply["actions"] == pytest.approx(np.full((10, 7), 9 * tokens.mean()))
    assert model.compute_loss(None, libero_inputs(request), None) == tokens.mean()


def test_the_patched_server_starts(repository: tuple[Path, bool]) -> None:
    """As published, its default environment is not one of those that it lists."""
    folder, patched = repository
    file = folder / "openpi" / "scripts" / "serve_policy.py"
    if not patched:
        with pytest.raises(AttributeError, match="ALOHA_SIM"):
            load_module(file, "serve_policy")
        return
    module = load_module(file, "serve_policy")
    assert module.Args().env is module.EnvMode.LIBERO_PI05_GRID16
