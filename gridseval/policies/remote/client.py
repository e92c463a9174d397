"""What the clients of all policy servers share: a connection per slot, and what may go wrong.

Protocols answer one request at a time, so every slot has its own connection and all are asked at
once; a server that batches gets its batch that way. A fault of one connection costs one
episode's attempt: the rollout starts it again, on a fresh connection.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import GridsevalError, PolicyError
from gridseval.foreign_text import one_line
from gridseval.policies.cards import PolicyCard, list_cards, load_card
from gridseval.policies.protocol import ACTION_SIZE, ActionChunk, Observations
from gridseval.policies.remote.line import Line, LineError, UnreachableError, checked_address
from gridseval.tokens import TokenTrace

if TYPE_CHECKING:
    from gridseval.suites import Episode

API_KEY = "GRIDSEVAL_API_KEY"
"""Environment variable with the key that a server asks for; options would show it to everybody."""

FAILURES_IN_A_ROW, FAILED_CALLS = 12, 4
"""The server is given up after this many failed requests in a row, within at least this many calls
in which every request failed: many slots fail at once when a server restarts."""


class Answer(NamedTuple):
    """What a server said to one request.

    Attributes:
        actions: float32 (H, 7), all finite.
        trace: What it looked at.
        skipped: Whether it came without the model; ``None`` where the server does not say.
    """

    actions: NDArray[np.float32]
    trace: TokenTrace | None = None
    skipped: bool | None = None


class RemotePolicy(ABC):
    """A client of a policy server; see the subclasses for the protocols.

    Args:
        address: ``ws://host:port``.
        timeout_s: Seconds until an answer is given up, above 0.
        connect_s: Seconds until a connection is given up, above 0.

    Raises:
        PolicyError: It is not an address, or no server of the protocol answers there.
    """

    reads_addresses = True
    headers: ClassVar[Mapping[str, str]] = {}
    """HTTP headers of the protocol's own."""

    def __init__(self, address: str, timeout_s: float, connect_s: float) -> None:
        for name, value in (("timeout_s", timeout_s), ("connect_s", connect_s)):
            if not value > 0:
                raise PolicyError(f"{name} must be above 0, not {value:g}")
        self._address = checked_address(address)
        self._timeout_s, self._connect_s = timeout_s, connect_s
        self._lines: dict[int, Line] = {}
        self._episodes: dict[int, Episode] = {}
        self._begun: set[int] = set()
        self._failures_in_a_row = self._failed_calls = 0
        # A connection has a thread, and would live as long as this process.
        weakref.finalize(self, _close, self._lines).atexit = False
        self._lines[0] = self._first_line()

    @abstractmethod
    def greet(self, line: Line) -> None:
        """Go through what comes before the first request.

        Raises:
            LineError: The server says something else.
        """

    def begin(self, line: Line, episode: Episode, instruction: str) -> None:  # noqa: B027
        """Tell the server that an episode begins, where the protocol has a word for it."""

    @abstractmethod
    def request(self, observations: Observations, index: int) -> bytes:
        """Return the request for one slot of a batch."""

    @abstractmethod
    def answer(self, frame: bytes | str) -> Answer:
        """Return what a reply says.

        Raises:
            LineError: It is an error, or not of this protocol.
        """

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Note the episodes; the server learns of each with its first request."""
        for slot, episode in zip(slots, episodes, strict=True):
            self._begun.discard(slot)
            self._episodes[slot] = episode

    def act(self, observations: Observations) -> ActionChunk:
        """Return the server's actions, and which slots got none.

        Raises:
            UnreachableError: Nothing but failures for a while: the server is given up.
        """
        slots = [int(slot) for slot in observations["slots"]]
        failures = self._ask(slots, observations)
        until = time.monotonic() + self._timeout_s
        answers: list[Answer | None] = []
        for index, slot in enumerate(slots):
            answer = None if index in failures else self._answer(slot, until)
            if isinstance(answer, str):
                failures[index], answer = answer, None
            answers.append(answer)
        self._count(failures, len(slots))
        return _chunk(answers, failures)

    def check_reachable(self) -> None:
        """Try once whether the server still takes connections.

        Raises:
            UnreachableError: It does not.
        """
        line = self._new_line()
        try:
            line.open(time.monotonic())
        except LineError as error:
            raise UnreachableError(str(error)) from error
        finally:
            line.close()

    def _first_line(self) -> Line:
        line = self._new_line()
        try:
            line.open()
        except LineError as error:
            raise UnreachableError(
                str(error),
                "is the server running, is this its port, and does it speak this protocol "
                "(--policy openpi or vla-eval)?",
            ) from error
        return line

    def _new_line(self) -> Line:
        key = os.environ.get(API_KEY)
        headers = {**self.headers, **({"Authorization": f"Api-Key {key}"} if key else {})}
        greet = weakref.WeakMethod(self.greet)  # or its lines would keep the policy alive

        def greeted(line: Line) -> None:
            method = greet()
            assert method is not None
            with _readable("greeting"):
                method(line)

        return Line(self._address, headers, greeted, self._connect_s, self._timeout_s)

    def _line(self, slot: int) -> Line:
        if slot not in self._lines:
            self._lines[slot] = self._new_line()
        return self._lines[slot]

    def _ask(self, slots: Sequence[int], observations: Observations) -> dict[int, str]:
        """Send all requests; return the reasons of those that could not be, by batch position."""
        failures = {}
        until = time.monotonic() + self._connect_s  # for all together: a dead server is one server
        for index, slot in enumerate(slots):
            line = self._line(slot)
            try:
                self._begin(line, slot, observations["instruction"][index], until)
                line.send(self.request(observations, index))
            except LineError as error:
                failures[index] = one_line(str(error))
                line.close()
        return failures

    def _begin(self, line: Line, slot: int, instruction: str, until: float) -> None:
        """Open a slot's connection and tell the server of a new episode."""
        line.open(until)
        if slot not in self._begun:
            self.begin(line, self._episodes[slot], instruction)
            self._begun.add(slot)

    def _answer(self, slot: int, until: float) -> Answer | str:
        """Return a slot's answer, or why it failed."""
        try:
            frame = self._lines[slot].receive(until)
            with _readable("reply"):
                return self.answer(frame)
        except LineError as error:
            self._lines[slot].close()
            return one_line(str(error))

    def _count(self, failures: Mapping[int, str], asked: int) -> None:
        if len(failures) < asked:
            self._failures_in_a_row = self._failed_calls = 0
            return
        self._failures_in_a_row += asked
        self._failed_calls += 1
        if self._failures_in_a_row >= FAILURES_IN_A_ROW and self._failed_calls >= FAILED_CALLS:
            last = list(failures.values())[-1]
            raise UnreachableError(
                f"the last {self._failures_in_a_row} requests failed; the last one: {last}",
                "repair the server; the same command resumes, and --retry-errors reruns the errors",
            )


@contextlib.contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turn all that a server's words make Python raise into a failed connection.

    They may be anything, and what they cost must be an attempt at one episode, never the run.
    """
    try:
        yield
    except (GridsevalError, LineError):
        raise
    except Exception as error:
        name = type(error).__name__
        raise LineError(f"the server's {what} cannot be read: {name}: {error}") from error


def _close(lines: Mapping[int, Line]) -> None:
    for line in lines.values():
        line.close()


def card_for(kind: str, name: str) -> PolicyCard:
    """Return a card for a client.

    Args:
        kind: The client's kind.
        name: The card's name, or a file.

    Raises:
        UsageError: There is no such card.
        PolicyError: It describes checkpoints that another kind loads: its gripper is that of the
            model's own output, which a server may have converted.
    """
    card = load_card(name)
    if card.kind in (None, kind):
        return card
    fitting = [other for other in list_cards() if load_card(other).kind in (None, kind)]
    raise PolicyError(
        f"card {name!r} is for policy {card.kind!r}, not for {kind!r}",
        f"choose from: {', '.join(fitting)}, or leave card out",
    )


def _chunk(answers: Sequence[Answer | None], failures: Mapping[int, str]) -> ActionChunk:
    """Return one batch of answers; the shortest chunk counts, missing ones are zeros."""
    steps = min((len(answer.actions) for answer in answers if answer), default=1)
    actions = np.zeros((len(answers), steps, ACTION_SIZE), np.float32)
    for index, answer in enumerate(answers):
        if answer is not None:
            actions[index] = answer.actions[:steps]
    traces = tuple(None if answer is None else answer.trace for answer in answers)
    known = any(trace is not None for trace in traces)
    told = [answer is not None and answer.skipped for answer in answers]
    skipped = None if all(each is None for each in told) else tuple(map(bool, told))
    return ActionChunk(actions, traces if known else None, failures, skipped=skipped)
