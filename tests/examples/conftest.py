"""Doubles of models' repositories, each put on the path for one test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator

import pytest
from recipe_doubles import HERE, paths


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that puts a family's double on the path; the test's end removes it."""
    before = set(sys.modules)

    def put(family: str) -> None:
        for path in reversed(paths(family)):
            monkeypatch.syspath_prepend(path)
        importlib.invalidate_caches()

    yield put
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(HERE / "upstream")):
            del sys.modules[name]
