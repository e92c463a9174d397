"""Requests of many clients, answered in batches by one policy on one thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.observations import stacked
from gridseval.policies.chunk_check import check_chunk
from gridseval.policies.protocol import Policy
from gridseval.serving.session import Asked
from gridseval.tokens import TokenTrace


class Answered(NamedTuple):
    """The policy's answer to one request.

    Attributes:
        actions: float32 (H, 7).
        trace: What it looked at.
        infer_ms: How long the batch took.
        batch: How many requests it held.
        skipped: Whether it came without the model; ``None`` of a policy that always asks it.
    """

    actions: NDArray[np.float32]
    trace: TokenTrace | None
    infer_ms: float
    batch: int
    skipped: bool | None = None


class Batcher:
    """Collects requests for a moment, then asks the policy once.

    Args:
        policy: Who answers; it is called from one thread only.
        max_batch: Most requests at once, at least 1.
        max_wait_s: How long the first one of a batch waits for others, in seconds.
        clients: Returns how many clients are connected; a batch never waits for more.
    """

    def __init__(
        self, policy: Policy, max_batch: int, max_wait_s: float, clients: Callable[[], int]
    ) -> None:
        self._policy, self._max_batch, self._max_wait_s = policy, max_batch, max_wait_s
        self._clients = clients
        self._queue: asyncio.Queue[tuple[Asked, asyncio.Future[Answered]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="policy")

    async def ask(self, asked: Asked) -> Answered:
        """Return the policy's answer to one request.

        Raises:
            PolicyError: The policy failed.
        """
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        await self._queue.put((asked, future))
        return await future

    async def run(self) -> None:
        """Answer requests until cancelled."""
        try:
            while True:
                for part in _alike(await self._collect()):
                    await self._answer(part)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, part: Sequence[tuple[Asked, asyncio.Future[Answered]]]) -> None:
        """Ask the policy about requests that can be stacked; its failure is theirs, not ours."""
        requests = [asked for asked, _ in part]
        answers: Sequence[Answered | PolicyError]
        try:
            loop = asyncio.get_running_loop()
            answers = await loop.run_in_executor(self._thread, self._act, requests)
        except PolicyError as error:
            answers = [error] * len(part)
        except Exception as error:
            answers = [PolicyError(f"{type(error).__name__}: {error}")] * len(part)
        for (_, future), answer in zip(part, answers, strict=True):
            _settle(future, answer)

    async def _collect(self) -> list[tuple[Asked, asyncio.Future[Answered]]]:
        batch = [await self._queue.get()]
        until = time.monotonic() + self._max_wait_s
        with contextlib.suppress(asyncio.TimeoutError):
            while len(batch) < min(self._max_batch, self._clients()):
                if not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                    continue
                left_s = max(until - time.monotonic(), 0)
                batch.append(await asyncio.wait_for(self._queue.get(), left_s))
        return batch

    def _act(self, requests: Sequence[Asked]) -> list[Answered | PolicyError]:
        """Return an answer to each request; a request that cannot begin costs no other episode."""
        began = time.perf_counter()
        refused = {
            index: error
            for index, asked in enumerate(requests)
            if (error := self._begin(asked)) is not None
        }
        rest = [asked for index, asked in enumerate(requests) if index not in refused]
        answers = iter(self._answers(rest, began) if rest else ())
        return [refused.get(index) or next(answers) for index in range(len(requests))]

    def _begin(self, asked: Asked) -> PolicyError | None:
        """Begin a request's episode, if it is the first one's; return why that cannot be."""
        if asked.begins is None:
            return None
        try:
            self._policy.reset([asked.slot], [asked.begins])
        except PolicyError as error:
            return error
        except Exception as error:
            return PolicyError(f"{type(error).__name__}: {error}")
        return None

    def _answers(self, requests: Sequence[Asked], began: float) -> list[Answered | PolicyError]:
        checked = check_chunk(self._policy.act(_batched(requests)), len(requests))
        infer_ms, count = (time.perf_counter() - began) * 1e3, len(requests)
        skipped = checked.skipped or (None,) * count
        return [
            PolicyError(checked.failures[index])
            if index in checked.failures
            else Answered(
                checked.actions[index], checked.traces[index], infer_ms, count, skipped[index]
            )
            for index in range(count)
        ]


def _alike(
    batch: Sequence[tuple[Asked, asyncio.Future[Answered]]],
) -> list[list[tuple[Asked, asyncio.Future[Answered]]]]:
    """Return a batch in parts whose images have one size each, for they are stacked."""
    parts: dict[tuple[Any, ...], list[tuple[Asked, asyncio.Future[Answered]]]] = {}
    for asked, future in batch:
        sizes = tuple(getattr(value, "shape", None) for value in asked.observation.values())
        parts.setdefault(sizes, []).append((asked, future))
    return list(parts.values())


def _batched(requests: Sequence[Asked]) -> dict[str, Any]:
    """Return observations as policies get them; see :class:`gridseval.policies.Policy`."""
    slots = np.array([asked.slot for asked in requests])
    return {"slots": slots, **stacked([asked.observation for asked in requests])}


def _settle(future: asyncio.Future[Answered], answer: Answered | PolicyError) -> None:
    """Give an answer to a client that still waits for it."""
    if future.done():
        return  # the client has left
    if isinstance(answer, PolicyError):
        future.set_exception(answer)
    else:
        future.set_result(answer)
