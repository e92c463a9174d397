"""A worker killed or stopped in mid-episode costs its episode a retry, and nobody else anything."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_doubles import Witness

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.pool import WorkerPool
from gridseval.envs.pool.settings import EnvSettings
from gridseval.results.run.jsonl import read_records
from gridseval.rollout import Outcome, RolloutPlan, run_episodes
from gridseval.suites import Episode

EPISODES = [Episode("libero_object", 0, trial) for trial in range(4)]
VICTIM = EPISODES[2]
STEPS = 12


@pytest.fixture(scope="module")
def pool(assets: Path) -> Iterator[WorkerPool]:
    settings = EnvSettings(
        "libero_object",
        assets=str(assets),
        observations=("state",),
        action_chunk=STEPS,
        max_steps=STEPS,
    )
    made = WorkerPool(settings, 2)
    yield made
    made.close()


def _run(pool: WorkerPool, policy: Any, listeners: Sequence[Any] = ()) -> dict[Episode, Outcome]:
    done = list(run_episodes(EPISODES, pool, policy, RolloutPlan(), listeners))
    assert sorted(outcome.episode for outcome in done) == EPISODES
    return {outcome.episode: outcome for outcome in done}


@pytest.fixture(scope="module")
def undisturbed(pool: WorkerPool) -> tuple[dict[Episode, Outcome], Witness]:
    policy = Witness()
    return _run(pool, policy), policy


def _assert_same(
    done: Mapping[Episode, Outcome],
    undisturbed: tuple[dict[Episode, Outcome], Witness],
    policy: Witness,
) -> None:
    expected, witness = undisturbed
    for episode, outcome in done.items():
        other = expected[episode]
        assert (outcome.status, outcome.steps) == (other.status, other.steps)
        assert np.array_equal(outcome.actions, other.actions)
        assert outcome.retries == int(episode == VICTIM)
    assert policy.seen.keys() == witness.seen.keys()
    for key, state in witness.seen.items():
        assert np.array_equal(policy.seen[key], state), key


class Saboteur(Witness):
    """Hits the victim's worker once, a moment after its second chunk was sent."""

    def __init__(self, pool: WorkerPool, hit: Callable[[int], None]) -> None:
        super().__init__()
        self._pool, self._hit, self._left = pool, hit, 1

    def act(self, observations: Any) -> Any:
        rows = zip(observations["slots"], observations["steps"], strict=True)
        for slot, step in rows:
            if self._now[int(slot)] == VICTIM and step == 4 and self._left:
                self._left -= 1
                threading.Timer(0.005, self._hit, [int(slot)]).start()
        return super().act(observations)


def test_a_worker_killed_in_mid_episode_costs_a_retry(pool: WorkerPool, undisturbed: Any) -> None:
    policy = Saboteur(pool, lambda slot: os.kill(pool.pids()[slot], signal.SIGKILL))
    _assert_same(_run(pool, policy), undisturbed, policy)


def test_a_stopped_worker_costs_a_retry(pool: WorkerPool, undisturbed: Any) -> None:
    def stop(slot: int) -> None:
        os.kill(pool.pids()[slot], signal.SIGSTOP)

    class Patience:
        """Waits 2 s for a worker that is up, and longer for one that has to start."""

        def on_start(self, episode: Episode) -> None:
            for worker in pool._workers:
                worker._timeout_s = 180

        def on_frames(self, *_: Any) -> None:
            """Nothing is recorded."""

        def on_query(self, *_: Any) -> None:
            """Nothing is recorded."""

    class Impatient(Saboteur):
        def act(self, observations: Any) -> Any:
            if VICTIM in self._now.values():
                for worker in pool._workers:
                    worker._timeout_s = 2
            return super().act(observations)

    policy = Impatient(pool, stop)
    _assert_same(_run(pool, policy, [Patience()]), undisturbed, policy)


def test_recorded_actions_lead_a_single_environment_the_same_way(
    undisturbed: tuple[dict[Episode, Outcome], Witness], assets: Path
) -> None:
    outcomes, witness = undisturbed
    settings = {"assets": assets, "observations": ("state",), "max_steps": STEPS}
    single = LiberoEnv("libero_object", **settings)  # type: ignore[arg-type]
    chunked = LiberoEnv("libero_object", action_chunk=STEPS, **settings)  # type: ignore[arg-type]
    for episode, outcome in list(outcomes.items())[:2]:
        options = {"task": episode.task, "trial": episode.trial}
        observation, _ = single.reset(options=options)
        for step, action in enumerate(outcome.actions):
            if (episode, step) in witness.seen:
                assert np.array_equal(observation["state"], witness.seen[episode, step])
            observation, _, _, ended, _ = single.step(action)
        assert ended
        chunked.reset(options=options)
        chunked.step(outcome.actions)
        assert np.array_equal(chunked.sim_state(), single.sim_state())
    single.close()
    chunked.close()


def test_a_worker_that_always_dies_is_an_error_and_the_others_are_undisturbed(
    tmp_path: Path, finish: Any, results: Any
) -> None:
    common = ("--tasks", "0", "--trials", "3", "--max-steps", "12", "--video", "none")
    common = (*common, "--workers", "1", "--record-actions")
    said = finish(tmp_path / "killed", "Assassin", *common, status=6)
    assert "Traceback" not in said
    killed = results(tmp_path / "killed")
    lost = killed.pop((0, 1))
    assert (lost["status"], lost["success"], lost["retries"]) == ("error", None, 2)
    assert lost["error"] == "worker process was ended by SIGKILL"
    finish(tmp_path / "spared", "random", *common)
    spared = results(tmp_path / "spared")
    spared.pop((0, 1))
    assert killed == spared
    # An error is a result: the same command does not try it again, and says the same.
    lines = (tmp_path / "killed" / "episodes.jsonl").read_bytes()
    finish(tmp_path / "killed", "Assassin", *common, status=6)
    assert (tmp_path / "killed" / "episodes.jsonl").read_bytes() == lines
    assert len(read_records(tmp_path / "killed" / "episodes.jsonl")) == 3


def test_a_chunk_longer_than_the_episode_is_cut(tmp_path: Path, finish: Any, results: Any) -> None:
    common = ("--tasks", "0", "--trials", "1", "--max-steps", "12", "--video", "none")
    finish(tmp_path, "LongChunk", *common, "--workers", "0")
    assert results(tmp_path)[0, 0]["steps"] == 12
