"""Run episodes: reset, settle, query, step, report.

Every slot goes at its own pace. The policy gets all waiting slots in one batch. Results, videos and
the progress bar follow the episodes as listeners.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.pool.messages import Reply, Start, Step
from gridseval.envs.pool.pool import Pool
from gridseval.errors import GridsevalError, PolicyError
from gridseval.foreign_text import one_line
from gridseval.motion.figures import motion_of_actions
from gridseval.observations import stacked
from gridseval.policies import CheckedChunk, Policy, check_chunk
from gridseval.rollout.answer_limit import OverdueError
from gridseval.rollout.episode_queue import EpisodeQueue
from gridseval.rollout.outcome import Outcome
from gridseval.rollout.plan import MAX_ATTEMPTS, RolloutPlan
from gridseval.rollout.queries import Call, QueryLog
from gridseval.rollout.seen_states import SeenStates
from gridseval.rollout.timing import Schedule
from gridseval.status import Status
from gridseval.suites import Episode
from gridseval.tokens import TokenTrace
from gridseval.tokens.accounting.memory import PeakMemory


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
    policy: Policy,
    plan: RolloutPlan,
    listeners: Sequence[Listener] = (),
) -> Iterator[Outcome]:
    """Run episodes and yield their outcomes as they end.

    Args:
        episodes: All of one suite; each runs once.
        pool: Environments; closed by the caller.
        policy: Who acts.
        plan: How.
        listeners: Who gets frames.

    Raises:
        PolicyError: The policy raised, or returned what cannot be executed.
        GridsevalError: A user's error arose in an environment.
    """
    yield from _Rollout(episodes, pool, policy, plan, listeners).outcomes()


class _Rollout:
    def __init__(
        self,
        episodes: Sequence[Episode],
        pool: Pool,
        policy: Policy,
        plan: RolloutPlan,
        listeners: Sequence[Listener],
    ) -> None:
        self._queue = EpisodeQueue(episodes, plan.spread, plan.scene)
        self._pool, self._policy, self._plan, self._listeners = pool, policy, plan, listeners
        self._running: dict[int, _Attempt] = {}
        self._failures: dict[Episode, int] = {}

    def outcomes(self) -> Iterator[Outcome]:
        """Run until every episode has an outcome."""
        self._start_idle()
        while self._running or len(self._queue):
            waiting: list[Reply] = []
            for reply in self._pool.wait():
                outcome = self._take_in(reply)
                if outcome is not None:
                    yield outcome
                if reply.slot in self._running:
                    waiting.append(reply)
                elif reply.slot in self._pool.slots:
                    self._start_next(reply.slot)
            self._start_idle()
            # What counts may be the time of a query by itself, not that of a batch.
            apart = self._plan.timing.alone
            for asked in [[reply] for reply in waiting] if apart else filter(None, [waiting]):
                yield from self._query(asked)

    def _start_idle(self) -> None:
        """Start an episode in each slot that has none, as long as there are any."""
        slots = self._pool.slots
        if len(self._running) < len(slots) and len(self._queue):
            for slot in slots:
                if slot not in self._running:
                    self._start_next(slot)

    def _start_next(self, slot: int) -> None:
        episode = self._queue.take(slot)
        if episode is None:
            return
        self._running[slot] = _Attempt(
            episode,
            self._failures.get(episode, 0),
            QueryLog(self._plan.flops),
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
        status: Status = "success" if reply.terminated else "failure"
        return _outcome(attempt, status, reply.info)

    def _fail(self, slot: int, reason: str) -> Outcome | None:
        """Put an episode back whose worker or policy server failed, or give it up."""
        attempt = self._running.pop(slot)
        episode = attempt.episode
        self._failures[episode] = attempt.retries + 1
        if self._failures[episode] < MAX_ATTEMPTS:
            self._queue.put_back(episode)
            return None
        return _outcome(attempt, "error", {}, one_line(reason))

    def _query(self, replies: Sequence[Reply]) -> Iterator[Outcome]:
        """Ask the policy about these slots in one batch and send them its actions.

        Yields the outcomes of episodes that it gave up, because it has failed them too often.
        """
        attempts = [self._running[reply.slot] for reply in replies]
        for reply, attempt in zip(replies, attempts, strict=True):
            if "state" in reply.observation:
                attempt.seen.see(reply.observation["state"])
        memory = PeakMemory()
        began = time.perf_counter()
        chunk = self._ask(replies, attempts)
        elapsed = time.perf_counter() - began
        call = Call(elapsed, len(replies), memory.peak_mb())
        for index, (reply, attempt) in enumerate(zip(replies, attempts, strict=True)):
            if index not in chunk.failures:
                self._execute(reply.slot, attempt, chunk, index, call)
        # After all are sent: environments step while listeners work.
        for index, attempt in enumerate(attempts):
            if index not in chunk.failures:
                for listener in self._listeners:
                    listener.on_query(attempt.episode, attempt.steps, chunk.traces[index])
        for index, reason in chunk.failures.items():
            outcome = self._fail(replies[index].slot, reason)
            if outcome is not None:
                yield outcome
            self._start_next(replies[index].slot)

    def _execute(
        self, slot: int, attempt: _Attempt, chunk: CheckedChunk, index: int, call: Call
    ) -> None:
        """Send a slot its actions, and note what they cost."""
        delays = self._plan.timing.delays
        delay = None
        if delays is not None:
            delay = delays.of(attempt.episode, attempt.queries, call.elapsed_s)
        executed = attempt.schedule.until_next(chunk.actions[index], delay or 0)
        attempt.queries += 1
        attempt.policy_s += call.elapsed_s / call.slots
        attempt.actions.append(executed)
        skipped = chunk.skipped[index] if chunk.skipped else None
        attempt.log.note(call, chunk.traces[index], skipped, delay)
        if chunk.remarks and chunk.remarks[index] is not None:
            attempt.remark = chunk.remarks[index]
        self._pool.send(slot, Step(executed))

    def _ask(self, replies: Sequence[Reply], attempts: Sequence[_Attempt]) -> CheckedChunk:
        """Return the policy's actions, float32 (B, H, 7), and traces."""
        fresh = [
            (reply.slot, attempt.episode)
            for reply, attempt in zip(replies, attempts, strict=True)
            if attempt.queries == 0
        ]
        limit = self._plan.limit
        try:
            with contextlib.nullcontext() if limit is None else limit.watching():
                if fresh:
                    slots, episodes = zip(*fresh, strict=True)
                    self._policy.reset(list(slots), list(episodes))
                chunk = self._policy.act(_batch(replies, attempts))
        except GridsevalError:
            raise
        except OverdueError as error:
            assert limit is not None
            raise overdue(self._policy, limit.seconds, _where(attempts)) from error
        except (Exception, SystemExit) as error:
            name = type(self._policy).__name__
            raise PolicyError(
                f"the policy {name} failed at {_where(attempts)}: {type(error).__name__}: {error}",
                "--debug shows the traceback",
            ) from error
        try:
            return check_chunk(chunk, len(replies))
        except PolicyError as error:
            raise PolicyError(f"{error.message}, at {_where(attempts)}", error.hint) from error


def overdue(policy: Policy, seconds: float, where: str) -> PolicyError:
    """Return what to say of a policy that has not answered in time."""
    return PolicyError(
        f"the policy {type(policy).__name__} did not answer within {seconds:g} s at {where}",
        "finished episodes are kept; a longer --timeout gives it more time, inf any",
    )


def _where(attempts: Sequence[_Attempt]) -> str:
    """Return the episodes of a batch, in its order."""
    return ", ".join(f"task {a.episode.task} trial {a.episode.trial}" for a in attempts)


def _batch(replies: Sequence[Reply], attempts: Sequence[_Attempt]) -> dict[str, Any]:
    """Return observations as policies get them; see :class:`gridseval.policies.Policy`."""
    batch: dict[str, Any] = {
        "slots": np.array([reply.slot for reply in replies]),
        "steps": np.array([attempt.steps for attempt in attempts]),
        **stacked([reply.observation for reply in replies]),
    }
    if "privileged" in replies[0].info:
        batch["privileged"] = tuple(reply.info["privileged"] for reply in replies)
    return batch


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
