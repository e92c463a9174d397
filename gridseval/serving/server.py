"""The websocket server: openpi's protocol and vla-eval's, health checks, a log line per client.

On one port, the side that speaks first decides the protocol: vla-eval's client says HELLO at once,
openpi's waits for the server's metadata. A client on the path ``/vla-eval`` is vla-eval's, however
long it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from gridseval.errors import MachineError, PolicyError, UsageError
from gridseval.foreign_text import one_line
from gridseval.policies import LoadedPolicy
from gridseval.serving.batching import Batcher
from gridseval.serving.connection import connection_class, why_given_up
from gridseval.serving.session import Session
from gridseval.serving.vla_eval import PATH, VlaEvalSession, unfollowed
from gridseval.wire import openpi, vla_eval
from gridseval.wire.arrays import WireError
from gridseval.wire.own import CLIENT, SKIPPED, ServedPolicy
from gridseval.wire.traces import trace_to_wire

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

HEALTH, VLA_EVAL_HEALTH = "/healthz", "/health"
FIRST_WORD_S = 0.5
"""How long a client that may be vla-eval's gets for its HELLO."""

_MOST_BYTES = 128 * 2**20
"""Largest request: two images of 4096 px take 100 MB."""

_MOST_ERRORS = 3
"""Lines about a client's errors; the rest are counted."""

_INTERNAL_ERROR = 1011


@dataclass(frozen=True)
class ServeSettings:
    """How to serve.

    Args:
        host: Address to listen on; other machines reach only what is not loopback.
        port: Port, 0 for a free one.
        max_batch: Most requests that are answered at once, at least 1.
        max_wait_ms: How long the first request of a batch waits for others, at least 0.
        frame_s: How long a client may take to send one frame, above 0.
        api_key: What clients must send as ``Authorization: Api-Key …``, or ``None``.

    Raises:
        UsageError: A number is out of its range.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    max_batch: int = 16
    max_wait_ms: float = 5.0
    frame_s: float = 60.0
    api_key: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port must be within 0 and 65535, not {self.port}")
        if self.max_batch < 1:
            raise UsageError(f"--max-batch must be at least 1, not {self.max_batch}")
        if not 0 <= self.max_wait_ms <= 60_000:
            raise UsageError(f"--max-wait-ms must be within 0 and 60000, not {self.max_wait_ms:g}")
        if not 0 < self.frame_s <= 86_400:
            raise UsageError(f"frame_s must be above 0, at most 86400, not {self.frame_s:g}")


class PolicyServer:
    """Serves one policy to many clients.

    Args:
        loaded: The policy.
        settings: How.
        log: Takes a line about every client that comes, leaves or fails.
    """

    def __init__(
        self, loaded: LoadedPolicy, settings: ServeSettings, log: Callable[[str], None]
    ) -> None:
        self._loaded, self._settings, self._log = loaded, settings, log
        self._slots: set[int] = set()
        wait_s = settings.max_wait_ms / 1e3
        self._batcher = Batcher(loaded.policy, settings.max_batch, wait_s, lambda: len(self._slots))
        served = ServedPolicy(
            loaded.name,
            loaded.observation_keys,
            loaded.replan,
            loaded.mapping,
            flops=loaded.flops is not None,
            needs=loaded.needs.told(),
            description=loaded.description,
        )
        self._metadata = openpi.pack(served.to_metadata())

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until cancelled.

        Args:
            ready: Called with the address, ``ws://host:port``, once clients can connect.

        Raises:
            MachineError: The address cannot be listened on.
        """
        from websockets.asyncio.server import serve

        settings = self._settings
        try:
            server = await serve(
                self._handle,
                settings.host,
                settings.port,
                compression=None,
                max_size=_MOST_BYTES,
                max_queue=2,
                logger=_silent(),
                create_connection=connection_class(settings.frame_s),
                ping_interval=None,  # an inference may hold the interpreter for longer
                process_request=self._before_the_handshake,
            )
        except OSError as error:
            raise MachineError(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}",
                "choose another --port (0 for a free one) or --host",
            ) from error
        batching = asyncio.ensure_future(self._batcher.run())
        try:
            port = server.sockets[0].getsockname()[1]
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            ready(f"ws://{host}:{port}")
            await batching
        finally:
            batching.cancel()
            server.close()
            with contextlib.suppress(asyncio.CancelledError):
                await server.wait_closed()

    def _before_the_handshake(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        if request.path == HEALTH:
            return connection.respond(HTTPStatus.OK, "OK\n")
        if request.path == VLA_EVAL_HEALTH:
            return connection.respond(HTTPStatus.OK, '{"status": "ok"}\n')
        expected = self._settings.api_key
        given = request.headers.get("Authorization", "")
        if expected is None or hmac.compare_digest(given.encode(), f"Api-Key {expected}".encode()):
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "this server asks for an API key\n")

    async def _handle(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        slot = next(free for free in range(len(self._slots) + 1) if free not in self._slots)
        self._slots.add(slot)
        peer = ":".join(str(part) for part in (connection.remote_address or ("?",))[:2])
        talk = _Talk()
        began, reason = time.monotonic(), ""
        self._log(f"client {slot} connected from {peer}")
        try:
            await self._talk(connection, slot, talk)
        except ConnectionClosed:
            reason = why_given_up(connection)
        except Exception as error:
            # A request may be anything; what it makes Python raise is that client's alone.
            known = isinstance(error, (WireError, PolicyError))
            said = one_line(str(error) if known else f"{type(error).__name__}: {error}")
            reason = f", refused: {said}"
            with contextlib.suppress(ConnectionClosed):
                await connection.send(said)
                await connection.close(_INTERNAL_ERROR, "see the last message")
        finally:
            self._slots.discard(slot)
            spent = time.monotonic() - began
            self._log(
                f"client {slot} left after {spent:.0f} s: {talk.requests} requests, "
                f"{talk.episodes} episodes{talk.told_errors()}{reason}"
            )

    async def _talk(self, connection: ServerConnection, slot: int, talk: _Talk) -> None:
        """Speak the protocol that the client speaks, until it leaves."""
        first = await _first_word(connection)
        if first is not None and _is_hello(first):
            await self._talk_vla_eval(connection, slot, first, talk)
            return
        await connection.send(self._metadata)
        session = Session(slot, self._loaded.observation_keys, self._loaded.replan)
        async for frame in _with_first(first, connection):
            if not talk.requests and _is_hello(frame):
                raise WireError(f"vla-eval's HELLO came too late: connect to the path {PATH}")
            await connection.send(await self._reply(session, frame))
            talk.requests, talk.episodes = talk.requests + 1, session.episodes
            if (remark := session.remark()) is not None:
                self._log(f"client {slot}: {remark}")

    async def _talk_vla_eval(
        self, connection: ServerConnection, slot: int, first: bytes | str, talk: _Talk
    ) -> None:
        session = VlaEvalSession(slot, self._loaded, self._batcher.ask)
        async for frame in _with_first(first, connection):
            answer = await session.reply(vla_eval.unpack(frame))
            talk.requests, talk.episodes = session.requests, session.episodes
            if answer is None:
                continue
            if answer.type == vla_eval.ERROR:
                talk.errors += 1
                if talk.errors <= _MOST_ERRORS:
                    self._log(f"client {slot} got an error: {answer.payload['error']}")
            elif answer.type == vla_eval.HELLO and not talk.greeted:
                talk.greeted = True
                if told := unfollowed(self._loaded.needs):
                    self._log(f"client {slot}: {told}")
            await connection.send(vla_eval.pack(answer))

    async def _reply(self, session: Session, frame: bytes | str) -> bytes:
        began = time.perf_counter()
        answered = await self._batcher.ask(session.ask(openpi.unpack(frame)))
        reply: dict[str, Any] = {
            "actions": answered.actions,
            "server_timing": {
                "infer_ms": answered.infer_ms,
                "total_ms": (time.perf_counter() - began) * 1e3,
                "batch": answered.batch,
            },
        }
        if answered.skipped is not None:
            reply[SKIPPED] = answered.skipped
        if answered.trace is not None:
            reply["traces"] = trace_to_wire(answered.trace)
            if self._loaded.flops is not None:
                reply["flops"] = float(self._loaded.flops(answered.trace))
        return openpi.pack(reply)


@dataclass
class _Talk:
    """What a client has asked so far."""

    requests: int = 0
    episodes: int = 0
    errors: int = 0
    greeted: bool = False

    def told_errors(self) -> str:
        """Return how many errors it got, if any."""
        return f", {self.errors} errors" if self.errors else ""


def _silent() -> logging.Logger:
    """Return a logger for websockets that says nothing: the server has a line for each client."""
    logger = logging.Logger("gridseval.serving")  # of its parent's handlers it has none
    logger.disabled = True
    return logger


async def _first_word(connection: ServerConnection) -> bytes | str | None:
    """Return what a client sends unasked, or ``None`` if it waits for the server."""
    request = connection.request
    if request is None or CLIENT in request.headers:
        return None
    limit_s = None if request.path == PATH else FIRST_WORD_S
    try:
        return await asyncio.wait_for(connection.recv(), limit_s)
    except asyncio.TimeoutError:
        return None


def _is_hello(frame: bytes | str) -> bool:
    try:
        return vla_eval.unpack(frame).type == vla_eval.HELLO
    except WireError:
        return False


async def _with_first(
    first: bytes | str | None, connection: ServerConnection
) -> AsyncIterator[bytes | str]:
    if first is not None:
        yield first
    async for frame in connection:
        yield frame
