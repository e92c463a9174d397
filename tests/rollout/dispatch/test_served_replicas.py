"""Several servers: one that is gone is left out, and asked again when it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from served import scripted_server
from websockets.sync.server import ServerConnection

from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.rollout.dispatch import ReplicaDispatcher
from gridseval.rollout.dispatch.request import PolicyRequest
from gridseval.rollout.dispatch.served import ServedReplica
from gridseval.suites import Episode
from gridseval.tokens import ImageMapping
from gridseval.wire import openpi
from gridseval.wire.own import ServedPolicy

Make = Callable[[int, int], list[Episode]]
HELLO = openpi.pack(ServedPolicy("still", ("state",), 3, ImageMapping()).to_metadata())


class Server:
    """A server that can be told to hang up, and counts what it is asked."""

    def __init__(self) -> None:
        self.down, self.asked = threading.Event(), 0
        self.wrong: Callable[[Mapping[str, Any]], bool] = lambda request: False
        self.after: Callable[[int], None] = lambda asked: None

    def __call__(self, connection: ServerConnection) -> None:
        if self.down.is_set():
            return
        connection.send(HELLO)
        for frame in connection:
            self.asked += 1
            self.after(self.asked)
            if self.down.is_set():
                return
            if self.wrong(openpi.unpack(frame)):
                connection.send("KeyError: 'image'")
            else:
                connection.send(openpi.pack({"actions": np.zeros((3, 7), np.float32)}))


def same(*_: Any) -> None:
    """Compare nothing: runs do."""


def replica(address: str) -> ServedReplica:
    return ServedReplica(PolicyRequest("openpi", address, {"connect_s": "0.5"}, 7))


def test_a_server_that_goes_down_is_left_out_until_it_is_back(
    episodes: Make, fake_pool: Any
) -> None:
    first, second = Server(), Server()

    def switch(asked: int) -> None:
        if asked == 4:
            first.down.set()
        if asked >= 30 and dispatcher.notes:  # it has been missed
            first.down.clear()

    second.after = switch
    with scripted_server(first) as one, scripted_server(second) as two:
        dispatcher = ReplicaDispatcher([replica(one), replica(two)], same, first_pause_s=0.01)
        try:
            dispatcher.start()
            running = run_episodes(episodes(1, 400), fake_pool(4), dispatcher, RolloutPlan())
            found = [next(running)]
            while not dispatcher.notes:
                found.append(next(running))
            at_return = first.asked
            while first.asked == at_return:
                found.append(next(running))
            (note,) = dispatcher.notes
            running.close()  # type: ignore[attr-defined]
        finally:
            dispatcher.close()
    assert {outcome.status for outcome in found} == {"success"}
    assert 1 <= sum(outcome.retries for outcome in found) <= 4
    assert note.startswith(f"{one} was lost")


def test_one_bad_answer_costs_its_episode_alone(episodes: Make, fake_pool: Any) -> None:
    server = Server()
    bad: list[int] = []

    def once(request: Mapping[str, Any]) -> bool:
        if request["gridseval"]["trial"] == 2 and not bad:
            bad.append(1)
            return True
        return False

    server.wrong = once
    with scripted_server(server) as address:
        dispatcher = ReplicaDispatcher([replica(address)], same, first_pause_s=0.01)
        try:
            dispatcher.start()
            found = list(run_episodes(episodes(1, 5), fake_pool(2), dispatcher, RolloutPlan()))
            assert dispatcher.notes == ()
        finally:
            dispatcher.close()
    assert {o.episode.trial: o.retries for o in found if o.retries} == {2: 1}
