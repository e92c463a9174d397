"""Each step around the model, as upstream's own evaluation took it.

The model is a stand-in that checks what it is handed and answers what upstream's model answered;
``compare_with_upstream.py --record`` says how the files were made, and compares whole checkpoints.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_openvla_kind import load
from upstream_statistics import statistics

from gridseval.suites import Episode

HERE = Path(__file__).parent
IMAGES = np.load(HERE.parent / "recorded" / "openvla_images.npz")
ROW_STEP = 19
TASKS = ("Pick up the black bowl", "put BOTH the pots on the stove")
FILES = {"openvla": "openvla", "openvla-oft": "oft", "lightvla": "lightvla"}


def frame(name: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(IMAGES[f"frame/{name}"].tobytes())))


class Recorded:
    """Upstream's answers, in the order of its questions, and what was asked here."""

    def __init__(self, steps: Any) -> None:
        self.steps, self.prompts, self.images, self.states = steps, [], [], []  # type: ignore[var-annotated]

    def inputs(self, prompt: str, image: Any) -> dict[str, Any]:
        import torch

        self.prompts.append(prompt)
        self.images.append(np.asarray(image)[::ROW_STEP])
        return {"pixel_values": torch.zeros(1, 6, 2, 2)}

    def predict_action(self, **named: Any) -> Any:
        if named.get("proprio") is not None:
            self.states.append(named["proprio"])
        cameras = len(self.steps["images"]) // len(self.steps["raw"])
        raw = self.steps["raw"][len(self.prompts) // cameras - 1]
        return raw if raw.ndim == 1 else (raw, None)


@pytest.mark.parametrize("kind", FILES)
def test_every_step_is_upstreams(kind: str, family: Path) -> None:
    steps = np.load(HERE / f"steps_{FILES[kind]}.npz")
    loaded = load(family / ("openvla" if kind == "openvla" else "oft"), kind)
    policy: Any = loaded.policy._policy  # type: ignore[attr-defined]
    model = Recorded(steps)
    policy._statistics = statistics("libero_spatial")
    policy._loaded = SimpleNamespace(model=model, inputs=model.inputs)
    policy._traces = lambda: None
    policy.reset([0], [Episode("libero_spatial", 0, 0)])
    for number, state in enumerate(steps["states"]):
        chunk = policy.act(
            {
                "slots": np.array([0]),
                "steps": np.array([0]),
                "instruction": (TASKS[number],),
                "agentview": frame("agentview")[None],
                "wrist": frame("wrist")[None],
                "state": state[None].astype(np.float32),
            }
        )
        assert np.abs(chunk.actions[0] - steps["final"][number]).max() <= 1e-6
    assert model.prompts == list(steps["prompts"])
    assert np.abs(np.array(model.images, float) - steps["images"]).max() <= 1
    assert np.abs(np.array(model.images, float) - steps["images"]).mean() <= 0.001
    if kind == "openvla":
        assert not model.states
    else:
        assert np.abs(np.array(model.states) - steps["normalised"]).max() <= 1e-6
