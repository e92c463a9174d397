"""Questions to a policy, answers to them, and how a policy in this process is asked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.errors import GridsevalError, PolicyError
from gridseval.observations import stacked
from gridseval.policies import ACTION_SIZE, CheckedChunk, Policy, check_chunk
from gridseval.rollout.answer_limit import AnswerLimit, OverdueError
from gridseval.rollout.queries import Call
from gridseval.suites import Episode
from gridseval.tokens import TokenTrace
from gridseval.tokens.accounting.memory import PeakMemory

Flops = Callable[[TokenTrace], float]


@dataclass(frozen=True)
class Question:
    """A slot that waits for actions.

    Attributes:
        slot: Its number.
        episode: What runs in it.
        steps: Policy steps executed so far.
        begins: Whether the policy has not been asked about this attempt yet.
        observation: The environment's, of this slot alone.
        privileged: Object poses and the parsed goal, or ``None`` where the policy sees none.
    """

    slot: int
    episode: Episode
    steps: int
    begins: bool
    observation: Mapping[str, Any]
    privileged: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to a batch of questions.

    Attributes:
        chunk: Actions, float32 (B, H, 7), traces, failures; by position in the batch.
        call: What the query cost: its own time, without what it waited for before.
        flops: Floating-point operations by position; ``None`` where they are unknown.
    """

    chunk: CheckedChunk
    call: Call
    flops: tuple[float | None, ...]


def lost(batch: int, reason: str) -> Answer:
    """Return the answer that costs each of a batch of questions its attempt.

    Args:
        batch: How many questions, at least 1.
        reason: Why, for the record of an episode that is given up.
    """
    actions = np.zeros((batch, 1, ACTION_SIZE), np.float32)
    chunk = CheckedChunk(actions, (None,) * batch, dict.fromkeys(range(batch), reason))
    return Answer(chunk, Call(0.0, batch), (None,) * batch)


def ask(
    policy: Policy,
    questions: Sequence[Question],
    flops: Flops | None = None,
    limit: AnswerLimit | None = None,
) -> Answer:
    """Ask a policy of this process, and check what it says.

    Args:
        policy: Who is asked.
        questions: One batch, at least one.
        flops: Operations of a query; ``None`` if unknown.
        limit: How long it may take; ``None`` for any time.

    Raises:
        PolicyError: The policy raised, took too long, or returned what cannot be executed.
        GridsevalError: It raised that one itself.
    """
    memory = PeakMemory()
    began = time.perf_counter()
    chunk = _asked(policy, questions, limit)
    elapsed_s = time.perf_counter() - began
    call = Call(elapsed_s, len(questions), memory.peak_mb())
    costs = (_cost(chunk, index, flops) for index in range(len(questions)))
    return Answer(chunk, call, tuple(costs))


def _cost(chunk: CheckedChunk, index: int, flops: Flops | None) -> float | None:
    if flops is None or index in chunk.failures:
        return None
    if chunk.skipped and chunk.skipped[index]:
        return 0.0
    trace = chunk.traces[index]
    return None if trace is None else flops(trace)


def _asked(
    policy: Policy, questions: Sequence[Question], limit: AnswerLimit | None
) -> CheckedChunk:
    begun = [(question.slot, question.episode) for question in questions if question.begins]
    try:
        with contextlib.nullcontext() if limit is None else limit.watching():
            if begun:
                slots, episodes = zip(*begun, strict=True)
                policy.reset(list(slots), list(episodes))
            chunk = policy.act(_batch(questions))
    except GridsevalError:
        raise
    except OverdueError as error:
        assert limit is not None
        raise _overdue(policy, limit.seconds, _where(questions)) from error
    except (Exception, SystemExit) as error:
        name = type(policy).__name__
        raise PolicyError(
            f"the policy {name} failed at {_where(questions)}: {type(error).__name__}: {error}",
            "--debug shows the traceback",
        ) from error
    try:
        return check_chunk(chunk, len(questions))
    except PolicyError as error:
        raise PolicyError(f"{error.message}, at {_where(questions)}", error.hint) from error


def _overdue(policy: Policy, seconds: float, where: str) -> PolicyError:
    return PolicyError(
        f"the policy {type(policy).__name__} did not answer within {seconds:g} s at {where}",
        "finished episodes are kept; a longer --timeout gives it more time, inf any",
    )


def _where(questions: Sequence[Question]) -> str:
    """Return the episodes of a batch, in its order."""
    return ", ".join(f"task {q.episode.task} trial {q.episode.trial}" for q in questions)


def _batch(questions: Sequence[Question]) -> dict[str, Any]:
    """Return observations as policies get them; see :class:`gridseval.policies.Policy`."""
    batch: dict[str, Any] = {
        "slots": np.array([question.slot for question in questions]),
        "steps": np.array([question.steps for question in questions]),
        **stacked([question.observation for question in questions]),
    }
    if questions[0].privileged is not None:
        batch["privileged"] = tuple(question.privileged for question in questions)
    return batch
