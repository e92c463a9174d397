"""gridseval assets, from words to text and exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_double import FILES, HubDouble
from PIL import Image


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """Start a hub for a user who has no models."""
    server = HubDouble(dict(FILES))
    monkeypatch.delenv("GRIDSEVAL_ASSETS", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield server
    server.close()


def test_pull_list_path_verify(cli: Any, double: HubDouble, tmp_path: Path) -> None:
    root = tmp_path / "cache" / "gridseval" / "assets"
    pulled = cli("assets", "pull")
    assert pulled.status == 0, pulled.err
    assert pulled.out.startswith(f"{root}: libero, sha256 ")
    assert double.endpoint in pulled.err
    listed = cli("assets", "list")
    assert listed.out.startswith("* pulled") and str(root) in listed.out
    assert cli("assets", "path").out == f"{root}\n"
    verified = cli("assets", "verify")
    assert (verified.status, verified.err) == (0, "")
    assert "equal to lerobot/libero-assets at 0b3ea86be5fe" in verified.out


def test_verify_names_the_files_that_differ(cli: Any, double: HubDouble, tmp_path: Path) -> None:
    cli("assets", "pull", "--to", tmp_path)
    (tmp_path / "assets" / "scenes" / "table.xml").write_bytes(b"<MUJOCO/>")
    (tmp_path / "assets" / "stable_hope_objects" / "soup" / "soup.xml").unlink()
    (tmp_path / "assets" / "scenes" / "more.xml").write_bytes(b"<mujoco/>")
    said = cli("assets", "verify", tmp_path / "assets")
    assert (said.status, said.out.split(": ")[1].split(",")[0]) == (3, "custom")
    assert "3 files are not as in lerobot/libero-assets" in said.err
    assert "scenes/table.xml: other content" in said.err
    assert "stable_hope_objects/soup/soup.xml: missing" in said.err
    assert "scenes/more.xml: not among the published files" in said.err
    again = cli("assets", "pull", "--to", tmp_path, "--again")
    assert again.status == 0
    assert cli("assets", "verify", tmp_path / "assets").status == 0


def test_a_copy_of_libero_s_models_is_recognised_by_asking_the_hub(
    cli: Any, double: HubDouble, tmp_path: Path
) -> None:
    for name, data in FILES.items():
        path = tmp_path / "clone" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    said = cli("assets", "verify", tmp_path / "clone")
    assert (said.status, said.err) == (0, "")
    assert "clone: libero, sha256" in said.out
    double.close()
    assert cli("assets", "verify", tmp_path / "clone").status == 0


def test_nothing_to_compare_with(cli: Any, double: HubDouble, tmp_path: Path) -> None:
    for name, data in FILES.items():
        path = tmp_path / "clone" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    double.close()
    said = cli("assets", "verify", tmp_path / "clone")
    assert said.status == 3
    assert "nothing to compare these assets with" in said.err


def test_names_with_a_typing_error(cli: Any, double: HubDouble) -> None:
    said = cli("assets", "pull", "libero-plu")
    assert said.status == 2
    assert "did you mean 'libero-plus'?" in said.err
    assert double.asked == []


def test_offline_means_offline(
    cli: Any, double: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = cli("assets", "pull")
    assert said.status == 3
    assert "HF_HUB_OFFLINE is set" in said.err
    assert double.asked == []


def test_a_hub_that_is_not_there(cli: Any, double: HubDouble, tmp_path: Path) -> None:
    double.close()
    said = cli("assets", "pull")
    assert (said.status, said.out) == (3, "")
    assert "cannot be reached" in said.err and "Traceback" not in said.err
    assert cli("assets", "list").out.startswith("no assets of LIBERO here")


def test_a_variable_that_names_nothing_is_listed(
    cli: Any, double: HubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDSEVAL_ASSETS", str(tmp_path / "gone"))
    first, second = cli("assets", "list").out.splitlines()
    assert first.startswith("* GRIDSEVAL_ASSETS")
    assert first.endswith("no such folder: runs end with an error")
    assert second.strip() == str(tmp_path / "gone")


def test_preview_shows_what_the_models_show(cli: Any, assets: Path, tmp_path: Path) -> None:
    words = ("assets", "preview", "--suite", "libero_object", "--tasks", "2", "--px", "128")
    words += ("--assets", str(assets), "--against", str(assets))
    said = cli(*words, "--out", tmp_path / "sheet.png")
    assert (said.status, said.out) == (0, f"{tmp_path / 'sheet.png'}\n"), said.err
    with Image.open(tmp_path / "sheet.png") as image:
        sheet = np.asarray(image)
    columns = np.flatnonzero((sheet[100] != sheet[0, 0]).any(axis=1))
    assert columns[-1] - columns[0] + 1 == 256, "two pictures side by side"
    left = sheet[:, columns[0] : columns[0] + 128]
    assert left[68:196].std() > 20
    # The same models twice: whatever is drawn is drawn alike.
    assert np.array_equal(left[68:196], sheet[68:196, columns[0] + 128 : columns[-1] + 1])


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (("--out", "x.gif"), 2, "end it with .png, .jpg"),
        (("--out", "gone/x.png"), 5, "its folder does not exist"),
        (("--suite", "libero_goaly"), 2, "did you mean 'libero_goal'?"),
        (("--against", "/no/such"), 3, "--against: no such folder"),
    ],
)
def test_previews_that_cannot_be(
    cli: Any, assets: Path, words: tuple[str, ...], status: int, reason: str
) -> None:
    said = cli("assets", "preview", "--assets", assets, *words)
    assert said.status == status
    assert reason in said.err
