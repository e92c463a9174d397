"""Arrays, manifests, records and addresses that lie end in one line, within seconds."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_files import MANIFEST, write_run

from gridseval.array_files import read_npy
from gridseval.errors import OutputError, PolicyError, UsageError
from gridseval.policies import detection
from gridseval.policies.remote.line import checked_address
from gridseval.results.run.jsonl import parse_log
from gridseval.results.run.reading import read_run
from gridseval.suites import load_suite


def _npy(header: str) -> bytes:
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\0" * 28


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 7)}"), ""),
        (_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000000000, 7)}"), ""),
        (_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 7)}"), ""),
        (_npy("{'descr': '|V99999999999', 'fortran_order': False, 'shape': (9,)}"), ""),
        (_npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "allow_pickle"),
        (_npy("(" * 5000), ""),
        (_npy("__import__('os').system('id')"), ""),
        (b"\x93NUMPY\x01\x00\xff\xff", ""),
        (b"\x89HDF\r\n\x1a\n" + b"x" * 99, "HDF5"),
        (b"PK\x03\x04", "archive"),
        (b"\x80\x04cos\nsystem", "pickle"),
        (b"", "numpy.save"),
    ],
)
def test_arrays_that_lie_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=reason or ".") as caught:
        read_npy(tmp_path / "a.npy")
    assert ("allow_pickle" in str(caught.value)) == (reason == "allow_pickle")


def test_honest_arrays_are_read(tmp_path: Path) -> None:
    for shape in ((0, 7), (3, 7), (2,)):
        for order in ("C", "F"):
            array = np.asarray(np.random.default_rng(0).normal(size=shape), np.float32, order)
            np.save(tmp_path / "a.npy", array)
            np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), array)


WRONG: dict[str, list[Any]] = {
    "suite": [["a"], {"a": 1}, 3],
    "tasks": ["all", [["a"]], {"a": 1}, [1.5], [True]],
    "trials": ["x", [1], 10**9, True, 1.5],
    "policy": [["a"], 3],
    "assets": ["libero", ["a"], {"identity": ["a"]}, {"hash": {"a": 1}}],
    "versions": ["3.3", {"mujoco": [3]}, [1]],
    "notes": [{"a": 1}, [["a"]], 3],
    "unavailable": [[1], {"camera": [1]}, {"camera": {"3": "x"}}],
    "published": ["x", [["a"]], {"a": 1}],
    "sequential": ["x", [1]],
    "max_steps": ["x", [300]],
    "seed": ["7", [7]],
    "renderer": [["egl"], {"a": 1}],
    "machine": ["x", [1]],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in WRONG.items() for v in vs])
def test_a_manifest_of_other_kinds_names_its_key(tmp_path: Path, key: str, value: Any) -> None:
    write_run(tmp_path / "run", [], MANIFEST | {key: value})
    with pytest.raises(OutputError, match=r"run\.yaml: ") as caught:
        read_run(tmp_path / "run")
    assert key in str(caught.value) or "episodes are more than" in str(caught.value)


@pytest.mark.parametrize("number", ["1" + "0" * 30, "1" + "0" * 400, "1e999", "-1e+400", "9" * 20])
def test_records_hold_no_number_that_no_float_is(number: str) -> None:
    with pytest.raises(OutputError, match="line 1: not valid JSON"):
        parse_log(f'{{"extra": {{"kept": {number}}}}}\n{{}}\n'.encode(), Path("episodes.jsonl"))


@pytest.mark.parametrize(
    "text",
    [
        *("ws://", "ws://[::1", "ws://host:99999", "ws://host:x", "ws://a b:8000", "ws://a..b"),
        *("ws://\x00", "ws://\x1b[2J", "ws://" + "a" * 9999, "ws://h/a b", "http://h"),
        *("ws://é:80", "ws://?x", "ws://:80"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        checked_address(text)
    assert len(str(caught.value)) < 400
    for good in ("ws://127.0.0.1:8000", "wss://a-b.example/x?", "ws://[::1]:9", "host_1:80"):
        assert checked_address(good).startswith("ws")


@pytest.mark.parametrize("drip", [b"H", b"X-A: b\r\n"])
def test_a_server_that_drips_its_page_has_a_limit(
    monkeypatch: pytest.MonkeyPatch, drip: bytes
) -> None:
    monkeypatch.setattr(detection, "_PROBE_S", 1.0)
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"" if drip == b"H" else b"HTTP/1.1 200 OK\r\n")
                while not stopped.wait(0.1):
                    connection.sendall(drip)

        thread = threading.Thread(target=serve)
        thread.start()
        began = time.monotonic()
        with pytest.raises(PolicyError, match="no whole answer within 1 s"):
            detection.detect(f"ws://127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - began < 30
        stopped.set()
        thread.join()


def test_hints_name_the_cause(tmp_path: Path) -> None:
    for name in ("libero_long", "LIBERO-Long", "long"):
        with pytest.raises(UsageError, match="is called libero_10"):
            load_suite(name)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "openvla/x"}')
    with pytest.raises(PolicyError, match=r"adapter \(LoRA\).*merge it into openvla/x"):
        detection.detect(str(tmp_path))
    with pytest.raises(PolicyError, match="cannot look at"):
        detection.detect("n" * 300)
