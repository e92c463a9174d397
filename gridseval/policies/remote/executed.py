"""From the actions that a vla-eval server declares to those that LIBERO executes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError, did_you_mean
from gridseval.policies.cards import Gripper, gripped
from gridseval.policies.remote.declared import Component
from gridseval.policies.rotations import euler_xyz_to_axis_angle

ROTATIONS = ("as-is", "axis_angle", "euler_xyz")
"""How 3–5 may be read; the first two execute them unchanged."""

_GRIPPERS: Mapping[str, Gripper] = {
    "binary_close_positive": "sign",
    "binary_close_negative": "close_negative",
    "binary_close_01": "close_01",
    # 0 is closed and 1 is open wherever vla-eval 0.8.0 says so: groot.py, duobench/benchmark.py.
    "continuous_01": "openvla",
}
_COMPONENTS = {"position": 3, "rotation": 3, "gripper": 1}


@dataclass(frozen=True)
class Execution:
    """How actions are executed.

    Attributes:
        absolute: Whether 0–5 are a goal pose.
        euler: Whether 3–5 are converted from Euler angles, taken for radians as vla-eval's own
            conversions take them.
        gripper: The rule of the seventh number.
        notes: What the user should know.
    """

    absolute: bool
    euler: bool
    gripper: Gripper
    notes: tuple[str, ...] = ()

    def actions(self, sent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a server's actions, float32 (H, 7), as gridseval executes them."""
        made = gripped(sent, self.gripper)
        if self.euler:
            made = np.concatenate(
                [made[..., :3], euler_xyz_to_axis_angle(made[..., 3:6]), made[..., 6:]], axis=-1
            )
        return made


def read_actions(
    spec: Mapping[str, Component],
    absolute: bool,
    usual: Gripper,
    rotation: str | None = None,
    gripper: str | None = None,
) -> Execution:
    """Return how a server's actions are executed.

    Args:
        spec: Its ``action_spec``.
        absolute: Whether it declares ``absolute_action``.
        usual: The card's gripper.
        rotation: One of :data:`ROTATIONS`, or ``None`` for the one that the server declares.
        gripper: A gripper's rule, or ``None`` for the declared one.

    Raises:
        PolicyError: LIBERO cannot execute them, or there is no such rotation or gripper.
    """
    for name, component in spec.items():
        _check_component(name, component)
    if not absolute and _format(spec, "position") == "absolute_xyz":
        raise PolicyError(
            "the server declares position as 'absolute_xyz' without absolute_action",
            "--policy-arg absolute_action=true, if they are goals in LIBERO's world",
        )
    euler, turned = _rotation(_format(spec, "rotation"), absolute, rotation)
    rule, grips = _gripper(_format(spec, "gripper"), usual, gripper)
    return Execution(absolute, euler, rule, (*turned, *grips))


def _format(spec: Mapping[str, Component], name: str) -> str:
    return spec[name].format if name in spec else "raw"


_KNOWN = {
    "position": ("delta_xyz", "absolute_xyz"),
    "rotation": ("axis_angle", "euler_xyz"),
    "gripper": tuple(_GRIPPERS),
}


def _check_component(name: str, component: Component) -> None:
    if component.format == "raw":
        return
    if name not in _COMPONENTS:
        raise PolicyError(
            f"the server declares actions {name!r} ({component.format}), which LIBERO's arm cannot "
            "execute",
            f"serve the model for LIBERO, or, if they are 7 numbers: --policy-arg ignore={name}",
        )
    if component.format not in _KNOWN[name] or component.dims not in (0, _COMPONENTS[name]):
        raise PolicyError(
            f"the server declares {name} as {component.format!r}, {component.dims} numbers; LIBERO "
            f"takes {_KNOWN[name][0]!r}, {_COMPONENTS[name]}",
            f"serve the model for LIBERO, or read it as that: --policy-arg ignore={name}",
        )


def _rotation(declared: str, absolute: bool, asked: str | None) -> tuple[bool, tuple[str, ...]]:
    """Return whether to convert Euler angles, and a note.

    A pose's angles are radians, so their meaning is sure. A motion's are LIBERO's own numbers (1 is
    0.5 rad) in all data that GR00T was trained on, there only named roll, pitch and yaw; vla-eval
    executes them as they are, and measured its published scores so.
    """
    if asked is not None:
        if asked not in ROTATIONS:
            raise PolicyError(f"there is no rotation {asked!r}", did_you_mean(asked, ROTATIONS))
        return asked == "euler_xyz", ()
    if declared != "euler_xyz":
        return False, ()
    if absolute:
        return True, ("goal orientations are converted from the declared euler_xyz",)
    note = (
        "the server declares its rotation as euler_xyz; its numbers are executed as they are, as "
        "vla-eval does (--policy-arg rotation=euler_xyz converts them)"
    )
    return False, (note,)


def _gripper(declared: str, usual: Gripper, asked: str | None) -> tuple[Gripper, tuple[str, ...]]:
    for rule in get_args(Gripper):
        if asked == rule:
            return rule, ()
    if asked is not None:
        raise PolicyError(f"there is no gripper {asked!r}", did_you_mean(asked, get_args(Gripper)))
    rule = _GRIPPERS.get(declared, usual)
    if rule == usual:
        return rule, ()
    note = f"the gripper is converted from the declared {declared} (--policy-arg gripper={rule})"
    return rule, (note,)
