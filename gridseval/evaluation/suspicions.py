"""Looks at each episode for signs that the policy cannot succeed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.policies.cards import list_cards
from gridseval.results.run.suspicions import LEAST_STEPS
from gridseval.rollout import Outcome

_TRUSTED = ("oracle", "replay")
"""Kinds that succeed where it is possible, or repeat what another policy did."""

_STILL_M = 0.005


def signs_of(prepared: PreparedRun, outcome: Outcome) -> list[str]:
    """Return the signs of an episode, by their names in the table of ``results``."""
    failed = outcome.status == "failure" and outcome.steps >= LEAST_STEPS
    if not failed or prepared.loaded.description.get("kind") in _TRUSTED:
        return []
    return list(_signs(outcome, prepared.conditions.needs.actions == "absolute"))


def _signs(outcome: Outcome, absolute: bool) -> Iterator[str]:
    actions, seen = outcome.actions, outcome.seen
    moves = actions[:, :6]
    extent = None if seen is None else seen.extent_m
    if not len(actions):
        return
    if not np.ptp(actions, axis=0).any():
        yield "constant"
    elif (extent is not None and extent < _STILL_M) or (not absolute and not moves.any()):
        yield "still"
    if not absolute and (np.abs(moves).max(axis=1) > 1).all():
        yield "beyond"
    yield from _gripper_signs(actions[:, 6])
    if seen is not None and seen.queries and seen.zeros:
        yield "zero_state"


def _gripper_signs(commands: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Iterator[str]:
    """Yield what the gripper never does: only its command's sign counts, and 0 does nothing."""
    if not commands.any():
        yield from ("never_opens", "never_closes")
    elif ((commands >= 0) & (commands <= 1)).all() and (commands < 0.5).any():
        yield "gripper_01"
    elif (commands >= 0).all():
        yield "never_opens"
    elif (commands <= 0).all():
        yield "never_closes"


def turned_images(prepared: PreparedRun) -> str | None:
    """Return a note where a user's own card turns images, as no family's does."""
    card = prepared.loaded.description.get("card")
    image = card.get("image") if isinstance(card, Mapping) else None
    if not (isinstance(card, Mapping) and isinstance(image, Mapping) and image.get("rotated")):
        return None
    if card.get("name") in list_cards():
        return None
    return (
        f"card {card.get('name')!r} turns the images by another 180° (rotated: true): the policy "
        "sees them as LIBERO renders them; most families are trained on turned images, as "
        "gridseval observes them, and would see the world upside down"
    )
