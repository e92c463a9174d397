"""The rules of the design that a reader relies on, checked on the source itself."""

from __future__ import annotations

import ast
import inspect
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gridseval

PACKAGE = Path(gridseval.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = (
    *(
        "suites",
        "envs",
        "policies",
        "tokens",
        "wire",
        "serving",
        "rollout",
        "results",
        "report",
        "video",
        "cli",
    ),
    *("evaluation", "bench", "doctor"),
)


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


def room_of(module: str) -> str | None:
    parts = module.split(".")
    inside = parts[0] == "gridseval" and len(parts) > 1 and parts[1] in ROOMS
    return parts[1] if inside else None


def test_no_two_rooms_import_each_other() -> None:
    edges = set()
    for path in MODULES:
        source = room_of(".".join(("gridseval", *path.relative_to(PACKAGE).parts)))
        for module, _ in imports(path):
            target = room_of(module)
            if source and target and source != target:
                edges.add((source, target))
    assert edges, "the rooms use each other"
    assert not {edge for edge in edges if edge[::-1] in edges}


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("mujoco", ("envs", "bench", "doctor")),
        ("robosuite", ("envs", "bench", "doctor")),
        ("torch", ("policies", "tokens")),
    ],
)
def test_heavy_packages_stay_in_their_rooms(package: str, allowed: tuple[str, ...]) -> None:
    for path in MODULES:
        place = path.relative_to(PACKAGE).parts[0]
        for module, at_load in imports(path):
            if module.split(".")[0] == package:
                assert place in allowed, path
                # Pruners and models are torch modules; importing their packages loads none of them.
                if path.name == "__init__.py" or not (
                    place == "tokens" or {"nano", "openvla_kind"} & set(path.parts)
                ):
                    assert not at_load, f"{path} imports {package} when it is loaded"


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
    assert statistics.median(lengths.values()) <= 150
    assert {path: n for path, n in lengths.items() if n > 300} == {}


def test_functions_are_short() -> None:
    lengths = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert (node.end_lineno or 0) - node.lineno < 80, f"{path}: {node.name}"
                lengths.append(code_lines(node))
    assert statistics.quantiles(lengths, n=10)[-1] <= 26


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines hold a function's statements, docstring not counted."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return sum((node.end_lineno or 0) - node.lineno + 1 for node in body)


def test_exported_names_exist_and_are_documented() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        name = ".".join(("gridseval", *path.relative_to(PACKAGE).parent.parts)).rstrip(".")
        module = __import__(name, fromlist=["x"])
        for exported in getattr(module, "__all__", ()):
            thing = getattr(module, exported)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                assert thing.__doc__, f"{name}.{exported}"
