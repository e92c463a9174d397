"""One websocket to a policy server, where every wait has an end."""

from __future__ import annotations

import contextlib
import inspect
import ipaddress
import re
import socket
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gridseval.errors import PolicyError

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

SCHEMES = ("ws", "wss")
PAUSE_S = 0.25
"""Between two attempts to connect."""

MOST_BYTES = 32 * 2**20
"""Largest reply: actions, and traces of two cameras of 1024 x 1024 tokens, take 12 MB."""

_TOO_BIG = 1009  # RFC 6455's code of such a close


class UnreachableError(PolicyError):
    """No server answers at an address, or it answers nothing any more: it may be back later."""


class LineError(Exception):
    """A connection failed; its text says how. The next attempt may succeed."""


class Line:
    """A connection that is opened when it is needed, and never used again after a failure.

    A server answers in order, so an answer that comes after its time-out would be taken for the
    next one: code that gets a :class:`LineError` closes the line.

    Args:
        address: ``ws://host:port`` or ``wss://…``.
        headers: HTTP headers of the handshake.
        greet: Called with each fresh connection, before anything else is sent.
        connect_s: Seconds for which connecting is tried; a server that is starting refuses
            connections for a while.
        timeout_s: Seconds until an answer is given up.
    """

    def __init__(
        self,
        address: str,
        headers: dict[str, str],
        greet: Callable[[Line], None],
        connect_s: float,
        timeout_s: float,
    ) -> None:
        self._address, self._headers, self._greet = address, headers, greet
        self._connect_s, self._timeout_s = connect_s, timeout_s
        self._socket: ClientConnection | None = None
        self._opened = contextlib.ExitStack()

    def open(self, until: float | None = None) -> None:
        """Connect, unless that is done.

        Args:
            until: ``time.monotonic()`` at which no further attempt is made; default: after the time
                for connecting.

        Raises:
            LineError: The server does not answer, or not as expected.
        """
        if self._socket is not None:
            return
        until = time.monotonic() + self._connect_s if until is None else until
        while True:
            try:
                self._socket = self._connect(until - time.monotonic())
                break
            except (OSError, TimeoutError) as error:
                if time.monotonic() + PAUSE_S >= until:
                    reason = str(error) or type(error).__name__
                    raise LineError(f"no server answers at {self._address}: {reason}") from error
                time.sleep(PAUSE_S)
        try:
            self._greet(self)
        except LineError:
            self.close()
            raise

    def _connect(self, left_s: float) -> ClientConnection:
        from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
        from websockets.sync.client import connect

        opened = contextlib.ExitStack()
        options: dict[str, Any] = {"additional_headers": self._headers, **_options(self._address)}
        try:
            # Connecting outside a with statement is deprecated; the connection outlives this one.
            connecting: Any = connect(self._address, open_timeout=max(left_s, PAUSE_S), **options)
            connection: ClientConnection = opened.enter_context(connecting)
        except (InvalidHandshake, InvalidURI) as error:
            raise LineError(f"{self._address} is not a policy server: {error}") from error
        except WebSocketException as error:
            raise LineError(f"cannot connect to {self._address}: {error}") from error
        # A stopped server reads no more, and the socket itself would wait for it forever.
        limit = struct.pack("ll", *divmod(int(min(self._timeout_s, 1e6) * 1e6), 1_000_000))
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._opened = opened
        return connection

    def send(self, data: bytes) -> None:
        """Send a binary frame.

        Raises:
            LineError: The connection is lost.
        """
        from websockets.exceptions import ConnectionClosed

        assert self._socket is not None
        try:
            self._socket.send(data)
        except (ConnectionClosed, OSError) as error:
            raise self._lost(error) from error

    def receive(self, until: float | None = None) -> bytes | str:
        """Return the next frame: bytes of a binary one, the text of a text one.

        Args:
            until: ``time.monotonic()`` at which waiting ends; default: after the time-out.

        Raises:
            LineError: The connection is lost, or time is over.
        """
        from websockets.exceptions import ConnectionClosed

        assert self._socket is not None
        left_s = self._timeout_s if until is None else max(until - time.monotonic(), 0)
        try:
            frame = self._socket.recv(timeout=left_s)
        except TimeoutError as error:
            raise LineError(
                f"{self._address} did not answer within {self._timeout_s:g} s"
            ) from error
        except (ConnectionClosed, OSError) as error:
            raise self._lost(error) from error
        return frame if isinstance(frame, str) else bytes(frame)

    def close(self) -> None:
        """End the connection, if there is one; it can be opened again."""
        self._socket = None
        self._opened.close()

    def _lost(self, error: Exception) -> LineError:
        if getattr(getattr(error, "sent", None), "code", None) == _TOO_BIG:
            most = MOST_BYTES // 2**20
            return LineError(f"{self._address} sent a frame of more than {most} MB")
        return LineError(f"the connection to {self._address} was lost: {error}")


def _options(address: str) -> dict[str, Any]:
    """Return how to connect, as far as this version of websockets (13 or later) has words for it.

    No compression, as openpi's own client; keep-alive pings would cut off a server whose first
    inference compiles for a minute. Replies have a limit, and few of them wait to be read: a
    server may send without end.
    """
    from websockets.sync.client import connect

    newer: dict[str, Any] = {"ping_interval": None, "max_queue": 2}
    if is_loopback(address):
        newer["proxy"] = None
    known = inspect.signature(connect).parameters
    common: dict[str, Any] = {"compression": None, "max_size": MOST_BYTES, "close_timeout": 1}
    return common | {key: value for key, value in newer.items() if key in known}


def is_loopback(address: str) -> bool:
    """Return whether an address is this machine, which no proxy leads to."""
    host = urlsplit(address).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def checked_address(text: str, default_port: int = 8000) -> str:
    """Return an address with its port.

    Raises:
        PolicyError: It is not the address of a websocket.
    """
    try:
        parts = urlsplit(text if "://" in text else f"ws://{text}")
        port = parts.port or default_port
    except ValueError as error:
        raise PolicyError(f"{text!r} is not an address: {error}", _FORM) from error
    named = _HOST.fullmatch(parts.hostname or "") and _PATH.fullmatch(parts.path)
    if parts.scheme not in SCHEMES or not parts.hostname or not named:
        shown = text if len(text) <= 200 else f"{text[:199]}…"
        raise PolicyError(f"{shown!r} is not the address of a policy server", _FORM)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}{parts.path}"


# Names of other alphabets have a form in these characters (xn--…), which a resolver knows.
_HOST = re.compile(r"(?!.*\.\.)[\w:%-][\w.:%-]{0,252}", re.ASCII)
_PATH = re.compile(r"[!-~]{0,2000}")
_FORM = "write ws://host:port, or wss:// for an encrypted one"
