"""A replica in another process of this machine, as the thread that asks it sees it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from gridseval.envs.python_process import Child, start_module
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
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, ``None`` before it is started."""
        return None if self._child is None else self._child.pid

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
            child = self._launch()
        try:
            loaded: LoadedPolicy = self._exchange(child, self._request, None)
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
        assert self._child is not None
        answer: Answer = self._exchange(self._child, tuple(questions), self._limit_s)
        return answer

    def close(self) -> None:
        """End the process; the thread that asks it closes what it has of it."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()
        if threading.current_thread() is self._thread:
            self._end()

    def _exchange(self, child: Child, message: Any, limit_s: float | None) -> Any:
        """Return the process's reply to a message."""
        try:
            child.connection.send(message)
            if not child.connection.poll(limit_s):
                raise BlockingIOError
            reply = child.connection.recv()
        except BlockingIOError as error:  # also of a process that is stopped, and reads nothing
            self._end()
            raise ReplicaLostError(f"it did not answer within {limit_s:g} s") from error
        except (EOFError, OSError) as error:
            raise ReplicaLostError(f"its process {child.how_it_ended(_END_S)}") from error
        if isinstance(reply, Refusal):
            raise reply.error from RuntimeError(f"in {self.name}:\n{reply.traceback}")
        return reply

    def _launch(self) -> Child:
        module = "gridseval.rollout.dispatch.replica_process"
        with self._lock:
            if self._closed:
                raise ReplicaLostError("it was closed")
            self._child = start_module(module, send_limit_s=self._limit_s)
            return self._child

    def _end(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.kill()
            self._child.close()
