"""One worker process as the pool sees it: start, talk, find out that it died, replace."""

from __future__ import annotations

import contextlib
import threading
from multiprocessing.connection import Connection
from typing import Any

from gridseval.envs.pool.messages import Close, Refusal, Reply
from gridseval.envs.pool.patience import Patience
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.pool.shared_memory import SharedObservation
from gridseval.envs.python_process import BOUND, Child, start_module
from gridseval.envs.rendering.devices import EGL_DEVICE, device_of
from gridseval.errors import MachineError
from gridseval.os_errors import os_errors

_CLOSE_TIMEOUT_S = 5.0
_MAX_UNREADY = 2


class WorkerProcess:
    """A worker, and the reply that the pool waits for.

    Args:
        slot: Its number.
        settings: The environment to make.
        timeout_s: How long one message may take; longer is a hang. Importing and compiling do not
            count.
    """

    def __init__(self, slot: int, settings: EnvSettings, timeout_s: float) -> None:
        self.slot = slot
        self._settings, self._timeout_s = settings, timeout_s
        self._shared = SharedObservation(settings.observations, settings.image_px)
        self._patience = Patience(self._shared)
        self.busy = False
        self._proven = False
        self._unready = 0
        self._child: Child
        try:
            self._launch()
        except BaseException:
            self._shared.close()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    @property
    def connection(self) -> Connection[Any, Any]:
        """What leads to the process that is there now."""
        return self._child.connection

    @property
    def seconds_left(self) -> float:
        """Seconds until the present message counts as hanging."""
        return self._patience.left_s(self.pid, self._timeout_s)

    @property
    def look_again_s(self) -> float:
        """Seconds after which to look whether it hangs."""
        return self._patience.look_again_s(self.pid, self._timeout_s)

    def send(self, message: Any) -> None:
        """Send a message; a dead worker is noticed when its reply is waited for."""
        self.busy = True
        self._patience.begin(self.pid)
        self._tell(message)

    def receive(self) -> Reply:
        """Return the reply that is there; a worker found dead or hanging is replaced.

        Once an episode has started in this slot, assets and OpenGL are there: what a worker then
        says the machine lacks (memory, a file for a moment) is a failure like any other.

        Raises:
            GridsevalError: The worker met a user's error.
        """
        self.busy = False
        if self.seconds_left <= 0 and not self.connection.poll():
            return self._replace(f"no answer within {self._timeout_s:g} s", hung=True)
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError, OSError):
            return self._replace(None)
        if isinstance(answer, Refusal):
            if self._proven and isinstance(answer.error, MachineError):
                return self._replace(str(answer.error))
            raise answer.error
        if answer.failure is not None:
            # After an exception inside MuJoCo or OpenGL their state is undefined.
            return self._replace(answer.failure)
        self._proven = True
        reply: Reply = answer
        if reply.observation:
            reply.observation.update(self._shared.read())
        return reply

    def close(self) -> None:
        """End the process: kindly if it is idle, by force if it is busy or does not listen."""
        if self.busy or not self._ends_by_itself():
            self._child.kill()
        self._child.close()
        self._shared.close()

    def _ends_by_itself(self) -> bool:
        try:
            self.connection.send(Close())
        except OSError:
            return False
        return self._child.ends_within(_CLOSE_TIMEOUT_S)

    def _tell(self, message: Any) -> None:
        # Nothing is lost: the closed socket of a dead worker makes the next wait return at once.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def _launch(self) -> None:
        with os_errors("no worker process can be started", MachineError):
            self._start()
        self._tell((self.slot, self._settings))

    def _start(self) -> None:
        self._shared.mark(ready=False)
        self._shared.prepare(True)
        memory = self._shared.descriptor
        lasting = threading.current_thread() is threading.main_thread()
        self._child = start_module(
            "gridseval.envs.pool.worker",
            *(str(memory), BOUND if lasting else ""),
            descriptors=(memory,),
            variables=_environment(self._settings, self.slot),
        )

    def _replace(self, reason: str | None, hung: bool = False) -> Reply:
        """Start a new process in the place of this one, and say why the old one is gone.

        Raises:
            MachineError: Processes of this slot never get as far as to start an episode.
        """
        if reason is None:
            reason = f"worker process {self._child.how_it_ended(_CLOSE_TIMEOUT_S)}"
        else:
            self._child.kill()
        self._child.close()
        if self._shared.marked or self._proven:
            self._unready = 0
        elif not hung:  # a machine under load may just be slow
            self._unready += 1
        self._launch()
        if self._unready >= _MAX_UNREADY:
            raise MachineError(
                f"worker processes end before their first episode, while they import what they "
                f"need: {reason}",
                "gridseval doctor; --workers 0 --debug shows where",
            )
        return Reply(self.slot, failure=reason)


def _environment(settings: EnvSettings, slot: int) -> dict[str, str]:
    """Return what is different in the environment of a slot's worker.

    One process per core is the plan, so libraries must not start their own threads: small
    matrices in threads cost milliseconds where cores are busy.
    """
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    named = ("MUJOCO_GL", "PYOPENGL_PLATFORM")
    backend = {} if settings.backend is None else dict.fromkeys(named, settings.backend)
    device = device_of(slot, settings.egl_devices)
    return {**one, **backend, **({} if device is None else {EGL_DEVICE: str(device)})}
