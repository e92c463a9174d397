"""What vla-eval's own model servers declare is honoured, or refused by name.

Each shipped server's declaration is made by its own class, without its model, and goes through
vla-eval's own server and HELLO.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from served import EPISODES
from vla_eval.benchmarks.libero.benchmark import LIBEROBenchmark
from vla_eval.specs import (
    IMAGE_RGB,
    POSITION_ABSOLUTE,
    ROTATION_QUAT,
    STATE_EEF_POS_AA_GRIP,
    STATE_EEF_POS_QUAT_GRIP,
    STATE_JOINT,
    DimSpec,
)
from vla_eval_double import LIBERO_ACTIONS, Model, load, served

from gridseval.errors import PolicyError
from gridseval.policies import EnvironmentNeeds, load_policy
from gridseval.policies.cards import load_card
from gridseval.policies.remote.declared import PARAMETERS

STATES = ("state", "controller_state")
CAMERAS = ("agentview", "wrist")


class Shipped(NamedTuple):
    """A server of the package: the class, the attributes that its declaration reads, and what
    gridseval makes of it: what is observed, the needs, and a word of each note."""

    target: str
    attributes: Mapping[str, Any]
    observed: tuple[str, ...]
    env_seed: int | None = None
    actions: str = "delta"
    antipodal: bool = True
    gripper: str = "sign"
    notes: tuple[str, ...] = ()


def xvla(profile: str | None) -> dict[str, Any]:
    from vla_eval.model_servers.xvla import _BENCHMARK_PROFILES

    found = _BENCHMARK_PROFILES.get(profile or "")
    return {
        "benchmark_profile": profile,
        "output_action_dim": found.output_action_dim if found else None,
        "use_predicted_proprio": found.use_predicted_proprio if found else True,
        "_image_keys": found.image_keys if found else (),
        "_euler_offset": None,
    }


SIMPLER = ("success_mode",)
LEROBOT = {"state_key": "observation.state", "_image_keys_arg": {"agentview": "a", "wrist": "b"}}
SHIPPED = {
    "cogact": Shipped("cogact:CogACTModelServer", {}, ("agentview",)),
    "db_cogact": Shipped(
        "dexbotic.cogact:CogACTModelServer", {"camera_keys": None}, ("agentview",), notes=SIMPLER
    ),
    "db_cogact, two cameras": Shipped(
        "dexbotic.cogact:CogACTModelServer",
        {"camera_keys": ["agentview", "wrist"]},
        CAMERAS,
        notes=SIMPLER,
    ),
    "groot for libero": Shipped(
        "groot:GR00TModelServer",
        {"_extra_obs_params": {}, "invert_gripper": True},
        ("agentview", *STATES),
        notes=("max_episode_steps", "euler_xyz"),
    ),
    "groot, gripper not inverted": Shipped(
        "groot:GR00TModelServer",
        {"_extra_obs_params": {"send_wrist_image": True}, "invert_gripper": False},
        (*CAMERAS, *STATES),
        gripper="openvla",
        notes=("max_episode_steps", "euler_xyz", "continuous_01"),
    ),
    "xvla for libero": Shipped(
        "xvla:XVLAModelServer", xvla("libero"), (*CAMERAS, *STATES), actions="absolute"
    ),
    "xvla without a profile": Shipped(
        # The 20-d state in its specification asks for LIBERO's, of which it makes its own.
        "xvla:XVLAModelServer",
        xvla(None),
        ("agentview", *STATES),
    ),
    "starvla for libero": Shipped(
        "starvla:StarVLAModelServer",
        {"_observation_params": {"send_wrist_image": True}},
        CAMERAS,
        notes=("names a state",),
    ),
    "oft": Shipped(
        "oft:OFTModelServer",
        {"num_images_in_input": 2, "use_proprio": True},
        (*CAMERAS, *STATES),
        env_seed=0,
        antipodal=False,
    ),
    "oft, one image": Shipped(
        "oft:OFTModelServer",
        {"num_images_in_input": 1, "use_proprio": False},
        ("agentview",),
        env_seed=0,
        antipodal=False,
    ),
    "openvla": Shipped("openvla:OpenVLAModelServer", {}, ("agentview",), env_seed=0),
    "pi0": Shipped(
        "pi0:Pi0ModelServer", {"wrist_image_key": "w", "state_key": "s"}, (*CAMERAS, *STATES)
    ),
    "pi0, agentview alone": Shipped(
        "pi0:Pi0ModelServer", {"wrist_image_key": None, "state_key": None}, ("agentview",)
    ),
    "vlanext": Shipped("vlanext:VLANeXtModelServer", {}, (*CAMERAS, *STATES), antipodal=False),
    "lerobot": Shipped(
        "lerobot:LeRobotModelServer",
        {**LEROBOT, "_expected_image_keys": ["observation.images.camera"]},
        (*CAMERAS, *STATES),
    ),
    "lerobot, lingbot_va": Shipped(
        "lerobot:LeRobotModelServer",
        {**LEROBOT, "state_key": None, "_expected_image_keys": []},
        CAMERAS,
    ),
    "mme_vla": Shipped(
        "mme_vla:MmeVlaModelServer",
        {"wrist_image_key": "w", "state_key": "s", "use_history": False},
        (*CAMERAS, *STATES),
    ),
}

REFUSED = {
    "xvla for calvin": ("xvla:XVLAModelServer", xvla("calvin"), "ep_len=720"),
    "xvla for simpler": ("xvla:XVLAModelServer", xvla("simpler"), "control_mode="),
    "xvla for vlabench": ("xvla:XVLAModelServer", xvla("vlabench"), "a camera 'primary'"),
    "xvla for robotwin": ("xvla:XVLAModelServer", xvla("robotwin"), "a camera 'head_camera'"),
    "mme_vla with history": (
        "mme_vla:MmeVlaModelServer",
        {"wrist_image_key": "w", "state_key": "s", "use_history": True},
        "send_video_history=True",
    ),
    "molmobot": ("molmobot:MolmoBotModelServer", {}, "state as 'joint_positions'"),
    "robodojo": ("robodojo_pi05:RoboDojoPi05ModelServer", {}, "actions 'actions'"),
    "robocasa365": ("robocasa365_groot:RoboCasa365GR00TModelServer", {}, "'base_motion'"),
    "behavior1k": (
        "behavior1k_baseline:Behavior1KBaselineModelServer",
        {"action_dim": 23},
        "joints",
    ),
    "behavior1k replay": (
        "behavior1k_demo_replay:Behavior1KDemoReplayModelServer",
        {"action_dim": 23},
        "joints",
    ),
}


def declared(
    target: str, attributes: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Return what a server's class declares, without its constructor, which loads the model."""
    # StarVLA's module imports it for actions of another benchmark; it declares without.
    stub = types.ModuleType("transforms3d.euler")
    stub.euler2axangle = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transforms3d", types.ModuleType("transforms3d"))
    monkeypatch.setitem(sys.modules, "transforms3d.euler", stub)
    module, _, name = target.partition(":")
    kind = getattr(importlib.import_module(f"vla_eval.model_servers.{module}"), name)
    server = object.__new__(kind)
    vars(server).update(attributes)
    return {
        "params": server.get_observation_params(),
        "actions": server.get_action_spec(),
        "observations": server.get_observation_spec(),
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_server_is_understood(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = SHIPPED[name]
    loaded = load(Model(**declared(expected.target, expected.attributes, monkeypatch)))
    assert loaded.observation_keys == expected.observed
    assert loaded.needs.protocol == "vla-eval"
    assert (loaded.needs.env_seed, loaded.needs.actions) == (expected.env_seed, expected.actions)
    read_as = loaded.description["read_as"]
    assert read_as["gripper"] == expected.gripper
    assert read_as["rotation"] == "as-is"
    if "state" in expected.observed:
        form = "axis_angle_antipodal" if expected.antipodal else "axis_angle"
        assert read_as["state"] == form
    for word, note in zip(expected.notes, loaded.notes, strict=True):
        assert word in note


@pytest.mark.parametrize("name", REFUSED)
def test_a_server_of_another_benchmark_is_refused_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, attributes, words = REFUSED[name]
    with pytest.raises(PolicyError) as caught:
        load(Model(**declared(target, attributes, monkeypatch)))
    assert words in caught.value.message
    assert "ignore=" in (caught.value.hint or "")
    assert caught.value.exit_code == 4


FAMILIES = {
    "cogact": "cogact",
    "db_cogact": "db_cogact",
    "groot_n16": "groot for libero",
    "groot_n17": "lerobot",
    "molmoact2": "lerobot",
    "starvla": "starvla for libero",
    "vlanext": "vlanext",
    "xvla": "xvla for libero",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_familys_card_says_what_its_server_declares(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, server = load_card(name), SHIPPED[FAMILIES[name]]
    model = Model(**declared(server.target, server.attributes, monkeypatch))
    loaded = load(model, card=name)
    assert (card.kind, card.protocol) == ("vla-eval", "vla-eval")
    assert loaded.needs == EnvironmentNeeds("vla-eval", server.env_seed, server.actions)
    assert card.cameras == tuple(key for key in loaded.observation_keys if key in CAMERAS)
    assert (card.state == "none") == ("state" not in loaded.observation_keys)
    if card.state != "none":
        assert loaded.description["read_as"]["state"] == card.state
    assert loaded.description["read_as"]["gripper"] == card.gripper
    assert loaded.replan == 1  # vla-eval's servers play their chunks out
    assert loaded.description["card"]["name"] == name


def test_every_server_of_the_package_is_in_one_of_the_tables() -> None:
    import vla_eval.model_servers

    folder = next(iter(vla_eval.model_servers.__path__))
    tables = {target.partition(":")[0] for target, *_ in (*SHIPPED.values(), *REFUSED.values())}
    from pathlib import Path

    found = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in Path(folder).rglob("*.py")
        if "def get_action_spec" in path.read_text(encoding="utf8")
    }
    # The base class, and a server of Kinetix, whose actions are six keys of a game.
    assert found - {"base", "rtc"} == tables


def test_the_table_has_all_parameters_of_their_benchmark() -> None:
    takes = set(inspect.signature(LIBEROBenchmark.__init__).parameters) - {"self"}
    assert set(PARAMETERS) == takes


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"send_depth": True}, "send_depth=True, which has no meaning in LIBERO"),
        ({"send_state": "yes"}, "send_state='yes', not true or false"),
        ({"env_seed": True}, "env_seed=True, not a whole number"),
        ({"env_seed": -1}, "env_seed=-1, not within"),
        ({"max_steps": 600}, "max_steps=600"),
        ({"num_steps_wait": 50}, "num_steps_wait=50, but episodes settle for 10"),
        ({"flip": [1, 2]}, "flip="),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_named(params: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=words) as caught:
        load(Model(params))
    assert caught.value.exit_code == 4


def test_what_the_user_lets_pass_is_recorded() -> None:
    loaded = load(Model({"max_steps": 600, "send_depth": True}), ignore="max_steps, send_depth")
    assert loaded.description["read_as"]["ignored"] == ["max_steps", "send_depth"]
    with pytest.raises(PolicyError, match="declares no 'max_step'") as caught:
        load(Model({"max_steps": 600}), ignore="max_step")
    assert "max_steps" in (caught.value.hint or "")


def test_defaults_and_agreeing_values_are_no_obstacle() -> None:
    none = dict.fromkeys(("env_seed", "max_steps"))
    loaded = load(Model({**none, "num_steps_wait": 10, "quat_no_antipodal": False}))
    assert loaded.needs.env_seed is None
    assert loaded.notes == ()


def test_the_users_values_win_as_in_vla_evals_configuration() -> None:
    model = Model({"seed": 3, "env_seed": 4, "send_state": True, "send_wrist_image": True})
    loaded = load(model, env_seed="5", send_wrist_image="false", absolute_action="true")
    assert loaded.needs.env_seed == 5
    assert loaded.needs.actions == "absolute"
    assert loaded.observation_keys == ("agentview", *STATES)
    assert load(model).needs.env_seed == 4
    assert load(Model({"seed": 3})).needs.env_seed == 3
    with pytest.raises(PolicyError, match="no argument 'send_wrist'"):
        load(model, send_wrist="true")
    with pytest.raises(PolicyError, match="you give env_seed='x', not a whole number"):
        load(model, env_seed="x")


def test_a_suite_is_the_only_one_that_runs() -> None:
    with served(Model({"suite": "libero_10"})) as address:
        policy = load_policy("vla-eval", address, {}, 7).policy
        with pytest.raises(PolicyError, match="suite='libero_10', but this run is of 'libero_goal"):
            policy.reset([0], EPISODES[:1])


STATE = {"state": STATE_EEF_POS_AA_GRIP}


@pytest.mark.parametrize(
    ("observations", "words"),
    [
        ({"front": IMAGE_RGB}, "a camera 'front'"),
        ({"wrist": DimSpec("wrist", 0, "depth_hw_float")}, "wrist as 'depth_hw_float'"),
        ({"state": STATE_JOINT}, "state as 'joint_positions'"),
        ({"state": STATE_EEF_POS_QUAT_GRIP}, "state as 'eef_pos3_quat4_gripper1'"),
        ({"touch": DimSpec("touch", 4, "newton")}, "an observation 'touch'"),
    ],
)
def test_an_observation_that_libero_lacks_is_named(
    observations: dict[str, Any], words: str
) -> None:
    with pytest.raises(PolicyError, match=words):
        load(Model(observations=observations))
    (name,) = observations
    assert load(Model(observations=observations), ignore=name).observation_keys == ("agentview",)


def test_a_specification_alone_asks_for_what_it_names() -> None:
    """vla-eval would only warn, and such servers fill in black images and zeros."""
    loaded = load(Model(observations={"image": IMAGE_RGB, "wrist_image": IMAGE_RGB, **STATE}))
    assert loaded.observation_keys == (*CAMERAS, *STATES)
    accepts = DimSpec("state", 8, "mine", accepts=frozenset({"eef_pos3_axisangle3_gripper2"}))
    assert "state" in load(Model(observations={"state": accepts})).observation_keys


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ({"position": POSITION_ABSOLUTE}, "'absolute_xyz' without absolute_action"),
        ({"rotation": ROTATION_QUAT}, "rotation as 'quaternion_xyzw', 4 numbers"),
        ({"gripper": DimSpec("gripper", 1, "width_mm")}, "gripper as 'width_mm'"),
        ({"left_arm": DimSpec("left_arm", 7, "joints")}, r"actions 'left_arm' \(joints\)"),
        ({"position": DimSpec("position", 2, "delta_xyz")}, "position as 'delta_xyz', 2 numbers"),
    ],
)
def test_actions_that_libero_cannot_execute_are_named(actions: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        load(Model(actions={**LIBERO_ACTIONS, **actions}))


def test_a_specification_that_cannot_be_read_is_refused() -> None:
    class Odd(Model):
        def get_action_spec(self) -> Any:
            return {"rotation": types.SimpleNamespace(to_dict=lambda: {"dims": 3})}

    with pytest.raises(PolicyError, match="action_spec of 'rotation' cannot be read"):
        load(Odd())
