"""Which policy labels: the acting one, a registered one, or a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.collecting import CollectConfig
from gridseval.collecting.labels import labelling_policy
from gridseval.errors import PolicyError, UsageError
from gridseval.evaluation import RunConfig
from gridseval.policies import EnvironmentNeeds, LoadedPolicy, load_policy
from gridseval.policies.nano import NanoConfig
from gridseval.policies.nano.checkpoint import save_nano
from gridseval.policies.zero import ZeroPolicy
from gridseval.suites import Episode

RUN = RunConfig("libero_goal", Path("out"))
ACTING = LoadedPolicy(ZeroPolicy(), "zero", ("state",), None, {})


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    shape = NanoConfig(image_px=32, stem_width=8, encoder_width=16, layers=2, width=32, mlp=32)
    save_nano(tmp_path / "nano", shape, seed=3)
    return str(tmp_path / "nano")


def test_the_acting_policy_labels_unless_another_is_named() -> None:
    assert labelling_policy(CollectConfig(RUN), ACTING, 7) is ACTING


@pytest.mark.parametrize("pruner", ["flashvla", "sp_vla"])
def test_a_policy_that_remembers_its_actions_labels_what_it_executes_only(pruner: str) -> None:
    """It would skip queries by actions that another policy, or noise, never let happen."""
    acting = load_policy("nano", None, {"pruner": pruner}, 7)
    assert labelling_policy(CollectConfig(RUN), acting, 7) is acting
    with pytest.raises(UsageError, match=r"'nano' decides by the actions .*--noise changes them"):
        labelling_policy(CollectConfig(RUN, noise=0.1), acting, 7)
    with pytest.raises(UsageError, match=r"'nano' decides by the actions .*'zero' acts"):
        labelling_policy(CollectConfig(RUN, "nano", None, {"pruner": pruner}), ACTING, 7)
    dense = load_policy("nano", None, {"pruner": "dense"}, 7)
    assert labelling_policy(CollectConfig(RUN, noise=0.1), dense, 7) is dense


@pytest.mark.parametrize("label", ["nano", None])
def test_a_checkpoint_labels(checkpoint: str, label: str | None) -> None:
    """Its kind is named, or told from the checkpoint; what it chooses is the checkpoint's."""
    config = CollectConfig(RUN, label, checkpoint, {"pruner": "grids", "k": "2"} if label else {})
    labelling = labelling_policy(config, ACTING, 7)
    assert (labelling.name, labelling.description["checkpoint"]) == ("nano", checkpoint)
    assert len(labelling.description["sha256"]) == 64
    labelling.policy.reset([0], [Episode("libero_goal", 0, 0)])
    frame = np.zeros((1, 64, 64, 3), np.uint8)
    seen: dict[str, Any] = {
        **{"slots": np.arange(1), "steps": np.zeros(1, int), "agentview": frame, "wrist": frame},
        **{"state": np.zeros((1, 8), np.float32), "instruction": ("turn on the stove",)},
    }
    chunk: Any = labelling.policy.act(seen)
    assert chunk.traces[0].kept_count == (4 if label else 32)


def test_what_cannot_label(checkpoint: str, tmp_path: Path) -> None:
    missing = CollectConfig(RUN, "nano", str(tmp_path / "nowhere"))
    with pytest.raises(PolicyError, match="nowhere"):
        labelling_policy(missing, ACTING, 7)
    with pytest.raises(UsageError, match="--label-arg is for the policy of --label or"):
        CollectConfig(RUN, label_arguments={"k": "2"})
    other = LoadedPolicy(
        ZeroPolicy(), "poses", ("state",), None, {}, needs=EnvironmentNeeds(protocol="openpi")
    )
    assert labelling_policy(CollectConfig(RUN, None, checkpoint), other, 7).name == "nano"
