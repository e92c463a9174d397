"""FLOPs of LeRobot's policies count the images that they encode, empty ones with them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.checkpoint import checkpoint_flops
from gridseval.policies.lerobot_kind.grids import GridsHook
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.accounting import load_model, trace_flops
from gridseval.tokens.pruners.grids import GridSampler


def flops_of(kind: str, unfilled: int, empty_cameras: int, width: int) -> float:
    """Return the cost of a query that keeps 16 points per camera."""
    cameras = {"image": "agentview", "image2": "wrist"}
    weight = SimpleNamespace(shape=(8, width))
    checkpoint: Any = SimpleNamespace(
        config=SimpleNamespace(type=kind, empty_cameras=empty_cameras),
        cameras=cameras,
        images=SimpleNamespace(unfilled=("x",) * unfilled),
        policy=SimpleNamespace(named_parameters=lambda: [("embed_tokens.weight", weight)]),
    )
    flops = checkpoint_flops(checkpoint, sampled=True)
    assert flops is not None
    return flops(trace())


def trace() -> TokenTrace:
    points = np.full((16, 2), 0.5, np.float32)
    return TokenTrace(
        tuple(CameraTrace(name, (16, 16), points=points) for name in ("agentview", "wrist"))
    )


def test_openpis_three_image_layout_costs_what_openpis_model_does() -> None:
    three = flops_of("pi0", unfilled=1, empty_cameras=1, width=2048)
    assert three == trace_flops(load_model("pi0"), trace(), pruner="grids")
    two = replace(load_model("pi0"), images=2)
    expected = trace_flops(two, trace(), pruner="grids")
    assert flops_of("pi0", unfilled=0, empty_cameras=0, width=2048) == expected < three


@pytest.mark.parametrize("sampled", [True, False])
def test_a_step_that_is_answered_from_the_policys_queue_has_no_trace(sampled: bool) -> None:
    """A π0 with relative actions is asked at every step, and embeds images in some of them."""
    encoder = SimpleNamespace(embed_image=lambda _image: torch.ones(1, 16, 8))
    checkpoint: Any = SimpleNamespace(
        config=SimpleNamespace(type="pi0", device="cpu"),
        cameras={"image": "agentview", "image2": "wrist"},
        policy=SimpleNamespace(model=SimpleNamespace(paligemma_with_expert=encoder)),
    )
    hook = GridsHook(checkpoint, GridSampler(k=3, dim=8) if sampled else None)
    hook.begin()
    if sampled:
        with pytest.raises(PolicyError, match="embedded 0 images for 1 slots of 2 cameras"):
            hook.take(1)
    for queries in ([3], [0], [3, 0, 3], [0, 0]):  # the third image is an empty one
        for embedded in queries:
            hook.begin()
            for _ in range(embedded):
                encoder.embed_image(None)
        traces = hook.take(len(queries))
        assert traces is not None
        assert [trace is not None for trace in traces] == [embedded > 0 for embedded in queries]
    hook.begin()
    encoder.embed_image(None)
    if sampled:
        with pytest.raises(PolicyError, match="embedded 1 images"):
            hook.take(1)
    else:
        assert hook.take(1) is None


@pytest.mark.parametrize(("unfilled", "empty", "images"), [(0, 0, 2), (1, 1, 3), (2, 1, 3)])
def test_smolvla_encodes_as_many_as_its_config_says(unfilled: int, empty: int, images: int) -> None:
    cost = flops_of("smolvla", unfilled, empty, width=960)
    two = flops_of("smolvla", 0, 0, width=960)
    assert (cost > two) == (images == 3)
