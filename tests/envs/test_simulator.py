"""Which libero, robosuite and mujoco are imported is told by content, not by what pip says."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from simulator_clones import clone, rewrite

from gridseval.envs.simulator import KNOWN, check_simulator, simulator_packages
from gridseval.errors import MachineError
from gridseval.results.run.keys import RESUME
from gridseval.results.run.manifest import manifest_differences

GOAL = "libero/libero/bddl_files/libero_goal/put_the_bowl_on_the_stove.bddl"
STATES = "libero/libero/init_files/libero_goal/put_the_bowl_on_the_stove.pruned_init"
PREDICATES = "libero/libero/envs/predicates/base_predicates.py"

_CODE = """
import json, sys
from gridseval.envs.simulator import check_simulator
from gridseval.errors import MachineError
from gridseval.versions import imported_versions
told = {"versions": imported_versions("hf-libero", "robosuite", "mujoco")}
try:
    check_simulator(False)
except MachineError as error:
    told["refused"], told["hint"] = error.message, error.hint
try:
    found = check_simulator(True)
    told["manifest"], told["warnings"] = found.manifest(), found.warnings
except MachineError as error:
    told["forced"] = error.message
print(json.dumps(told))
"""


def inspected(*first: Path) -> dict[str, Any]:
    """Return what another process says whose path begins with these folders."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(map(str, (*first, root)))
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def another_goal(top: Path) -> None:
    rewrite(top / GOAL, "flat_stove_1_cook_region", "main_table_plate_region")


def another_start(top: Path) -> None:
    (top / STATES).unlink()
    (top / STATES).write_bytes(b"other states")


def another_predicate(top: Path) -> None:
    rewrite(top / PREDICATES, "import", "import  ")


def a_new_task(top: Path) -> None:
    (top / GOAL).with_name("wave.bddl").write_text("(define (problem wave))", encoding="utf8")


def stiffer_controller(top: Path) -> None:
    rewrite(top / "robosuite/controllers/config/osc_pose.json", "150", "300")


def heavier_hand(top: Path) -> None:
    rewrite(top / "robosuite/models/assets/grippers/panda_gripper.xml", 'mass="', 'mass="1')


def another_controller(top: Path) -> None:
    rewrite(top / "robosuite/controllers/osc.py", "import", "import  ")


def another_time_step(top: Path) -> None:
    private = top / "robosuite" / "macros_private.py"
    private.write_text("SIMULATION_TIMESTEP = 0.004\n", encoding="utf8")


@pytest.mark.parametrize(
    ("name", "change", "part"),
    [
        ("libero", another_goal, "tasks"),
        ("libero", another_start, "initial states"),
        ("libero", another_predicate, "code"),
        ("libero", a_new_task, "tasks"),
        ("robosuite", stiffer_controller, "controllers"),
        ("robosuite", heavier_hand, "models"),
        ("robosuite", another_controller, "code"),
        ("robosuite", another_time_step, "code"),
    ],
)
def test_another_copy_is_refused_and_its_part_named(
    name: str, change: Callable[[Path], None], part: str, tmp_path: Path
) -> None:
    change(clone(name, tmp_path))
    told = inspected(tmp_path)
    assert f"{name} is imported from {tmp_path / name}: " in told["refused"]
    assert f"its {part} " in told["refused"]
    assert "take it off PYTHONPATH" in told["hint"] and "--force" in told["hint"]
    key = part.replace(" ", "_")
    assert told["manifest"][name][key] != KNOWN[name][key]
    assert list(told["manifest"]["foreign"]) == [name]
    assert told["warnings"] == list(told["manifest"]["foreign"].values())
    differing = {
        other for other, known in KNOWN[name].items() if told["manifest"][name][other] != known
    }
    assert differing == {key}


@pytest.mark.parametrize("name", ["libero", "robosuite"])
def test_another_copy_of_equal_content_is_the_same_simulator(name: str, tmp_path: Path) -> None:
    clone(name, tmp_path)
    if name == "robosuite":  # robosuite asks its users to copy this file
        macros = (tmp_path / name / "macros.py").read_bytes()
        (tmp_path / name / "macros_private.py").write_bytes(macros)
    told = inspected(tmp_path)
    assert "refused" not in told
    assert told["manifest"] == check_simulator(False).manifest()


def test_what_is_installed_here_is_known() -> None:
    told = check_simulator(False).manifest()
    assert told == {name: dict(parts) for name, parts in KNOWN.items()}


def test_a_later_robosuite_is_named_with_its_version(tmp_path: Path) -> None:
    folder = tmp_path / "robosuite"
    folder.mkdir()
    (folder / "__init__.py").write_text('__version__ = "1.5.1"\n', encoding="utf8")
    told = inspected(tmp_path)
    assert f"robosuite is imported from {folder}: version 1.5.1, " in told["refused"]
    assert told["versions"]["robosuite"] == "1.5.1"
    assert told["versions"]["hf-libero"] == "0.1.4"


def test_a_copy_that_states_no_version_has_none(tmp_path: Path) -> None:
    another_goal(clone("libero", tmp_path))
    assert inspected(tmp_path)["versions"]["hf-libero"] == "unknown"


def test_another_mujoco_is_named_with_its_version(tmp_path: Path) -> None:
    folder = tmp_path / "mujoco"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "libmujoco.so.3.2.7").write_bytes(b"another library")
    told = inspected(tmp_path)
    assert f"mujoco is imported from {folder}" in told["refused"]
    assert told["versions"]["mujoco"] == "3.2.7"
    assert "library" in told["manifest"]["mujoco"]
    (folder / "libmujoco.so.3.2.7").rename(folder / "libmujoco.so.3.10.0")
    assert "MuJoCo 3.10.0 cannot run LIBERO" in inspected(tmp_path)["forced"]


@pytest.mark.parametrize("inner", [True, False])
def test_a_libero_without_task_files_hides_the_installed_one(inner: bool, tmp_path: Path) -> None:
    """As ``import`` does: it never goes on to the next folder for lack of data files."""
    folder = tmp_path / "libero" / ("libero" if inner else "lifelong")
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    refused = inspected(tmp_path)["refused"]
    assert f"'libero' is imported from {tmp_path / 'libero'}, which has no LIBERO task" in refused


def record_of(top: Path, name: str, version: str) -> None:
    """Write what pip writes beside a package that it installs."""
    info = top / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf8"
    )
    lines = []
    for file in sorted((top / name).rglob("*")):
        if file.is_file():
            digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest())
            size = file.stat().st_size
            path = file.relative_to(top).as_posix()
            lines.append(f"{path},sha256={digest.decode().rstrip('=')},{size}\n")
    (info / "RECORD").write_text("".join(lines), encoding="utf8")


def test_a_supported_release_is_believed_as_pip_recorded_it(tmp_path: Path) -> None:
    stiffer_controller(clone("robosuite", tmp_path))
    record_of(tmp_path, "robosuite", "1.4.1")
    told = inspected(tmp_path)
    assert "refused" not in told
    assert told["versions"]["robosuite"] == "1.4.1"
    assert told["manifest"]["robosuite"] != KNOWN["robosuite"]
    heavier_hand(tmp_path)  # after the installation
    assert "its controllers and models are not" in inspected(tmp_path)["refused"]


def test_an_unsupported_release_is_refused_as_pip_recorded_it(tmp_path: Path) -> None:
    stiffer_controller(clone("robosuite", tmp_path))
    record_of(tmp_path, "robosuite", "1.5.1")
    assert "version 1.5.1" in inspected(tmp_path)["refused"]


def test_runs_from_before_it_was_recorded_count_as_pip_s() -> None:
    own, foreign = check_simulator(False).manifest(), {"libero": {"tasks": "ab"}}
    old, new = {"seed": 7}, {"seed": 7, "simulator": own}
    assert list(manifest_differences(old, new)) == list(manifest_differences(new, old)) == []
    forced = {"seed": 7, "simulator": {**own, **foreign, "foreign": {"libero": "from /a"}}}
    for before in (old, new):
        (*_, line) = manifest_differences(before, forced, RESUME)
        assert line.startswith("simulator.") and "'ab'" in "".join(
            manifest_differences(before, forced, RESUME)
        )


def test_a_missing_package_is_the_machine_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from gridseval.envs import simulator

    monkeypatch.setattr(simulator, "package_folder", lambda name: None)
    with pytest.raises(MachineError, match="'robosuite' is not installed"):
        list(simulator_packages())
