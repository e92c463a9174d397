"""A connection to a Ray cluster: silent, and with this process's signals as they were.

Ray is an optional package. It is imported when a run asks for it, and only here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from gridseval.errors import MachineError, UsageError
from gridseval.foreign_text import one_line

LOCAL = "local"
"""Starts a cluster of this machine alone, which ends with the process."""

AUTO = "auto"
"""The cluster that this machine belongs to."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a tip is printed
}
_CONNECT_TIMEOUT_S = 5.0
_KEPT = (signal.SIGINT, signal.SIGTERM)
_START_HINT = (
    "ray start --head starts one, ray start --address=HOST:PORT joins; --ray local needs none"
)


@dataclass(frozen=True)
class Node:
    """A machine of the cluster.

    Attributes:
        id: Ray's name of it, hexadecimal; another one each time that it joins.
        name: What people call it.
        cpus: Cores that Ray may hand out, whether they are taken or not.
        gpus: Graphics cards that Ray may hand out.
    """

    id: str
    name: str
    cpus: float
    gpus: float


class Cluster:
    """A connection to Ray.

    Args:
        address: ``"auto"``, ``"local"`` or ``HOST:PORT`` of the head node.

    Raises:
        UsageError: The address is not of this kind.
        MachineError: Ray is not installed, no cluster answers there, or it has other versions.
    """

    def __init__(self, address: str) -> None:
        _check_address(address)
        with _signals_kept(), _silence():
            self._ray = _import_ray()
            self._ours = not self._ray.is_initialized()
            if self._ours:
                _connect(self._ray, address)

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes that are alive, by name."""
        alive = [each for each in self._ray.nodes() if each["Alive"]]
        return tuple(sorted(map(_node, alive), key=lambda node: (node.name, node.id)))

    def call(self, node: Node, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function of an importable module on a node, at once: it takes no core."""
        remote = self._ray.remote(function).options(num_cpus=0, max_retries=0, **_pinned(node))
        return _future(remote.remote(*arguments))

    def actor(self, node: Node, made: type, cpus: float, gpus: float, *arguments: Any) -> Actor:
        """Make an object of an importable class in a separate process on a node.

        It waits there until that many cores and graphics cards are free.
        """
        options = {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": 0, **_pinned(node)}
        return Actor(self._ray, self._ray.remote(made).options(**options).remote(*arguments))

    def close(self) -> None:
        """Disconnect; a local cluster ends. What the caller connected itself stays so."""
        if self._ours:
            with _signals_kept():
                self._ray.shutdown()
            self._ours = False


class Actor:
    """An object in a process on a node, which executes one call after the other."""

    def __init__(self, ray: Any, handle: Any) -> None:
        self._ray, self._handle = ray, handle

    def call(self, method: str, *arguments: Any) -> Future[Any]:
        """Call a method; the answer's arrays are read-only, and hold Ray's memory.

        A lost process or node is an exception of the future.
        """
        return _future(getattr(self._handle, method).remote(*arguments))

    def kill(self) -> None:
        """End the process."""
        with contextlib.suppress(Exception):  # it may be gone, and the cluster, too
            self._ray.kill(self._handle, no_restart=True)


def gpu_here() -> str | None:
    """Return the number of the first graphics card that Ray gave to this actor; ``None`` without.

    Called where an actor runs.
    """
    import ray

    given = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
    return str(given[0]) if given else None


def _import_ray() -> Any:
    os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
    try:
        import ray
    except ImportError as error:
        raise MachineError(
            f"--ray needs Ray, which cannot be imported ({error})", "pip install 'gridseval[ray]'"
        ) from error
    return ray


def _connect(ray: Any, address: str) -> None:
    started = {"include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address, log_to_driver=False, logging_level="CRITICAL", **started)
    except (Exception, SystemExit) as error:
        if isinstance(error, ConnectionError) and address == AUTO:
            raise MachineError("no Ray cluster runs on this machine", _START_HINT) from error
        told = one_line(str(error) or type(error).__name__)
        raise MachineError(
            f"cannot connect to Ray at {address!r}: {told}",
            "run gridseval on a node of the cluster, with the cluster's Ray and Python",
        ) from error


def _check_address(asked: str) -> None:
    """Find out in seconds what Ray itself finds out in minutes."""
    address = os.environ.get("RAY_ADDRESS", "") if asked == AUTO else asked
    if address in ("", AUTO, LOCAL):
        return
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 1 << 16) or "/" in host:
        raise UsageError(
            f"--ray takes auto, local or HOST:PORT, not {address!r}",
            "start gridseval on a node of the cluster",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_TIMEOUT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise MachineError(f"no Ray cluster answers at {address}: {reason}", _START_HINT) from error


def _pinned(node: Node) -> dict[str, Any]:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=False)}


def _future(reference: Any) -> Future[Any]:
    """Return a future: waiting for it is Python's, so that each signal does what it should.

    Ray's own waiting turns all that a signal's handler raises into a KeyboardInterrupt.
    """
    future: Future[Any] = reference.future()
    return future


def _node(told: dict[str, Any]) -> Node:
    host, address = told["NodeManagerHostname"], told["NodeManagerAddress"]
    named = told.get("NodeName") or address
    name = f"{host} ({address})" if named == address else named
    resources = told["Resources"]
    return Node(told["NodeID"], name, resources.get("CPU", 0.0), resources.get("GPU", 0.0))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Drop what is written to standard error: Ray writes there how its logs are set."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Undo what Ray does to signals and to the hook of uncaught exceptions."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _KEPT} if main else {}
    hook = sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
