"""What runs that follow each other in one process share: policy, environments, a cluster."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from gridseval.cluster.connection import Cluster
from gridseval.envs.pool.pool import Pool, make_pool
from gridseval.envs.pool.ray_nodes import RayNodes
from gridseval.envs.pool.ray_pool import RayPool
from gridseval.envs.pool.settings import EnvSettings
from gridseval.policies import LoadedPolicy
from gridseval.rollout.dispatch import ReplicaDispatcher


class RunPolicy(NamedTuple):
    """A run's policy.

    Attributes:
        loaded: The policy, or what is known of it where replicas answer.
        dispatcher: Asks the replicas; ``None`` for a policy in this process.
    """

    loaded: LoadedPolicy
    dispatcher: ReplicaDispatcher | None = None


class Sharing:
    """Keeps the last policy and the last environments while the next run asks for the same ones.

    Environments keep their compiled scenes. To be closed in the end, by ``with`` for example.
    """

    def __init__(self) -> None:
        self._policy: tuple[Hashable, RunPolicy] | None = None
        self._pool: tuple[Hashable, Pool] | None = None
        self._cluster: tuple[str, Cluster] | None = None
        self._nodes: tuple[Hashable, RayNodes] | None = None

    def __enter__(self) -> Sharing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def policy(self, key: Hashable, load: Callable[[], RunPolicy]) -> RunPolicy:
        """Return the policy of a key, loaded anew if the last one had another."""
        if self._policy is None or self._policy[0] != key:
            self._drop_policy()  # before the next one takes its memory
            self._policy = (key, load())
        return self._policy[1]

    def cluster(self, address: str) -> Cluster:
        """Return the connection to the Ray cluster at an address.

        Raises:
            GridsevalError: There is none; see :class:`~gridseval.cluster.connection.Cluster`.
        """
        if self._cluster is None or self._cluster[0] != address:
            self._leave_cluster()
            self._cluster = (address, Cluster(address))
        return self._cluster[1]

    def nodes(self, address: str, settings: EnvSettings, env_gpus: float) -> RayNodes:
        """Return the nodes of that cluster, checked for environments with these settings.

        Raises:
            MachineError: A node differs from this machine, or none has room.
        """
        key = (address, settings, env_gpus)
        if self._nodes is None or self._nodes[0] != key:
            self._nodes = (key, RayNodes(self.cluster(address), settings, env_gpus))
        return self._nodes[1]

    def pool(
        self,
        settings: EnvSettings,
        workers: int,
        timeout_s: float,
        nodes: RayNodes | None = None,
    ) -> Pool:
        """Return environments with these settings, in which no episode runs.

        Args:
            settings: The environments' settings.
            workers: How many; at most as many on a cluster.
            timeout_s: How long one message may take.
            nodes: Nodes of a cluster, or ``None`` for this machine.
        """
        key = (settings, workers, timeout_s, nodes)
        if self._pool is None or self._pool[0] != key:
            self.drop_pool()
            if nodes is None:
                made: Pool = make_pool(settings, workers, timeout_s)
            else:
                made = RayPool(nodes, workers, timeout_s)
            self._pool = (key, made)
        return self._pool[1]

    def drop_pool(self) -> None:
        """Close the environments: after an early end, episodes still run in them."""
        if self._pool is not None:
            pool, self._pool = self._pool[1], None
            pool.close()

    def close(self) -> None:
        """Close the environments, end the policy's replicas, and leave the cluster."""
        try:
            self._leave_cluster()
        finally:
            self._drop_policy()

    def _drop_policy(self) -> None:
        policy, self._policy = self._policy, None
        if policy is not None and policy[1].dispatcher is not None:
            policy[1].dispatcher.close()

    def _leave_cluster(self) -> None:
        self.drop_pool()
        self._nodes = None
        if self._cluster is not None:
            (_, cluster), self._cluster = self._cluster, None
            cluster.close()
