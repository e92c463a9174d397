"""Several replicas of one policy, each asked as soon as it is free.

An episode stays with the replica that it began with, which may remember what it saw; a new one goes
to the replica with the fewest. One that is lost costs its running episodes an attempt, and is left
out until it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gridseval.envs.thread_mailbox import Mailbox
from gridseval.errors import GridsevalError, PolicyError
from gridseval.foreign_text import one_line
from gridseval.policies import LoadedPolicy
from gridseval.rollout.dispatch.dispatcher import Batch, Dispatcher
from gridseval.rollout.dispatch.questions import Question, lost
from gridseval.rollout.dispatch.replica import (
    Answered,
    Event,
    Lost,
    Ready,
    Replica,
    Seat,
)

MOST_STARTS = 4
"""After as many attempts in a row to bring it back, a replica is not waited for any more."""

MOST_LOSSES = 5
"""A replica that is lost as often, and answers nothing in between, is given up."""

Check = Callable[[LoadedPolicy, LoadedPolicy, str, str], None]
"""Compares the policy of the first replica with that of another one, given both with their names;
raises :class:`~gridseval.errors.GridsevalError` where they are not the same."""

_END_S = 10.0
"""How long closing waits for a replica's thread."""


@dataclass(eq=False)
class _Place:
    """A replica as the dispatcher sees it.

    Attributes:
        seat: Its thread.
        ready: Whether it can be asked.
        slots: Whose episodes it has.
        waiting: Questions that wait for it.
        asked: The batch that it works on; ``None`` when it is free.
        stale: Whether the run that asked is over.
        starts: Attempts in a row to bring it back.
        losses: How often it was lost since its last answer.
        reason: Why it was lost last.
        error: Why it is given up, or ``None``.
        times_lost: How often it was lost in all.
    """

    seat: Seat
    ready: bool = False
    slots: set[int] = field(default_factory=set)
    waiting: list[Question] = field(default_factory=list)
    asked: tuple[Question, ...] | None = None
    stale: bool = False
    starts: int = 0
    losses: int = 0
    reason: str = ""
    error: BaseException | None = None
    times_lost: int = 0

    @property
    def name(self) -> str:
        """The replica's name."""
        return self.seat.replica.name


class ReplicaDispatcher(Dispatcher):
    """Spreads questions over replicas; to be closed.

    Args:
        replicas: At least one.
        check: Compares policies of replicas.
        first_pause_s: Before the first attempt to bring a replica back.
    """

    def __init__(
        self, replicas: Sequence[Replica], check: Check, first_pause_s: float = 1.0
    ) -> None:
        self._events: Mailbox[Event] = Mailbox()
        self.wakes = (self._events.wake,)
        self._places = [_Place(Seat(each, self._events.post, first_pause_s)) for each in replicas]
        self._check = check
        self._first: LoadedPolicy | None = None
        self._first_name = ""
        self._bound: dict[int, _Place] = {}
        self._unbound: list[Question] = []
        self._orphans: dict[int, str] = {}
        self._done: list[Batch] = []
        self._alone = False

    def start(self, one_first: bool = False) -> LoadedPolicy:
        """Start all replicas, and wait until each is ready or lost.

        Args:
            one_first: Whether the others wait for the first one, since it fetches what all load.

        Returns:
            What is known of the first one that is ready.

        Raises:
            GridsevalError: One cannot be made ready, or is another policy than the first; or none
                is ready.
        """
        for group in (self._places[:1], self._places[1:]) if one_first else (self._places,):
            for place in group:
                place.seat.start()
            while any(not (place.ready or place.starts) for place in group):
                place = self._take(self._events.get())
                if place.error is not None:
                    raise place.error
        self._refuse_hopeless(1)
        assert self._first is not None
        return self._first

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of replicas that were lost, one line each."""
        return tuple(filter(None, map(_told, self._places)))

    @property
    def names(self) -> tuple[str, ...]:
        """The replicas' names."""
        return tuple(place.name for place in self._places)

    def ask(self, questions: Sequence[Question], alone: bool) -> None:
        """Hand questions to the replicas that have their episodes."""
        self._alone = alone
        for question in questions:
            if question.begins:
                self._unbound.append(question)
            elif question.slot in self._orphans:
                self._done.append(((question,), lost(1, self._orphans[question.slot])))
            else:
                self._bound[question.slot].waiting.append(question)
        self._send()

    def answers(self) -> Iterator[Batch]:
        """Yield what has been answered, and what was lost.

        Raises:
            GridsevalError: A policy raised, or no replica is left.
        """
        for event in self._events.drain():
            self._take(event)
        self._refuse_hopeless(MOST_STARTS)
        self._send()
        done, self._done = self._done, []
        yield from done

    def release(self, slot: int) -> None:
        """Take a slot's episode from its replica."""
        self._orphans.pop(slot, None)
        place = self._bound.pop(slot, None)
        if place is not None:
            place.slots.discard(slot)

    def forget(self) -> None:
        """Drop all questions and episodes; what is being answered is not waited for."""
        self._unbound, self._done = [], []
        self._bound.clear()
        self._orphans.clear()
        for place in self._places:
            place.waiting = []
            place.slots.clear()
            place.stale = place.asked is not None

    def close(self) -> None:
        """End all replicas."""
        for place in self._places:
            place.seat.end()
        for place in self._places:
            if place.seat.is_alive():
                place.seat.join(_END_S)
        self._events.close()

    def _send(self) -> None:
        """Give new episodes to replicas, and free replicas their next batch."""
        ready = [place for place in self._places if place.ready]
        for question in self._unbound if ready else ():
            place = min(ready, key=lambda each: (len(each.slots), each.asked is not None))
            place.slots.add(question.slot)
            place.waiting.append(question)
            self._bound[question.slot] = place
        if ready:
            self._unbound = []
        for place in ready:
            if place.asked is None and place.waiting:
                count = 1 if self._alone else len(place.waiting)
                place.asked, place.waiting = tuple(place.waiting[:count]), place.waiting[count:]
                place.seat.send(place.asked)

    def _take(self, event: Event) -> _Place:
        """Take note of what happened to a replica; return which one."""
        place = next(each for each in self._places if each.seat is event.seat)
        if place.error is not None:
            return place  # it has been given up meanwhile
        if isinstance(event, Ready):
            self._welcome(place, event.loaded)
        elif isinstance(event, Answered):
            wanted, place.asked, place.stale = not place.stale, None, False
            if len(event.answer.chunk.failures) < len(event.questions):
                place.losses = 0
            if wanted:
                self._done.append((event.questions, event.answer))
        elif isinstance(event, Lost):
            self._bereave(place, event.reason)
        elif event.starting:
            self._give_up(place, event.error)
        elif place.stale:
            place.asked, place.stale = None, False
        else:
            raise event.error
        return place

    def _welcome(self, place: _Place, loaded: LoadedPolicy) -> None:
        if self._first is None:
            self._first, self._first_name = loaded, place.name
        try:
            self._check(self._first, loaded, self._first_name, place.name)
        except GridsevalError as error:
            self._give_up(place, error)
            return
        place.ready, place.starts = True, 0

    def _bereave(self, place: _Place, reason: str) -> None:
        """Take note that a replica is lost, or that it could not be brought back."""
        place.reason = reason
        if not place.ready:
            place.starts += 1
            return
        reason = f"{place.name} was lost: {reason}"
        asked = () if place.asked is None or place.stale else place.asked
        if orphans := (*asked, *place.waiting):
            self._done.append((orphans, lost(len(orphans), reason)))
        self._orphans |= dict.fromkeys(place.slots - {each.slot for each in orphans}, reason)
        for slot in place.slots:
            self._bound.pop(slot, None)
        place.slots, place.waiting, place.asked, place.stale = set(), [], None, False
        place.ready, place.losses, place.times_lost = False, place.losses + 1, place.times_lost + 1
        if place.losses >= MOST_LOSSES:
            self._give_up(place, PolicyError(reason))

    def _give_up(self, place: _Place, error: BaseException) -> None:
        """Wait for a replica no more."""
        place.error, place.ready = error, False
        place.reason = str(error) if isinstance(error, GridsevalError) else repr(error)
        place.seat.end()

    def _refuse_hopeless(self, starts: int) -> None:
        """Raise if no replica is there, and none came back in as many attempts."""
        for place in self._places:
            if place.ready or (place.error is None and place.starts < starts):
                return
        reasons = "; ".join(f"{place.name}: {place.reason}" for place in self._places)
        raise PolicyError(
            f"no replica of the policy is left ({one_line(reasons)})",
            "finished episodes are kept; repair it: the same command resumes, and --retry-errors "
            "reruns the errors",
        )


def _told(place: _Place) -> str | None:
    """Return what the user should know of a replica."""
    if place.times_lost:
        times = "once" if place.times_lost == 1 else f"{place.times_lost} times"
        return f"{place.name} was lost {times}; the last word on it: {one_line(place.reason)}"
    if place.starts:
        return f"{place.name} is left out, and tried again later: {one_line(place.reason)}"
    return None
