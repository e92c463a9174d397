"""Downloads from a server that behaves like the hub, and misbehaves like networks do."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hub_double import FILES, LARGE, HubDouble

from gridseval.assets import content_hash, identify
from gridseval.assets import pull as pull_module
from gridseval.assets.declared import DeclaredFile
from gridseval.assets.hub import Hub, HubError
from gridseval.assets.layout import staging_folder
from gridseval.assets.pull import pull
from gridseval.assets.sources import LIBERO
from gridseval.errors import MachineError

Files = Callable[[Path], dict[str, bytes]]


def test_what_arrives_is_what_the_hub_has(
    double: HubDouble, hub: Hub, nowhere: Path, files_of: Files
) -> None:
    counted: list[int] = []
    root = pull(LIBERO, hub, meter=counted.append)
    assert root == nowhere / "cache" / "gridseval" / "assets"
    assert files_of(root) == FILES
    assert sum(counted) == sum(map(len, FILES.values()))
    assert identify(root) == ("libero", content_hash(root))
    assert [path.name for path in root.parent.iterdir() if path.is_dir()] == ["assets"]


def test_what_is_there_is_not_fetched_again(double: HubDouble, hub: Hub) -> None:
    root = pull(LIBERO, hub)
    double.asked.clear()
    assert pull(LIBERO, hub) == root
    assert double.asked == []


def test_a_broken_transfer_goes_on_where_it_broke(
    double: HubDouble, hub: Hub, files_of: Files
) -> None:
    double.breaks[LARGE] = 5000
    counted: list[int] = []
    root = pull(LIBERO, hub, meter=counted.append)
    assert files_of(root) == FILES
    assert double.transfers(LARGE) == [None, "bytes=5000-"]
    assert sum(counted) == sum(map(len, FILES.values()))


def test_the_next_process_goes_on_where_the_last_one_died(
    double: HubDouble, hub: Hub, nowhere: Path, files_of: Files
) -> None:
    double.breaks[LARGE] = 7000
    double.always_breaks = True
    with pytest.raises(HubError, match=r"label.png came with"):
        pull(LIBERO, hub, to=nowhere / "assets")
    assert not (nowhere / "assets").exists()
    double.asked.clear()
    double.breaks.clear()
    assert files_of(pull(LIBERO, hub, to=nowhere / "assets")) == FILES
    (start,), fetched = double.transfers(LARGE), [p for p, _ in double.asked if "/cdn/" in p]
    assert start is not None and int(start.removeprefix("bytes=")[:-1]) >= 7000
    assert fetched == [f"/cdn/{LARGE}"], "what was whole is not fetched again"


def test_a_server_that_knows_no_ranges_starts_again(
    double: HubDouble, hub: Hub, files_of: Files
) -> None:
    double.breaks[LARGE] = 5000
    double.ignores_ranges = True
    counted: list[int] = []
    assert files_of(pull(LIBERO, hub, meter=counted.append)) == FILES
    assert sum(counted) == sum(map(len, FILES.values()))


@pytest.mark.parametrize("path", [LARGE, "scenes/table.xml"])
def test_other_bytes_than_declared_are_refused(
    double: HubDouble, hub: Hub, nowhere: Path, files_of: Files, path: str
) -> None:
    """One file's hash is that of a large file, the other's that of git."""
    double.declared[path] = bytes(reversed(FILES[path]))
    with pytest.raises(MachineError, match=f"not use them:\n  {path}: other content"):
        pull(LIBERO, hub, to=nowhere / "assets")
    assert not (nowhere / "assets").exists()
    double.declared.clear()
    double.asked.clear()
    assert files_of(pull(LIBERO, hub, to=nowhere / "assets")) == FILES
    assert [asked for asked, _ in double.asked if "/cdn/" in asked] == [f"/cdn/{path}"]


def test_a_hub_that_is_not_there(hub: Hub, double: HubDouble, nowhere: Path) -> None:
    double.close()
    with pytest.raises(HubError, match=r"cannot be reached: Connection refused") as caught:
        pull(LIBERO, hub)
    assert "HF_ENDPOINT" in str(caught.value.hint)
    assert not (nowhere / "cache" / "gridseval" / "assets").exists()


@pytest.mark.parametrize("status", [404, 429, 503])
def test_a_hub_that_refuses(double: HubDouble, hub: Hub, status: int) -> None:
    double.status = status
    with pytest.raises(HubError, match=rf"libero-assets.*{status}"):
        pull(LIBERO, hub)


def test_something_else_than_a_hub(double: HubDouble, hub: Hub, monkeypatch: Any) -> None:
    monkeypatch.setattr(HubDouble, "api", lambda self: {"hello": "world"})
    with pytest.raises(HubError, match="siblings") as caught:
        pull(LIBERO, hub)
    assert "HF_ENDPOINT" in str(caught.value.hint)


def test_a_repository_without_models(double: HubDouble, hub: Hub, nowhere: Path) -> None:
    double.files = {"README.md": b"moved"}
    with pytest.raises(MachineError, match="no folder 'articulated_objects'"):
        pull(LIBERO, hub, to=nowhere / "assets")
    assert not (nowhere / "assets").exists()


@pytest.mark.parametrize("path", ["../../evil.xml", "/etc/evil.xml", "a\\b.xml", "C:evil.xml"])
def test_names_that_lead_out_of_the_folder(
    double: HubDouble, hub: Hub, nowhere: Path, path: str
) -> None:
    double.files[path] = b"<mujoco/>"
    before = sorted(nowhere.rglob("*evil*"))
    with pytest.raises(MachineError, match="unsafe name"):
        pull(LIBERO, hub, to=nowhere / "assets")
    assert sorted(nowhere.rglob("*evil*")) == before


def test_another_commit_is_not_libero(double: HubDouble, hub: Hub) -> None:
    double.commit = "f" * 40
    root = pull(replace(LIBERO, revision="f" * 40), hub)
    assert identify(root).name == "custom"


def test_a_full_disk_is_said(
    double: HubDouble, hub: Hub, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(nowhere / "assets"))

    monkeypatch.setattr(Hub, "download", refuse)
    with pytest.raises(
        MachineError, match=r"cannot be stored in .*assets: No space left"
    ) as caught:
        pull(LIBERO, hub, to=nowhere / "assets")
    assert "what came is kept" in str(caught.value.hint)


def test_a_folder_that_cannot_be_made_is_named(double: HubDouble, hub: Hub, nowhere: Path) -> None:
    root = nowhere / "assets"
    root.parent.mkdir(parents=True, exist_ok=True)
    staging_folder(root).write_text("a file", encoding="ascii")
    with pytest.raises(MachineError, match=r"cannot be stored in .*assets: ") as caught:
        pull(LIBERO, hub, to=root)
    assert f": {staging_folder(root)}" in caught.value.message


def test_too_small_a_disk_is_said_before_anything_is_fetched(
    double: HubDouble, hub: Hub, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(pull_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(MachineError, match=r"needs .* GB in .*are free"):
        pull(LIBERO, hub, to=nowhere / "assets")
    assert not [asked for asked, _ in double.asked if "/cdn/" in asked]


def test_a_place_that_cannot_be_written(hub: Hub, nowhere: Path) -> None:
    (nowhere / "file").write_text("in the way")
    with pytest.raises(MachineError, match="assets cannot be stored in"):
        pull(LIBERO, hub, to=nowhere / "file" / "assets")


def test_two_at_once_make_one(double: HubDouble, hub: Hub, nowhere: Path, files_of: Files) -> None:
    roots: list[Path] = []
    both = [threading.Thread(target=lambda: roots.append(pull(LIBERO, hub))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(roots) == 2 and roots[0] == roots[1]
    assert files_of(roots[0]) == FILES
    assert all(len(double.transfers(path)) == 1 for path in FILES)


def test_pulled_again_the_old_models_are_replaced(
    double: HubDouble, hub: Hub, files_of: Files
) -> None:
    root = pull(LIBERO, hub)
    (root / "scenes" / "table.xml").write_text("mine")
    assert identify(root).name == "custom"
    assert files_of(pull(LIBERO, hub, again=True)) == FILES
    assert identify(root).name == "libero"


def test_a_failed_second_pull_leaves_the_first(
    double: HubDouble, hub: Hub, files_of: Files
) -> None:
    root = pull(LIBERO, hub)
    double.declared[LARGE] = bytes(reversed(FILES[LARGE]))
    with pytest.raises(MachineError):
        pull(LIBERO, hub, again=True)
    assert files_of(root) == FILES


def test_an_interrupted_pull_leaves_nothing_but_what_it_can_resume(
    double: HubDouble, hub: Hub, nowhere: Path, files_of: Files
) -> None:
    def interrupt(count: int) -> None:
        if count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(LIBERO, hub, to=nowhere / "assets", meter=interrupt)
    assert not (nowhere / "assets").exists()
    assert files_of(pull(LIBERO, hub, to=nowhere / "assets")) == FILES


def test_a_file_that_the_hub_does_not_have_is_asked_for_once(
    double: HubDouble, hub: Hub, nowhere: Path
) -> None:
    double.declared["scenes/gone.xml"] = b"gone"
    with pytest.raises(HubError, match=r"gone\.xml: 404"):
        pull(LIBERO, hub, to=nowhere / "assets")
    assert len(double.transfers("scenes/gone.xml")) == 1


def test_declared_digests_are_git_s_and_sha256(tmp_path: Path) -> None:
    """Expected values from git hash-object and sha256sum."""
    (tmp_path / "a.xml").write_bytes(b"hello\n")
    git = "ce013625030ba8dba906f756967f9e9ca394464a"
    sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert DeclaredFile("a.xml", 6, "git", git).fault(tmp_path) is None
    assert DeclaredFile("a.xml", 6, "sha256", sha).fault(tmp_path) is None
    assert DeclaredFile("a.xml", 6, "crc32", "363a3020").fault(tmp_path) is None
    assert "other content" in str(DeclaredFile("a.xml", 6, "git", sha[:40]).fault(tmp_path))
    assert "5 bytes" not in str(DeclaredFile("a.xml", 6, "git", git).fault(tmp_path))
    assert "6 bytes instead of 5" in str(DeclaredFile("a.xml", 5, "git", git).fault(tmp_path))
