"""Measurements in another process, which has loaded and kept nothing else."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from gridseval.envs.python_process import module_command
from gridseval.errors import MachineError


def measure_apart(module: str, *arguments: str, failed: str, hint: str) -> dict[str, Any]:
    """Run a module of ours in another process; return the JSON that its last line is.

    Args:
        module: Its full name.
        arguments: What it finds in ``sys.argv``.
        failed: What the error says did not work.
        hint: What to do then.

    Raises:
        MachineError: The process failed, or printed nothing.
    """
    command = module_command(module, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0 or not done.stdout.strip():
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise MachineError(f"{failed}: {said[-1]}", hint)
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told
