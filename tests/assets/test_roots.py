"""Where LIBERO's models are looked for, and how a run tells which ones it used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hub_double import LARGE, HubDouble

from gridseval.assets import Assets, announced_assets, content_hash, find_assets, roots
from gridseval.assets.declared import declare
from gridseval.assets.inventory import list_assets
from gridseval.assets.manifest import Manifest, write_manifest
from gridseval.assets.transfer import Pace
from gridseval.assets.verification import verify
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
def standins(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the stand-ins be a small tree, since building them takes seconds."""
    root = make_tree(nowhere / "cache" / "gridseval" / "stand-ins-1")
    write_manifest(root, Manifest("stand-ins", content_hash(root)), declare(root))
    monkeypatch.setattr("gridseval.assets.standins.standins_root", lambda cache: root)
    return root


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


def test_without_models_and_hub_stand_ins_are_used_and_it_is_said(standins: Path) -> None:
    found = find_assets()
    assert (found.root, found.identity().name) == (standins, "stand-ins")
    assert found.note is not None and "\n" not in found.note
    for words in ("stand-ins are used", "HF_HUB_OFFLINE", "do not compare", "assets pull"):
        assert words in found.note


def test_environments_say_it_once_in_the_log(
    standins: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert announced_assets().root == standins
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "stand-ins are used" in caplog.text


def test_a_home_that_cannot_be_written(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins go to the folder for temporary files, where the next run finds them."""
    temporary = _unwritable_home(nowhere, monkeypatch)
    root = find_assets().root
    assert root.parent == temporary / f"gridseval-{os.getuid()}"
    assert root.parent.stat().st_mode & 0o077 == 0
    assert find_assets().identity().name == "stand-ins"


@pytest.mark.parametrize("trap", ["writable", "link"])
def test_somebody_else_s_temporary_folder_is_not_used(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    temporary = _unwritable_home(nowhere, monkeypatch)
    place = temporary / f"gridseval-{os.getuid()}"
    if trap == "link":
        (nowhere / "elsewhere").mkdir()
        place.symlink_to(nowhere / "elsewhere")
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(MachineError, match=r"cannot be built in .*file") as caught:
        find_assets()
    assert "can be written by others" in str(caught.value.__cause__)


def _unwritable_home(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a file where the cache should be; return the folder for temporary files."""

    (nowhere / "file").write_text("", encoding="utf8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere / "file"))
    (nowhere / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(nowhere / "temporary"))
    monkeypatch.setattr("gridseval.assets.standins.cache.build", make_tree)
    return nowhere / "temporary"


def test_a_hub_that_answers_is_used_before_stand_ins(standins: Path, double: HubDouble) -> None:
    found = find_assets()
    assert (found.source, found.note) == (double.endpoint, None)
    assert found.identity().name == "libero"
    double.asked.clear()
    assert find_assets() == Assets(found.root, "cache")
    assert double.asked == [], "what is there needs no hub"


def test_a_hub_that_hangs_is_not_waited_for(
    standins: Path, double: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    double.silent.set()
    monkeypatch.setattr(roots, "PATIENCE_S", 0.2)
    found = find_assets()
    assert found.root == standins
    assert f"{double.endpoint} did not answer within 0.2 s" in str(found.note)


def test_a_hub_whose_files_do_not_come_is_not_waited_for(
    standins: Path, double: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers at once, sends half of a file, and then nothing; the next run tries again."""
    double.stuck.add(LARGE)
    monkeypatch.setattr(roots, "PACE", Pace(look_s=0.5))
    found = find_assets()
    assert found.root == standins
    assert "fetching them would take more than 5 min longer" in str(found.note)
    double.stuck.clear()
    monkeypatch.setattr(roots, "PACE", Pace(look_s=60))
    assert find_assets().identity().name == "libero"


def test_a_hub_that_is_gone(standins: Path, double: HubDouble) -> None:
    double.close()
    assert "cannot be reached: Connection refused" in str(find_assets().note)


def test_a_hub_that_sends_rubbish(standins: Path, double: HubDouble) -> None:
    double.declared["scenes/table.xml"] = b"<MUJOCO/>"
    found = find_assets()
    assert found.root == standins
    assert "sent other files than it declares" in str(found.note)


def test_a_download_of_the_package_that_was_cut_off_is_not_used(
    nowhere: Path, standins: Path
) -> None:
    cache = make_tree(nowhere / "home" / ".cache" / "libero" / "assets")
    part = cache / ".cache" / "huggingface" / "download" / "scenes" / "a.incomplete"
    part.parent.mkdir(parents=True)
    part.touch()
    assert find_assets().root == standins
    part.unlink()
    assert find_assets() == Assets(cache, "cache")


def test_a_manifest_counts_only_for_the_models_it_was_written_for(standins: Path) -> None:
    assert find_assets(standins).identity().name == "stand-ins"
    (standins / "scenes" / "table.xml").write_text("<mujoco><a/></mujoco>", encoding="utf8")
    assert find_assets(standins).identity().name == "custom"


def test_verifying_stand_ins_names_what_was_changed(standins: Path) -> None:
    whole = verify(standins)
    assert (whole.identity.name, whole.faults) == ("stand-ins", ())
    assert whole.against == "the stand-ins as they were built"
    (standins / "scenes" / "table.xml").write_text("<mujocO/>", encoding="utf8")
    (fault,) = verify(standins).faults
    assert fault.startswith("scenes/table.xml: other content")


def test_a_broken_list_of_files_is_said(standins: Path) -> None:
    (standins / ".gridseval" / "files.tsv.gz").write_bytes(b"not gzip")
    with pytest.raises(MachineError, match=r"files\.tsv\.gz is broken"):
        verify(standins)


def test_roots_are_listed_in_the_order_in_which_they_are_looked_for(
    standins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = standins.parent / "assets" / "scenes"
    half.mkdir(parents=True)
    cache = make_tree(standins.parents[2] / "home" / ".cache" / "libero" / "assets")
    found = list_assets()
    assert [(each.root, each.identity, each.used) for each in found] == [
        (half.parent, None, False),
        (cache, "custom", True),
        (standins, "stand-ins", False),
    ]
    sizes = [path.stat().st_size for path in cache.rglob("*") if path.is_file()]
    assert found[1].size_bytes == sum(sizes)
    monkeypatch.setenv("GRIDSEVAL_ASSETS", str(standins))
    assert [each.used for each in list_assets()] == [True, False, False, False]


@pytest.mark.parametrize("there", [True, False])
def test_a_named_folder_that_is_no_root_is_listed_as_what_runs_would_use(
    standins: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """They do not look any further, so nothing else may be marked."""
    make_tree(standins.parent / "assets")
    named = standins.parents[2] / "named"
    if there:
        named.mkdir()
    monkeypatch.setenv("GRIDSEVAL_ASSETS", str(named))
    found = list_assets()
    assert [(each.root, each.identity, each.used) for each in found] == [
        (named, None, True),
        (standins.parent / "assets", "custom", False),
        (standins, "stand-ins", False),
    ]
    with pytest.raises(MachineError, match="GRIDSEVAL_ASSETS"):
        find_assets()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"identity": "libero"}'])
def test_a_broken_manifest_counts_for_nothing(standins: Path, text: str) -> None:
    (standins / ".gridseval" / "models.json").write_text(text, encoding="utf8")
    assert find_assets(standins).identity().name == "custom"


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


@pytest.mark.development_models
def test_development_models_are_known_by_name(assets: Path) -> None:
    name, digest = find_assets(assets).identity()
    assert name == "libero-reduced"
    assert len(digest) == 64


@pytest.mark.development_models
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
