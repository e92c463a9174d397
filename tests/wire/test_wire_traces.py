"""Traces in a server's reply."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.wire import openpi
from gridseval.wire.arrays import WireError
from gridseval.wire.traces import trace_from_wire, trace_to_wire


def test_a_trace_comes_back() -> None:
    kept = np.zeros(6, np.bool_)
    kept[[1, 4]] = True
    trace = TokenTrace(
        (
            CameraTrace("agentview", (2, 3), kept=kept, weights=np.arange(6, dtype=np.float32)),
            CameraTrace("wrist", (4, 4), points=np.array([[0, 1], [0.25, 0.5]], np.float32)),
        )
    )
    sent = openpi.unpack(openpi.pack({"traces": trace_to_wire(trace)}))["traces"]
    back = trace_from_wire(sent)
    assert back is not None
    assert [camera.camera for camera in back.cameras] == ["agentview", "wrist"]
    assert [camera.grid for camera in back.cameras] == [(2, 3), (4, 4)]
    assert np.array_equal(back.cameras[0].kept, kept)
    assert np.array_equal(back.cameras[0].weights, np.arange(6))
    assert np.array_equal(back.cameras[1].points, [[0, 1], [0.25, 0.5]])


def test_a_server_may_send_indices_or_nothing() -> None:
    back = trace_from_wire({"agentview": {"grid": [2, 2], "kept": np.array([3, 0])}})
    assert back is not None
    assert np.array_equal(back.cameras[0].kept, [True, False, False, True])
    assert trace_from_wire(None) is None


# On a 16 x 16 map of 14-px patches coordinate c lies (c * 15 + 0.5) * 14 px into 224.
@pytest.mark.parametrize(
    ("sampling", "c", "px"),
    [
        *(("align_corners", 0.0, 7.0), ("align_corners", 1.0, 217.0), (None, 0.5, 112.0)),
        *(("half_pixel", 0.0, 0.0), ("half_pixel", 0.25, 56.0)),
    ],
)
def test_grids_coordinates_land_where_they_sample(sampling: str, c: float, px: float) -> None:
    fields: dict[str, Any] = {"grid": [16, 16], "coordinates": np.array([[c, 0.5]], np.float32)}
    if sampling:
        fields["sampling"] = sampling
    back = trace_from_wire({"wrist": fields})
    assert back is not None
    points = back.cameras[0].points
    assert points is not None
    assert points[0] * 224 == pytest.approx([px, 112.0])


@pytest.mark.parametrize(
    "sent",
    [
        5,
        {"left": {"grid": [2, 2], "kept": [0]}},
        {"wrist": 5},
        {"wrist": {"kept": [0]}},
        {"wrist": {"grid": [2], "kept": [0]}},
        {"wrist": {"grid": [0, 2], "kept": [0]}},
        {"wrist": {"grid": [10**9, 10**9], "kept": [0]}},
        {"wrist": {"grid": [2, 2]}},
        {"wrist": {"grid": [2, 2], "kept": [4]}},
        {"wrist": {"grid": [2, 2], "kept": [-1]}},
        {"wrist": {"grid": [2, 2], "kept": [0.5]}},
        {"wrist": {"grid": [2, 2], "kept": np.zeros(5, np.bool_)}},
        {"wrist": {"grid": [2, 2], "points": [[0.5, 1.5]]}},
        {"wrist": {"grid": [2, 2], "points": [[0.5, float("nan")]]}},
        {"wrist": {"grid": [2, 2], "points": "xy"}},
        {"wrist": {"grid": [2, 2], "points": [[0.5], [0.5, 0.5]]}},
        {"wrist": {"grid": ["a", 2], "kept": [0]}},
        {"wrist": {"grid": [2, 2], "coordinates": [0.5]}},
        {"wrist": {"grid": [2, 2], "coordinates": [[0.5, 0.5]], "sampling": "other"}},
    ],
)
def test_a_malformed_trace_is_refused(sent: Any) -> None:
    with pytest.raises(WireError):
        trace_from_wire(sent)
