"""Archives, tensors and tables that lie: refused in one line, in bounded memory and time."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gridseval.array_files import read_npz
from gridseval.errors import OutputError, PolicyError, UsageError
from gridseval.policies.nano.checkpoint import load_nano
from gridseval.policies.nano.config import NanoConfig, config_text
from gridseval.tokens.pruners.grids_checkpoint import load_grids


def npy(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(*members: tuple[str, bytes], packed: bool = False) -> bytes:
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as archive:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


HEADER = npy(np.zeros(3, np.float32))[:128]
HUGE = HEADER.replace(b"(3,), }", b"(3000000000000,), }")[:128].ljust(128)
BOMB = zipped(("a.npy", bytes(600 * 2**20)), packed=True)
SHORT = zipped(("a.npy", npy(np.zeros(3))))
LIES = {
    "a bomb": (BOMB, "MB"),
    "a header that claims terabytes": (zipped(("a.npy", HUGE + bytes(12))), "'a'"),
    "a pickle": (zipped(("a.npy", npy(np.array([{}], object)))), "allow_pickle|object"),
    "a text": (zipped(("a.txt", b"hello")), "numpy.save"),
    "one name twice": (zipped(("a.npy", npy(np.zeros(1))), ("a.npy", npy(np.zeros(2)))), "twice"),
    "cut off": (SHORT[:-30], "savez"),
    "another checksum": (SHORT.replace(bytes(24), b"\1" * 24, 1), "savez|CRC"),
    "no archive": (b"x" * 100, "savez"),
    "nothing": (b"", "savez"),
}


@pytest.mark.parametrize("name", LIES)
def test_an_archive_of_arrays_that_lies_is_refused(tmp_path: Path, name: str) -> None:
    content, reason = LIES[name]
    file = tmp_path / "a.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_npz(file)
    with pytest.raises(PolicyError, match="cannot be read") as caught:
        load_grids(file)
    assert "\n" not in str(caught.value)


def test_an_honest_archive_is_read(tmp_path: Path) -> None:
    arrays = {"a/b": np.arange(6.0).reshape(2, 3), "c": np.zeros((0, 2), np.int8)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
        read = read_npz(tmp_path / "a.npz")
        assert read.keys() == arrays.keys()
        assert all(np.array_equal(read[key], arrays[key]) for key in arrays)


def tensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


TENSORS = {
    "a header of exabytes": struct.pack("<Q", 2**63) + b"{}",
    "a shape of terabytes": tensors(
        b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    ),
    "a shape that overflows": tensors(
        b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'
    ),
    "offsets that overlap": tensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "a header that is nested": tensors(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "no JSON": tensors(b"nothing"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_lie_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text(config_text(NanoConfig()))
    file = tmp_path / "model.safetensors"
    file.write_bytes(TENSORS[name])
    for load in (lambda: load_nano(tmp_path), lambda: load_grids(file)):
        with pytest.raises(PolicyError):
            load()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [pipe, zeros, folder])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    from gridseval.collecting.parquet import read_table
    from gridseval.training.tables import read_table as read_columns

    (tmp_path / "config.json").write_text(config_text(NanoConfig()))
    for name in ("model.safetensors", "grids.npz", "a.parquet"):
        make(tmp_path / name)
    with pytest.raises(PolicyError):
        load_nano(tmp_path)
    with pytest.raises(PolicyError):
        load_grids(tmp_path / "model.safetensors")
    with pytest.raises((OSError, ValueError)):
        read_npz(tmp_path / "grids.npz")
    with pytest.raises(OutputError):
        read_table(tmp_path / "a.parquet", "copy it again")
    with pytest.raises(UsageError):
        read_columns(tmp_path / "a.parquet", ["a"])


def test_tables_that_lie_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gridseval.collecting import parquet
    from gridseval.training.tables import read_table as read_columns

    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": pa.array(np.zeros(200_000, np.int64))}), file)
    assert file.stat().st_size < 10_000  # runs of one value take no room
    assert read_columns(file, ["a"]).num_rows == 200_000
    for limit, most in (("_MOST_ROWS", 199_999), ("_MOST_BYTES", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(parquet, limit, most)
            with pytest.raises(UsageError, match="it claims 200000 rows"):
                read_columns(file, ["a"])
            with pytest.raises(OutputError, match="it claims 200000 rows"):
                parquet.read_table(file, "copy it again")
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = rng.integers(0, 256)
        file.write_bytes(bytes(damaged))
        try:
            read_columns(file, ["a"])
        except UsageError as error:
            assert "\n" not in error.message
