"""The edits that kinds of perturbation bring themselves, and what is said when one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from gridseval.envs.perturbations.kinds import find_kind
from gridseval.errors import GridsevalError, UsageError


class OwnEdit(NamedTuple):
    """An edit of a kind, and what it is given.

    Attributes:
        kind: The kind's name.
        apply: The kind's function.
        data: What the kind's ``make`` returned.
    """

    kind: str
    apply: Callable[..., Any]
    data: Any


def own_edits(
    extra: Mapping[str, Any], moment: Literal["edit_model", "edit_start", "edit_image"]
) -> list[OwnEdit]:
    """Return the edits of one moment, in the order of their kinds' names.

    Args:
        extra: A perturbation's kinds with their own edits, each with its data.
        moment: Which field of a ``Kind``.
    """
    found = ((name, getattr(find_kind(name), moment)) for name in sorted(extra))
    return [OwnEdit(name, edit, extra[name]) for name, edit in found if edit is not None]


def touches_model(extra: Mapping[str, Any]) -> bool:
    """Return whether an edit is given the compiled model."""
    return bool(own_edits(extra, "edit_model") or own_edits(extra, "edit_start"))


@contextmanager
def code_of(kind: str) -> Iterator[None]:
    """Say which kind of perturbation is at fault when its code raises.

    Args:
        kind: Its name.

    Raises:
        UsageError: The code raised something that is not a user's error yet.
    """
    try:
        yield
    except (GridsevalError, MemoryError):
        raise
    except Exception as error:
        raise UsageError(
            f"perturbation {kind!r} failed: {type(error).__name__}: {error}",
            "what a kind has to do: docs/developing/extend/perturbation.md",
        ) from error
