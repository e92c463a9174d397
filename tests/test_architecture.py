"""The rules of the design that a reader relies on, checked on the source itself."""

from __future__ import annotations

import ast
import inspect
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gridseval

PACKAGE = Path(gridseval.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the modules that a file imports, and whether that happens when it is loaded."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) not in lazy


def module_edges() -> set[tuple[str, str]]:
    """Return which of gridseval's modules imports which, whenever; not what only types need."""
    names = {name_of(path): path for path in MODULES}
    edges = set()
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf8"))
        typing = {
            id(node)
            for branch in ast.walk(tree)
            if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
            for node in ast.walk(branch)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and id(node) not in typing:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    edges.add((name, whole if whole in names else node.module))
    return {
        (source, target)
        for source, target in edges
        if target in names and source != target and not source.startswith(f"{target}.")
    }


def name_of(path: Path) -> str:
    parts = ("gridseval", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    # It would hide that module from scripts of its folder, and readers take one for the other.
    folders = {path.parent.name for path in MODULES}
    assert not ({path.stem for path in MODULES} | folders) & sys.stdlib_module_names


def test_rooms_are_at_most_three_deep() -> None:
    assert max(len(path.relative_to(PACKAGE).parts) - 1 for path in MODULES) <= 3


def test_no_modules_import_each_other_in_a_circle() -> None:
    targets: dict[str, set[str]] = {}
    for source, target in module_edges():
        targets.setdefault(source, set()).add(target)
    # Kahn's way: leave out, again and again, whoever imports nothing that is left.
    left = set(targets)
    while free := {name for name in left if not targets[name] & left}:
        left -= free
    assert left == set()


def test_no_two_rooms_at_any_level_import_each_other() -> None:
    edges = set()
    for source, target in module_edges():
        one, other = source.split("."), target.split(".")
        depth = next((i for i, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), None)
        if depth is not None:
            edges.add((".".join(one[: depth + 1]), ".".join(other[: depth + 1])))
    assert len(edges) > 100, "the rooms use each other"
    assert not {edge for edge in edges if edge[::-1] in edges}


def test_rooms_import_what_the_architecture_page_lets_them() -> None:
    page = (PACKAGE.parent / "docs" / "developing" / "architecture.md").read_text(encoding="utf8")
    rows = [line.split("|")[1:-1] for line in page.split("## Rooms")[1].split("##")[0].splitlines()]
    forbidden = {
        (room, other)
        for rooms, _, never in (row for row in rows if len(row) == 3 and "`" in row[0])
        for room in re.findall(r"`(\w+)`", rooms)
        for other in re.findall(r"\w+", never.lower())
    }
    assert ("policies", "envs") in forbidden and ("suites", "mujoco") in forbidden
    used = {
        (path.relative_to(PACKAGE).parts[0], part)
        for path in MODULES
        for module, _ in imports(path)
        for part in [module.removeprefix("gridseval.").split(".")[0]]
    }
    assert ("evaluation", "rollout") in used and ("envs", "mujoco") in used
    assert not forbidden & used


def test_modules_beside_the_rooms_are_on_the_architecture_page() -> None:
    page = (PACKAGE.parent / "docs" / "developing" / "architecture.md").read_text(encoding="utf8")
    beside = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("_")}
    assert beside == set(re.findall(r"`(\w+\.py)`", page.split("## Rooms")[1].split("## Rules")[0]))


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("mujoco", ("assets", "envs", "bench", "doctor")),
        ("robosuite", ("envs", "bench", "doctor")),
        ("torch", ("policies", "tokens", "bench", "training")),
    ],
)
def test_heavy_packages_stay_in_their_rooms(package: str, allowed: tuple[str, ...]) -> None:
    for path in MODULES:
        place = path.relative_to(PACKAGE).parts[0]
        for module, at_load in imports(path):
            if module.split(".")[0] == package:
                assert place in allowed, path
                # Pruners, models and what times them are torch modules; importing their packages
                # loads none of them.
                if path.name == "__init__.py" or not (
                    place in ("tokens", "training")
                    or {"hosts", "nano", "openvla_kind"} & set(path.parts)
                    or timed(path)
                ):
                    assert not at_load, f"{path} imports {package} when it is loaded"


def timed(path: Path) -> bool:
    return path.relative_to(PACKAGE).as_posix() in (
        "bench/pruners.py",
        "bench/nano.py",
        "bench/llama.py",
        "bench/full.py",
        "bench/full_models.py",
    )


@pytest.mark.parametrize(
    "room", ["suites", "results", "report", "policies", "tokens", "wire", "serving", "video"]
)
def test_rooms_know_nothing_of_simulation(room: str) -> None:
    code = f"import gridseval.{room}, sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"mujoco", "torch", "robosuite"} & set(done.stdout.split())


def test_users_get_the_type_hints() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_modules_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf8").splitlines()) for path in MODULES}
    assert round(statistics.mean(lengths.values())) <= 115
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 220
    assert {path: n for path, n in lengths.items() if n > 300} == {}


def test_functions_are_short() -> None:
    lengths = {
        f"{path}: {node.name}": code_lines(node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert round(statistics.mean(lengths.values())) <= 7
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 16
    assert {name: n for name, n in lengths.items() if n > 45} == {}


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function's body has, docstring not counted."""
    body = (function.body[1:] if ast.get_docstring(function) else function.body) or function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_exported_names_exist_and_are_documented() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        name = ".".join(("gridseval", *path.relative_to(PACKAGE).parent.parts)).rstrip(".")
        module = __import__(name, fromlist=["x"])
        for exported in getattr(module, "__all__", ()):
            thing = getattr(module, exported)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                assert thing.__doc__, f"{name}.{exported}"


def test_the_top_level_names_are_loaded_on_first_use() -> None:
    heavy = "{'torch', 'mujoco', 'libero', 'robosuite'}"
    code = f"import gridseval, sys; gridseval.load_policy; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert set(gridseval._ROOMS) == set(gridseval.__all__) - {"__version__"}
    assert set(gridseval.__all__) <= set(dir(gridseval))
    assert len(gridseval.__all__) <= 25
    with pytest.raises(AttributeError, match="has no attribute 'evalute'"):
        _ = gridseval.evalute


def test_the_tests_mirror_the_rooms() -> None:
    tests = Path(__file__).parent
    folders = {path.parent.relative_to(tests).as_posix() for path in tests.rglob("test_*.py")}
    # What is no room: programs, the pages of extensions, and a tool for developers.
    beside = {".", "examples", "extend", "torture"}
    assert {folder for folder in folders if not (PACKAGE / folder).is_dir()} <= beside
