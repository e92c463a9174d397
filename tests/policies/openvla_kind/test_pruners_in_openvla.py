"""Pruners inside small checkpoints of OpenVLA's family, as a user asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import observe
from test_openvla_kind import EPISODE, ask, load

from gridseval.errors import PolicyError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.results.run.reading import read_run
from gridseval.tokens.pruners import list_pruners

AT_ENCODER = {"lightvla_star": {"layer": "1", "queries": "20"}}
"""The small checkpoints have no projector, so that pruners at the encoder need another place."""


@pytest.mark.parametrize(
    "name", [each for each in list_pruners() if each not in ("dense", "sp_vla")]
)
@pytest.mark.parametrize("kind", ["openvla", "oft"])
def test_each_runs_and_is_traced(kind: str, name: str, family: Path) -> None:
    loaded = load(family / kind, pruner=name, **AT_ENCODER.get(name, {}))
    dense = load(family / kind)
    loaded.policy.reset([0], [EPISODE])
    chunks = [loaded.policy.act(observe([0])) for _ in range(5)]
    chunk = chunks[-1]  # VLA-Pruner keeps everything in the first three
    (trace,) = chunk.traces
    cameras = 1 if kind == "openvla" else 2
    assert [camera.grid for camera in trace.cameras] == [(16, 16)] * cameras
    assert loaded.description["pruner"]["name"] == name
    other = ask(dense, [0]).actions
    assert chunk.actions.shape == other.shape
    if name == "vla_cache":
        assert np.array_equal(chunks[0].actions, other)
        # The same images again: what is reused is what would be computed.
        assert np.allclose(chunk.actions, other, atol=1e-5)
        hooks = loaded.policy._policy._pruning._hooks  # type: ignore[attr-defined]
        assert [int(count) for _, count in hooks.query.counts][-1] < 256 * cameras
    else:
        assert 0 < trace.kept_count < 256 * cameras
        assert not np.allclose(chunk.actions, other, atol=1e-6)


@pytest.mark.parametrize("name", ["lightvla_star", "sp_vla"])
def test_pruners_at_the_encoder_run_and_are_traced(name: str, family: Path) -> None:
    """SP-VLA sees a fast arm before one gray, so that no edge is kept."""
    arguments = {"queries": "20"} if name == "lightvla_star" else {"z_thre": "0", "z_min": "1"}
    loaded = load(family / "projected", pruner=name, **arguments)
    inside: Any = loaded.policy
    while hasattr(inside, "_policy"):
        inside = inside._policy
    loaded.policy.reset([0], [EPISODE])
    if name == "sp_vla":
        inside._pruning._pruner.rule.execute(0, np.array([[0, 0, 0.9, 0, 0, 0, 1]], np.float32))
    gray = {camera: np.full((1, 256, 256, 3), 90, np.uint8) for camera in ("agentview", "wrist")}
    chunk = loaded.policy.act({**observe([0]), **gray} if name == "sp_vla" else observe([0]))
    (trace,) = chunk.traces
    assert [camera.grid for camera in trace.cameras] == [(16, 16)] * 2
    assert 2 < trace.kept_count < 100
    assert loaded.description["pruner"] == {"name": name, "places": ["encoder"]}


def test_dense_is_the_model_without_a_pruner_to_the_bit(family: Path) -> None:
    pruned = ask(load(family / "oft", pruner="dense"), [0])
    assert np.array_equal(pruned.actions, ask(load(family / "oft"), [0]).actions)
    assert pruned.traces[0].kept_count == 512


def test_defaults_follow_openvla_ofts_port(family: Path) -> None:
    loaded = load(family / "oft", pruner="vla_pruner")
    pruner: Any = loaded.policy._policy._pruning._pruner  # type: ignore[attr-defined]
    assert pruner.per_camera
    light = load(family / "oft", "lightvla", pruner="vla_pruner")
    assert light.policy._policy._pruning._pruner.per_camera  # type: ignore[attr-defined]
    alone = load(family / "openvla", pruner="vla_pruner")
    assert not alone.policy._policy._pruning._pruner.per_camera  # type: ignore[attr-defined]


def test_random_tokens_depend_on_episode_and_query_alone(family: Path) -> None:
    loaded = load(family / "openvla", pruner="random", k="8")
    together = ask(loaded, [0, 1])
    again = ask(load(family / "openvla", pruner="random", k="8"), [1])
    assert np.array_equal(together.traces[1].cameras[0].kept, again.traces[0].cameras[0].kept)
    second = loaded.policy.act(observe([0, 1]))
    assert not np.array_equal(second.traces[1].cameras[0].kept, together.traces[1].cameras[0].kept)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pruner": "sp_vla"}, "works on the vision encoder's features"),
        ({"k": "4"}, "policy 'openvla' has no argument 'k'"),
        ({"pruner": "fastw"}, "fastv"),
        ({"pruner": "fastv", "layers": "4"}, "pruner 'fastv' has no argument 'layers'"),
        ({"pruner": "fastv", "layer": "7"}, "needs decoder layer 7, the model has 2"),
        ({"pruner": "fastv", "k": "300"}, "300"),
        (
            {"pruner": "lightvla_star", "encoder_dim": "9"},
            "works on the vision encoder's features",
        ),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, str], said: str, family: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load(family / "openvla", **arguments)
    assert said in f"{caught.value} {caught.value.hint}"


def test_a_checkpoint_whose_own_code_prunes_takes_no_other(family: Path) -> None:
    with pytest.raises(PolicyError, match="'fastv' works in a language model of transformers"):
        load(family / "light", "lightvla", pruner="fastv")


def test_an_untrained_pruner_is_told(family: Path) -> None:
    loaded = load(family / "oft", pruner="grids", k="4")
    assert any("grids is untrained" in note for note in loaded.notes)
    assert not any("untrained" in note for note in load(family / "oft", pruner="fastv").notes)


def test_an_argument_of_another_member_is_refused(family: Path) -> None:
    with pytest.raises(PolicyError, match="policy 'openvla-oft' has no argument 'indexing'"):
        load(family / "oft", "openvla-oft", indexing="oft")


@pytest.mark.parametrize("name", ["fastv", "sparsevlm"])
def test_a_run_records_tokens_of_the_last_layer(
    name: str, family: Path, assets: Path, tmp_path: Path
) -> None:
    config = RunConfig(
        *("libero_object", tmp_path / "run"),
        tasks="0",
        trials=1,
        max_steps=4,
        workers=0,
        video="none",
        policy="openvla",
        checkpoint=str(family / "openvla"),
        trust_remote_code=True,
        policy_arguments={"pruner": name, "k": "64", "dtype": "float32"},
        assets=str(assets),
    )
    assert evaluate(config).tally.errors == 0
    (record,) = read_run(tmp_path / "run").records
    assert 64 <= np.mean(record.extra["kept_tokens"]) < 100
