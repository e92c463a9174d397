"""LIBERO's assets in the cache of huggingface_hub: links into blobs, several commits."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gridseval.assets import find_assets, identify
from gridseval.assets.inventory import list_assets
from gridseval.assets.layout import hub_snapshots
from gridseval.assets.sources import LIBERO

FOLDERS = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects")
OLD, NEW = "a" * 40, "b" * 40


def cached(hub: Path, commit: str, source: Path | None = None, main: bool = False) -> Path:
    """Write a snapshot as huggingface_hub does: each file a relative link to a blob."""
    folder = hub / "datasets--lerobot--libero-assets"
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    snapshot = folder / "snapshots" / commit
    if source is None:
        files = {f"{name}/thing/x.xml": f"<{name}/>".encode() for name in FOLDERS}
        paths = dict.fromkeys(files)
    else:
        files, paths = {}, {p.relative_to(source).as_posix(): p for p in source.rglob("*.*")}
    for number, (name, path) in enumerate(paths.items()):
        if path is not None and not path.is_file():
            continue
        blob = folder / "blobs" / f"{commit[:4]}{number:036x}"
        blob.write_bytes(files[name]) if path is None else shutil.copyfile(path, blob)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if main:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(commit)
    return snapshot


PLACES: dict[str, tuple[dict[str, str], str]] = {
    "the home's": ({"XDG_CACHE_HOME": ""}, "home/.cache/huggingface/hub"),
    "XDG's": ({}, "cache/huggingface/hub"),
    "HF_HOME": ({"HF_HOME": "{0}/hf"}, "hf/hub"),
    "HF_HUB_CACHE": ({"HF_HUB_CACHE": "{0}/hubs", "HF_HOME": "{0}/hf"}, "hubs"),
    "the earlier name": ({"HUGGINGFACE_HUB_CACHE": "{0}/hubs"}, "hubs"),
    "a tilde": ({"HF_HOME": "~/hf"}, "home/hf/hub"),
    "a variable": ({"HF_HOME": "$HOME/hf"}, "home/hf/hub"),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_the_hub_has_fetched_is_used_before_anything_is_built(
    name: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, place = PLACES[name]
    for key, value in variables.items():
        monkeypatch.setenv(key, value.format(nowhere))
    snapshot = cached(nowhere / place, LIBERO.revision)
    found = find_assets()
    assert (found.root, found.source, found.note) == (snapshot, "cache", None)
    (listed,) = (each for each in list_assets() if each.used)
    assert (listed.where, listed.root) == ("the hub's cache", snapshot)
    assert found.identity() == identify(snapshot)


def test_the_commit_that_runs_compare_on_comes_first(nowhere: Path) -> None:
    hub = nowhere / "cache" / "huggingface" / "hub"
    newest = cached(hub, NEW)
    assert find_assets().root == newest
    main = cached(hub, OLD, main=True)
    os.utime(main, (1, 1))
    assert hub_snapshots(LIBERO) == (main, newest)
    pinned = cached(hub, LIBERO.revision)
    assert hub_snapshots(LIBERO) == (pinned, main, newest)


def test_gridsevals_and_liberos_own_caches_come_before(nowhere: Path) -> None:
    cached(nowhere / "cache" / "huggingface" / "hub", LIBERO.revision)
    for place in ("home/.cache/libero/assets", "cache/gridseval/assets"):
        for name in FOLDERS:
            (nowhere / place / name).mkdir(parents=True)
        assert find_assets().root == nowhere / place


@pytest.mark.parametrize("fault", ["a lost blob", "a folder less", "unfinished", "no snapshots"])
def test_a_part_of_a_repository_is_not_used(
    fault: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = cached(nowhere / "cache" / "huggingface" / "hub", LIBERO.revision)
    blobs = snapshot.parents[1] / "blobs"
    if fault == "a lost blob":
        next(blobs.iterdir()).unlink()
    elif fault == "a folder less":
        shutil.rmtree(snapshot / "scenes")
    elif fault == "unfinished":
        (blobs / "abc.incomplete").write_bytes(b"")
    else:
        shutil.rmtree(snapshot.parent)
    built = nowhere / "built"
    built.mkdir()
    monkeypatch.setattr("gridseval.assets.standins.standins_root", lambda cache: built)
    assert find_assets().root == built
    assert hub_snapshots(LIBERO) == ()


def test_links_into_blobs_compile_and_are_the_same_assets(assets: Path, nowhere: Path) -> None:
    """Blobs have no endings, so nothing may follow the links before MuJoCo reads them."""
    from gridseval.envs.libero_env import LiberoEnv

    hub = nowhere / "cache" / "huggingface" / "hub"
    snapshot = cached(hub, LIBERO.revision, source=assets)
    found = find_assets()
    assert found.root == snapshot
    assert found.identity() == identify(assets)
    seen: list[Any] = []
    for root in (assets, snapshot):
        env = LiberoEnv("libero_goal", assets=str(root), observations=("state",))
        env.reset(options={"task": 0})
        seen.append(env.sim_state())
        env.close()
    assert (seen[0] == seen[1]).all()
