"""Which slot runs which episode, with as few recompilations as possible."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from gridseval.suites import Episode


class EpisodeQueue:
    """Episodes waiting to be run.

    A slot keeps the task that it has compiled; when that has no more episodes, it takes a task that
    no slot is on, and when there is none, helps with the task that has most left.

    Args:
        episodes: In the order in which each task's are to be run.
        spread: Keep to the order of all episodes instead, at the price of more recompilations: for
            a test that ends the run early, which must not see one task before the others.
    """

    def __init__(self, episodes: Sequence[Episode], spread: bool = False) -> None:
        self._place = {e: i for i, e in enumerate(episodes)} if spread else {}
        self._waiting: dict[int, deque[Episode]] = {}
        for episode in episodes:
            self._waiting.setdefault(episode.task, deque()).append(episode)
        self._task_of_slot: dict[int, int] = {}

    def __len__(self) -> int:
        return sum(len(episodes) for episodes in self._waiting.values())

    def take(self, slot: int) -> Episode | None:
        """Return the slot's next episode, or ``None`` when all are taken."""
        open_tasks = [task for task, episodes in self._waiting.items() if episodes]
        if not open_tasks:
            self._task_of_slot.pop(slot, None)
            return None
        task = self._task_of_slot.get(slot)
        if self._place:
            task = min(open_tasks, key=lambda t: self._place[self._waiting[t][0]])
        elif task not in open_tasks:
            taken = set(self._task_of_slot.values())
            free = [task for task in open_tasks if task not in taken]
            task = free[0] if free else max(open_tasks, key=lambda t: len(self._waiting[t]))
        self._task_of_slot[slot] = task
        return self._waiting[task].popleft()

    def put_back(self, episode: Episode) -> None:
        """Return an episode that has to be run again, ahead of its task's others."""
        self._waiting.setdefault(episode.task, deque()).appendleft(episode)
