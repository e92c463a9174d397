"""What runs that follow each other in one process share: a loaded policy, and environments."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from gridseval.envs.pool.pool import Pool, make_pool
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

    def pool(self, settings: EnvSettings, workers: int, timeout_s: float) -> Pool:
        """Return environments with these settings, in which no episode runs."""
        key = (settings, workers, timeout_s)
        if self._pool is None or self._pool[0] != key:
            self.drop_pool()
            self._pool = (key, make_pool(settings, workers, timeout_s))
        return self._pool[1]

    def drop_pool(self) -> None:
        """Close the environments: after an early end, episodes still run in them."""
        if self._pool is not None:
            pool, self._pool = self._pool[1], None
            pool.close()

    def close(self) -> None:
        """Close the environments and forget the policy; end its replicas."""
        try:
            self.drop_pool()
        finally:
            self._drop_policy()

    def _drop_policy(self) -> None:
        policy, self._policy = self._policy, None
        if policy is not None and policy[1].dispatcher is not None:
            policy[1].dispatcher.close()
