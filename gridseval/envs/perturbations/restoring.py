"""Edits of a compiled model that its author need not undo: what they changed is found and restored.

A kind of perturbation may change any numbers of a model. They are copied before its edit and
compared afterwards, and only those that differ are kept, so that the next episode starts from the
nominal model to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class _Place(NamedTuple):
    """Where a number, or an array of them, stands."""

    owner: Any
    name: str

    def value(self) -> Any:
        """Return a copy of it."""
        value = getattr(self.owner, self.name)
        return value.copy() if isinstance(value, np.ndarray) else value

    def put(self, value: Any) -> None:
        """Give it a value."""
        if isinstance(value, np.ndarray):
            getattr(self.owner, self.name)[...] = value
        else:
            setattr(self.owner, self.name, value)


class RestoringEditor:
    """Applies edits to a model, and takes them back.

    Args:
        model: ``mujoco.MjModel``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._changed: list[tuple[_Place, Any]] = []

    def edit(self, change: Callable[[Any], None]) -> None:
        """Call a function that changes the model, and remember what it changed."""
        before = [(place, value) for place, value in _numbers(self._model)]
        try:
            change(self._model)
        finally:
            # The last edit is undone first.
            self._changed[:0] = [
                (place, value)
                for place, value in before
                if not _same(value, getattr(place.owner, place.name))
            ]

    def restore(self) -> tuple[int, ...]:
        """Take back all edits; return the ids of textures that had been changed."""
        textures = self.textures()
        for place, value in self._changed:
            place.put(value)
        self._changed = []
        return textures

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Show the model without the edits for a while, and then with them again."""
        edited = [(place, place.value()) for place, _ in self._changed]
        for place, value in self._changed:
            place.put(value)
        try:
            yield
        finally:
            for place, value in edited:
                place.put(value)

    def textures(self) -> tuple[int, ...]:
        """Return the ids of the textures that edits have changed."""
        model, found = self._model, set()
        for place, value in self._changed:
            if place.name == "tex_data":
                starts = np.asarray(model.tex_adr)
                texels = np.flatnonzero(np.asarray(value != model.tex_data))
                found |= set(np.searchsorted(starts, texels, side="right") - 1)
        return tuple(sorted(int(texture) for texture in found))


def _numbers(model: Any) -> Iterator[tuple[_Place, Any]]:
    """Yield each array of a model, and each number of its options, with a copy of its value."""
    yield from _arrays(model)
    looks = (getattr(model.vis, name) for name in _public(model.vis))
    for owner in (model.opt, model.stat, *(look for look in looks if not isinstance(look, type))):
        yield from _arrays(owner)
        for name in _public(owner):
            if isinstance(value := getattr(owner, name), (int, float)):
                yield _Place(owner, name), value


def _arrays(owner: Any) -> Iterator[tuple[_Place, NDArray[Any]]]:
    for name in _public(owner):
        if isinstance(value := getattr(owner, name), np.ndarray):
            yield _Place(owner, name), value.copy()


def _public(owner: Any) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]


def _same(before: Any, after: Any) -> bool:
    """Return whether two values are equal to the bit: −0 differs from 0, and nan equals nan."""
    return bool(np.asarray(before).tobytes() == np.asarray(after).tobytes())
