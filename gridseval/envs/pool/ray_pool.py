"""A pool of environments on a Ray cluster: an actor each, on all nodes that there are.

Slots come with nodes that join and go with nodes that die. Ray places nothing itself: each actor is
pinned to a node, because its folders are that node's.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from multiprocessing import connection
from typing import Any

import numpy as np

from gridseval.cluster.connection import Actor, Node
from gridseval.envs.pool.messages import Refusal, Reply, Start, Step
from gridseval.envs.pool.ray_actor import EnvActor
from gridseval.envs.pool.ray_nodes import ENV_CPUS, RayNodes
from gridseval.envs.thread_mailbox import Mailbox
from gridseval.errors import GridsevalError, MachineError
from gridseval.foreign_text import one_line

_LOOK_S = 2.0
_MAX_UNOPENED = 3


@dataclass
class _Worker:
    """An actor, and what it does.

    Attributes:
        slot: Its number.
        node: Where it is.
        actor: The connection to it.
        is_busy: Whether it owes a reply.
        has_episode: Whether an episode runs in it.
        lost: Why it is gone, while the loop does not know yet: it waits for a policy's answer.
    """

    slot: int
    node: Node
    actor: Actor
    is_busy: bool = False
    has_episode: bool = False
    lost: str | None = None


class RayPool:
    """Environments on the nodes of a Ray cluster.

    A worker that is lost, alone or with its node, replies with a ``failure``, and its slot is gone;
    another one opens as soon as a node has room.

    Args:
        nodes: The nodes that may be used, and the environments' settings.
        most: Workers at most.
        timeout_s: How long one message may take, without what is imported or compiled for it; how
            long the pool waits while it has no worker.
    """

    def __init__(self, nodes: RayNodes, most: int, timeout_s: float) -> None:
        self._nodes, self._most, self._timeout_s = nodes, most, timeout_s
        self._workers: dict[int, _Worker] = {}
        self._open: dict[int, _Worker] = {}
        self._answers: Mailbox[tuple[_Worker, Future[Any]]] = Mailbox()
        self._unopened: Counter[Node] = Counter()
        self._proven = False
        self._replies: list[Reply] = []
        self._changed = False
        self._manned_s = time.monotonic()
        self._look_at_s = self._manned_s + _LOOK_S
        self._fill()

    @property
    def slots(self) -> Collection[int]:
        """The slots whose workers have started; they change in :meth:`wait` only."""
        return self._open.keys()

    def send(self, slot: int, message: Start | Step) -> None:
        """Tell an idle slot what to do."""
        worker = self._workers[slot]
        worker.is_busy = worker.has_episode = True
        if worker.lost is not None:
            self._lose(worker, worker.lost)
            return
        self._call(worker, "exchange", message)

    def wait(self, wakes: Sequence[Any] = ()) -> list[Reply]:
        """Wait until a busy slot is done or slots have changed; return all replies there are.

        Args:
            wakes: Waiting ends as soon as one of them is ready, too.

        Raises:
            GridsevalError: A worker met a user's error, or no node has had room for a worker.
        """
        while not (self._replies or self._changed):
            left_s = max(0.0, self._look_at_s - time.monotonic())
            ready = connection.wait([self._answers.wake, *wakes], left_s)
            for answer in self._answers.drain():
                self._take_in(*answer)
            if time.monotonic() >= self._look_at_s:
                self._look()
            if any(wake in ready for wake in wakes):
                break
        replies, self._replies, self._changed = self._replies, [], False
        return replies

    def close(self) -> None:
        """End all actors."""
        for worker in self._workers.values():
            worker.actor.kill()
        self._workers.clear()
        self._open.clear()
        self._answers.close()

    def _call(self, worker: _Worker, method: str, *arguments: Any) -> None:
        call = worker.actor.call(method, *arguments)
        # It is called back in one of Ray's threads.
        call.add_done_callback(lambda done: self._answers.post((worker, done)))

    def _look(self) -> None:
        """Look which nodes there are, and use what room they have."""
        self._nodes.look()
        for worker in list(self._workers.values()):
            if not self._nodes.is_alive(worker.node):
                self._lose(worker, "the node is gone")
        self._fill()
        now_s = time.monotonic()
        self._look_at_s = now_s + _LOOK_S
        if self._open:
            self._manned_s = now_s
        elif now_s - self._manned_s > self._timeout_s:
            raise MachineError(
                f"no worker has started on the Ray cluster within {self._timeout_s:g} s: its "
                "cores are taken, or its nodes are gone",
                "ray status shows who has them; finished episodes are kept, and the same command "
                "resumes; a longer --timeout waits longer",
            )

    def _fill(self) -> None:
        """Start actors where there is most room, as many as are wanted and fit."""
        used = Counter(each.node for each in self._workers.values() if each.lost is None)
        left = {node: self._nodes.room(node) - used[node] for node in self._nodes.usable}
        for _ in range(self._most - sum(used.values()) if left else 0):
            node = max(left, key=lambda each: left[each])
            if left[node] <= 0:
                return
            left[node] -= 1
            self._start(node)

    def _start(self, node: Node) -> None:
        slot = next(each for each in itertools.count() if each not in self._workers)
        settings, gpus = self._nodes.usable[node].settings, self._nodes.env_gpus
        actor = self._nodes.cluster.actor(
            *(node, EnvActor, ENV_CPUS, gpus), settings, self._timeout_s, gpus > 0
        )
        worker = self._workers[slot] = _Worker(slot, node, actor)
        self._call(worker, "open")

    def _take_in(self, worker: _Worker, done: Future[Any]) -> None:
        if self._workers.get(worker.slot) is not worker or worker.lost is not None:
            return
        error = done.exception()
        if error is not None:
            self._lose(worker, one_line(str(error) or type(error).__name__))
        elif isinstance(answer := done.result(), Refusal):
            self._refuse(worker, answer.error)
        elif worker.slot not in self._open:
            self._open[worker.slot] = worker
            self._changed = True
        else:
            worker.is_busy = False
            worker.has_episode = not (answer.failure or answer.terminated or answer.truncated)
            self._proven = True
            self._unopened.pop(worker.node, None)
            self._replies.append(_received(worker, answer))

    def _lose(self, worker: _Worker, reason: str) -> None:
        """Forget a worker; its episode has failed, which its next reply says."""
        was_open = self._open.pop(worker.slot, None) is not None
        worker.actor.kill()
        self._changed = True
        if worker.has_episode and not worker.is_busy:
            worker.lost = reason
            return
        del self._workers[worker.slot]
        if worker.is_busy:
            self._replies.append(Reply(worker.slot, failure=f"node {worker.node.name}: {reason}"))
        elif not was_open and self._nodes.is_alive(worker.node):
            self._unopened[worker.node] += 1
            if self._unopened[worker.node] >= _MAX_UNOPENED:
                self._nodes.leave_out(worker.node, f"workers do not start there: {reason}")

    def _refuse(self, worker: _Worker, error: Exception) -> None:
        """End the run over a user's error, unless only this node lacks something.

        Raises:
            GridsevalError: The error, with the node's name.
        """
        if self._proven and isinstance(error, MachineError):
            self._nodes.leave_out(worker.node, error.message)  # its other workers go on
            self._lose(worker, error.message)
            return
        if isinstance(error, GridsevalError):
            raise type(error)(f"node {worker.node.name}: {error.message}", error.hint) from error
        raise error


def _received(worker: _Worker, reply: Reply) -> Reply:
    """Return a reply under its slot's number, with arrays that are copies.

    As received, they are read-only, and hold Ray's memory as long as anyone holds them.
    """
    if reply.failure is not None:
        failure = f"node {worker.node.name}: {reply.failure}"
        return replace(reply, slot=worker.slot, failure=failure)
    return replace(
        reply,
        slot=worker.slot,
        observation=_copied(reply.observation),
        info={**_copied(reply.info), "host": worker.node.name},
    )


def _copied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_copied(each) for each in value)
    return value
