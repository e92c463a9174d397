"""``run.yaml`` identifies kinds of perturbation that are not gridseval's own."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
from plug_in import write_distribution

from gridseval.envs.perturbations.kinds import PERTURBATIONS
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.task_selection import choose
from gridseval.results.run.keys import COMPARE, RESUME, merge_keys
from gridseval.results.run.manifest import manifest_differences

SOURCE = """
from gridseval.envs.perturbations.kinds import Kind
def edit(image, camera, data, rng): return image + {}
KIND = Kind({!r}, "brightens", (), lambda *_: {{}}, lambda *_: {{}}, edit_image=edit)
"""


def manifest(tmp_path: Path, *perturb: str) -> dict[str, Any]:
    return choose(RunConfig("libero_goal", tmp_path / "out", tasks="0", perturb=perturb)).manifest()


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a package that brings a kind, which is on the path."""
    write_distribution(
        tmp_path,
        "[gridseval.perturbations]\nglare = glaring:KIND\n",
        "glare",
        version="1.2",
    )
    file = tmp_path / "glaring.py"
    file.write_text(SOURCE.format(1, "glare"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "glaring", raising=False)
    return file


def test_a_plug_in_is_identified_and_an_edited_one_is_another(
    tmp_path: Path, plug_in: Path
) -> None:
    first = manifest(tmp_path, "glare:1", "camera:2")
    digest = hashlib.sha256(plug_in.read_bytes()).hexdigest()
    assert first["perturb_kinds"] == {
        "glare": {"origin": "glare 1.2", "object": "glaring:KIND", "source_sha256": digest}
    }
    plug_in.write_text(SOURCE.format(2, "glare"))
    second = manifest(tmp_path, "glare:1", "camera:2")
    for free in (RESUME, COMPARE, merge_keys(other_suite=False, pool=False)):
        lines = list(manifest_differences(first, second, free))
        assert [line.partition(":")[0] for line in lines] == ["perturb_kinds.glare.source_sha256"]


def test_a_file_that_a_program_registers_is_identified_without_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PERTURBATIONS, "_targets", dict(PERTURBATIONS._targets))
    file = tmp_path / "shade.py"
    file.write_text(SOURCE.format(1, "shade"))
    PERTURBATIONS.register("shade", f"{file}:KIND")
    assert manifest(tmp_path, "shade:3")["perturb_kinds"]["shade"] == {
        "origin": "registered by a program",
        "object": "shade.py:KIND",
        "source_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def test_gridsevals_own_kinds_need_none(tmp_path: Path) -> None:
    assert "perturb_kinds" not in manifest(tmp_path)
    assert "perturb_kinds" not in manifest(tmp_path, "camera:3", "robot_true:2")
