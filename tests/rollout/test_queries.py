"""What the loop tells of queries: traces to listeners, figures to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk
from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.rollout.queries import Call, QueryLog
from gridseval.suites import Episode
from gridseval.tokens import CameraTrace, TokenTrace

Make = Callable[[int, int], list[Episode]]


def trace_of(count: int, camera: str = "agentview") -> TokenTrace:
    """Return a trace that keeps the first so many of 16 tokens."""
    return TokenTrace((CameraTrace(camera, (4, 4), kept=np.arange(16) < count),))


class Diary:
    """Notes what a listener hears."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, Episode, Any]] = []

    def on_start(self, episode: Episode) -> None:
        self.pages.append(("start", episode, None))

    def on_frames(self, episode: Episode, frames: Sequence[Mapping[str, Any]]) -> None:
        self.pages += [("frame", episode, frame["step"]) for frame in frames]

    def on_query(self, episode: Episode, step: int, trace: TokenTrace | None) -> None:
        self.pages.append(("query", episode, (step, trace and trace.kept_count)))


@pytest.fixture
def tracing(noting_policy: Any) -> type[Any]:
    class Tracing(noting_policy):  # type: ignore[misc]
        """Keeps one token more in every query; says nothing of task 1."""

        traces: Any = None

        def act(self, observations: Any) -> ActionChunk:
            actions = super().act(observations)
            traces = self.traces or tuple(
                None if state[0] == 1 else trace_of(int(state[2]) + 1)
                for state in observations["state"]
            )
            return ActionChunk(actions, traces)

    return Tracing


@pytest.mark.parametrize("slots", [1, 3])
def test_listeners_hear_of_every_query_after_the_frame_that_it_was_about(
    episodes: Make, fake_pool: Any, tracing: Any, slots: int
) -> None:
    diary = Diary()
    plan = RolloutPlan(record_every=lambda _: 1)
    list(run_episodes(episodes(2, 2), fake_pool(slots=slots), tracing(), plan, [diary]))
    for episode in episodes(2, 2):
        heard = [(what, detail) for what, of, detail in diary.pages if of == episode]
        kept = (lambda count: None) if episode.task == 1 else (lambda count: count)
        assert heard == [
            ("start", None),
            ("frame", 0),
            ("query", (0, kept(1))),
            ("frame", 3),
            ("query", (3, kept(4))),
            ("frame", 5),
        ]


def test_a_retry_begins_anew(episodes: Make, fake_pool: Any, tracing: Any) -> None:
    pool = fake_pool(slots=1, failures={(0, 0): (1, 2)})
    diary = Diary()
    (outcome,) = run_episodes(episodes(1, 1), pool, tracing(), RolloutPlan(), [diary])
    assert [what for what, *_ in diary.pages] == ["start", "query", "query"] * 2
    assert outcome.figures["kept_tokens"] == [1, 4]


def test_figures_of_an_episode(episodes: Make, fake_pool: Any, tracing: Any) -> None:
    flops = {1: 2e12, 4: 5e12}
    plan = RolloutPlan(flops=lambda trace: flops[trace.kept_count])
    done = {o.episode: o for o in run_episodes(episodes(2, 1), fake_pool(), tracing(), plan)}
    figures = done[Episode("s", 0, 0)].figures
    assert figures["kept_tokens"] == [1, 4]
    assert (figures["dense_tokens"], figures["tflops"], figures["kept_sd"]) == (16, 3.5, 1.5)
    assert (figures["kept_border"], figures["kept_duplicates"]) == (1.0, 0.0)
    assert figures["kept_turnover"] == 0.75
    assert "kept_movement" not in figures  # tokens do not move
    assert "kept_agentview" not in figures  # of a single camera, kept_tokens says it
    silent = done[Episode("s", 1, 0)].figures
    assert {key for key in silent if not key.startswith(("latency", "peak"))} == {"completion_s"}


def test_latency_is_the_calls_own_and_says_its_batch() -> None:
    log = QueryLog()
    for elapsed, slots, peak in ((0.010, 1, 5.0), (0.020, 4, None), (0.090, 4, 7.0)):
        log.note(Call(elapsed, slots, peak), None)
    assert log.figures() == {
        "latency_ms": 20.0,
        "latency_p95_ms": 83.0,
        "latency_batch": 3.0,
        "peak_memory_mb": 7.0,
    }
    assert QueryLog().figures() == {}


def test_latency_and_memory_are_measured(
    episodes: Make, fake_pool: Any, noting_policy: Any
) -> None:
    (outcome,) = run_episodes(episodes(1, 1), fake_pool(slots=1), noting_policy(), RolloutPlan())
    figures = outcome.figures
    assert 0 < figures["latency_ms"] <= figures["latency_p95_ms"] < 1000 * outcome.wall_s
    assert figures["latency_batch"] == 1.0
    assert figures.get("peak_memory_mb", 10) > 1


def test_cameras_are_counted_apart_and_points_move() -> None:
    def query(x: float) -> TokenTrace:
        array = np.full((2, 2), x, np.float32)
        points = CameraTrace("agentview", (4, 4), points=array)
        return TokenTrace((points, *trace_of(3, "wrist").cameras))

    log = QueryLog()
    for x in (0.5, 0.5):
        log.note(Call(1, 1), query(x))
    figures = log.figures()
    assert (figures["kept_agentview"], figures["kept_wrist"]) == (2.0, 3.0)
    assert "kept_movement" not in figures  # one camera of two has no points

    log = QueryLog()
    for x in (0.5, 0.75):
        log.note(Call(1, 1), TokenTrace(query(x).cameras[:1]))
    assert log.figures()["kept_movement"] == pytest.approx(2**0.5, rel=1e-5)


def test_what_changed_across_a_silent_query_is_not_between_two() -> None:
    log = QueryLog()
    for kept in (1, None, 4):
        log.note(Call(1, 1), None if kept is None else trace_of(kept))
    assert log.figures()["kept_tokens"] == [1, 4]
    assert "kept_turnover" not in log.figures()
    log.note(Call(1, 1), trace_of(4))
    assert log.figures()["kept_turnover"] == 0.0


def test_skipped_queries_cost_nothing_and_look_at_nothing() -> None:
    log = QueryLog()
    for kept, skipped in ((2, False), (2, True), (6, False), (6, True), (6, True)):
        log.note(Call(0.001 if skipped else 0.1, 1), trace_of(kept), skipped, flops=kept * 1e12)
    found = log.figures()
    assert found["skipped"] == 0.6
    assert found["kept_tokens"] == [2, 6]
    assert found["tflops"] == pytest.approx(8 / 5)
    assert found["latency_ms"] == 1
    assert found["kept_turnover"] == pytest.approx(4 / 6)
    always = QueryLog()
    always.note(Call(1, 1), trace_of(1))
    assert "skipped" not in always.figures()


def test_what_a_policy_skips_is_in_the_outcome(
    episodes: Make, fake_pool: Any, tracing: Any
) -> None:
    class Skipping(tracing):  # type: ignore[misc]
        """Skips every query but an episode's first."""

        def act(self, observations: Any) -> ActionChunk:
            chunk = super().act(observations)
            later = tuple(bool(step) for step in observations["steps"])
            return ActionChunk(chunk.actions, chunk.traces, skipped=later)

    plan = RolloutPlan(flops=lambda _: 3e12)
    outcomes = list(run_episodes(episodes(1, 2), fake_pool(slots=2), Skipping(), plan, []))
    assert [outcome.queries for outcome in outcomes] == [2, 2]
    for outcome in outcomes:
        assert outcome.figures["skipped"] == 0.5
        assert outcome.figures["tflops"] == 1.5
        assert len(outcome.figures["kept_tokens"]) == 1


@pytest.mark.parametrize(
    ("traces", "said"),
    [
        ((), "0 traces for 1 slots"),
        ((None, None), "2 traces for 1 slots"),
        ("x", "traces of type str"),
        (({"kept": 1},), "a dict as trace at batch position 0"),
        ((TokenTrace(()),), "the trace at batch position 0 has no camera"),
        ((TokenTrace(trace_of(1).cameras * 2),), "names a camera twice: agentview, agentview"),
    ],
)
def test_traces_that_fit_no_slots_are_refused(
    episodes: Make, fake_pool: Any, tracing: Any, traces: Any, said: str
) -> None:
    policy = tracing()
    policy.act = lambda observations: ActionChunk(np.zeros((1, 3, 7), np.float32), traces)
    with pytest.raises(PolicyError, match=said) as caught:
        list(run_episodes(episodes(1, 1), fake_pool(slots=1), policy, RolloutPlan()))
    assert "at task 0 trial 0" in caught.value.message
