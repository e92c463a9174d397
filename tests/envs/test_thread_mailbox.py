"""A queue that can be waited for together with sockets."""

from __future__ import annotations

import threading
from multiprocessing.connection import wait

from gridseval.envs.thread_mailbox import Mailbox


def test_a_message_of_another_thread_ends_a_wait_for_sockets() -> None:
    box: Mailbox[int] = Mailbox()
    assert wait([box.wake], 0) == []
    thread = threading.Timer(0.05, box.post, (7,))
    thread.start()
    assert wait([box.wake], 30) == [box.wake]
    assert list(box.drain()) == [7]
    assert wait([box.wake], 0) == []
    thread.join()
    box.close()


def test_no_message_is_lost_where_the_sockets_are_full_or_closed() -> None:
    box: Mailbox[int] = Mailbox()
    for number in range(2000):  # more than the sockets have room for
        box.post(number)
    assert box.get() == 0
    assert list(box.drain()) == list(range(1, 2000))
    box.close()
    box.post(2000)
    assert box.get() == 2000


def test_messages_are_taken_one_by_one() -> None:
    # The one that reads may raise at a message: those after it are there the next time.
    box: Mailbox[str] = Mailbox()
    box.post("bad")
    box.post("good")
    assert next(box.drain()) == "bad"
    assert list(box.drain()) == ["good"]
    box.close()
