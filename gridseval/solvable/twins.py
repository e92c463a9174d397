"""Tasks whose episodes are the same one for all that acts from states: equal keys, equal episodes.

The key is made of everything that the simulation and the expert use: the problem without its
instruction, the stored initial states, the scene file, added objects, and the arm's joints at
reset. Camera, lights, textures, image noise and words are left out, because neither of them
enters the dynamics or the privileged observation. Seed, settle steps and limits are a run's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

from gridseval.envs.episodes import Episodes
from gridseval.envs.init_states import read_init_states
from gridseval.suites import Task, read_bddl

_INSTRUCTION = re.compile(r"\( :language [^()]*\)")


class Twins:
    """Finds tasks whose episodes are the same.

    Args:
        episodes: The suite's.
        trials: How many trials must be the same.
        seed: LIBERO's.
    """

    def __init__(self, episodes: Episodes, trials: int, seed: int) -> None:
        self._episodes, self._trials, self._seed = episodes, trials, seed
        self._hashes: dict[Path, str] = {}

    def first(self, tasks: Iterable[Task]) -> Mapping[int, int]:
        """Return for each available task's index that of the first one that is the same."""
        seen: dict[Hashable, int] = {}
        return {task.index: seen.setdefault(self.key(task), task.index) for task in tasks}

    def key(self, task: Task) -> Hashable:
        """Return a key that is equal only where an episode's states are equal to the bit."""
        files, _ = self._episodes.setting(task, 0, self._seed)
        return self._content(task), files.assets, files.arena, files.added, files.distractors

    def digest(self, tasks: Iterable[Task]) -> str:
        """Return a hash of the problems, states and joints of tasks, wherever their files lie."""
        told = [(task.index, self._content(task)) for task in tasks]
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def _content(self, task: Task) -> tuple[str, ...]:
        files, changed = self._episodes.setting(task, 0, self._seed)
        return (
            self._problem(files.bddl),
            self._states(files.init_states),
            repr(changed.joints),
            repr(changed.joints_true),
            repr(changed.objects),
            # A kind's own edit may change anything.
            json.dumps(changed.extra, sort_keys=True),
        )

    def _problem(self, path: Path) -> str:
        if path not in self._hashes:
            text = _INSTRUCTION.sub("", read_bddl(path).text)
            self._hashes[path] = hashlib.sha256(text.encode()).hexdigest()
        return self._hashes[path]

    def _states(self, path: Path | None) -> str:
        if path is None:
            return ""
        if path not in self._hashes:
            states = read_init_states(path)[: self._trials]
            content = repr(states.shape).encode() + states.tobytes()
            self._hashes[path] = hashlib.sha256(content).hexdigest()
        return self._hashes[path]
