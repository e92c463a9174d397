"""Traces on disk: what is written comes back to the bit, and nothing else is taken for one."""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridseval.errors import OutputError, PolicyError
from gridseval.tokens import CameraTrace, ImageMapping, TokenTrace
from gridseval.tokens.trace_file import EpisodeTraces, TraceWriter, read_traces, trace_name
from gridseval.tokens.trace_json import trace_from_json, trace_to_json

MAPPING = ImageMapping((0.9486832980505138, -1.0), (0.02566, 1.0))
KEY = ("libero_object", 3, 11)


def write(path: Path, queries: list[tuple[int, TokenTrace | None]]) -> Path:
    with TraceWriter(path, *KEY, MAPPING) as writer:
        for step, trace in queries:
            writer.append(step, trace)
        return writer.finish()


def some_queries() -> list[tuple[int, TokenTrace | None]]:
    kept = np.zeros(256, bool)
    kept[[0, 7, 8, 255]] = True
    points = np.array([(0, 1), (0.1, 0.7), (1, 0)], np.float32)
    both = TokenTrace(
        (
            CameraTrace("agentview", (16, 16), kept=kept),
            CameraTrace("wrist", (8, 4), points=points, weights=np.ones(32, np.float32)),
        )
    )
    return [(0, both), (8, None), (12, TokenTrace(both.cameras[:1]))]


def assert_equal(one: TokenTrace | None, other: TokenTrace | None) -> None:
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    for first, second in zip(one.cameras, other.cameras, strict=True):
        assert (first.camera, first.grid) == (second.camera, second.grid)
        for name in ("kept", "points"):
            a, b = getattr(first, name), getattr(second, name)
            assert (a is None) == (b is None)
            if a is not None:
                assert a.dtype == b.dtype and a.shape == b.shape
                assert a.tobytes() == b.tobytes()


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    queries = some_queries()
    path = write(tmp_path / trace_name(*KEY), queries)
    assert [each.name for each in tmp_path.iterdir()] == ["libero_object-3-11.jsonl"]
    traces = read_traces(path)
    assert (traces.suite, traces.task, traces.trial, traces.mapping) == (*KEY, MAPPING)
    assert [step for step, _ in traces.queries] == [0, 8, 12]
    for (_, one), (_, other) in zip(queries, traces.queries, strict=True):
        assert_equal(one, other)


def test_the_format_is_as_documented(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", some_queries()).read_text("ascii").splitlines()
    head, first, silent, _, last = map(json.loads, lines)
    assert head["schema"] == 1 and head["mapping"]["scale"] == [0.9486832980505138, -1.0]
    assert silent == {"step": 8, "cameras": None} and last == {"queries": 3}
    agentview, wrist = first["cameras"]
    bits = "".join(f"{byte:08b}" for byte in base64.b64decode(agentview["kept"]))
    assert [place for place, bit in enumerate(bits) if bit == "1"] == [0, 7, 8, 255]
    numbers = struct.unpack("<6f", base64.b64decode(wrist["points"]))
    assert numbers == pytest.approx([0, 1, 0.1, 0.7, 1, 0], abs=1e-7)
    assert "weights" not in wrist


@given(
    rows=st.integers(1, 20),
    columns=st.integers(1, 20),
    count=st.integers(0, 40),
    seed=st.integers(0, 10**6),
)
def test_any_trace_comes_back_to_the_bit(rows: int, columns: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trace = TokenTrace(
        (
            CameraTrace("agentview", (rows, columns), kept=rng.random(rows * columns) < 0.5),
            CameraTrace("wrist", (rows, columns), points=rng.random((count, 2), np.float32)),
        )
    )
    assert_equal(trace, trace_from_json(json.loads(json.dumps(trace_to_json(trace)))))


def test_a_trace_holds_until_the_next_query() -> None:
    first, second = some_queries()[0][1], some_queries()[2][1]
    traces = EpisodeTraces(*KEY, MAPPING, ((2, first), (8, None), (12, second)))
    held = {step: traces.at(step) for step in (0, 1, 2, 7, 8, 11, 12, 900)}
    assert held[0] is held[1] is held[8] is held[11] is None
    assert held[2] is held[7] is first
    assert held[12] is held[900] is second


def test_until_it_is_finished_a_file_has_no_final_name(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "a.jsonl", *KEY, MAPPING)
    writer.append(0, None)
    assert not (tmp_path / "a.jsonl").exists()
    writer.discard()
    writer.discard()
    assert not list(tmp_path.iterdir())
    write(tmp_path / "a.jsonl", [(0, None)])
    writer.discard()
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"a\.jsonl: No space left"):
        write(tmp_path / "a.jsonl", some_queries())
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="gone"):
        TraceWriter(tmp_path / "gone" / "a.jsonl", *KEY, MAPPING)


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", some_queries()).read_bytes()
    cut = tmp_path / "cut.jsonl"
    for length in range(len(data) - 1):  # without the last line feed, nothing is lost
        cut.write_bytes(data[:length])
        with pytest.raises(OutputError, match=r"cut\.jsonl"):
            read_traces(cut)


def numpy_file(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Bomb()),
        numpy_file(np.array([Bomb()], object)),
        numpy_file(np.zeros((3, 2), np.float32)),
        b"",
        b"\n\n",
        b"null\nnull\n",
        b"[" * 100_000 + b"\n[]\n",
        b'{"schema": 1}\n{"queries": 0}\n',
        b'{"schema": 2}\n{"queries": 0}\n',
        b"\xff\xfe",
    ],
)
def test_other_files_are_refused_and_nothing_in_them_runs(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(OutputError, match=r"a\.jsonl holds no traces"):
        read_traces(tmp_path / "a.jsonl")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


HALF = encoded(np.array([(0.5, 0.5)], np.float16).tobytes())
DOUBLE = encoded(np.array([0.3], np.float64).tobytes())
FAR = encoded(np.array([(0.5, 1.5)], np.float32).tobytes())
NOWHERE = encoded(np.array([(0.5, np.nan)], np.float32).tobytes())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"points": encoded(b"1234567")}, "multiple"),
        ({"points": encoded(b"123456789012")}, "reshape"),
        ({"points": HALF[:4]}, "multiple"),
        ({"points": DOUBLE}, "within 0 and 1"),
        ({"points": FAR}, "within 0 and 1"),
        ({"points": NOWHERE}, "within 0 and 1"),
        ({"points": [[0.5, 0.5]]}, "bytes-like"),
        ({"points": "not base64!"}, "base64|padding"),
        ({"kept": encoded(b"\0" * 31)}, "31 bytes"),
        ({"kept": encoded(b"\0" * 33)}, "33 bytes"),
        ({"kept": encoded(b"\xff"), "grid": [1, 3]}, "more kept tokens"),
        ({"kept": [True] * 256}, "bytes-like"),
        ({}, "kept"),
        ({"kept": encoded(b"\0" * 32), "grid": [16]}, "pair"),
        ({"kept": encoded(b""), "grid": [0, 0]}, "at least 1"),
        ({"kept": encoded(b"\0" * 32), "grid": [16.0, 16]}, "whole number"),
        ({"kept": encoded(b"\0" * 32), "camera": 3}, "camera"),
    ],
)
def test_a_broken_trace_says_what_is_wrong(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        trace_from_json([{"camera": "wrist", "grid": [16, 16], **change}])
    for wrong in (3, "wrist", {"camera": "wrist"}, [3]):
        with pytest.raises(PolicyError):
            trace_from_json(wrong)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        (0, "mapping", {"scale": [0.0, 1.0], "offset": [0, 0]}),
        (0, "mapping", {"scale": [1e300, 1.0], "offset": [0, 0]}),
        (0, "mapping", {"scale": [float("nan"), 1.0], "offset": [0, 0]}),
        (0, "mapping", {"scale": ["one", 1.0], "offset": [0, 0]}),
        (0, "mapping", {"scale": [1.0, 1.0]}),
        (0, "mapping", None),
        (0, "suite", None),
        (0, "task", "3"),
        (0, "trial", -1),
        (1, "step", 8),
        (1, "step", True),
        (1, "cameras", "wrist"),
        (4, "queries", 4),
    ],
)
def test_a_line_that_was_changed_is_refused(
    tmp_path: Path, line: int, key: str, value: Any
) -> None:
    path = write(tmp_path / "a.jsonl", some_queries())
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    lines[line][key] = value
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    with pytest.raises(OutputError, match=r"a\.jsonl"):
        read_traces(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_changed_at_random_give_a_trace_or_a_reason(tmp_path: Path, data: Any) -> None:
    whole = write(tmp_path / "a.jsonl", some_queries()).read_bytes()
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.sampled_from(b'0129-.eE"[]{},:ax\n\0\xff ='))
    (tmp_path / "b.jsonl").write_bytes(bytes(content))
    try:
        traces = read_traces(tmp_path / "b.jsonl")
    except OutputError as error:
        assert "b.jsonl" in str(error)
    else:
        assert len(traces.queries) == 3
