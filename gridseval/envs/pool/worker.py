"""A worker process: one environment that does what the pool says.

Run as the main module with the arguments ``SOCKET MEMORY BOUND``: two inherited file descriptors,
and whether the process ends with the thread that started it. A
plain process, not one of ``multiprocessing``: it does not import the caller's main module
again, so a script needs no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from gridseval.envs.compiler_memory import limit_asset_cache
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.messages import Close, Refusal, Reply, Start, Step
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.pool.shared_memory import SharedObservation
from gridseval.envs.python_process import BOUND, end_with_parent
from gridseval.errors import GridsevalError
from gridseval.importing import import_fault


def main(socket: int, memory: int, bound: bool) -> None:
    """Serve the pool until it says so or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the pool decides what Ctrl-C means
    connection: Connection[Any, Any] = Connection(socket)
    slot, settings = connection.recv()
    end_with_parent(bound)
    shared = SharedObservation(settings.observations, settings.image_px, memory)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(connection, slot, settings, shared)
    # Interpreters with OpenGL contexts do not always survive their own end.
    os._exit(0)


def _serve(
    connection: Connection[Any, Any], slot: int, settings: EnvSettings, shared: SharedObservation
) -> None:
    env: LiberoEnv | None = None
    while True:
        message = connection.recv()
        if isinstance(message, Close):
            if env is not None:
                env.close()
            return
        answer: Reply | Refusal
        try:
            if env is None:
                env = settings.make()
                # Here, not where the environment is made: this process has compiled nothing yet.
                if settings.asset_cache_mb is not None:
                    limit_asset_cache(settings.asset_cache_mb)
                shared.mark(ready=True)
            shared.prepare(isinstance(message, Start) and _compiles(env, message))
            answer = handle(env, slot, message, shared)
        except GridsevalError as error:
            answer = Refusal(error)
        except Exception as error:
            fault = import_fault(error)
            failure = f"{type(error).__name__}: {error}"
            answer = Reply(slot, failure=failure) if fault is None else Refusal(fault)
        shared.prepare(False)
        connection.send(answer)


def _compiles(env: LiberoEnv, message: Start) -> bool:
    return not env.is_compiled(message.task, message.trial)


def handle(
    env: LiberoEnv, slot: int, message: Start | Step, shared: SharedObservation | None = None
) -> Reply:
    """Do what a message says.

    Args:
        env: The environment.
        slot: Number of the slot, for the reply.
        message: What to do.
        shared: Where arrays go; ``None`` leaves them in the reply.
    """
    reward, terminated, truncated = 0.0, False, False
    if isinstance(message, Start):
        options = {
            "task": message.task,
            "trial": message.trial,
            "record_every": message.record_every,
        }
        observation, info = env.reset(seed=message.seed, options=options)
    else:
        observation, reward, terminated, truncated, info = env.step(message.actions)
    info["seconds"] = env.seconds
    rest = observation if shared is None else shared.write(observation)
    return Reply(slot, rest, reward, terminated, truncated, info)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == BOUND)
