"""The real openpi-client, whose pin of numpy below 2 keeps it out of our environment."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def openpi_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the package alone; it runs with newer numpy all the same."""
    folder = tmp_path_factory.mktemp("openpi")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*command, "openpi-client==0.1.2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def openpi_packing(openpi_folder: Path) -> ModuleType:
    """Return its packing, ``openpi_client.msgpack_numpy``."""
    sys.path.insert(0, str(openpi_folder))
    try:
        return importlib.import_module("openpi_client.msgpack_numpy")
    finally:
        sys.path.remove(str(openpi_folder))
