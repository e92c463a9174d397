"""The five YAML files against LIBERO's own sources, which are read without importing LIBERO."""

from __future__ import annotations

import ast
import importlib.util
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gridseval.errors import UsageError
from gridseval.suites import Suite, Task, instruction_of, list_suites, load_suite, read_suite

MAX_STEPS = {
    "libero_spatial": 220,
    "libero_object": 280,
    "libero_goal": 300,
    "libero_10": 520,
    "libero_90": 400,
}


@pytest.fixture(scope="module")
def libero_benchmark() -> Path:
    spec = importlib.util.find_spec("libero")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)), "libero", "benchmark")


@pytest.fixture(scope="module")
def libero_instruction(libero_benchmark: Path) -> Callable[[str], str]:
    """LIBERO's own rule, cut out of its module, whose import needs torch and asks a question."""
    tree = ast.parse((libero_benchmark / "__init__.py").read_text())
    rule = next(
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "grab_language_from_filename"
    )
    names: dict[str, Callable[[str], str]] = {}
    exec(compile(ast.Module([rule], []), "libero", "exec"), names)
    return lambda name: names["grab_language_from_filename"](f"{name}.bddl")


def test_all_suites_are_listed() -> None:
    plus = (f"libero_plus_{name}" for name in ("spatial", "object", "goal", "10"))
    assert list_suites() == tuple(sorted((*MAX_STEPS, *plus)))


@pytest.mark.parametrize("name", MAX_STEPS)
def test_tasks_are_liberos_in_liberos_order(name: str, libero_benchmark: Path) -> None:
    order = runpy.run_path(str(libero_benchmark / "libero_suite_task_map.py"))["libero_task_map"]
    suite = load_suite(name)
    assert [task.name for task in suite.tasks] == order[name]
    assert [task.index for task in suite.tasks] == list(range(len(order[name])))
    assert {task.suite for task in suite.tasks} == {name}


@pytest.mark.parametrize("name", MAX_STEPS)
def test_instructions_are_liberos(name: str, libero_instruction: Callable[[str], str]) -> None:
    for task in load_suite(name).tasks:
        assert task.instruction == libero_instruction(task.name)


@pytest.mark.parametrize("name", MAX_STEPS)
def test_protocol_is_the_published_one(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert (suite.max_steps, suite.settle_steps, suite.trials) == (MAX_STEPS[name], 10, 50)
    assert suite.cameras == ("agentview", "robot0_eye_in_hand")
    assert suite.title.startswith("LIBERO-")


@pytest.mark.parametrize("name", MAX_STEPS)
def test_every_task_has_its_files_in_libero(name: str, libero_benchmark: Path) -> None:
    for task in load_suite(name).tasks:
        assert (libero_benchmark.parent / "bddl_files" / name / f"{task.name}.bddl").is_file()
        states = libero_benchmark.parent / "init_files" / name / f"{task.name}.pruned_init"
        assert states.is_file()


@pytest.mark.parametrize(
    ("name", "instruction"),
    [
        ("turn_on_the_stove", "turn on the stove"),
        ("KITCHEN_SCENE10_close_the_drawer", "close the drawer"),
        ("LIVING_ROOM_SCENE5_put_the_mug_on_it", "put the mug on it"),
        ("STUDY_SCENE1_pick_up_the_book", "pick up the book"),
        ("put_KITCHEN_SCENE1_here", "put KITCHEN SCENE1 here"),
        ("", ""),
    ],
)
def test_instruction_drops_a_leading_scene_only(name: str, instruction: str) -> None:
    assert instruction_of(name) == instruction


def test_unknown_suite_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no suite 'libero_gaol'.*did you mean 'libero_goal'"):
        load_suite("libero_gaol")
    with pytest.raises(UsageError, match="choose from: libero_10"):
        load_suite("../../etc/passwd")


def _write(folder: Path, **changed: str) -> Path:
    keys = {
        "name": "mine",
        "title": "Mine",
        "max_steps": "5",
        "settle_steps": "0",
        "trials": "2",
        "cameras": "[agentview]",
        "tasks": "[open_it, close_it]",
    }
    path = folder / "mine.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in (keys | changed).items()))
    return path


def test_a_suite_of_ones_own_is_read(tmp_path: Path) -> None:
    assert read_suite(_write(tmp_path)) == Suite(
        name="mine",
        title="Mine",
        tasks=(Task("mine", 0, "open_it", "open it"), Task("mine", 1, "close_it", "close it")),
        max_steps=5,
        settle_steps=0,
        trials=2,
        cameras=("agentview",),
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": "yours"}, "expected 'mine', the file's, got 'yours'"),
        ({"max_steps": "0"}, "max_steps must be at least 1, not 0"),
        ({"settle_steps": "-1"}, "settle_steps must be at least 0, not -1"),
        ({"trials": "0"}, "trials must be at least 1, not 0"),
        ({"tasks": "[]"}, "at least one task"),
        ({"tasks": "[a, b, a]"}, "'a' 2 times"),
        ({"max_step": "3"}, "did you mean 'max_steps'"),
    ],
)
def test_a_broken_suite_is_refused(tmp_path: Path, changed: dict[str, str], expected: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.yaml: ") as caught:
        read_suite(_write(tmp_path, **changed))
    assert expected in str(caught.value)


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'mujoco', 'libero', 'robosuite'}"
    code = f"import sys, gridseval.suites; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
