"""A client's connection on which every frame must end in time, and floods cost little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection


class FrameClock:
    """The time of a frame that has begun and is not whole.

    Args:
        frame_s: Seconds that it may take.
        overdue: Called when they are over.
    """

    def __init__(self, frame_s: float, overdue: Callable[[], None]) -> None:
        self._frame_s, self._overdue = frame_s, overdue
        self._timer: asyncio.TimerHandle | None = None

    def set(self, begun: bool) -> None:
        """Start it, unless it runs, or end it."""
        if not begun and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif begun and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._frame_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._overdue()


def connection_class(frame_s: float) -> type[ServerConnection]:
    """Return the class of connections whose clients must send each frame within a time.

    A client may be silent between its requests as long as it likes. But one that begins a frame
    makes the server keep what has come of it, so it must end it.

    Args:
        frame_s: Seconds from a frame's first bytes to its last, and from a message's first
            fragment to its last.
    """
    from websockets.asyncio.server import ServerConnection
    from websockets.frames import DATA_OPCODES, Frame

    class WatchedConnection(ServerConnection):
        given_up: str = ""
        """Why the connection was cut, for the log; empty if it was not."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._fragmented = self._whole = False
            self._clock = FrameClock(frame_s, self._give_up)

        def process_event(self, event: Any) -> None:
            self._whole = True
            if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
                self._fragmented = not event.fin
                if event.fin:
                    self._clock.set(False)  # the next message has its own time
            super().process_event(event)

        def data_received(self, data: bytes) -> None:
            self._whole = False
            super().data_received(data)
            begun = bool(self.protocol.reader.buffer) or not self._whole
            self._clock.set(self._fragmented or begun)

        def send_data(self) -> None:
            _send(self.protocol.data_to_send(), self.transport)

        def connection_lost(self, exc: Exception | None) -> None:
            self._clock.set(False)
            super().connection_lost(exc)

        def _give_up(self) -> None:
            if not self.transport.is_reading():  # the server itself has more than it can answer
                self._clock.set(True)
                return
            self.given_up = f"a frame was not whole within {frame_s:g} s"
            self.transport.abort()

    return WatchedConnection


def _send(parts: Sequence[bytes], transport: asyncio.Transport) -> None:
    """Write what a connection has to send; an empty part ends it.

    asyncio warns in the log of every write after a connection is lost, and a flood of pings may
    have come before: so all of their answers are one write.
    """
    if transport.is_closing():
        return
    if data := b"".join(parts):
        transport.write(data)
    if b"" in parts and not transport.is_closing():
        transport.write_eof()


def why_given_up(connection: ServerConnection) -> str:
    """Return why the server cut a connection, for the end of a line; empty if it did not."""
    given_up = getattr(connection, "given_up", "")
    return f", refused: {given_up}" if given_up else ""
