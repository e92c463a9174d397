"""What earlier versions offered to users still works, or warns and names what took its place.

The lists are those of ``tests/evaluation/old_runs``, which ``record_old_runs.py`` made.
"""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import Any

import public_names
import pytest

OLD_RUNS = Path(__file__).parent / "evaluation" / "old_runs"
LISTS = {path.parent.name: json.loads(path.read_text()) for path in OLD_RUNS.glob("*/public.json")}
NAMES = sorted({name for told in LISTS.values() for name in told["names"]})


@pytest.fixture(scope="module")
def offered() -> dict[str, Any]:
    """Return what this version offers."""
    return public_names.public(Path(__file__).parents[1])


def test_lists_of_two_versions_are_there() -> None:
    assert set(LISTS) == {"c8a0846", "531110c"}
    assert sum(len(options) for options in LISTS["c8a0846"]["options"].values()) > 100


@pytest.mark.parametrize("version", LISTS)
def test_every_option_of_every_command_is_taken(version: str, offered: dict[str, Any]) -> None:
    missing = {
        command: sorted(set(options) - set(offered["options"].get(command, ())))
        for command, options in LISTS[version]["options"].items()
    }
    assert {command: options for command, options in missing.items() if options} == {}


@pytest.mark.parametrize("what", ["policies", "cards", "suites", "pruners"])
@pytest.mark.parametrize("version", LISTS)
def test_what_was_built_in_is_built_in(version: str, what: str, offered: dict[str, Any]) -> None:
    assert set(LISTS[version][what]) <= set(offered[what])


@pytest.mark.parametrize("name", NAMES)
def test_names_in_readme_and_docs_can_be_imported(name: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert find(name) is not None
    for warning in told:
        assert issubclass(warning.category, (DeprecationWarning, FutureWarning))
        assert "gridseval." in str(warning.message), "it names what took its place"


def find(name: str) -> Any:
    """Return what a dotted name stands for: a module, or what is in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("gridseval"):
                raise
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def test_a_name_that_is_gone_would_be_noticed() -> None:
    with pytest.raises(AttributeError):
        find("gridseval.results.no_such_name")
