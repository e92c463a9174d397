"""Notes that a reader needs to judge numbers: a sentence and its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

NoteKind = Literal["general", "measured on", "mean over tasks"]


class Note(str):
    """A sentence for people; outputs that show one kind elsewhere leave it out by ``kind``.

    Args:
        text: The sentence.
        kind: ``"measured on"`` for other assets or versions, ``"mean over tasks"`` for a suite's
            mean, ``"general"`` else.
    """

    __slots__ = ("kind",)
    kind: NoteKind

    def __new__(cls, text: str, kind: NoteKind = "general") -> Note:
        """Make a note."""
        note = super().__new__(cls, text)
        note.kind = kind
        return note


def kind_of(note: str) -> NoteKind:
    """Return a note's kind; a plain text is a general one."""
    return note.kind if isinstance(note, Note) else "general"


def stored_notes(manifest: Mapping[str, Any]) -> list[str]:
    """Return the notes that a ``run.yaml`` holds; a plain text is one note."""
    notes = manifest.get("notes") or []
    return list(map(str, notes)) if isinstance(notes, (list, tuple)) else [str(notes)]
