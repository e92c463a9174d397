"""Initial states are read as the authors wrote them, and nothing in a file is executed."""

from __future__ import annotations

import os
import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridseval.envs.init_states import read_init_states
from gridseval.envs.libero_package import package_root
from gridseval.errors import MachineError

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")


def write(path: Path, pickled: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return path


def shipped(suite: str) -> list[Path]:
    return sorted((package_root() / "init_files" / suite).glob("*.pruned_init"))


@pytest.mark.parametrize("suite", SUITES)
def test_equal_to_a_trusting_reader(suite: str) -> None:
    import torch

    paths = shipped(suite)
    assert len(paths) == (90 if suite == "libero_90" else 10)
    for path in paths:
        states = read_init_states(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = torch.load(path, weights_only=False)
        assert states.dtype == np.float64
        assert states.shape == expected.shape
        assert len(states) == 50
        assert states.tobytes() == np.ascontiguousarray(expected).tobytes()


def test_reads_what_both_numpy_versions_write(tmp_path: Path) -> None:
    states = np.arange(12.0).reshape(3, 4)
    for protocol in (2, 3, 4, 5):
        if protocol == 5:
            continue  # arrays of protocol 5 are pickled by another function, which no file uses
        new = pickle.dumps(states, protocol)
        for text in (new, new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")):
            if protocol == 4 and text is not new:
                continue  # names carry their length there
            path = write(tmp_path / "a.pruned_init", text)
            assert (read_init_states(path) == states).all()


class _Marker:
    """When unpickled by a trusting reader, creates a file."""

    def __init__(self, path: Path, call: Any) -> None:
        self.path, self.call = path, call

    def __reduce__(self) -> Any:
        return self.call


def _payloads(marker: Path) -> list[Any]:
    import builtins
    import os

    return [
        _Marker(marker, (os.mkdir, (str(marker),))),
        _Marker(marker, (builtins.eval, (f"open({str(marker)!r}, 'w')",))),
        _Marker(marker, (builtins.getattr, ("text", "upper"))),
        _Marker(marker, (np.fromfile, (str(marker),))),
        [np.zeros((1, 2)), _Marker(marker, (Path.touch, (marker,)))],
    ]


@pytest.mark.parametrize("number", range(5))
def test_malicious_pickle_is_refused_unexecuted(tmp_path: Path, number: int) -> None:
    marker = tmp_path / "marker"
    path = write(tmp_path / "evil.pruned_init", pickle.dumps(_payloads(marker)[number], 2))
    with pytest.raises(MachineError, match="refused") as caught:
        read_init_states(path)
    assert str(path) in str(caught.value)
    assert not marker.exists()


def test_the_payload_would_work_on_a_trusting_reader(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pickle.loads(pickle.dumps(_payloads(marker)[0], 2))
    assert marker.exists()


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((2, 3), dtype=np.float32),
        np.zeros((2, 3), dtype=np.int64),
        np.zeros(()),
        np.zeros((1, 2, 3)),
        np.array([[None, None]], dtype=object),
        np.zeros((0, 3)),
        np.array([[0.0, np.nan]]),
        np.array([[0.0, np.inf]]),
        {"states": [[0.0]]},
        [[0.0]],
        None,
    ],
    ids=str,
)
def test_anything_but_a_float64_table_is_refused(tmp_path: Path, value: Any) -> None:
    path = write(tmp_path / "wrong.pruned_init", pickle.dumps(value, 2))
    with pytest.raises(MachineError, match="cannot be read"):
        read_init_states(path)


def test_the_numbers_of_a_single_trial_are_a_table_of_one(tmp_path: Path) -> None:
    path = write(tmp_path / "one.pruned_init", pickle.dumps(np.arange(5.0), 2))
    assert read_init_states(path).tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0]]


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    whole = shipped("libero_object")[0].read_bytes()
    for part in (0, 1, 10, len(whole) // 2, len(whole) - 30):
        path = tmp_path / f"{part}.pruned_init"
        path.write_bytes(whole[:part])
        with pytest.raises(MachineError, match="cannot be read"):
            read_init_states(path)


def test_missing_file_folder_and_member_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("archive/version", "3\n")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "empty.zip"):
        with pytest.raises(MachineError, match="cannot be read") as caught:
            read_init_states(path)
        assert not str(caught.value).endswith(": ")


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "bomb.pruned_init", bytes(65 * 1024 * 1024), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(MachineError, match="larger than"):
        read_init_states(path)


def test_size_that_the_directory_understates_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "lie.pruned_init", bytes(1024 * 1024), zipfile.ZIP_DEFLATED)
    size = struct.pack("<I", 1024 * 1024)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 100)))
    with pytest.raises(MachineError, match="cannot be read"):
        read_init_states(path)


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02K\x01r\xff\xff\xff\x7f.",  # a memo index of two thousand million
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",  # bytes of 8 EB
        b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86\x85R.",
        b"(" * 100_000 + b".",
    ],
    ids=["memo", "bytes", "array", "marks"],
)
def test_small_pickles_that_ask_for_much_memory_are_refused(tmp_path: Path, pickled: bytes) -> None:
    path = write(tmp_path / "greedy.pruned_init", pickled)
    with pytest.raises(MachineError, match="cannot be read"):
        read_init_states(path)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_pickles_are_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = write(tmp_path_factory.getbasetemp() / "fuzz.pruned_init", raw)
    with pytest.raises(MachineError):
        read_init_states(path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_random_files_are_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "raw.pruned_init"
    path.write_bytes(raw)
    with pytest.raises(MachineError):
        read_init_states(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_flipped_bytes_never_escape_as_other_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A damaged pickle gives either a table or the one error, whatever the damage."""
    raw = bytearray(pickle.dumps(np.arange(12.0).reshape(3, 4), 2))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.getbasetemp() / "flip.pruned_init", bytes(raw))
    try:
        states = read_init_states(path)
    except MachineError:
        return
    assert states.dtype == np.float64
    assert states.ndim == 2


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "task.pruned_init")
    with pytest.raises(MachineError, match="no regular file"):
        read_init_states(tmp_path / "task.pruned_init")
