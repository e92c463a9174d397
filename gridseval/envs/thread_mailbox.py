"""Messages of other threads to one that waits for sockets, too.

The one that reads waits with :func:`multiprocessing.connection.wait`, which knows no queues. So a
byte goes through a pair of sockets for each message.
"""

from __future__ import annotations

import contextlib
import queue
import socket
from collections.abc import Iterator
from typing import Generic, TypeVar

_Message = TypeVar("_Message")


class Mailbox(Generic[_Message]):
    """A queue that can be waited for together with sockets; to be closed.

    Attributes:
        wake: A socket that is ready to be read while a message may be there.

    >>> box = Mailbox[str]()
    >>> box.post("done")
    >>> list(box.drain()), list(box.drain())
    (['done'], [])
    >>> box.close()
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self.wake, self._other = socket.socketpair()
        self.wake.setblocking(False)
        self._other.setblocking(False)

    def post(self, message: _Message) -> None:
        """Leave a message; any thread may, also after :meth:`close`."""
        self._queue.put(message)
        with contextlib.suppress(OSError):  # it is closed, or full: then it is ready anyhow
            self._other.send(b"!")

    def get(self) -> _Message:
        """Wait for a message, and return it."""
        return self._queue.get()

    def drain(self) -> Iterator[_Message]:
        """Take the messages that are there, one after the other; never waits."""
        with contextlib.suppress(BlockingIOError):
            while self.wake.recv(4096):
                pass
        while True:
            try:
                message = self._queue.get_nowait()
            except queue.Empty:
                return
            yield message

    def close(self) -> None:
        """Close the sockets."""
        self.wake.close()
        self._other.close()
