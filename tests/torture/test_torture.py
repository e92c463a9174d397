"""A tenth of ``make torture``: no episode lost, no traceback, no hang."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TORTURE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.usefixtures("assets")
def test_a_tenth_of_the_torture_finds_no_fault() -> None:
    done = subprocess.run(
        [sys.executable, str(TORTURE), "--share", "0.1", "--first", "7000"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" | 0 |") == 6
