from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridseval.cli.doctor import command
from gridseval.doctor import diagnosis, packages
from gridseval.envs.rendering import backend as backends
from gridseval.envs.rendering.backend import Probe
from gridseval.errors import MachineError


def signs(result: Result) -> dict[str, str]:
    """Return the sign of each finding by name; checks the layout on the way."""
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines), result.output
    heads = [line.split()[:2] for line in lines if line and not line[0].isspace()]
    return {name: sign for sign, name in heads if sign in ("ok", "warning", "FAIL")}


@pytest.fixture
def without_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the checks that compile a task."""
    monkeypatch.setattr(diagnosis, "check_bowl", lambda assets, force: packages.check_python())
    monkeypatch.setattr(diagnosis, "check_speed", lambda assets: packages.check_python())


@pytest.mark.slow
def test_this_machine_is_fit(assets: Path) -> None:
    result = CliRunner().invoke(command, ["--assets", str(assets)])
    found = signs(result)
    assert result.exit_code == 0, result.output
    assert {"python", "mujoco", "libero", "models", "bowl", "egl", "osmesa", "images"} <= set(found)
    assert "FAIL" not in found.values()
    assert "5 of 5 trials" in result.output
    assert "agentview" in result.output and "wrist" in result.output


def test_without_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_simulation: None
) -> None:
    result = CliRunner().invoke(command, ["--assets", str(tmp_path / "nowhere")])
    found = signs(result)
    assert result.exit_code == 3, result.output
    assert found["models"] == "FAIL"
    (line,) = result.stderr.splitlines()
    assert line.startswith("gridseval: models: ")
    assert "nowhere" in line
    assert found["bowl"] == found["images"] == "warning"
    assert "not tried: see models" in result.output


def test_without_opengl(monkeypatch: pytest.MonkeyPatch, without_simulation: None) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(backends, "probe_backend", lambda name: Probe(name, None, "no library"))
    result = CliRunner().invoke(command, [])
    found = signs(result)
    assert result.exit_code == 3, result.output
    assert found["renderer"] == found["egl"] == found["osmesa"] == "FAIL"
    assert found["images"] == "warning"
    (line,) = result.stderr.splitlines()
    assert all(f"{name}: " in line for name in ("renderer", "egl", "osmesa"))


def test_without_libero(monkeypatch: pytest.MonkeyPatch, without_simulation: None) -> None:
    def missing() -> Path:
        raise MachineError("the package 'libero' is not installed", "pip install hf-libero")

    monkeypatch.setattr(packages, "package_root", missing)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 3
    assert signs(result)["libero"] == "FAIL"
    assert "pip install hf-libero" in result.output


def test_an_exception_in_a_check_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, without_simulation: None
) -> None:
    def broken() -> None:
        raise RuntimeError("a driver\nsaid no")

    monkeypatch.setattr(diagnosis, "check_memory", broken)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 3
    assert signs(result)["memory"] == "FAIL"
    assert "a driver said no" in result.stdout
    assert result.stderr == "gridseval: memory: RuntimeError: a driver said no\n"


def test_refused_mujoco_can_be_forced(
    monkeypatch: pytest.MonkeyPatch, without_simulation: None, assets: Path
) -> None:
    installed = packages._installed
    versions = {"mujoco": "3.8.1"}
    monkeypatch.setattr(packages, "_installed", lambda name: versions.get(name) or installed(name))
    arguments = ["--assets", str(assets)]
    assert CliRunner().invoke(command, arguments).exit_code == 3
    forced = CliRunner().invoke(command, [*arguments, "--force"])
    assert signs(forced)["mujoco"] == "warning"
    assert (forced.exit_code, forced.stderr) == (0, "")
