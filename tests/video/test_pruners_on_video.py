"""What every pruner of a real model returns can be drawn, stored, and drawn again from the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gridseval.policies.nano.policy import NanoPolicy
from gridseval.suites import Episode
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners import list_pruners
from gridseval.tokens.trace_file import TraceWriter, read_traces
from gridseval.video.overlay import MARK_RGB
from gridseval.video.picture import CAMERAS, GAP_PX, Picture

FAR = 256 + GAP_PX
RED = np.full((256, 256, 3), (200, 20, 20), np.uint8)


def queried(policy: NanoPolicy, queries: int = 5) -> TokenTrace:
    """Return what a policy looks at in its last of some queries on random images."""
    policy.reset([0], [Episode("libero_object", 0, 0)])
    rng = np.random.default_rng(0)
    for step in range(queries):
        images = rng.integers(0, 256, (2, 1, 256, 256, 3)).astype(np.uint8)
        chunk = policy.act(
            {
                "slots": np.array([0]),
                "steps": np.array([step]),
                "instruction": ("open the drawer",),
                "state": np.zeros((1, 8), np.float32),
                "agentview": images[0],
                "wrist": images[1],
            }
        )
    assert chunk.traces is not None and chunk.traces[0] is not None
    return chunk.traces[0]


@pytest.mark.parametrize("pruner", list_pruners())
def test_what_a_pruner_keeps_is_in_colour(pruner: str, tmp_path: Path) -> None:
    policy = NanoPolicy(pruner=pruner)
    trace = queried(policy)
    picture = Picture(policy.image_mapping, overlaid=True)
    made = picture.compose(RED, RED, trace)
    with TraceWriter(tmp_path / "a.jsonl", "s", 0, 0, policy.image_mapping) as writer:
        writer.append(0, trace)
        writer.finish()
    again = read_traces(tmp_path / "a.jsonl").at(0)
    assert np.array_equal(picture.compose(RED, RED, again), made)
    named = {camera.camera: camera for camera in trace.cameras}
    assert set(named) == set(CAMERAS)
    for camera, left in zip(CAMERAS, (0, FAR), strict=True):
        below = made[FAR:, left : left + 256].astype(int)
        if named[camera].points is None:
            red = (below == RED).all(axis=-1).sum()
            assert red == named[camera].kept_count * 256  # pixels of a cell
        else:
            assert pruner == "grids"
            centre = (np.abs(below - MARK_RGB).max(axis=-1) < 10).sum()
            assert 1 <= centre <= 40 * named[camera].kept_count
