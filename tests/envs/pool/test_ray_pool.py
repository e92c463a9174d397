"""The pool on a cluster, against a cluster that does what the test says."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from gridseval.cluster.connection import Node
from gridseval.envs.pool import ray_nodes, ray_pool
from gridseval.envs.pool.messages import Refusal, Reply, Start, Step
from gridseval.envs.pool.node_facts import NodeFacts
from gridseval.envs.pool.ray_nodes import RayNodes
from gridseval.envs.pool.ray_pool import RayPool
from gridseval.envs.pool.settings import EnvSettings
from gridseval.errors import MachineError

SETTINGS = EnvSettings("libero_object", observations=("state",))
HERE = NodeFacts({"mujoco": "3.3.2", "models": "libero 01"}, None, SETTINGS, 8)
STEP = Step(actions=None)  # type: ignore[arg-type]


def node(name: str, cpus: float = 1, gpus: float = 0) -> Node:
    return Node(f"id-{name}", name, cpus, gpus)


class FakeActor:
    """Answers when the test says so."""

    def __init__(self, on: Node) -> None:
        self.on, self.calls, self.killed = on, list[Future[Any]](), False

    def call(self, method: str, *arguments: Any) -> Future[Any]:
        self.calls.append(Future())
        return self.calls[-1]

    def kill(self) -> None:
        self.killed = True


class FakeCluster:
    """Nodes that a test adds and takes, and what each says of itself."""

    def __init__(self, *nodes: Node) -> None:
        self.alive = list(nodes)
        self.facts: dict[str, NodeFacts | Exception] = {}
        self.actors: list[FakeActor] = []

    def nodes(self) -> tuple[Node, ...]:
        return tuple(self.alive)

    def call(self, on: Node, function: Any, *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        told = self.facts.get(on.name, HERE)
        if isinstance(told, Exception):
            future.set_exception(told)
        else:
            future.set_result(told)
        return future

    def actor(self, on: Node, *arguments: Any) -> FakeActor:
        self.actors.append(FakeActor(on))
        return self.actors[-1]


_MADE: list[RayPool] = []


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ray_nodes, "facts_here", lambda *_: HERE)
    monkeypatch.setattr(ray_pool, "_LOOK_S", 0.01)
    yield
    while _MADE:
        _MADE.pop().close()


def made(cluster: FakeCluster, most: int, timeout_s: float = 5.0) -> RayPool:
    _MADE.append(RayPool(nodes_of(cluster), most, timeout_s))
    return _MADE[-1]


def nodes_of(cluster: FakeCluster, gpus: float = 0.0) -> RayNodes:
    return RayNodes(cluster, SETTINGS, gpus)  # type: ignore[arg-type]


def opened(cluster: FakeCluster, most: int = 4) -> RayPool:
    pool = made(cluster, most)
    for actor in cluster.actors:
        actor.calls[0].set_result(None)
    while len(pool.slots) < len(cluster.actors):
        pool.wait()
    return pool


def test_a_node_that_differs_is_refused_by_name() -> None:
    cluster = FakeCluster(node("a"), node("b"))
    cluster.facts["b"] = replace(HERE, values={"mujoco": "3.3.1", "models": "libero 01"})
    with pytest.raises(
        MachineError, match=r"node b differs .*: mujoco 3\.3\.1, not 3\.3\.2 \("
    ) as of:
        nodes_of(cluster)
    assert of.value.exit_code == 3


def test_a_node_without_gridseval_is_refused_by_name() -> None:
    cluster = FakeCluster(node("a"))
    cluster.facts["a"] = ModuleNotFoundError("No module named 'gridseval'")
    with pytest.raises(MachineError, match="node a cannot run gridseval: ModuleNotFoundError"):
        nodes_of(cluster)


@pytest.mark.parametrize(
    ("gpus", "says"),
    [(0.0, "needs 1 CPU, .* a has 0 CPUs"), (0.5, "needs 1 CPU and 0.5 of a GPU, ")],
)
def test_an_environment_that_fits_nowhere_is_refused(gpus: float, says: str) -> None:
    with pytest.raises(MachineError, match=says):
        nodes_of(FakeCluster(node("a", cpus=1 if gpus else 0)), gpus)


def test_room_is_what_cores_cards_and_memory_leave() -> None:
    many = node("many", cpus=64, gpus=2)
    cluster = FakeCluster(many)
    assert nodes_of(cluster).room(many) == 8  # the memory of eight
    assert nodes_of(cluster, 0.5).room(many) == 4


def test_workers_are_spread_and_at_most_as_many_as_wanted() -> None:
    cluster = FakeCluster(node("a", 4), node("b", 2))
    pool = opened(cluster, most=4)
    assert sorted(actor.on.name for actor in cluster.actors) == ["a", "a", "a", "b"]
    assert list(pool.slots) == [0, 1, 2, 3]


def test_a_node_that_dies_costs_an_attempt_and_one_that_joins_is_used() -> None:
    cluster = FakeCluster(node("a"), node("b"))
    pool = opened(cluster)
    pool.send(0, Start(0, 0))
    gone = cluster.actors[0].on
    cluster.alive.remove(gone)
    replies: list[Reply] = []
    while not replies:
        replies = pool.wait()
    assert [reply.failure for reply in replies] == [f"node {gone.name}: the node is gone"]
    assert list(pool.slots) == [1]
    cluster.alive.append(node("c"))
    while len(cluster.actors) < 3:
        pool._look()
    cluster.actors[2].calls[0].set_result(None)
    while len(pool.slots) < 2:
        pool.wait()
    assert cluster.actors[2].on.name == "c" and 0 in pool.slots


def test_a_slot_lost_while_the_policy_thinks_says_so_when_it_is_told_the_answer() -> None:
    cluster = FakeCluster(node("a"), node("b"))
    pool = opened(cluster)
    pool.send(0, Start(0, 0))
    cluster.actors[0].calls[1].set_result(Reply(0, info={"steps": 0}))
    (reply,) = pool.wait()
    assert reply.info["host"] == cluster.actors[0].on.name
    cluster.alive.remove(cluster.actors[0].on)
    while 0 in pool.slots:
        assert pool.wait() == []
    cluster.alive.append(node("c"))
    pool._look()
    pool.send(0, STEP)
    assert len(cluster.actors[2].calls) == 1, "no other environment gets its actions"
    (lost,) = pool.wait()
    assert lost.slot == 0 and lost.failure is not None


def test_what_one_node_lacks_late_leaves_it_out() -> None:
    cluster = FakeCluster(node("a"), node("b"))
    pool = opened(cluster)
    for slot in (0, 1):
        pool.send(slot, Start(0, 0))
    cluster.actors[0].calls[1].set_result(Reply(0, truncated=True))
    pool.wait()
    cluster.actors[1].calls[1].set_result(Refusal(MachineError("no memory")))
    (lost,) = pool.wait()
    assert lost.failure == f"node {cluster.actors[1].on.name}: no memory"
    pool._look()
    assert len(cluster.actors) == 2


def test_what_the_first_worker_lacks_ends_the_run() -> None:
    cluster = FakeCluster(node("a"))
    pool = opened(cluster)
    pool.send(0, Start(0, 0))
    cluster.actors[0].calls[1].set_result(Refusal(MachineError("no renderer")))
    with pytest.raises(MachineError, match="node a: no renderer"):
        pool.wait()


def test_a_cluster_whose_cores_are_taken_is_not_waited_for_without_end() -> None:
    pool = made(FakeCluster(node("a")), 1, timeout_s=0.05)
    with pytest.raises(MachineError, match=r"no worker has started .* within 0\.05 s"):
        while True:
            pool.wait()


def test_closing_ends_all_actors() -> None:
    cluster = FakeCluster(node("a", 2))
    opened(cluster)
    _MADE.pop().close()
    assert all(actor.killed for actor in cluster.actors)
