"""This process's end of the plain loop."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict
from typing import Any

from gridseval.bench.plan import PlainTask
from gridseval.envs.python_process import module_command
from gridseval.errors import MachineError

_MAX_QUOTE = 300


class PlainProcess:
    """A process that runs the plain loop.

    Args:
        backend: OpenGL back end, ``"egl"`` or ``"osmesa"``.
    """

    def __init__(self, backend: str) -> None:
        environment = {
            **os.environ,
            "MUJOCO_GL": backend,
            "PYOPENGL_PLATFORM": backend,
        }
        # robosuite takes it for the EGL device: trap 7 of
        # docs/explanation/protocol-and-traps.md.
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            module_command("gridseval.bench.plain"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=environment,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def load(self, task: PlainTask) -> None:
        """Make the task's environment.

        Raises:
            MachineError: It cannot be made.
        """
        self._ask({"task": asdict(task)})

    def episode(self, trial: int) -> dict[str, Any]:
        """Run the next episode; see :meth:`gridseval.bench.plain.PlainLoop.episode`.

        Raises:
            MachineError: The process died.
        """
        return self._ask({"trial": trial})

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            assert pipe is not None
            pipe.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise self._death()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _death(self) -> MachineError:
        status = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        last = lines[-1][:_MAX_QUOTE] if lines else f"exit status {status}"
        return MachineError(f"the plain libero loop ended early: {last}", "try: gridseval doctor")
