"""How the loop asks a policy: the interface, and the policy in this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from gridseval.policies import Policy
from gridseval.rollout.answer_limit import AnswerLimit
from gridseval.rollout.dispatch.questions import Answer, Flops, Question, ask

Batch = tuple[tuple[Question, ...], Answer]
"""Questions that were asked together, and what came of it."""


class Dispatcher(ABC):
    """Takes questions of slots, and gives their answers when they are there.

    An episode's questions all reach the same policy, which may remember what it saw in a slot.

    Attributes:
        wakes: What :func:`multiprocessing.connection.wait` can wait for: one of them is ready when
            an answer may be there. Empty where :meth:`answers` itself computes them.
    """

    wakes: Sequence[Any] = ()

    @abstractmethod
    def ask(self, questions: Sequence[Question], alone: bool) -> None:
        """Take questions, of slots that wait for no other answer; never blocks for an answer.

        Args:
            questions: Any number.
            alone: Whether each is to be asked by itself, since the time that it takes counts.
        """

    @abstractmethod
    def answers(self) -> Iterator[Batch]:
        """Yield batches of questions with their answers, as far as these are there.

        Raises:
            GridsevalError: The policy ends the run: it raised, or it is gone for good.
        """

    def release(self, slot: int) -> None:  # noqa: B027
        """Learn that the episode in a slot has ended, or that its attempt is void."""

    def forget(self) -> None:  # noqa: B027
        """Drop all questions: a run has ended, maybe early, and another one may follow."""


class LocalDispatcher(Dispatcher):
    """Asks a policy in this process, one batch after the other.

    Args:
        policy: Who answers.
        flops: Operations of a query; ``None`` if unknown.
        limit: How long an answer may take; ``None`` for any time.
    """

    def __init__(
        self, policy: Policy, flops: Flops | None = None, limit: AnswerLimit | None = None
    ) -> None:
        self._policy, self._flops, self._limit = policy, flops, limit
        self._batches: list[tuple[Question, ...]] = []

    def ask(self, questions: Sequence[Question], alone: bool) -> None:
        """Keep the questions until their answers are asked for."""
        if alone:
            self._batches += [(question,) for question in questions]
        elif questions:
            self._batches.append(tuple(questions))

    def answers(self) -> Iterator[Batch]:
        """Ask, and yield; a batch is asked when the caller is done with the one before."""
        batches, self._batches = self._batches, []
        for questions in batches:
            yield questions, ask(self._policy, questions, self._flops, self._limit)

    def forget(self) -> None:
        """Drop the questions."""
        self._batches = []
