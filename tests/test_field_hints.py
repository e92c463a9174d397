"""Hints for odd machines: mirrors without a scheme, nested archives, other systems."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gridseval.assets.hub import chosen_hub
from gridseval.assets.roots import checked_assets
from gridseval.data import unnested
from gridseval.doctor.packages import check_system
from gridseval.envs.rendering.backend import Probe, no_backend_error
from gridseval.errors import MachineError, PolicyError
from gridseval.evaluation import RunConfig
from gridseval.evaluation.prepared_run import prepare
from gridseval.hub_endpoint import hub_endpoint
from gridseval.policies import hub as policies_hub
from gridseval.suites import PlusFolder

WRONG = {
    "hf-mirror.com": "https://hf-mirror.com",
    "localhost:8080": "https://localhost:8080",
    "//hf-mirror.com/": "https://hf-mirror.com/",
    "ftp://hf-mirror.com": "https://huggingface.co",
    "https://": "https://huggingface.co",
    "https://host:port": "https://huggingface.co",
    "http://[::1": "https://huggingface.co",
    "x" * 5000: "https://xxx",
}


@pytest.mark.parametrize("named", WRONG)
def test_a_mirror_without_a_scheme_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", named)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(policies_hub, "_package", lambda: SimpleNamespace())
    for ask in (hub_endpoint, chosen_hub):
        with pytest.raises(MachineError, match="HF_ENDPOINT") as caught:
            ask()
        assert WRONG[named] in (caught.value.hint or "")
        assert len(str(caught.value)) < 500
    with pytest.raises(PolicyError, match="HF_ENDPOINT") as refused:
        policies_hub.look_up(policies_hub.HubId("me/model"))
    assert WRONG[named] in (refused.value.hint or "")


@pytest.mark.parametrize(
    "named", ["", "  ", "https://mirror/", "http://127.0.0.1:80", "HTTPS://a.b/c"]
)
def test_addresses_are_taken(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", named)
    assert hub_endpoint() == (named.strip().rstrip("/") or "https://huggingface.co")


def clone(root: Path, assets: str) -> Path:
    for part in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
        (root / "bddl_files" / part).mkdir(parents=True)
        (root / "init_files" / "libero_newobj" / part).mkdir(parents=True)
    (root / assets / "scenes").mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    "inside",
    ["assets", "assets/assets", "assets/inspire/hdd/project/public/libero/assets"],
)
def test_the_archive_may_be_unpacked_with_its_authors_folders(tmp_path: Path, inside: str) -> None:
    root = clone(tmp_path / "plus", inside)
    (root / "assets" / ".DS_Store").write_text("")
    (root / "assets" / "__MACOSX").mkdir()
    found = PlusFolder.find(root)
    if inside == "assets":
        assert found.assets == root / "assets"
        return
    assert found.assets == root / inside


def test_only_lone_folders_are_gone_through(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "scenes").mkdir(parents=True)
    assert unnested(tmp_path / "a", "scenes") == tmp_path / "a" / "b"
    (tmp_path / "a" / "c").mkdir()
    assert unnested(tmp_path / "a", "scenes") is None
    assert unnested(tmp_path / "nowhere", "scenes") is None
    deep = tmp_path.joinpath("d", *["x"] * 40)
    (deep / "scenes").mkdir(parents=True)
    assert unnested(tmp_path / "d", "scenes") is None


def test_a_nested_asset_root_is_named(tmp_path: Path) -> None:
    nested = tmp_path / "zip" / "inspire" / "assets"
    for name in ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects"):
        (nested / name).mkdir(parents=True)
    with pytest.raises(MachineError) as caught:
        checked_assets(tmp_path / "zip", "--assets")
    assert caught.value.hint == f"name {nested}"
    assert checked_assets(nested, "--assets").root == nested.resolve()


@pytest.mark.parametrize(("system", "name"), [("Darwin", "macOS"), ("Windows", "Windows")])
def test_other_systems_learn_what_they_can_do(
    system: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    config = RunConfig("libero_object", tmp_path / "run", policy="zero")
    with pytest.raises(MachineError, match=f"runs on Linux, and this is {name}") as caught:
        prepare(config)
    assert "gridseval serve" in (caught.value.hint or "")
    assert "container" in (caught.value.hint or "")
    assert check_system().status == "failure"
    assert "Linux" in no_backend_error([Probe("egl", None, "no library")]).message
    assert not (tmp_path / "run").exists()


def test_linux_is_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    finding: Any = check_system()
    assert finding.status == "ok"
    assert "EGL" not in no_backend_error([Probe("egl", None, "no library")]).message
