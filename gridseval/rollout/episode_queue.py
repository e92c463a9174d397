"""Which slot runs which episode, with as few recompilations as possible."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Sequence

from gridseval.rollout.plan import own_scene
from gridseval.suites import Episode


class EpisodeQueue:
    """Episodes waiting to be run.

    A slot keeps the scene that it has compiled. When that has no more episodes, the slot takes a
    scene that no other slot runs. Without one, it helps with the scene that has the most left.

    Args:
        episodes: In the order in which each scene's are to be run.
        spread: Keep to the order of all episodes instead, at the price of more recompilations: for
            a test that ends the run early, which must not see one task before the others.
        scene: Tells which compiled model an episode needs.
    """

    def __init__(
        self,
        episodes: Sequence[Episode],
        spread: bool = False,
        scene: Callable[[Episode], Hashable] = own_scene,
    ) -> None:
        self._scene, self._left = scene, len(episodes)
        self._waiting: dict[Hashable, deque[Episode]] = {}
        for episode in episodes:
            self._waiting.setdefault(scene(episode), deque()).append(episode)
        self._order = {each: number for number, each in enumerate(self._waiting)}
        self._place = {e: i for i, e in enumerate(episodes)} if spread else {}
        # Heaps, since a look at all scenes for each episode takes hours of a run of thousands.
        self._scenes = tuple(self._waiting)
        self._next = [self._turn(each) for each in self._scenes]
        heapq.heapify(self._next)
        self._scene_of_slot: dict[int, Hashable] = {}

    def __len__(self) -> int:
        return self._left

    def take(self, slot: int) -> Episode | None:
        """Return the slot's next episode, or ``None`` when all are taken."""
        if not self._left:
            self._scene_of_slot.pop(slot, None)
            return None
        scene = self._scene_of_slot.get(slot)
        if self._place:
            scene = self._first_in_place()
        elif not self._waiting.get(scene):
            free = self._free_scene()
            scene = self._fullest_scene() if free is None else free
        self._scene_of_slot[slot] = scene
        episode = self._waiting[scene].popleft()
        self._left -= 1
        if not self._waiting[scene]:
            del self._waiting[scene]
        elif self._place:
            heapq.heappush(self._next, self._turn(scene))
        return episode

    def put_back(self, episode: Episode) -> None:
        """Return an episode that has to be run again, ahead of its scene's others."""
        scene = self._scene(episode)
        self._waiting.setdefault(scene, deque()).appendleft(episode)
        self._left += 1
        heapq.heappush(self._next, self._turn(scene))

    def _turn(self, scene: Hashable) -> tuple[int, int]:
        """Return when a scene is next, by its first episode's place or its own, and its number."""
        number = self._order[scene]
        return (self._place[self._waiting[scene][0]] if self._place else number), number

    def _first_in_place(self) -> Hashable:
        while True:
            turn, number = heapq.heappop(self._next)
            waiting = self._waiting.get(self._scenes[number])
            if waiting and self._place[waiting[0]] == turn:
                return self._scenes[number]

    def _free_scene(self) -> Hashable | None:
        """Return the first scene that waits and that no slot runs."""
        taken = set(self._scene_of_slot.values())
        while self._next:
            # A scene that a slot runs is dropped here: the slot leaves it only when it is empty,
            # and an episode that comes back later brings it back.
            scene = self._scenes[heapq.heappop(self._next)[1]]
            if self._waiting.get(scene) and scene not in taken:
                return scene
        return None

    def _fullest_scene(self) -> Hashable:
        return max(self._waiting, key=lambda s: (len(self._waiting[s]), -self._order[s]))
