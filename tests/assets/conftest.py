"""A small hub, and a user whose caches are empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hub_double import FILES, HubDouble

from gridseval.assets import roots
from gridseval.assets.hub import Hub
from gridseval.assets.transfer import Pace


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty the environment of models: no variable, no cache, no home, no hub."""
    monkeypatch.delenv("GRIDSEVAL_ASSETS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def double(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """Start a hub that has the models, and let the environment name it."""
    server = HubDouble(dict(FILES))
    # Tests that mean a hub that answers must not fail where the machine is slow.
    monkeypatch.setattr(roots, "PATIENCE_S", 60.0)
    monkeypatch.setattr(roots, "PACE", Pace(look_s=60.0))
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    yield server
    server.close()


@pytest.fixture
def hub(double: HubDouble) -> Hub:
    return replace(Hub(double.endpoint), pause_s=0.01)


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, bytes]]:
    """Return a function that reads a tree, without what gridseval itself notes there."""

    def files_of(root: Path) -> dict[str, bytes]:
        found = (path for path in root.rglob("*") if path.is_file())
        return {
            name: path.read_bytes()
            for path in found
            if not (name := path.relative_to(root).as_posix()).startswith(".gridseval/")
        }

    return files_of
