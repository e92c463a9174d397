"""Signs that a policy cannot succeed, as records hold them, and the notes about them.

There are notes only where no episode succeeded and all that lasted long enough show the same sign.
A sign never changes an action.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gridseval.results.run.record import EpisodeRecord

KEY = "suspicions"
"""Under ``extra`` of a record: a list of names of :data:`SUSPICIONS`."""

LEAST_STEPS = 20
"""Policy steps of an episode that show a sign, at least."""

SUSPICIONS: Mapping[str, str] = {
    "constant": (
        "all actions of an episode are equal: does the policy look at its input, and does its "
        "output arrive?"
    ),
    "still": (
        "the arm never moves by 5 mm: are the actions scaled back with the statistics of the "
        "training data? (1 is 5 cm or 0.5 rad)"
    ),
    "beyond": (
        "all actions lie beyond ±1 and are clipped: are they in other units, or scaled back twice? "
        "(1 is 5 cm or 0.5 rad)"
    ),
    "gripper_01": (
        "the gripper's commands lie within 0 and 1, so that it never opens: −1 opens, +1 closes; a "
        "card's gripper close_01 or openvla converts them"
    ),
    "never_opens": (
        "the gripper never opens: −1 opens, +1 closes; is the sign the other way round in the "
        "training data?"
    ),
    "never_closes": (
        "the gripper never closes: −1 opens, +1 closes; is the sign the other way round in the "
        "training data?"
    ),
    "zero_state": "the state that the policy gets is all zeros",
}
"""Each sign, what is seen and the likely cause."""


def suspicion_notes(records: Iterable[EpisodeRecord]) -> Iterator[str]:
    """Yield what makes a policy unable to succeed, by all of a run's records so far."""
    counted = [record for record in records if record.success is not None]
    if any(record.success for record in counted):
        return
    shown = [signs for record in counted if (signs := _signs(record)) is not None]
    for name, sentence in SUSPICIONS.items():
        if shown and all(name in signs for signs in shown):
            episodes = f"{len(shown)} episode{'s' * (len(shown) > 1)}"
            yield f"no success, and in all of {episodes} {sentence}"


def _signs(record: EpisodeRecord) -> frozenset[str] | None:
    """Return a record's signs; ``None`` where it was too short to show any."""
    if record.steps < LEAST_STEPS:
        return None
    signs = record.extra.get(KEY)
    return frozenset(map(str, signs)) if isinstance(signs, list) else frozenset()
