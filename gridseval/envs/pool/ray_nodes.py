"""Which nodes of a Ray cluster run environments, and how many each has room for."""

from __future__ import annotations

import concurrent.futures
import logging
from concurrent.futures import Future

from gridseval.cluster.connection import Cluster, Node
from gridseval.envs.pool.node_facts import NodeFacts, facts_here
from gridseval.envs.pool.settings import EnvSettings
from gridseval.errors import MachineError
from gridseval.foreign_text import one_line

_LOG = logging.getLogger("gridseval")
ENV_CPUS = 1
"""Cores of an environment: it computes in one thread."""


class RayNodes:
    """The nodes whose episodes end as this machine's would; others are refused.

    Args:
        cluster: The connection.
        settings: The environments' settings on this machine.
        env_gpus: Share of a graphics card that an environment takes, 0 for none.

    Raises:
        MachineError: A node differs from this machine, or none has room for an environment.
    """

    def __init__(self, cluster: Cluster, settings: EnvSettings, env_gpus: float = 0.0) -> None:
        self.cluster, self.settings, self.env_gpus = cluster, settings, env_gpus
        self._here = facts_here(settings)
        self._asked: dict[Node, Future[NodeFacts]] = {}
        self._admitted: dict[Node, NodeFacts] = {}
        self._left_out: set[Node] = set()
        self._alive: tuple[Node, ...] = ()
        self._ask_new()
        self._refuse_small()
        concurrent.futures.wait(self._asked.values())
        for node in list(self._asked):
            self._judge(node)
        self._refuse_small()

    def look(self) -> None:
        """Take note of nodes that have joined or left; one that differs is left out, and named."""
        self._ask_new()
        for node in [node for node, future in self._asked.items() if future.done()]:
            self._judge_late(node)

    def leave_out(self, node: Node, reason: str) -> None:
        """Use a node no more."""
        _LOG.warning("left out: Ray's node %s: %s", node.name, reason)
        self._left_out.add(node)

    @property
    def usable(self) -> dict[Node, NodeFacts]:
        """The nodes that are alive, checked and equal to this machine."""
        return {
            node: self._admitted[node]
            for node in self._alive
            if node in self._admitted and node not in self._left_out
        }

    def room(self, node: Node) -> int:
        """Return how many environments a usable node can run: by cores, cards and memory."""
        return min(self._slots(node), self._admitted[node].workers)

    @property
    def total_room(self) -> int:
        """How many environments all usable nodes can run."""
        return sum(self.room(node) for node in self.usable)

    def is_alive(self, node: Node) -> bool:
        """Return whether a node was in the cluster at the last look."""
        return node in self._alive

    def _slots(self, node: Node) -> int:
        cards = [int(node.gpus / self.env_gpus)] if self.env_gpus else []
        return min([int(node.cpus / ENV_CPUS), *cards])

    def _ask_new(self) -> None:
        """Ask nodes that have room and have not been asked yet."""
        self._alive = self.cluster.nodes()
        for node in self._alive:
            known = node in self._asked or node in self._admitted or node in self._left_out
            if not known and self._slots(node):
                call = self.cluster.call(node, facts_here, self.settings, self._here.models)
                self._asked[node] = call

    def _judge_late(self, node: Node) -> None:
        try:
            self._judge(node)
        except MachineError as error:
            if node in self._alive:
                _LOG.warning("left out: %s", error)
            self._left_out.add(node)

    def _judge(self, node: Node) -> None:
        try:
            there = self._asked.pop(node).result()
        except Exception as error:
            cause = getattr(error, "cause", None) or error
            raise MachineError(
                f"Ray's node {node.name} cannot run gridseval: "
                f"{one_line(f'{type(cause).__name__}: {cause}')}",
                "install gridseval there as it is here, or take it out of the cluster",
            ) from error
        self._here.refuse_other(node, there)
        self._admitted[node] = there

    def _refuse_small(self) -> None:
        if any(self._slots(node) for node in self._alive):
            return
        needs = f"{ENV_CPUS} CPU" + (f" and {self.env_gpus:g} of a GPU" if self.env_gpus else "")
        most = max(self._alive, key=lambda node: (self._slots(node), node.cpus), default=None)
        has = (
            "has no node"
            if most is None
            else (
                f"has no node with that; {most.name} has {most.cpus:g} CPUs and {most.gpus:g} GPUs"
            )
        )
        raise MachineError(
            f"an environment needs {needs}, and the Ray cluster {has}",
            "add a node (ray start --address=HOST:PORT --num-cpus=N), or ask for less",
        )
