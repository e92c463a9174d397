"""What the doctor says of the models."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.assets import content_hash
from gridseval.assets.manifest import Manifest, write_manifest
from gridseval.doctor.machine import check_models

FOLDERS = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects")


def make_root(root: Path, identity: str) -> Path:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
        (root / folder / "thing.xml").write_text("<mujoco/>")
    write_manifest(root, Manifest(identity, content_hash(root)))
    return root


def test_libero_s_own_are_fine(tmp_path: Path) -> None:
    found = check_models(str(make_root(tmp_path / "models", "libero")))
    assert (found.status, found.text.split(",")[0]) == ("ok", "libero")
    assert "not LIBERO's own" not in found.text


@pytest.mark.parametrize(("identity", "status"), [("stand-ins", "warning"), ("custom", "ok")])
def test_others_are_said_not_to_compare(tmp_path: Path, identity: str, status: str) -> None:
    found = check_models(str(make_root(tmp_path / "models", identity)))
    assert (found.status, found.text.split(",")[0]) == (status, identity)
    assert "not LIBERO's own" in found.text and "do not compare" in found.text
    assert ("gridseval assets pull" in found.text) == (identity == "stand-ins")
