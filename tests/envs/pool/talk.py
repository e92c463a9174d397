"""Short ways to tell workers something and to wait for their replies."""

from __future__ import annotations

from typing import Any

import numpy as np
from pool_doubles import TRIALS

from gridseval.envs.pool.messages import Reply, Step
from gridseval.envs.pool.pool import WorkerPool


def both(pool: WorkerPool, first: Any, second: Any) -> dict[int, Reply]:
    pool.send(0, first)
    pool.send(1, second)
    replies: dict[int, Reply] = {}
    while len(replies) < 2:
        replies |= {reply.slot: reply for reply in pool.wait()}
    return replies


def one(pool: WorkerPool, message: Any, slot: int = 0) -> Reply:
    pool.send(slot, message)
    (reply,) = pool.wait()
    return reply


def do(what: str) -> Step:
    actions = np.zeros((2, 7), np.float32)
    actions[0, 0] = TRIALS.index(what)
    return Step(actions)
