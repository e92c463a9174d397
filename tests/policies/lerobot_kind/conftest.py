from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lerobot_environments import HERE, PACKAGES, environment, run


@pytest.fixture(scope="session", params=PACKAGES)
def lerobot_environment(request: pytest.FixtureRequest, session_folder: Path) -> dict[str, str]:
    """Return environment variables with which this interpreter finds LeRobot."""
    return environment(request.param, session_folder)


@pytest.fixture(scope="session")
def checkpoints(
    lerobot_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder with policies that LeRobot saved."""
    folder = tmp_path_factory.mktemp("checkpoints")
    run([str(HERE / "make_policies.py"), str(folder)], lerobot_environment)
    return folder


@pytest.fixture(scope="session")
def told(lerobot_environment: dict[str, str], checkpoints: Path) -> Any:
    """Return what gridseval makes of them, beside LeRobot."""
    said = run([str(HERE / "act_with_policies.py"), str(checkpoints)], lerobot_environment)
    return json.loads(said.rpartition("told:")[2])
