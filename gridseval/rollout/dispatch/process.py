"""A replica in another process of this machine, as the thread that asks it sees it."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import IO, Any

from gridseval.envs.python_process import ending, last_words, module_command
from gridseval.errors import MachineError, PolicyError
from gridseval.os_errors import os_errors
from gridseval.policies import LoadedPolicy
from gridseval.rollout.dispatch.questions import Answer, Question
from gridseval.rollout.dispatch.replica import ReplicaLostError
from gridseval.rollout.dispatch.request import PolicyRequest, Refusal

_LONGEST_S = 1e6  # what poll(2) and sockets can wait for is limited
_END_S = 5.0


class ProcessReplica:
    """A policy in another process of this machine.

    Args:
        name: For messages.
        request: What it is loaded from.
        limit_s: Seconds until an answer is given up, and the process is ended.
    """

    def __init__(self, name: str, request: PolicyRequest, limit_s: float) -> None:
        self.name = name
        self._request, self._limit_s = request, min(limit_s, _LONGEST_S)
        self._proven = self._closed = False
        self._lock, self._thread = threading.Lock(), threading.current_thread()
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes]
        self._connection: Connection[Any, Any]

    @property
    def pid(self) -> int | None:
        """The process's id, ``None`` before it is started."""
        return None if self._process is None else self._process.pid

    def start(self) -> LoadedPolicy:
        """Start the process, in the place of an earlier one, and load the policy in it.

        It may take any time, as it may in this process.

        Raises:
            ReplicaLostError: The process ended while it loaded, though an earlier one did not.
            PolicyError: It cannot be loaded, or the process ended the first time.
        """
        self._thread = threading.current_thread()
        self._end()
        with os_errors(f"{self.name}: no process can be started", MachineError):
            self._launch()
        try:
            loaded: LoadedPolicy = self._exchange(self._request, None)
        except ReplicaLostError as error:
            if self._proven:
                raise
            raise PolicyError(
                f"{self.name} ended while it loaded the policy: {error}",
                "fewer --policies need less memory; without --policies --debug shows where",
            ) from error
        self._proven = True
        return loaded

    def ask(self, questions: Sequence[Question]) -> Answer:
        """Return the answer of the policy.

        Raises:
            ReplicaLostError: The process has ended, or was ended since it took too long.
            PolicyError: The policy raised, or returned what cannot be executed.
        """
        answer: Answer = self._exchange(tuple(questions), self._limit_s)
        return answer

    def close(self) -> None:
        """End the process; the thread that asks it closes what it has of it."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()
        if threading.current_thread() is self._thread:
            self._end()

    def _exchange(self, message: Any, limit_s: float | None) -> Any:
        """Return the process's reply to a message."""
        try:
            self._connection.send(message)
            if not self._connection.poll(limit_s):
                raise BlockingIOError
            reply = self._connection.recv()
        except BlockingIOError as error:  # also of a process that is stopped, and reads nothing
            self._end()
            raise ReplicaLostError(f"it did not answer within {limit_s:g} s") from error
        except (EOFError, OSError) as error:
            raise ReplicaLostError(f"its process {self._how_it_ended()}") from error
        if isinstance(reply, Refusal):
            raise reply.error from RuntimeError(f"in {self.name}:\n{reply.traceback}")
        return reply

    def _launch(self) -> None:
        with contextlib.ExitStack() as unfinished:
            ours, theirs = map(unfinished.enter_context, socket.socketpair())
            stderr = unfinished.enter_context(tempfile.TemporaryFile())
            limit = struct.pack("ll", int(self._limit_s), int(self._limit_s % 1 * 1e6))
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            with self._lock:
                if self._closed:
                    raise ReplicaLostError("it was closed")
                module = "gridseval.rollout.dispatch.replica_process"
                self._process = subprocess.Popen(  # noqa: S603
                    module_command(module, str(theirs.fileno())),
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                )
            unfinished.pop_all()
        theirs.close()
        self._stderr = stderr
        self._connection = Connection(ours.detach())

    def _how_it_ended(self) -> str:
        assert self._process is not None
        try:
            words = ending(self._process.wait(_END_S))
        except subprocess.TimeoutExpired:
            words = f"hung up, and did not end within {_END_S:g} s"
        return f"{words}{last_words(self._stderr)}"

    def _end(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._connection.close()
        self._stderr.close()
