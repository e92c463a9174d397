"""A policy that answers elsewhere, and the thread that talks to it.

Everything a replica does may block: loading, asking, finding out that it is gone. So each has a
thread of its own in this process, which only waits; the loop goes on meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gridseval.policies import LoadedPolicy
from gridseval.rollout.dispatch.questions import Answer, Question

LONGEST_PAUSE_S = 15.0
"""Between two attempts to bring a replica back."""


class ReplicaLostError(Exception):
    """A replica is gone, with all that it remembered; its text says why. It may come back."""


class Replica(Protocol):
    """A policy in another process or on another machine.

    One thread calls :meth:`start` and :meth:`ask`; any other one may call :meth:`close` meanwhile.

    Attributes:
        name: For messages, such as ``"replica 1 (cuda:1)"`` or a server's address.
    """

    name: str

    def start(self) -> LoadedPolicy:
        """Make it ready, for the first time or again after it was lost.

        Returns:
            What is known of its policy, which itself is elsewhere, as are its ``flops``.

        Raises:
            ReplicaLostError: Not now; another attempt may do.
            GridsevalError: It cannot be made ready.
        """

    def ask(self, questions: Sequence[Question]) -> Answer:
        """Return the answer to one batch; its time is the query's own, as is its memory.

        Raises:
            ReplicaLostError: It is gone, or took too long.
            GridsevalError: The policy raised, or returned what cannot be executed.
        """

    def close(self) -> None:
        """End it for good; a call that another thread is in ends soon."""


@dataclass(frozen=True)
class Ready:
    """A replica can be asked.

    Attributes:
        seat: Which.
        loaded: What is known of its policy.
    """

    seat: Seat
    loaded: LoadedPolicy


@dataclass(frozen=True)
class Answered:
    """A replica has answered."""

    seat: Seat
    questions: tuple[Question, ...]
    answer: Answer


@dataclass(frozen=True)
class Lost:
    """A replica is gone, or still is.

    Attributes:
        seat: Which.
        reason: Why.
    """

    seat: Seat
    reason: str


@dataclass(frozen=True)
class Refused:
    """A replica met an error that ends the run, or, while it started, that replica.

    Attributes:
        seat: Which.
        error: What it is.
        starting: Whether the replica was not ready yet.
    """

    seat: Seat
    error: BaseException
    starting: bool


Event = Ready | Answered | Lost | Refused


class Seat(threading.Thread):
    """The thread of one replica.

    Args:
        replica: Whom it talks to.
        post: Takes what happens, in this thread.
        first_pause_s: Before the first attempt to bring it back; each further one waits twice as
            long.
    """

    def __init__(
        self, replica: Replica, post: Callable[[Event], None], first_pause_s: float
    ) -> None:
        super().__init__(name=replica.name, daemon=True)
        self.replica = replica
        self._post, self._first_pause_s = post, first_pause_s
        self._inbox: queue.SimpleQueue[tuple[Question, ...] | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def send(self, questions: tuple[Question, ...]) -> None:
        """Have a replica asked that is ready and answers nothing else."""
        self._inbox.put(questions)

    def run(self) -> None:
        """Start the replica, and ask it until it is closed."""
        while self._begin():
            if not self._serve():
                return

    def end(self) -> None:
        """Close the replica; the thread ends soon."""
        self._closed.set()
        self._inbox.put(None)
        self.replica.close()

    def _serve(self) -> bool:
        """Ask the replica until it is lost; return whether it was."""
        while (questions := self._inbox.get()) is not None:
            event = self._ask(questions)
            self._post(event)
            if isinstance(event, Lost):
                return True
        return False

    def _ask(self, questions: tuple[Question, ...]) -> Event:
        try:
            return Answered(self, questions, self.replica.ask(questions))
        except ReplicaLostError as error:
            return Lost(self, str(error))
        except BaseException as error:  # a thread's error would only be printed
            return Refused(self, error, starting=False)

    def _begin(self) -> bool:
        """Make the replica ready, however often it takes; return whether it is."""
        for pause_s in _pauses(self._first_pause_s):
            if self._closed.is_set():
                return False
            try:
                loaded = self.replica.start()
            except ReplicaLostError as error:
                self._post(Lost(self, str(error)))
            except BaseException as error:
                self._post(Refused(self, error, starting=True))
                return False
            else:
                self._post(Ready(self, loaded))
                return True
            self._closed.wait(pause_s)
        return False


def _pauses(first_s: float) -> Iterator[float]:
    pause_s = first_s
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
