"""Processes that import what this one imports, and nothing from the working directory."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gridseval.bench.plain_client import PlainProcess
from gridseval.bench.plan import PlainTask
from gridseval.doctor.rendering import check_speed
from gridseval.envs.python_process import code_command, module_command
from gridseval.envs.rendering.backend import choose_backend, probe_backend
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import load_suite

SHOW = "import json, sys; print(json.dumps([sys.path, sys.argv[1:]]))"


@pytest.fixture
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of modules that must not be imported, and return it."""
    for name in ("numpy", "mujoco", "OpenGL", "runpy", "json", "gridseval"):
        (tmp_path / f"{name}.py").write_text(f"raise AssertionError({name!r})", encoding="utf8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_path_is_this_process_s_without_the_working_directory(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = list(sys.path)
    monkeypatch.setattr(sys, "path", ["", "/some where/it's", *here])
    path, arguments = json.loads(output(code_command(SHOW, "a b", "")))
    assert path == ["/some where/it's", *(entry for entry in here if entry)]
    assert arguments == ["a b", ""]


def test_a_working_directory_that_was_named_is_kept(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (poisoned / "json.py").unlink()
    monkeypatch.setattr(sys, "path", [*sys.path, str(poisoned)])
    assert json.loads(output(code_command(SHOW)))[0][-1] == str(poisoned)


def test_gridseval_is_found_where_only_the_working_directory_led_to_it(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(Path(__file__).parents[2])
    monkeypatch.setattr(sys, "path", ["", *(entry for entry in sys.path if entry != root)])
    assert json.loads(output(code_command(SHOW)))[0][-1] == root


def test_a_module_runs_as_the_main_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import sys\nif __name__ == '__main__': print(sys.modules['__main__'].X, sys.argv[1:])"
    (tmp_path / "chosen.py").write_text(f"X = 5\n{text}", encoding="utf8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert output(module_command("chosen", "1", "2")) == "5 ['1', '2']\n"


def test_the_probe_ignores_the_working_directory(poisoned: Path) -> None:
    probe = probe_backend("osmesa")
    assert probe.renderer is not None, probe.reason


def test_the_doctor_s_images_ignore_the_working_directory(poisoned: Path, assets: Path) -> None:
    assert check_speed(str(assets)).status == "ok"


def test_the_plain_loop_ignores_the_working_directory(poisoned: Path, assets: Path) -> None:
    task = load_suite("libero_object").task(0)
    files = TaskFiles.of(task.suite, task.name, assets)
    paths = str(files.bddl), str(files.init_states), str(assets)
    with closing(PlainProcess(choose_backend().backend)) as plain:
        plain.load(PlainTask(*paths, seed=7, steps=1, settle_steps=0, images=False))
