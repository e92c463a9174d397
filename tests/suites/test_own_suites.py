"""Suites of one's own: where their files may lie, what identifies them, what is refused."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from bddl_attacks import MARKER, WORKING
from command_line import cli as cli
from own_suites import TASKS, write_suite
from plug_in import write_distribution

from gridseval.data import data_dir
from gridseval.envs.config import EnvConfig
from gridseval.envs.own_states import check_own_states
from gridseval.envs.task_files import TaskFiles
from gridseval.errors import MachineError, UsageError
from gridseval.evaluation import RunConfig
from gridseval.evaluation.task_selection import choose
from gridseval.suites import PlusFolder, list_suites, load_suite, suite_digest

NO_PLUS = PlusFolder(None)


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    return write_suite(tmp_path / "kitchen")


def test_a_folder_is_a_suite(kitchen: Path) -> None:
    suite = load_suite(str(kitchen))
    assert (suite.name, suite.max_steps, suite.trials) == ("kitchen", 8, 50)
    assert [task.instruction for task in suite.tasks] == ["switch it on", "bowl on plate"]
    first = suite.tasks[0]
    assert first.files is not None
    assert first.files.bddl == (kitchen / "bddl_files" / "switch_it_on.bddl").resolve()
    assert load_suite(suite.address) == suite
    assert "kitchen" not in list_suites()
    check_own_states(suite, suite.tasks, NO_PLUS)


def test_a_relative_path_holds_in_every_folder(
    kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kitchen.parent)
    suite = load_suite("./kitchen")
    monkeypatch.chdir("/")
    assert load_suite(suite.address) == suite


def test_a_path_object_is_a_place(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kitchen.parent)
    expected = load_suite("./kitchen")
    for place in (Path("kitchen"), kitchen, kitchen / "suite.yaml"):
        assert load_suite(place) == expected
    assert EnvConfig(Path("kitchen")).episodes().suite == expected
    config = RunConfig(Path("kitchen"), Path("out"), policy="zero")
    assert choose(config).suite == expected
    with pytest.raises(UsageError, match="the suite nowhere does not exist"):
        load_suite(Path("nowhere"))


def test_files_may_lie_elsewhere(kitchen: Path) -> None:
    (kitchen / "more").mkdir()
    (kitchen / "bddl_files").rename(kitchen / "more" / "bddl")
    (kitchen / "init_files").rename(kitchen / "more" / "states")
    with pytest.raises(UsageError, match=r"task switch_it_on of kitchen: .* is missing"):
        load_suite(str(kitchen))
    text = (kitchen / "suite.yaml").read_text(encoding="utf8")
    text = text.replace("name: kitchen", "name: elsewhere")
    text += "files: {bddl: more/bddl, init_states: more/states}\n"
    (kitchen / "elsewhere.yaml").write_text(text, encoding="utf8")
    files = load_suite(str(kitchen / "elsewhere.yaml")).tasks[1].files
    assert files is not None
    assert (
        files.init_states == (kitchen / "more" / "states" / "bowl_on_plate.pruned_init").resolve()
    )


def test_tasks_of_liberos_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "few"
    write_suite(folder, tasks=["turn_on_the_stove"], files={"libero": "libero_goal"})
    task = load_suite(str(folder)).tasks[0]
    assert (task.folder, task.files) == ("libero_goal", None)


def test_the_digest_is_of_the_content(kitchen: Path, tmp_path: Path) -> None:
    before = suite_digest(load_suite(str(kitchen)))
    moved = kitchen.rename(tmp_path / "moved")
    assert suite_digest(load_suite(str(moved))) == before
    assert suite_digest(load_suite("libero_goal")) is None
    changes = []
    for name in (
        "suite.yaml",
        "bddl_files/bowl_on_plate.bddl",
        "init_files/bowl_on_plate.pruned_init",
    ):
        file = moved / name
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        changes.append(suite_digest(load_suite(str(moved))))
        file.write_bytes(content)
    assert len({before, *changes}) == 4
    assert suite_digest(load_suite(str(moved))) == before


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "libero_goal"}, "'libero_goal' is a suite that ships with gridseval"),
        ({"name": "../evil"}, "the suite name '../evil' must begin with a letter or digit"),
        ({"tasks": ["a/b"]}, "the task name 'a/b' must begin"),
        ({"tasks": ["x" * 121]}, "at most 120 letters"),
        ({"tasks": ["open_it"]}, "task open_it of kitchen: .*open_it.bddl is missing"),
        ({"files": {"bddl": "nowhere"}}, "task switch_it_on of kitchen: .*nowhere.* is missing"),
        ({"files": {"libero": "../x"}}, "files: the folder name '../x' must begin"),
        ({"files": {"libero": "libero_goal", "bddl": "x"}}, "give it alone"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"trials": 10**12}, "trials must be at most 100000, not 1000000000000"),
        ({"max_steps": 10**15}, "max_steps must be at most 100000, not"),
        ({"settle_steps": 10**6}, "settle_steps must be at most 10000, not"),
        ({"title": "My\n\x1b[31mkitchen"}, r"title must be one line .* not 'My\\n\\x1b"),
        ({"title": "x" * 201}, "title must be one line of 1 to 200 printable characters"),
        ({"tsaks": []}, "unknown key 'tsaks'.*did you mean 'tasks'"),
    ],
)
def test_a_wrong_suite_is_one_line(
    tmp_path: Path, cli: Any, changed: dict[str, Any], reason: str
) -> None:
    folder = write_suite(tmp_path / "kitchen", **changed)
    with pytest.raises(UsageError, match=reason):
        load_suite(str(folder))
    said = cli("suites", folder)
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") <= 2


def test_a_large_yaml_is_not_read(kitchen: Path, cli: Any) -> None:
    with (kitchen / "suite.yaml").open("ab") as file:
        file.write(b"# padding\n" * 500_000)
    said = cli("suites", kitchen)
    assert (said.status, said.out) == (2, "")
    assert "suite.yaml is larger than 4 MB" in said.err


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("./nowhere", "the suite nowhere does not exist"),
        ("./empty", "the folder empty holds no suite.yaml"),
        ("./file.txt", "is neither a folder nor a YAML file"),
        ("kitchen", r"there is no suite 'kitchen'.*write ./kitchen"),
        ("./other.yaml", "name: expected 'other', the file's, got 'kitchen'"),
    ],
)
def test_a_wrong_place_is_said(
    kitchen: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(kitchen.parent)
    Path("empty").mkdir()
    Path("file.txt").touch()
    Path("other.yaml").write_bytes((kitchen / "suite.yaml").read_bytes())
    with pytest.raises(UsageError, match=reason):
        load_suite(name)


def test_too_few_states(kitchen: Path) -> None:
    file = kitchen / "init_files" / "bowl_on_plate.pruned_init"
    torch.save(np.zeros((3, 79)), file)
    suite = load_suite(str(kitchen))
    with pytest.raises(UsageError, match=r"bowl_on_plate .* stores 3 initial states for 50 trials"):
        check_own_states(suite, suite.tasks, NO_PLUS)


GOAL = {"files": {"libero": "libero_goal"}}
VARIED = {"tasks": [], "base": "libero_goal", "variants": "0 view 0_0_115_0_0:2"}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"tasks": ["turn_on_the_stove"], "files": {"libero": "libero_gaol"}},
            r"files\.libero: LIBERO has no folder 'libero_gaol'.*did you mean 'libero_goal'",
        ),
        (
            {"tasks": ["turn_on_the_stvoe"], **GOAL},
            r"libero_goal has no task 'turn_on_the_stvoe'.*did you mean 'turn_on_the_stove'",
        ),
        ({"tasks": ["turn_on_the_stove"], **GOAL, "trials": 60}, "stores 50 .* for 60 trials"),
        ({**VARIED, "trials": 60}, "stores 50 initial states for 60 trials"),
        ({**VARIED, "base": "libero_plus_goal"}, "base: libero_plus_goal has variants itself"),
    ],
)
def test_tasks_of_liberos_are_checked_before_the_first_episode(
    tmp_path: Path, cli: Any, changed: dict[str, Any], reason: str
) -> None:
    folder = write_suite(tmp_path / "kitchen", **changed)
    for words in (("suites", folder), ("run", "--suite", folder, "--policy", "zero")):
        said = cli(*words)
        assert (said.status, said.out) == (2, "")
        assert re.search(reason, said.err.replace("\n", " "))


def test_an_environment_says_which_task_is_not_liberos(tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "kitchen", tasks=["turn_it_on"], **GOAL)
    with pytest.raises(UsageError, match="libero_goal has no task 'turn_it_on'"):
        EnvConfig(str(folder)).episodes()


def test_variants_have_the_files_of_their_bases_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base that ships may take its tasks from another suite's folder."""
    shipped = tmp_path / "suites"
    shutil.copytree(data_dir("suites"), shipped)
    keys = {"name": "short", "title": "Short", "max_steps": 9, "settle_steps": 1, "trials": 50}
    keys |= {"cameras": ["agentview"], "tasks": ["turn_on_the_stove"], **GOAL}
    (shipped / "short.yaml").write_text(yaml.safe_dump(keys), encoding="utf8")
    monkeypatch.setattr("gridseval.suites.catalogue.data_dir", lambda _: shipped)
    folder = write_suite(tmp_path / "kitchen", **{**VARIED, "base": "short"})
    suite = load_suite(str(folder))
    check_own_states(suite, suite.tasks, NO_PLUS)
    assert TaskFiles.of_task(suite.tasks[0], tmp_path, NO_PLUS).bddl.is_file()


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_data_that_would_run_code_are_refused(
    kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(Evil(), kitchen / "init_files" / "bowl_on_plate.pruned_init")
    suite = load_suite(str(kitchen))
    with pytest.raises(
        MachineError, match=r"refused: the file asks for .*torch\.save of a float64"
    ):
        check_own_states(suite, suite.tasks, NO_PLUS)
    file = kitchen / "bddl_files" / "switch_it_on.bddl"
    lines = file.read_text(encoding="utf8").splitlines()
    line = next(number for number, text in enumerate(lines) if ":yaw_rotation" in text) + 1
    lines[line] = f"(({WORKING['comprehension']} 0))"
    file.write_text("\n".join(lines), encoding="utf8")
    for words in (("suites", kitchen), ("run", "--suite", kitchen, "--policy", "zero")):
        said = cli(*words)
        assert said.status == 3
        assert f"switch_it_on.bddl, line {line + 1}: " in said.err
    assert not Path("ran").exists()
    assert not Path(MARKER).exists()


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package whose entry points are a suite and a broken one."""
    site = tmp_path / "site"
    write_suite(site / "kitchens" / "kitchen")
    write_suite(site / "kitchens" / "pantry", name="pantry")
    (site / "kitchens" / "__init__.py").write_text("raise RuntimeError('imported')\n", "utf8")
    write_distribution(
        site,
        "[gridseval.suites]\nkitchen = kitchens:kitchen\nbroken = kitchens:nowhere\n"
        "pantry = kitchens.pantry\nlost = kitchens.pantry.lost\ngone = no_such_package.a\n"
        "unspecified = no_spec.kitchen\n",
        "kitchens",
    )
    monkeypatch.syspath_prepend(site)
    return site


def test_a_plug_in_is_found_and_not_imported(plug_in: Path, cli: Any) -> None:
    assert {"kitchen", "broken"} <= set(list_suites())
    suite = load_suite("kitchen")
    assert [task.name for task in suite.tasks] == list(TASKS)
    assert suite.address == str(plug_in / "kitchens" / "kitchen" / "suite.yaml")
    assert "kitchens" not in sys.modules
    said = cli("suites")
    assert "kitchen                  2      50          8" in said.out
    assert "suite 'broken': its plug-in has no" in said.out
    assert "libero_goal             10" in said.out


def test_the_documented_spelling_imports_nothing(
    plug_in: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    unspecified = ModuleType("no_spec")
    unspecified.__spec__ = None  # for which find_spec raises ValueError
    monkeypatch.setitem(sys.modules, "no_spec", unspecified)
    assert load_suite("pantry").address == str(plug_in / "kitchens" / "pantry" / "suite.yaml")
    assert "kitchens" not in sys.modules
    said = cli("suites")
    assert said.status == 0
    assert "pantry                   2      50          8" in said.out
    for name in ("lost", "gone", "unspecified"):
        with pytest.raises(UsageError) as refused:
            load_suite(name)
        assert f"{name:<20}{refused.value}" in said.out
    assert "cannot find 'no_spec.kitchen': ValueError" in said.out
    assert "libero_spatial          10" in said.out
