"""What a kind of perturbation is: how it is drawn, and how its own edit is applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations.parameters import Parameter, Value

Values: TypeAlias = Mapping[str, Value]
Fields: TypeAlias = dict[str, Any]
Image: TypeAlias = NDArray[np.uint8]

STRENGTHS = 5
"""Strengths are numbered from 1 to this."""


@dataclass(frozen=True)
class Kind:
    """A kind of perturbation.

    A kind either changes what a ``Perturbation`` has a field for, or it brings its own edit:
    one or more of ``edit_model``, ``edit_start`` and ``edit_image``. Then ``make`` returns plain
    data for JSON, which the edits are given and the episode's record shows.

    Attributes:
        name: As users write it.
        summary: What it changes.
        parameters: What can be given in place of a strength.
        sample: Draws parameters of a strength.
        make: Makes fields of a ``Perturbation``, or the data for its edit, from
            parameters, drawing what they leave open.
        exclusive: Pairs of parameters that contradict each other.
        contradicts: Kinds that cannot be drawn in the same episode.
        seeded_as: Names the random generator, where that is not the kind's own name.
        edit_model: Changes a compiled ``mujoco.MjModel`` in place. gridseval restores each number
            before the next episode, and draws such an episode with a separate renderer, without
            culling. Poses of fixtures are out of its reach: each reset places them anew.
        edit_start: Changes ``qpos`` and ``qvel`` of a ``mujoco.MjData``, with the model as first
            argument, after the stored initial state is set and before the episode settles. What it
            changes in the model lasts for the episode.
        edit_image: Returns what a camera (``"agentview"`` or ``"wrist"``) shows: image, uint8
            (height, width, 3); camera; data; a random generator that depends on the episode and the
            control step only.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    sample: Callable[[int, np.random.Generator], Values]
    make: Callable[[Values, np.random.Generator], Fields]
    exclusive: tuple[tuple[str, str], ...] = ()
    contradicts: tuple[str, ...] = ()
    seeded_as: str | None = None
    edit_model: Callable[[Any, Any], None] | None = None
    edit_start: Callable[[Any, Any, Any], None] | None = None
    edit_image: Callable[[Image, str, Any, np.random.Generator], Image] | None = None

    @property
    def has_edit(self) -> bool:
        """Whether it brings its own edit."""
        edits = (self.edit_model, self.edit_start, self.edit_image)
        return any(edit is not None for edit in edits)


def rounded(value: float) -> float:
    """Return a drawn value with four decimals, so that records can be read."""
    return round(float(value), 4)
