"""Which protocol and seeds a run has, from its options, its policy's needs and the default."""

from __future__ import annotations

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


def test_recorded_actions_are_played_under_their_own_protocol_only() -> None:
    needs = EnvironmentNeeds("lerobot", env_seed=1000, strict=True)
    assert conditions(needs, protocol="lerobot").max_steps == 280
    with pytest.raises(UsageError, match="under protocol 'lerobot' only, not 'openvla'"):
        conditions(needs, protocol="openvla")
    with pytest.raises(UsageError, match="under protocol 'openvla' only, not 'lerobot'"):
        conditions(EnvironmentNeeds(strict=True), protocol="lerobot")


def test_max_steps_is_the_option_or_the_protocols() -> None:
    assert conditions(EnvironmentNeeds("lerobot")).max_steps == 280
    assert conditions(EnvironmentNeeds("lerobot"), max_steps=5).max_steps == 5


def test_a_protocol_that_only_the_card_names_is_told() -> None:
    found = conditions(EnvironmentNeeds("lerobot"))
    (note,) = found.notes(asked=None)
    assert "protocol 'lerobot', the policy's family's: images of 360 px, env.seed(1000)" in note
    assert found.notes(asked="lerobot") == ()
    assert conditions().notes(asked=None) == ()
