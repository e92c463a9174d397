"""What the expert says of an episode, on made-up scenes; no simulator."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gridseval.policies.oracle import OraclePolicy
from gridseval.policies.oracle.chronicle import Chronicle
from gridseval.policies.oracle.expert import Expert
from gridseval.policies.oracle.models import load_models
from gridseval.policies.oracle.scene import parse_scene
from gridseval.policies.oracle.skill import Phase
from gridseval.policies.oracle.tasks import read_goals

HOME = np.array([-0.205, 0.0, 1.173])
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
LEVEL = [1.0, 0.0, 0.0, 0.0]
ON_PLATE = (("on", "akita_black_bowl_1", "plate_1"),)
BOWL, PLATE = (-0.05, -0.1, 0.9), (0.05, 0.2, 0.902)


def seen(
    step: int = 0,
    goal: Any = ON_PLATE,
    holds: tuple[bool, ...] = (False,),
    hand: Any = HOME,
    **places: Any,
) -> dict[str, Any]:
    """Return one slot's observation; places are of objects."""
    objects = {"akita_black_bowl_1": BOWL, "plate_1": PLATE, **places}
    privileged = {
        "objects": {name: np.array([*place, *LEVEL]) for name, place in objects.items()},
        "sites": {},
        "joints": {},
        "eef": np.concatenate([hand, DOWN]),
        "goal": goal,
        "holds": holds,
    }
    state = np.zeros((1, 8), np.float32)
    state[:, 6:] = (0.039, -0.039)
    return {
        "slots": np.zeros(1, int),
        "steps": np.array([step]),
        "state": state,
        "privileged": (privileged,),
    }


def remark(*observations: dict[str, Any]) -> dict[str, Any]:
    """Return the remark after the last of an episode's observations."""
    policy = OraclePolicy()
    said: Any = None
    for observation in observations:
        (said,) = policy.act(observation).remarks or ()
    return dict(said)


def test_it_says_what_it_pursues_and_how() -> None:
    assert remark(seen()) == {
        "goal": "on akita_black_bowl_1 plate_1",
        "phase": "approach",
        "attempts": 1,
        "missing": ["on akita_black_bowl_1 plate_1"],
        "held_at_start": False,
        "reason": "still at work",
    }
    json.dumps(remark(seen()))


def test_remarks_are_of_one_episode_and_slot_each() -> None:
    policy = OraclePolicy()
    policy.act(seen(holds=(True,)))
    policy.reset([0], [None])  # type: ignore[list-item]
    (said,) = policy.act(seen()).remarks or ()
    assert said is not None and not said["held_at_start"]


def test_a_goal_that_holds_at_the_first_observation() -> None:
    said = remark(seen(holds=(True,)))
    assert said["held_at_start"] and said["missing"] == []
    assert said["reason"] == "goal already true at the start"
    two = (*ON_PLATE, ("on", "plate_1", "akita_black_bowl_1"))
    assert not remark(seen(goal=two, holds=(True, False)))["held_at_start"]
    later = remark(seen(), seen(4, holds=(True,)))
    assert (later["held_at_start"], later["reason"]) == (False, "")


def test_a_goal_without_a_skill() -> None:
    said = remark(seen(goal=(("up", "plate_1"),)))
    assert (said["reason"], said["goal"], said["phase"]) == ("no skill", "", "done")
    some = remark(seen(goal=(*ON_PLATE, ("up", "plate_1")), holds=(False, False)))
    assert some["reason"] == "no skill"
    # What holds needs none.
    assert remark(seen(goal=(*ON_PLATE, ("up", "plate_1")), holds=(False, True)))["reason"] != (
        "no skill"
    )


def test_a_skill_that_gave_up() -> None:
    # A plate is too wide for the hand, and without a rim that it could grasp.
    said = remark(seen(goal=(("on", "plate_1", "akita_black_bowl_1"),)))
    assert (said["phase"], said["reason"]) == ("failed", "the skill gave up")


def test_an_object_that_fell_off() -> None:
    low = seen(4, akita_black_bowl_1=(0.6, 0.0, 0.1))
    assert remark(seen(), low)["reason"] == "object fell off: akita_black_bowl_1"
    # Lower than where it stood, but on the table.
    high, placed = seen(akita_black_bowl_1=(-0.05, -0.1, 1.15)), seen(4)
    assert remark(high, placed)["reason"] == "still at work"


@pytest.mark.parametrize(
    ("places", "what"),
    [
        ({"akita_black_bowl_1": (0.3, -0.4, 0.9)}, "akita_black_bowl_1"),
        ({"plate_1": (0.25, 0.45, 0.902)}, "plate_1"),
    ],
)
def test_what_is_out_of_reach(places: dict[str, Any], what: str) -> None:
    assert remark(seen(**places))["reason"] == f"out of reach: {what}"


def test_what_is_at_the_far_edge_of_the_reach_is_not() -> None:
    assert remark(seen(plate_1=(0.1, 0.3, 0.902)))["reason"] == "still at work"


def test_a_hand_that_does_not_arrive_and_what_blocks_it() -> None:
    still = [seen(step) for step in range(0, 60, 4)]
    assert remark(*still)["reason"] == "hand does not arrive"
    # A tall box over the bowl: no place at its rim is free.
    over = {"wooden_cabinet_1": (-0.05, -0.1, 0.905)}
    blocked = [seen(step, **over) for step in range(0, 60, 4)]
    assert remark(*blocked)["reason"] == "blocked by wooden_cabinet_1"


def followed(*phases: Phase) -> dict[str, Any]:
    """Return the remark after an expert went through phases, one per query."""
    models, first = load_models(), seen()["privileged"][0]
    scene = parse_scene(first, np.zeros(8), 0, models)
    expert = Expert(models, read_goals(ON_PLATE, scene, models), scene)
    expert.plan(scene, 8)
    chronicle = Chronicle(expert, ON_PLATE, scene)
    for number, phase in enumerate(phases):
        assert expert.skill is not None
        expert.skill.phase = phase
        chronicle.note(parse_scene(first, np.zeros(8), 4 * number, models))
    return chronicle.remark()


def test_attempts_are_counted_and_how_the_last_one_ended() -> None:
    lost = followed(Phase.APPROACH, Phase.CLOSE, Phase.CARRY, Phase.RECOVER, Phase.APPROACH)
    assert (lost["attempts"], lost["reason"]) == (2, "lost its grip")
    placed = followed(
        *(Phase.APPROACH, Phase.CLOSE, Phase.CARRY, Phase.RELEASE, Phase.RETREAT, Phase.APPROACH),
        *(Phase.CLOSE, Phase.CARRY),
    )
    assert (placed["attempts"], placed["reason"]) == (2, "goal does not hold")
    none = followed(Phase.APPROACH, Phase.RECOVER, Phase.APPROACH)
    assert (none["attempts"], none["reason"]) == (2, "hand does not arrive")


def test_the_remark_does_not_change_what_the_expert_does(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [seen(step, hand=HOME - [0.0, 0.0, 0.002 * step]) for step in range(0, 40, 4)]
    policy = OraclePolicy()
    actions = [policy.act(query).actions for query in queries]
    monkeypatch.setattr(Chronicle, "note", lambda *_: None)
    other = OraclePolicy()
    assert all(
        np.array_equal(other.act(q).actions, a) for q, a in zip(queries, actions, strict=True)
    )
