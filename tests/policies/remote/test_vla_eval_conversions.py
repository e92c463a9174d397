"""Rotations, grippers and states of vla-eval's servers become LIBERO's, or are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from served import EPISODES, observe
from vla_eval.rotation import quat_to_axisangle
from vla_eval.specs import (
    GRIPPER_01,
    GRIPPER_CLOSE_01,
    GRIPPER_CLOSE_NEG,
    GRIPPER_CLOSE_POS,
    GRIPPER_RAW,
    ROTATION_EULER,
    DimSpec,
)
from vla_eval_double import LIBERO_ACTIONS, Model, load, served

from gridseval.errors import PolicyError
from gridseval.policies import load_policy

SENT = [0.1, -0.2, 0.3, 0.4, -0.7, 1.1, 0.2]
EULER = {**LIBERO_ACTIONS, "rotation": ROTATION_EULER}
CONVERTED = Rotation.from_euler("xyz", SENT[3:6]).as_rotvec()


@pytest.mark.parametrize(
    ("params", "actions", "arguments", "turn"),
    [
        ({}, EULER, {}, SENT[3:6]),
        ({}, EULER, {"rotation": "as-is"}, SENT[3:6]),
        ({}, EULER, {"rotation": "axis_angle"}, SENT[3:6]),
        ({}, EULER, {"rotation": "euler_xyz"}, CONVERTED),
        ({}, LIBERO_ACTIONS, {"rotation": "euler_xyz"}, CONVERTED),
        ({"absolute_action": True}, EULER, {}, CONVERTED),
        ({"absolute_action": True}, LIBERO_ACTIONS, {}, SENT[3:6]),
        ({"absolute_action": True}, EULER, {"rotation": "as-is"}, SENT[3:6]),
    ],
)
def test_rotations_are_executed_as_vla_eval_does_or_as_asked(
    params: dict[str, Any], actions: dict[str, Any], arguments: dict[str, str], turn: Any
) -> None:
    with served(Model(params, actions, sends=SENT)) as address:
        policy = load_policy("vla-eval", address, arguments, 7).policy
        policy.reset([0], EPISODES[:1])
        (made,) = policy.act(observe([0])).actions[0]
    assert made[3:6] == pytest.approx(turn, abs=1e-6)
    assert made[[0, 1, 2, 6]] == pytest.approx([0.1, -0.2, 0.3, 1], abs=1e-7)


def test_unknown_ways_of_reading_are_refused() -> None:
    with pytest.raises(PolicyError, match="no rotation 'euler'"):
        load(Model(), rotation="euler")
    with pytest.raises(PolicyError, match="no gripper 'open'"):
        load(Model(), gripper="open")


@pytest.mark.parametrize(
    ("spec", "arguments", "sent", "executed"),
    [
        (GRIPPER_CLOSE_POS, {}, [-1, -0.1, 0.1, 1], [-1, -1, 1, 1]),
        # A card of any server's models: what a server declares wins over what models send.
        (GRIPPER_CLOSE_POS, {"card": "nora"}, [-1, -0.1, 0.1, 1], [-1, -1, 1, 1]),
        (GRIPPER_CLOSE_POS, {"card": "worldvla"}, [-1, -0.1, 0.1, 1], [-1, -1, 1, 1]),
        (GRIPPER_CLOSE_POS, {"gripper": "openvla"}, [-1, 0.1, 0.9, 1], [1, 1, -1, -1]),
        (GRIPPER_RAW, {"card": "nora"}, [0, 0.4, 0.6, 1], [1, 1, -1, -1]),
        (GRIPPER_CLOSE_NEG, {}, [-1, -0.1, 0, 1], [1, 1, -1, -1]),
        (GRIPPER_CLOSE_01, {}, [0, 0.4, 0.6, 1], [-1, -1, 1, 1]),
        (GRIPPER_01, {}, [0, 0.4, 0.6, 1], [1, 1, -1, -1]),
        (GRIPPER_01, {"gripper": "sign"}, [0, 0.4, 0.6, 1], [1, 1, 1, 1]),
    ],
)
def test_a_declared_gripper_becomes_liberos(
    spec: DimSpec, arguments: dict[str, str], sent: list[float], executed: list[float]
) -> None:
    chunk = np.zeros((4, 7), np.float32)
    chunk[:, 6] = sent
    with served(Model(actions={**LIBERO_ACTIONS, "gripper": spec}, sends=chunk)) as address:
        policy = load_policy("vla-eval", address, {**arguments, "replan": "4"}, 7).policy
        policy.reset([0], EPISODES[:1])
        actions = policy.act(observe([0])).actions[0]
    assert actions[:, 6].tolist() == executed


def test_a_gripper_is_noted_where_the_card_says_another() -> None:
    assert load(Model()).notes == ()
    (note,) = load(Model(), card="nora").notes
    assert "declared binary_close_positive" in note
    assert "gripper=sign" in note


@pytest.mark.parametrize("card", ["openvla_oft", "openvla", "pi05", "lerobot", "nano"])
def test_a_card_of_another_kind_is_refused(card: str) -> None:
    """Its gripper is that of the model itself, not that of a server that has converted it."""
    with pytest.raises(PolicyError, match=f"card '{card}' is for policy") as caught:
        load(Model(), card=card)
    assert caught.value.exit_code == 4
    hint = caught.value.hint or ""
    assert "vla_eval" in hint
    assert "cogact" in hint
    assert "nora" in hint
    assert card not in hint.replace(",", "").split()


@pytest.mark.parametrize("no_antipodal", [None, False, True])
def test_states_have_the_form_that_the_server_was_measured_with(no_antipodal: bool | None) -> None:
    """Quaternions on both sides of w = 0, as the gripper's are in every LIBERO scene."""
    model = Model({"send_state": True, "quat_no_antipodal": no_antipodal})
    quaternions = np.random.default_rng(3).normal(size=(50, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    with served(model) as address:
        policy = load_policy("vla-eval", address, {}, 7).policy
        policy.reset([0], EPISODES[:1])
        for quaternion in quaternions:
            seen = observe([0])
            seen["state"][0, 3:6] = 2 * np.arccos(quaternion[3]) * quaternion[:3]
            seen["state"][0, 3:6] /= np.sqrt(1 - quaternion[3] ** 2)
            policy.act(seen)
            turn = model.seen[-1]["states"][3:6]
            expected = seen["state"][0, 3:6] if no_antipodal else quat_to_axisangle(quaternion)
            assert turn == pytest.approx(expected, abs=2e-6)
