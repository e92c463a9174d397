"""A policy and a benchmark for tests of vla-eval's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from served import observe
from vla_eval.benchmarks.base import StepBenchmark, StepResult
from vla_eval.connection import Connection
from vla_eval.runners.sync_runner import SyncEpisodeRunner

from gridseval.policies import ActionChunk, LoadedPolicy
from gridseval.suites import Episode
from gridseval.tokens import CameraTrace, TokenTrace

KEYS = ("agentview", "wrist", "state", "controller_state")


class Counting:
    """Chunks of 4 that tell what was seen: images, states, steps, and the place in the chunk."""

    def __init__(self, keys: tuple[str, ...] = KEYS) -> None:
        self.observation_keys = keys
        self.batches: list[int] = []
        self.begun: list[Episode] = []

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        self.begun += episodes

    def act(self, observations: Any) -> ActionChunk:
        count = len(observations["slots"])
        self.batches.append(count)
        if "fail" in observations["instruction"]:
            raise RuntimeError("out of memory")
        actions = np.zeros((count, 4, 7), np.float32)
        for place, key in enumerate(self.observation_keys):
            actions[:, :, place] = observations[key].reshape(count, -1).mean(1)[:, None]
        actions[:, :, 4] = observations["steps"][:, None]
        actions[:, :, 5] = np.arange(4)
        actions[:, :, 6] = -0.5
        trace = TokenTrace((CameraTrace("agentview", (2, 2), kept=np.ones(4, bool)),))
        return ActionChunk(actions, (trace,) * count)


def loaded(policy: Counting, **changes: Any) -> LoadedPolicy:
    made = LoadedPolicy(policy, "counting", policy.observation_keys, 3, {})
    return replace(made, **changes)


class Stub(StepBenchmark):
    """LIBERO's observations without LIBERO: it notes the actions that it is given."""

    def __init__(self, instruction: str = "open the drawer", steps: int = 7) -> None:
        super().__init__()
        self.instruction, self.steps = instruction, steps
        self.actions: list[np.ndarray] = []
        seen = observe([0])
        self.seen = {
            "images": {key: seen[key][0] for key in ("agentview", "wrist")},
            "states": seen["state"][0].astype(np.float64),
            "controller_states": seen["state"][0] / 2,
        }

    def get_tasks(self) -> Any:
        return [{"name": self.instruction, "suite": "libero_goal", "task_id": 3, "task_obj": self}]

    def reset(self, task: Any) -> Any:
        self.actions.clear()
        return self.seen

    def step(self, action: Any) -> StepResult:
        self.actions.append(np.array(action["actions"]))
        done = len(self.actions) == self.steps
        return StepResult(obs=self.seen, reward=float(done), done=done, info={})

    def make_obs(self, raw_obs: Any, task: Any) -> Any:
        return {**raw_obs, "task_description": task["name"]}

    def get_step_result(self, step_result: StepResult) -> Any:
        return {"success": step_result.done}

    def get_metadata(self) -> Any:
        return {"max_steps": 20}


def run(address: str, *benchmarks: Stub, trials: Sequence[int] = (0,)) -> list[Any]:
    """Run trials of several benchmarks at once, each on a connection as a shard has it."""

    async def shard(benchmark: Stub) -> list[Any]:
        results = []
        async with Connection(address, timeout=30, max_retries=1) as connection:
            for trial in trials:
                task = {**benchmark.get_tasks()[0], "episode_idx": trial}
                runner = SyncEpisodeRunner()
                results.append(await runner.run_episode(benchmark, task, connection, max_steps=20))
        return results

    async def main() -> list[Any]:
        return await asyncio.gather(*(shard(benchmark) for benchmark in benchmarks))

    return asyncio.run(main())
