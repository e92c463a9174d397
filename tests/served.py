"""Servers and observations for tests of what is behind a websocket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_sync

from gridseval.policies import LoadedPolicy
from gridseval.serving import PolicyServer, ServeSettings
from gridseval.suites import Episode

EPISODES = [Episode("libero_goal", task, trial) for task in range(2) for trial in range(2)]


def observe(slots: Sequence[int], steps: int = 0, seed: int = 0) -> dict[str, Any]:
    """Return a batch of observations, different for every slot."""
    batch: dict[str, Any] = {
        "slots": np.array(slots),
        "steps": np.full(len(slots), steps),
        "instruction": tuple(f"do {slot}" for slot in slots),
    }
    rows = [np.random.default_rng([seed, slot]) for slot in slots]
    for camera in ("agentview", "wrist"):
        batch[camera] = np.stack([rng.integers(0, 256, (256, 256, 3), np.uint8) for rng in rows])
    batch["state"] = np.stack([rng.random(8, np.float32) for rng in rows])
    return batch


def run_a_task(folder: Path, assets: Path, checkpoint: str, **arguments: str) -> None:
    """Run 12 steps of a real task into ``folder / "run"``; ``--ckpt`` alone tells the kind."""
    from gridseval.evaluation import RunConfig, evaluate

    config = RunConfig(
        *("libero_object", folder / "run"),
        tasks="0",
        trials=1,
        max_steps=12,
        workers=0,
        video="none",
        checkpoint=checkpoint,
        policy_arguments=arguments,
        assets=str(assets),
    )
    assert evaluate(config).tally.errors == 0


@contextlib.contextmanager
def scripted_server(handler: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Serve connections with a function; yield the address."""
    server = serve_sync(handler, "127.0.0.1", 0, compression=None, max_size=None)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def policy_server(
    loaded: LoadedPolicy, log: list[str] | None = None, **settings: Any
) -> Iterator[str]:
    """Serve a policy as ``gridseval serve`` does; yield the address."""
    lines = log if log is not None else []
    ready, address = threading.Event(), []
    loop = asyncio.new_event_loop()
    server = PolicyServer(loaded, ServeSettings(port=0, **settings), lines.append)

    def started(at: str) -> None:
        address.append(at)
        ready.set()

    async def main() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await server.run(started)

    def run() -> None:
        asyncio.set_event_loop(loop)
        task = loop.create_task(main(), name="main")
        loop.run_until_complete(task)

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(120)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(
            lambda: [t.cancel() for t in asyncio.all_tasks(loop) if t.get_name() == "main"]
        )
        thread.join(30)
        assert not thread.is_alive()
        loop.close()
