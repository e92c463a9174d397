"""Which slot runs which episode, with as few recompilations as possible."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence

from gridseval.rollout.plan import own_scene
from gridseval.suites import Episode


class EpisodeQueue:
    """Episodes waiting to be run.

    A slot keeps the scene that it has compiled; when that has no more episodes, it takes a scene
    that no slot is on, and when there is none, helps with the scene that has most left.

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
        self._place = {e: i for i, e in enumerate(episodes)} if spread else {}
        self._scene = scene
        self._waiting: dict[Hashable, deque[Episode]] = {}
        for episode in episodes:
            self._waiting.setdefault(scene(episode), deque()).append(episode)
        self._scene_of_slot: dict[int, Hashable] = {}

    def __len__(self) -> int:
        return sum(len(episodes) for episodes in self._waiting.values())

    def take(self, slot: int) -> Episode | None:
        """Return the slot's next episode, or ``None`` when all are taken."""
        open_scenes = [scene for scene, episodes in self._waiting.items() if episodes]
        if not open_scenes:
            self._scene_of_slot.pop(slot, None)
            return None
        scene = self._scene_of_slot.get(slot)
        if self._place:
            scene = min(open_scenes, key=lambda s: self._place[self._waiting[s][0]])
        elif scene not in open_scenes:
            taken = set(self._scene_of_slot.values())
            free = [scene for scene in open_scenes if scene not in taken]
            scene = free[0] if free else max(open_scenes, key=lambda s: len(self._waiting[s]))
        self._scene_of_slot[slot] = scene
        return self._waiting[scene].popleft()

    def put_back(self, episode: Episode) -> None:
        """Return an episode that has to be run again, ahead of its scene's others."""
        self._waiting.setdefault(self._scene(episode), deque()).appendleft(episode)
