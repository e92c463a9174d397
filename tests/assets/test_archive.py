"""Archives that were made by accident, and archives that were made with intent."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hub_double import FILES, HubDouble

from gridseval.assets import archive as archive_module
from gridseval.assets import identify
from gridseval.assets.archive import unpack_assets
from gridseval.assets.hub import Hub
from gridseval.assets.pull import pull, work_bytes
from gridseval.assets.sources import LIBERO_PLUS
from gridseval.errors import MachineError

PREFIX = "home/somebody/LIBERO-plus-0/assets/"
Files = Callable[[Path], dict[str, bytes]]


def ignore(_: int) -> None:
    pass


def pack(path: Path, files: dict[str, bytes], prefix: str = PREFIX) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in files.items():
            opened.writestr(prefix + name, data)
    return path


def add(path: Path, name: str, data: bytes = b"<mujoco/>", mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "a") as opened:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        opened.writestr(info, data)
    return path


@pytest.mark.parametrize("prefix", [PREFIX, "assets/", ""])
def test_folders_above_the_models_are_dropped(tmp_path: Path, files_of: Files, prefix: str) -> None:
    packed = pack(tmp_path / "assets.zip", FILES, prefix)
    declared = unpack_assets(packed, tmp_path / "out", ignore)
    assert files_of(tmp_path / "out") == FILES
    assert {file.path: file.fault(tmp_path / "out") for file in declared} == dict.fromkeys(FILES)


@pytest.mark.parametrize(
    "name", ["../evil.xml", "/tmp/evil.xml", f"{PREFIX}../../../../evil.xml", "C:\\evil.xml"]
)
def test_names_that_lead_out(tmp_path: Path, name: str) -> None:
    packed = add(pack(tmp_path / "assets.zip", FILES), name)
    with pytest.raises(MachineError, match="unsafe name"):
        unpack_assets(packed, tmp_path / "a" / "out", ignore)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["assets.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(tmp_path: Path, kind: int) -> None:
    packed = add(pack(tmp_path / "assets.zip", FILES), PREFIX + "link", b"/etc", kind | 0o777)
    with pytest.raises(MachineError, match="neither a file nor a folder"):
        unpack_assets(packed, tmp_path / "out", ignore)
    assert not (tmp_path / "out").exists()


def test_a_name_twice(tmp_path: Path) -> None:
    packed = pack(tmp_path / "assets.zip", FILES)
    with pytest.warns(UserWarning, match="Duplicate name"):
        add(packed, PREFIX + "scenes/table.xml")
    with pytest.raises(MachineError, match="twice"):
        unpack_assets(packed, tmp_path / "out", ignore)


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack(tmp_path / "assets.zip", {**FILES, "textures/sky.png": bytes(5_000_000)})
    monkeypatch.setattr(archive_module, "MOST_RATIO", 100)
    with pytest.raises(MachineError, match="more than any asset root has"):
        unpack_assets(packed, tmp_path / "out", ignore)
    monkeypatch.setattr(archive_module, "MOST_RATIO", 1e9)
    monkeypatch.setattr(archive_module, "MOST_BYTES", 4_000_000)
    with pytest.raises(MachineError, match="more than any asset root has"):
        unpack_assets(packed, tmp_path / "out", ignore)
    assert not (tmp_path / "out").exists()


def test_more_than_it_says(tmp_path: Path) -> None:
    """The directory claims ten bytes where a megabyte is packed."""
    packed = pack(tmp_path / "assets.zip", {**FILES, "textures/sky.png": bytes(1_000_000)})
    data = bytearray(packed.read_bytes())
    for at in range(len(data) - 4):
        if data[at : at + 4] == struct.pack("<I", 1_000_000):
            data[at : at + 4] = struct.pack("<I", 10)
    packed.write_bytes(data)
    with pytest.raises(MachineError, match=r"assets\.zip is broken"):
        unpack_assets(packed, tmp_path / "out", ignore)
    assert max(path.stat().st_size for path in (tmp_path / "out").rglob("sky*")) <= 10


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + bytes(100)])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "assets.zip").write_bytes(content)
    with pytest.raises(MachineError, match=r"assets\.zip is broken"):
        unpack_assets(tmp_path / "assets.zip", tmp_path / "out", ignore)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    packed = pack(tmp_path / "assets.zip", {"scenes": b"a file", "letters/a.txt": b"a"}, "x/")
    with pytest.raises(MachineError, match="no folder"):
        unpack_assets(packed, tmp_path / "out", ignore)


def test_pulled_as_the_hub_has_it(double: HubDouble, hub: Hub, nowhere: Path) -> None:
    """Interrupted in mid-file, unpacked without the author's folders, nothing left over."""
    packed = pack(nowhere / "assets.zip", FILES).read_bytes()
    double.files = {"README.md": b"LIBERO-Plus", "assets.zip": packed, "huge.bin": b"not wanted"}
    double.repository, double.commit = LIBERO_PLUS.repository, LIBERO_PLUS.revision
    double.breaks["assets.zip"] = 1000
    source = replace(LIBERO_PLUS, archive_sha256="")
    counted: list[int] = []
    expected = work_bytes(source, hub.snapshot(source))
    root = pull(source, hub, to=nowhere / "clone" / "assets", meter=counted.append)
    assert len(packed) < sum(counted) <= expected, "fetching and unpacking both count"
    assert double.transfers("assets.zip") == [None, "bytes=1000-"]
    assert not double.transfers("huge.bin")
    assert (root / "scenes" / "table.xml").read_bytes() == FILES["scenes/table.xml"]
    assert identify(root).name == "libero-plus"
    assert sorted(p.name for p in root.parent.iterdir()) == [".assets.lock", "assets"]


def test_a_mirror_with_another_archive(double: HubDouble, hub: Hub, nowhere: Path) -> None:
    double.files = {"assets.zip": pack(nowhere / "assets.zip", FILES).read_bytes()}
    double.repository, double.commit = LIBERO_PLUS.repository, LIBERO_PLUS.revision
    with pytest.raises(MachineError, match=r"declares another assets\.zip") as caught:
        pull(LIBERO_PLUS, hub, to=nowhere / "assets")
    assert "mirror" in str(caught.value.hint)
    assert not (nowhere / "assets").exists()


def test_an_evil_archive_is_not_used(double: HubDouble, hub: Hub, nowhere: Path) -> None:
    packed = add(pack(nowhere / "assets.zip", FILES), "../../evil.xml")
    double.files = {"assets.zip": packed.read_bytes()}
    double.repository, double.commit = LIBERO_PLUS.repository, LIBERO_PLUS.revision
    with pytest.raises(MachineError, match="unsafe name"):
        pull(replace(LIBERO_PLUS, archive_sha256=""), hub, to=nowhere / "assets")
    assert not (nowhere / "assets").exists()
    assert not list(nowhere.rglob("evil*"))
