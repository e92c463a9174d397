"""Files of users: each gets its own neighbours, also where two folders have equal names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridseval.importing import import_named

FILE = """
import json
import neighbour_of_test
from package_of_test.part import PART
from package_of_test import WHOLE
SAYS = (neighbour_of_test.SAYS, WHOLE, PART, json.dumps([1]))
"""


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def folder(root: Path, name: str) -> str:
    """Make a folder of a file with its neighbours; return the file."""
    package = root / name / "package_of_test"
    package.mkdir(parents=True)
    (root / name / "neighbour_of_test.py").write_text(f"SAYS = {name!r}\n")
    (package / "__init__.py").write_text(f"WHOLE = {name!r}\n")
    (package / "part.py").write_text(f"PART = {name!r}\n")
    (root / name / "policy.py").write_text(FILE)
    return str(root / name / "policy.py")


def test_each_file_gets_its_own_neighbours(tmp_path: Path) -> None:
    first, second = folder(tmp_path, "a"), folder(tmp_path, "b")
    path = list(sys.path)
    for file, name in ((first, "a"), (second, "b"), (first, "a"), (second, "b")):
        said = import_named(file, "test").SAYS
        assert said == (name, name, name, "[1]")
    assert sys.path == path
    kept = [sys.modules[f"package_of_test{part}"] for part in ("", ".part")]
    assert [Path(str(module.__file__)).parent.parent.name for module in kept] == ["a", "a"]


def test_a_neighbour_that_fails_leaves_the_others(tmp_path: Path) -> None:
    first, second = folder(tmp_path, "a"), folder(tmp_path, "b")
    import_named(first, "test")
    (tmp_path / "b" / "package_of_test" / "part.py").write_text("raise ValueError('broken')\n")
    with pytest.raises(ValueError, match="broken"):
        import_named(second, "test")
    assert sys.modules["neighbour_of_test"].SAYS == "a"
    assert import_named(first, "test").SAYS[:3] == ("a", "a", "a")


def test_a_neighbour_hides_no_module_of_the_standard_library(tmp_path: Path) -> None:
    first, second = folder(tmp_path, "a"), folder(tmp_path, "b")
    import_named(first, "test")
    (tmp_path / "b" / "json.py").write_text("raise ValueError('shadow')\n")
    assert import_named(second, "test").SAYS == ("b", "b", "b", "[1]")
