"""Run episodes: reset, settle, query, step, report.

Every slot goes at its own pace. A policy gets the slots that wait for it in one batch; where there
are several policies, environments go on meanwhile. Results, videos and the progress bar follow the
episodes as listeners.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.pool.messages import Reply, Start, Step
from gridseval.envs.pool.pool import Pool
from gridseval.foreign_text import one_line
from gridseval.motion.figures import motion_of_actions
from gridseval.policies import Policy
from gridseval.rollout.dispatch import Answer, Dispatcher, LocalDispatcher, Question
from gridseval.rollout.episode_queue import EpisodeQueue
from gridseval.rollout.outcome import Outcome
from gridseval.rollout.plan import MAX_ATTEMPTS, RolloutPlan
from gridseval.rollout.queries import QueryLog
from gridseval.rollout.seen_states import SeenStates
from gridseval.rollout.timing import Schedule
from gridseval.status import Status
from gridseval.suites import Episode
from gridseval.tokens import TokenTrace


class Listener(Protocol):
    """Receives frames as they come."""

    def on_start(self, episode: Episode) -> None:
        """Learn that an attempt at an episode begins; an earlier one is void."""

    def on_frames(self, episode: Episode, frames: Sequence[Mapping[str, Any]]) -> None:
        """Take frames: ``step``, and ``agentview`` and ``wrist``, uint8 (256, 256, 3)."""

    def on_query(self, episode: Episode, step: int, trace: TokenTrace | None) -> None:
        """Learn what the policy looked at when it was asked after ``step`` policy steps.

        It comes after the frame of that same step, and before any later one; ``None`` where the
        policy says nothing.
        """


@dataclass
class _Attempt:
    """A running episode."""

    episode: Episode
    retries: int
    log: QueryLog
    schedule: Schedule
    began_s: float = field(default_factory=time.perf_counter)
    policy_s: float = 0.0
    queries: int = 0
    steps: int = 0
    actions: list[NDArray[np.float32]] = field(default_factory=list)
    remark: Mapping[str, Any] | None = None
    seen: SeenStates = field(default_factory=SeenStates)


def run_episodes(
    episodes: Sequence[Episode],
    pool: Pool,
    policy: Policy | Dispatcher,
    plan: RolloutPlan,
    listeners: Sequence[Listener] = (),
) -> Iterator[Outcome]:
    """Run episodes and yield their outcomes as they end.

    Args:
        episodes: All of one suite; each runs once.
        pool: Environments; closed by the caller.
        policy: Who acts: a policy of this process, or what asks several elsewhere. For these the
            plan's ``flops`` and ``limit`` do not count: they have their own.
        plan: How.
        listeners: Who gets frames.

    Raises:
        PolicyError: The policy raised, or returned what cannot be executed.
        GridsevalError: A user's error arose in an environment.
    """
    if not isinstance(policy, Dispatcher):
        policy = LocalDispatcher(policy, plan.flops, plan.limit)
    yield from _Rollout(episodes, pool, policy, plan, listeners).outcomes()


class _Rollout:
    def __init__(
        self,
        episodes: Sequence[Episode],
        pool: Pool,
        dispatcher: Dispatcher,
        plan: RolloutPlan,
        listeners: Sequence[Listener],
    ) -> None:
        self._queue = EpisodeQueue(episodes, plan.spread, plan.scene)
        self._pool, self._dispatcher = pool, dispatcher
        self._plan, self._listeners = plan, listeners
        self._running: dict[int, _Attempt] = {}
        self._failures: dict[Episode, int] = {}

    def outcomes(self) -> Iterator[Outcome]:
        """Run until every episode has an outcome."""
        try:
            self._start_idle()
            while self._running or len(self._queue):
                yield from self._go_on()
        finally:
            self._dispatcher.forget()

    def _go_on(self) -> Iterator[Outcome]:
        """Wait for environments and answers, and give each what it waits for."""
        waiting: list[Question] = []
        for reply in self._pool.wait(self._dispatcher.wakes):
            outcome = self._take_in(reply)
            if outcome is not None:
                yield outcome
            if reply.slot in self._running:
                waiting.append(self._asked_of(reply))
            else:
                self._start_next(reply.slot)
        self._start_idle()
        # What counts may be the time of a query by itself, not that of a batch.
        self._dispatcher.ask(waiting, self._plan.timing.alone)
        for questions, answer in self._dispatcher.answers():
            yield from self._act_on(questions, answer)

    def _start_idle(self) -> None:
        """Start an episode in each slot that has none, as long as there are any."""
        slots = self._pool.slots
        if len(self._running) < len(slots) and len(self._queue):
            for slot in slots:
                if slot not in self._running:
                    self._start_next(slot)

    def _start_next(self, slot: int) -> None:
        episode = self._queue.take(slot) if slot in self._pool.slots else None
        if episode is None:
            return
        self._running[slot] = _Attempt(
            episode,
            self._failures.get(episode, 0),
            QueryLog(),
            Schedule(self._plan.timing, self._plan.replan),
        )
        for listener in self._listeners:
            listener.on_start(episode)
        record_every = self._plan.record_every(episode)
        self._pool.send(slot, Start(episode.task, episode.trial, record_every))

    def _take_in(self, reply: Reply) -> Outcome | None:
        """Take note of a reply; return the outcome if it ended an episode for good."""
        attempt = self._running[reply.slot]
        if reply.failure is not None:
            return self._fail(reply.slot, reply.failure)
        attempt.steps = int(reply.info["steps"])
        frames = reply.info.get("frames")
        if frames:
            for listener in self._listeners:
                listener.on_frames(attempt.episode, frames)
        if not (reply.terminated or reply.truncated):
            return None
        del self._running[reply.slot]
        self._dispatcher.release(reply.slot)
        status: Status = "success" if reply.terminated else "failure"
        return _outcome(attempt, status, reply.info)

    def _fail(self, slot: int, reason: str) -> Outcome | None:
        """Put an episode back whose worker or policy server failed, or give it up."""
        attempt = self._running.pop(slot)
        self._dispatcher.release(slot)
        episode = attempt.episode
        self._failures[episode] = attempt.retries + 1
        if self._failures[episode] < MAX_ATTEMPTS:
            self._queue.put_back(episode)
            return None
        return _outcome(attempt, "error", {}, one_line(reason))

    def _asked_of(self, reply: Reply) -> Question:
        """Return what the policy is asked about a slot."""
        attempt, observation = self._running[reply.slot], reply.observation
        if "state" in observation:
            attempt.seen.see(observation["state"])
        privileged = reply.info.get("privileged")
        begins = attempt.queries == 0
        return Question(reply.slot, attempt.episode, attempt.steps, begins, observation, privileged)

    def _act_on(self, questions: Sequence[Question], answer: Answer) -> Iterator[Outcome]:
        """Send slots the policy's actions.

        Yields the outcomes of episodes that it gave up, because it has failed them too often.
        """
        attempts = [self._running[question.slot] for question in questions]
        chunk = answer.chunk
        for index, (question, attempt) in enumerate(zip(questions, attempts, strict=True)):
            if index not in chunk.failures:
                self._execute(question.slot, attempt, answer, index)
        # After all are sent: environments step while listeners work.
        for index, attempt in enumerate(attempts):
            if index not in chunk.failures:
                for listener in self._listeners:
                    listener.on_query(attempt.episode, attempt.steps, chunk.traces[index])
        for index, reason in chunk.failures.items():
            outcome = self._fail(questions[index].slot, reason)
            if outcome is not None:
                yield outcome
            self._start_next(questions[index].slot)

    def _execute(self, slot: int, attempt: _Attempt, answer: Answer, index: int) -> None:
        """Send a slot its actions, and note what they cost."""
        chunk, call = answer.chunk, answer.call
        delays = self._plan.timing.delays
        delay = None
        if delays is not None:
            delay = delays.of(attempt.episode, attempt.queries, call.elapsed_s)
        executed = attempt.schedule.until_next(chunk.actions[index], delay or 0)
        attempt.queries += 1
        attempt.policy_s += call.elapsed_s / call.slots
        attempt.actions.append(executed)
        skipped = chunk.skipped[index] if chunk.skipped else None
        attempt.log.note(call, chunk.traces[index], skipped, delay, answer.flops[index])
        if chunk.remarks and chunk.remarks[index] is not None:
            attempt.remark = chunk.remarks[index]
        self._pool.send(slot, Step(executed))


def _outcome(
    attempt: _Attempt, status: Status, info: Mapping[str, Any], error: str | None = None
) -> Outcome:
    actions = np.concatenate([np.zeros((0, 7), np.float32), *attempt.actions])[: attempt.steps]
    motion = dict(info.get("motion", {}))
    if motion:
        motion |= motion_of_actions(actions, attempt.schedule.seams)
    return Outcome(
        episode=attempt.episode,
        status=status,
        steps=attempt.steps,
        queries=attempt.queries,
        retries=attempt.retries,
        wall_s=time.perf_counter() - attempt.began_s,
        seconds={**info.get("seconds", {}), "policy": attempt.policy_s},
        actions=actions,
        figures=attempt.log.figures() | attempt.log.completion(attempt.steps),
        motion=motion,
        remark=attempt.remark,
        error=error,
        host=info.get("host"),
        seen=attempt.seen if attempt.seen.queries else None,
    )
