"""A replica behind a policy server, as the thread that asks it sees it."""

from __future__ import annotations

from collections.abc import Sequence

from gridseval.errors import PolicyError
from gridseval.policies import LoadedPolicy
from gridseval.policies.remote.client import RemotePolicy
from gridseval.policies.remote.line import UnreachableError
from gridseval.rollout.dispatch.questions import Answer, Question, ask
from gridseval.rollout.dispatch.replica import ReplicaLostError
from gridseval.rollout.dispatch.request import PolicyRequest, told


class ServedReplica:
    """A policy behind one of several servers; the client's own time limits count.

    Args:
        request: Its checkpoint is the server's address.
    """

    def __init__(self, request: PolicyRequest) -> None:
        self.name = str(request.checkpoint)
        self._request = request
        self._loaded: LoadedPolicy | None = None

    def start(self) -> LoadedPolicy:
        """Connect, and take what the server says of its policy.

        Raises:
            ReplicaLostError: No server answers.
            PolicyError: It cannot serve LIBERO.
        """
        self._loaded = None  # which closes its connections
        try:
            self._loaded = self._request.load()
        except UnreachableError as error:
            raise ReplicaLostError(error.message) from error
        return told(self._loaded)

    def ask(self, questions: Sequence[Question]) -> Answer:
        """Return the server's answer; single connections may have failed.

        Raises:
            ReplicaLostError: All have, and the server takes no new ones.
            PolicyError: The policy refuses an episode.
        """
        assert self._loaded is not None
        try:
            answer = ask(self._loaded.policy, questions, self._loaded.flops)
            if len(answer.chunk.failures) == len(questions):
                self._check_reachable(self._loaded)
        except UnreachableError as error:
            raise ReplicaLostError(error.message) from error
        return answer

    def close(self) -> None:
        """Do nothing: connections end with the process, and every wait for a server has an end."""

    def _check_reachable(self, loaded: LoadedPolicy) -> None:
        if not isinstance(loaded.policy, RemotePolicy):
            raise PolicyError(f"policy {loaded.name!r} takes no address of a server")
        loaded.policy.check_reachable()
