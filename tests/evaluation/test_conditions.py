"""Which protocol and seeds a run has, from its options, its policy's needs and the default."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gridseval.errors import UsageError
from gridseval.evaluation.conditions import Conditions
from gridseval.evaluation.config import RunConfig
from gridseval.policies import EnvironmentNeeds
from gridseval.suites import load_suite

SPATIAL = load_suite("libero_spatial")


def conditions(needs: EnvironmentNeeds | None = None, **options: Any) -> Conditions:
    config = RunConfig("libero_spatial", Path("out"), **options)
    return Conditions.of(config, needs or EnvironmentNeeds(), SPATIAL)


def test_without_anything_it_is_openvlas_evaluation() -> None:
    found = conditions().manifest()
    assert found == {
        "protocol": "openvla",
        "seed": 7,
        "env_seed": 0,
        "seeding": "task",
        "image_px": 256,
        "settle_steps": 10,
        "max_steps": 220,
        "actions": "delta",
    }


@pytest.mark.parametrize(
    ("needs", "options", "env_seed", "policy_seed"),
    [
        (EnvironmentNeeds("openpi"), {}, 7, 7),
        (EnvironmentNeeds("openpi"), {"seed": 3}, 3, 3),
        (EnvironmentNeeds("openpi"), {"seed": 3, "env_seed": 5}, 5, 3),
        (EnvironmentNeeds("openpi"), {"protocol": "openvla"}, 0, 7),
        (EnvironmentNeeds("vla-eval", env_seed=0), {}, 0, 7),
        (EnvironmentNeeds("vla-eval", env_seed=0), {"seed": 4}, 0, 4),
        (EnvironmentNeeds("vla-eval", env_seed=0), {"env_seed": 0}, 0, 7),
        (EnvironmentNeeds("lerobot"), {}, 1000, 7),
    ],
)
def test_seeds(
    needs: EnvironmentNeeds, options: dict[str, Any], env_seed: int, policy_seed: int
) -> None:
    found = conditions(needs, **options)
    assert (found.env_seed, found.policy_seed) == (env_seed, policy_seed)


def test_a_seed_that_the_policy_cannot_have_is_refused() -> None:
    with pytest.raises(UsageError, match="needs LIBERO's seed 0, not 7"):
        conditions(EnvironmentNeeds(env_seed=0), env_seed=7)


def test_recorded_actions_are_played_in_their_own_episodes_only() -> None:
    values = {"seeding": "trial", "image_px": 360, "settle_steps": 10}
    needs = EnvironmentNeeds("lerobot", env_seed=1000, strict=True, **values)  # type: ignore[arg-type]
    assert conditions(needs).max_steps == 280
    assert conditions(needs, protocol="lerobot-0.4").protocol.image_px == 256
    with pytest.raises(UsageError, match="'lerobot' with seeding trial, not task as in 'openvla'"):
        conditions(needs, protocol="openvla")


def test_a_protocol_of_ones_own_is_played_by_its_recorded_values() -> None:
    """Its file may be elsewhere or say something else by now; a name that ships is no excuse."""
    for name in ("mine", "openvla"):
        needs = EnvironmentNeeds(
            name, env_seed=4, strict=True, seeding="trial", image_px=128, settle_steps=5
        )
        found = conditions(needs).manifest()
        assert (found["protocol"], found["env_seed"]) == (name, 4)
        assert [found[key] for key in ("seeding", "image_px", "settle_steps")] == ["trial", 128, 5]


def test_max_steps_is_the_option_or_the_protocols() -> None:
    assert conditions(EnvironmentNeeds("lerobot")).max_steps == 280
    assert conditions(EnvironmentNeeds("lerobot"), max_steps=5).max_steps == 5


def told(needs: EnvironmentNeeds | None = None, **options: Any) -> tuple[str, ...]:
    config = RunConfig("libero_spatial", Path("out"), **options)
    return conditions(needs, **options).notes(config)


def test_a_protocol_that_only_the_card_names_is_told() -> None:
    (note,) = told(EnvironmentNeeds("lerobot"))
    assert "protocol 'lerobot', the policy's family's: images of 360 px" in note
    assert "env.seed(1000 + trial), 280 policy steps" in note
    assert told(EnvironmentNeeds("lerobot"), protocol="lerobot") == ()
    assert told() == ()


def test_a_seed_that_moves_the_scenes_is_told() -> None:
    (note,) = told(seed=7)
    assert "--seed seeds LIBERO, too" in note
    assert "--env-seed 0 keeps its scenes" in note
    assert told(seed=7, env_seed=0) == told(env_seed=7) == told(seed=0) == ()


def test_a_suite_of_ones_own_has_its_own_settle_steps() -> None:
    own = replace(SPATIAL, name="kitchen", settle_steps=3, file=Path("/kitchen/suite.yaml"))
    config = RunConfig("./kitchen", Path("out"))
    assert Conditions.of(config, EnvironmentNeeds(), own).settle_steps == 3
    recorded = EnvironmentNeeds("openvla", strict=True, settle_steps=10)
    assert Conditions.of(config, recorded, own).settle_steps == 10
