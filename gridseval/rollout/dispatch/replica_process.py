"""A process with one replica of a policy. Run as the main module with the argument ``SOCKET``.

It is a plain process, as the workers of environments are, and ends with the thread that started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from gridseval.envs.python_process import end_with_parent
from gridseval.errors import GridsevalError
from gridseval.rollout.dispatch.questions import ask
from gridseval.rollout.dispatch.request import Refusal, told


def main(socket: int) -> None:
    """Load the policy that is asked for, and answer until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides what Ctrl-C means
    end_with_parent(bound=True)
    connection: Connection[Any, Any] = Connection(socket)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(connection)
    os._exit(0)  # libraries with GPUs do not always survive their own end


def _serve(connection: Connection[Any, Any]) -> None:
    try:
        loaded = connection.recv().load()
    except GridsevalError as error:
        connection.send(_refusal(error))
        return
    connection.send(told(loaded))
    while True:
        questions = connection.recv()
        try:
            connection.send(ask(loaded.policy, questions, loaded.flops))
        except GridsevalError as error:
            connection.send(_refusal(error))


def _refusal(error: GridsevalError) -> Refusal:
    return Refusal(error, "".join(traceback.format_exception(error)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
