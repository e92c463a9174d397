"""Published weights are orbax directories: read with orbax, else the conversion is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from orbax_shapes import SHAPES, grids_parameter

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.grids_checkpoint import load_grids

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def told(session_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what ``orbax_told.py`` says, run with orbax before this environment on the path.

    ``GRIDSEVAL_TEST_ENVIRONMENTS`` names a folder that keeps the packages between sessions.
    """
    kept = os.environ.get("GRIDSEVAL_TEST_ENVIRONMENTS")
    folder = (Path(kept) if kept else session_folder) / "orbax"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "installed").exists():
            pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile"]
            done = subprocess.run(
                [*pip, "--target", str(folder), "orbax-checkpoint>=0.11"],
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            (folder / "installed").touch()
    paths = os.pathsep.join(map(str, [folder, HERE, HERE.parents[2]]))
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "orbax_told.py"), tmp_path_factory.mktemp("o")],
        env={**os.environ, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return json.loads(run.stdout.rpartition("told:")[2])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trained", "released", "half"])
def test_a_sampler_is_read_out_of_openpis_params(name: str, told: Any) -> None:
    found = told[name]
    assert (found["convention"], found["k"], found["above"]) == ("openpi", 2, True)
    assert len(found["state"]) == len(SHAPES)
    for key, shape in SHAPES.items():
        _, network, layer, kind = key.split("/")
        own = f"{network}.{layer[-1]}.{'weight' if kind == 'kernel' else 'bias'}"
        value = grids_parameter(key, shape)
        expected = value.T if kind == "kernel" else value
        # bfloat16 keeps 8 bits.
        close = 2**-8 if name == "half" else 0
        assert np.array(found["state"][own]) == pytest.approx(expected, rel=close, abs=0)


@pytest.mark.slow
def test_what_orbax_cannot_read_or_has_no_sampler_is_said(told: Any) -> None:
    dense, broken = told["refused"]
    assert "no sampler of GridS (action_active_sampler)" in dense
    assert "cannot be read" in broken
    assert "\n" not in broken


def test_without_orbax_the_conversion_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "_METADATA").write_text("{}")
    monkeypatch.setitem(sys.modules, "orbax", None)
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(PolicyError, match="needs the package orbax-checkpoint") as caught:
        load_grids(tmp_path)
    hint = caught.value.hint or ""
    assert "pip install 'gridseval[orbax]'" in hint
    assert f"restore_params('{(tmp_path / 'params').resolve()}'" in hint
    assert "\n" not in hint


def test_a_directory_that_orbax_did_not_write(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="orbax did not write this directory"):
        load_grids(tmp_path)
