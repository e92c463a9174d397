"""vla-eval's own LIBERO benchmark, driven as its runner does: a reference in another process.

Run as ``vla_eval_loop.py JOBS.json OUT CONFIG ASSETS``: one .npz per job is written to the folder
OUT. ``LIBEROBenchmark`` replaces ``torch.load`` for its whole process.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from plain_loop import Drawing, import_libero


async def run_job(job: dict[str, Any], drawing: Drawing) -> dict[str, np.ndarray]:
    """Run the trials of a job from 0 on, and return what is compared of those that it names."""
    from vla_eval.benchmarks.libero.benchmark import LIBEROBenchmark

    benchmark = LIBEROBenchmark(suite=job["suite"], **job["params"])
    task = benchmark.get_tasks()[job["task"]]
    arrays: dict[str, np.ndarray] = {"name": np.array(task["name"])}
    for trial in range(max(job["trials"]) + 1):
        kept = trial in job["trials"]
        drawing.now = kept
        await benchmark.start_episode({**task, "episode_idx": trial})
        if not kept:
            continue
        executed: list[Any] = []
        environment: Any = benchmark._env
        step = environment.step

        def noted(action: Any, step: Any = step, executed: list[Any] = executed) -> Any:
            executed.append(list(action))
            return step(action)

        environment.step = noted
        states = [environment.get_sim_state()]
        _keep(arrays, f"{trial}/0", await benchmark.get_observation())
        for number, action in enumerate(job["actions"], 1):
            drawing.now = number in job["image_steps"]
            await benchmark.apply_action({"actions": np.array(action, np.float32)})
            states.append(environment.get_sim_state())
            _keep(arrays, f"{trial}/{number}", await benchmark.get_observation())
        environment.step = step
        arrays[f"{trial}/executed"] = np.array(executed)
        arrays[f"{trial}/states"] = np.array(states)
    benchmark.cleanup()
    return arrays


async def run_served(job: dict[str, Any], drawing: Drawing) -> dict[str, np.ndarray]:
    """Run one episode of a policy behind an address, on vla-eval's connection and runner."""
    from vla_eval.benchmarks.libero.benchmark import LIBEROBenchmark
    from vla_eval.connection import Connection
    from vla_eval.runners.sync_runner import SyncEpisodeRunner

    drawing.always = True
    states: list[Any] = []
    executed: list[Any] = []

    class Noting(LIBEROBenchmark):
        def reset(self, task: Any) -> Any:
            observation = super().reset(task)
            states.append(self._env.get_sim_state())
            return observation

        def step(self, action: Any) -> Any:
            executed.append(action["actions"])
            result = super().step(action)
            states.append(self._env.get_sim_state())
            return result

    async with Connection(job["address"], max_retries=1) as connection:
        params = connection.server_info["observation_params"]
        benchmark = Noting(suite=job["suite"], **params)
        task = {**benchmark.get_tasks()[job["task"]], "episode_idx": 0}
        await SyncEpisodeRunner().run_episode(benchmark, task, connection, max_steps=job["steps"])
    benchmark.cleanup()
    drawing.always = False
    return {"states": np.array(states), "executed": np.array(executed)}


def _keep(arrays: dict[str, np.ndarray], where: str, observation: dict[str, Any]) -> None:
    for key, image in observation["images"].items():
        arrays[f"{where}/images/{key}"] = image
    for key in ("states", "controller_states"):
        if key in observation:
            arrays[f"{where}/{key}"] = observation[key]
    assert observation["task_description"] == str(arrays["name"])


def main() -> None:
    jobs, out, config, assets = (Path(argument) for argument in sys.argv[1:5])
    import_libero(config, assets)
    drawing = Drawing()
    for label, job in json.loads(jobs.read_text(encoding="utf8")).items():
        run = run_served if "address" in job else run_job
        np.savez(out / f"{label}.npz", **asyncio.run(run(job, drawing)))
        sys.stdout.write(f"{label}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
