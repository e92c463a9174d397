"""Where LIBERO's models are looked for, and how a run tells which ones it used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridseval.envs.assets import Assets, content_hash, find_assets
from gridseval.errors import MachineError

FOLDERS = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects")


def make_tree(root: Path) -> Path:
    for folder in FOLDERS:
        (root / folder / "thing").mkdir(parents=True)
    (root / "scenes" / "table.xml").write_text("<mujoco/>", encoding="utf8")
    (root / "scenes" / "thing" / "wood.png").write_bytes(b"\x89PNG")
    (root / "README.md").write_text("about", encoding="utf8")
    return root


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty the environment of models: no variable, no cache, no home."""
    monkeypatch.delenv("GRIDSEVAL_ASSETS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_order_argument_variable_cache(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared_cache = make_tree(nowhere / "home" / ".cache" / "libero" / "assets")
    assert find_assets() == Assets(shared_cache, "cache")
    own_cache = make_tree(nowhere / "cache" / "gridseval" / "assets")
    assert find_assets().root == own_cache
    named = make_tree(nowhere / "named")
    monkeypatch.setenv("GRIDSEVAL_ASSETS", str(named))
    assert find_assets() == Assets(named.resolve(), "GRIDSEVAL_ASSETS")
    argument = make_tree(nowhere / "argument")
    assert find_assets(str(argument)) == Assets(argument.resolve(), "--assets")


def test_empty_variable_counts_as_unset(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDSEVAL_ASSETS", "")
    cache = make_tree(nowhere / "cache" / "gridseval" / "assets")
    assert find_assets().root == cache


def test_nothing_found_says_what_to_do(nowhere: Path) -> None:
    with pytest.raises(MachineError, match="not found") as caught:
        find_assets()
    assert "--assets" in str(caught.value.hint)
    assert "GRIDSEVAL_ASSETS" in str(caught.value.hint)


def test_named_folder_is_not_replaced_by_another(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error must not silently evaluate on the cache's models."""
    make_tree(nowhere / "cache" / "gridseval" / "assets")
    with pytest.raises(MachineError, match=r"no such folder.*typo"):
        find_assets(nowhere / "typo")
    monkeypatch.setenv("GRIDSEVAL_ASSETS", str(nowhere / "typo"))
    with pytest.raises(MachineError, match="GRIDSEVAL_ASSETS: no such folder"):
        find_assets()


@pytest.mark.parametrize("missing", FOLDERS)
def test_incomplete_root_names_the_missing_folder(nowhere: Path, missing: str) -> None:
    root = make_tree(nowhere / "assets")
    for path in sorted((root / missing).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (root / missing).rmdir()
    with pytest.raises(MachineError, match=f"no folder '{missing}'"):
        find_assets(root)


def test_hash_depends_on_models_only(tmp_path: Path) -> None:
    first, second = make_tree(tmp_path / "first"), make_tree(tmp_path / "second")
    assert content_hash(first) == content_hash(second)
    (second / "README.md").write_text("other words", encoding="utf8")
    (second / "notes.txt").write_text("mine", encoding="utf8")
    os.utime(second / "scenes" / "table.xml", (0, 0))
    assert content_hash(first) == content_hash(second)


def test_hash_sees_contents_names_and_additions(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "assets")
    seen = {content_hash(root)}
    (root / "scenes" / "table.xml").write_text("<mujoco><a/></mujoco>", encoding="utf8")
    seen.add(content_hash(root))
    (root / "scenes" / "table.xml").rename(root / "scenes" / "desk.xml")
    seen.add(content_hash(root))
    (root / "scenes" / "mesh.OBJ").write_text("v 0 0 0", encoding="utf8")
    seen.add(content_hash(root))
    assert len(seen) == 4


def test_unknown_models_are_custom(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "assets")
    assert find_assets(root).identity() == ("custom", content_hash(root))


def test_development_models_are_known_by_name(assets: Path) -> None:
    name, digest = find_assets(assets).identity()
    assert name == "libero-reduced"
    assert len(digest) == 64


def test_one_changed_model_file_makes_a_pack_custom(assets: Path, tmp_path: Path) -> None:
    """Links stand for a copy of the pack, of which one file then differs."""
    copy = tmp_path / "copy"
    for path in assets.rglob("*"):
        target = copy / path.relative_to(assets)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path.resolve())
    assert find_assets(copy).identity()[0] == "libero-reduced"
    changed = copy / "wall.xml"
    text = changed.read_text(encoding="utf8")
    changed.unlink()
    changed.write_text(text + "\n", encoding="utf8")
    assert find_assets(copy).identity()[0] == "custom"
