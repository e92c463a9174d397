"""A model for vla-eval's own server, and that server in a thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import numpy as np
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.model_servers.serve import serve_async
from vla_eval.specs import GRIPPER_CLOSE_POS, POSITION_DELTA, RAW, ROTATION_AA

from gridseval.policies import LoadedPolicy, load_policy

LIBERO_ACTIONS = {
    "position": POSITION_DELTA,
    "rotation": ROTATION_AA,
    "gripper": GRIPPER_CLOSE_POS,
}


class Model(PredictModelServer):
    """Notes what it sees; its chunk counts the observations of the episode.

    Args:
        params: What its HELLO declares; ``actions`` and ``observations`` likewise.
        sends: Actions to answer with, or ``None`` for four that differ.
    """

    def __init__(
        self,
        params: dict[str, Any] | None = None,
        actions: dict[str, Any] | None = None,
        observations: dict[str, Any] | None = None,
        sends: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.params = {} if params is None else params
        self.action_spec = LIBERO_ACTIONS if actions is None else actions
        self.observation_spec = {"raw": RAW} if observations is None else observations
        self.sends = sends
        self.seen: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.ended: list[int] = []

    def get_action_spec(self) -> Any:
        return self.action_spec

    def get_observation_params(self) -> dict[str, Any]:
        return self.params

    def get_observation_spec(self) -> Any:
        return self.observation_spec

    async def on_episode_start(self, config: dict[str, Any], ctx: Any) -> None:
        self.tasks.append(config["task"])
        await super().on_episode_start(config, ctx)

    async def on_episode_end(self, result: dict[str, Any], ctx: Any) -> None:
        self.ended.append(len(self.tasks))
        await super().on_episode_end(result, ctx)

    def predict(self, obs: Any, ctx: Any) -> Any:
        self.seen.append(obs)
        if obs["task_description"] == "do 1":
            raise RuntimeError("out of memory")
        if self.sends is not None:
            return {"actions": np.array(self.sends, np.float32)}
        actions = np.zeros((4, 7), np.float32)
        actions[:, 0] = np.arange(4) / 10
        actions[:, 1] = ctx.step
        actions[:, 6] = [-0.2, 0.2, 0.0, -1.0]
        return {"actions": actions}


@contextlib.contextmanager
def served(model: Any) -> Iterator[str]:
    """Run vla-eval's own server in a thread; yield its address."""
    port: list[int] = []
    ready, stop = threading.Event(), threading.Event()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            port.append(await group.start(serve_async, model, "127.0.0.1", 0))
            ready.set()
            while not stop.is_set():
                await anyio.sleep(0.02)
            group.cancel_scope.cancel()

    thread = threading.Thread(target=anyio.run, args=(main,))
    thread.start()
    assert ready.wait(30)
    try:
        yield f"ws://127.0.0.1:{port[0]}"
    finally:
        stop.set()
        thread.join(30)


def load(model: Model, **arguments: str) -> LoadedPolicy:
    """Return the policy that a server of this model is loaded as."""
    with served(model) as address:
        return load_policy("vla-eval", address, arguments, 7)
