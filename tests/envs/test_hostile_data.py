"""Data folders are as untrusted as checkpoints: a task that is built from them runs no code."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bddl_attacks import MARKER, WORKING
from command_line import cli as cli

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.libero_package import package_root
from gridseval.envs.model_check import check_model
from gridseval.envs.scene import Scene
from gridseval.envs.task_files import TaskFiles
from gridseval.errors import MachineError
from gridseval.suites import load_suite

GOAL = "put_the_bowl_on_the_plate"
TURNED = "(3.141592653589793 3.141592653589793)"


def attacked(attack: str) -> tuple[str, int]:
    """Return a task of LIBERO's with an attack, and its line."""
    text = (package_root() / "bddl_files" / "libero_goal" / f"{GOAL}.bddl").read_text()
    assert TURNED in text
    return text.replace(TURNED, f"({attack} 0)", 1), text[: text.index(TURNED)].count("\n") + 1


def plus_folder(root: Path, text: str) -> Path:
    """Make a folder of LIBERO-Plus whose files all hold this text."""
    for suite in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
        (root / "bddl_files" / suite).mkdir(parents=True)
        (root / "init_files" / "libero_newobj" / suite).mkdir(parents=True)
    states = package_root() / "init_files" / "libero_goal" / f"{GOAL}.pruned_init"
    for task in load_suite("libero_plus_goal").tasks:
        variant = task.variant
        assert variant is not None
        if variant.dimension in ("layout", "language") and variant.base == GOAL:
            path = root / "bddl_files" / "libero_goal" / f"{variant.file_stem}.bddl"
            path.write_text(text)
            name = f"{variant.name}.pruned_init"
            (root / "init_files" / "libero_newobj" / "libero_goal" / name).symlink_to(states)
    return root


def task_of(kind: str) -> int:
    return next(
        task.index
        for task in load_suite("libero_plus_goal").tasks
        if task.variant and task.variant.base == GOAL and task.variant.kind == kind
    )


@pytest.mark.parametrize("name", WORKING)
def test_a_task_is_not_built_from_code(
    assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text, line = attacked(WORKING[name])
    path = tmp_path / "task.bddl"
    path.write_text(text)
    files = replace(TaskFiles.of("libero_goal", GOAL, assets), bddl=path)
    with pytest.raises(MachineError) as caught:
        Scene(files)
    assert caught.value.message.startswith(f"{path}, line {line}: '")
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("kind", ["language", "moved", "add"])
@pytest.mark.parametrize("command", ["run", "suites", "gallery"])
def test_commands_refuse_a_prepared_folder(
    assets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Any],
    kind: str,
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    text, line = attacked(WORKING["comprehension"])
    folder = plus_folder(tmp_path / "data", text)
    words: list[object] = {
        "run": ["run", "--suite", "libero_plus_goal", "--tasks", task_of(kind), "--policy", "zero"],
        "suites": ["suites", "libero_plus_goal", "--tasks", task_of(kind)],
        "gallery": ["gallery", "--suite", "libero_plus_goal", "--task", GOAL, "--out", "x.png"],
    }[command]
    if command == "run":
        words += ["--workers", 0, "--out", "run", "--video", "none"]
    if command != "suites":
        words += ["--assets", assets]
    said = cli(*words, "--libero-plus", folder)
    assert said.status == 3
    assert f".bddl, line {line}: '[re.error[" in said.err
    assert said.err.count("gridseval: ") == 1
    assert not (tmp_path / MARKER).exists()


def test_an_environment_refuses_a_prepared_folder(
    assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = (package_root() / "bddl_files" / "libero_goal" / f"{GOAL}.bddl").read_text()
    folder = plus_folder(tmp_path / "data", good)
    env = LiberoEnv("libero_plus_goal", assets=assets, libero_plus=folder, observations=("state",))
    env.reset(options={"task": task_of("moved")})
    text, line = attacked(WORKING["comprehension"])
    for path in (folder / "bddl_files" / "libero_goal").glob("*.bddl"):
        path.write_text(text)  # exchanged after the environment has looked at the folder
    env._scenes.close()
    with pytest.raises(MachineError, match=rf"\.bddl, line {line}: "):
        env.reset(options={"task": task_of("moved")})
    assert not (tmp_path / MARKER).exists()
    with pytest.raises(MachineError, match=rf"\.bddl, line {line}: "):
        LiberoEnv("libero_plus_goal", assets=assets, libero_plus=folder, observations=("state",))


def test_a_problem_that_libero_does_not_have_is_named(assets: Path, tmp_path: Path) -> None:
    text = (package_root() / "bddl_files" / "libero_goal" / f"{GOAL}.bddl").read_text()
    path = tmp_path / "task.bddl"
    path.write_text(text.replace("LIBERO_Tabletop_Manipulation", "LIBERO_Tabeltop_Manipulation"))
    files = replace(TaskFiles.of("libero_goal", GOAL, assets), bddl=path)
    with pytest.raises(MachineError, match="'libero_tabeltop_manipulation', which LIBERO does not"):
        Scene(files)


# Models.


def arena(assets: Path, root: Path, change: Callable[[str], str]) -> Path:
    text = (assets / "scenes" / "libero_tabletop_base_style.xml").read_text()
    absolute = text.replace('file="', f'file="{assets / "scenes"}/')
    path = root / "arena.xml"
    path.write_text(change(absolute))
    return path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda text: text.replace("</asset>", '<mesh name="m" file="/etc/hostname"/></asset>'),
            "mesh asks for '/etc/hostname', which is outside its folders",
        ),
        (
            lambda text: text.replace("</asset>", '<hfield name="h" file="../../x"/></asset>'),
            "hfield asks for .*, which is outside",
        ),
        (
            lambda text: text.replace(
                "</asset>", '<texture type="cube" name="t" fileright="pipe.png"/></asset>'
            ),
            "texture asks for 'pipe.png', which is outside",
        ),
        (
            lambda text: text.replace("</asset>", '<mesh name="m" file="pipe"/></asset>'),
            "mesh asks for '.*pipe', which is not a regular file",
        ),
        (
            lambda text: text.replace("</worldbody>", '<include file="/x.xml"/></worldbody>'),
            "a model with the element <include> is refused",
        ),
        (
            lambda text: text.replace("</asset>", '<model name="m" file="/x.xml"/></asset>'),
            "a model with the element <model> is refused",
        ),
        (
            lambda text: text.replace(
                "</worldbody>",
                '<body><plugin plugin="mujoco.elasticity.cable"/></body></worldbody>',
            ),
            "a model with the element <plugin> is refused",
        ),
    ],
)
def test_a_model_reads_the_files_of_its_own_folders_only(
    assets: Path, tmp_path: Path, change: Callable[[str], str], reason: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    files = replace(
        TaskFiles.of("libero_goal", GOAL, assets),
        arena=arena(assets, tmp_path, change),
        roots=(tmp_path,),
    )
    with pytest.raises(MachineError, match=reason):
        Scene(files)


def test_paths_leave_no_folder_by_dots_or_by_a_longer_name(tmp_path: Path) -> None:
    root = tmp_path / "assets"
    root.mkdir()
    (root / "a.png").touch()
    model = '<mujoco><asset><texture name="t" file="{}"/></asset></mujoco>'
    check_model(model.format(root / "a.png"), [root])
    check_model(model.format(root / "x" / ".." / "a.png"), [root])
    check_model(model.format(root / "missing.png"), [root])  # MuJoCo says so itself
    for path in (f"{root}/../a.png", f"{root}2/a.png", "a.png", "", f"{root}"):
        with pytest.raises(MachineError, match="asks for"):
            check_model(model.format(path), [root])


def test_models_of_the_standard_tasks_pass(assets: Path) -> None:
    for suite in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
        Scene(TaskFiles.of(suite, load_suite(suite).tasks[0].name, assets)).close()
