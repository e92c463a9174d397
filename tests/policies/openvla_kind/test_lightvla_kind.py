"""LightVLA on small checkpoints: with OpenVLA-OFT's code, and with code that prunes by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_openvla_kind import ask, load

from gridseval.errors import PolicyError

CODES = {"oft": "oft", "light": "lightvla"}
"""A checkpoint, and which hidden states its own code reads."""


@pytest.mark.parametrize("indexing", ["oft", "lightvla"])
def test_lightvla_equals_masking_what_it_pruned(indexing: str, family: Path) -> None:
    """A language model that may not attend to a token computes as if it was not there."""
    import torch

    loaded = load(family / "oft", "lightvla", indexing=indexing)
    assert loaded.description["indexing"] == indexing
    chunk = ask(loaded, [0])
    assert chunk.traces is not None
    kept = np.concatenate([camera.kept for camera in chunk.traces[0].cameras])
    assert [camera.grid for camera in chunk.traces[0].cameras] == [(16, 16)] * 2
    assert 0 < kept.sum() < 512
    dense = load(family / "oft", "openvla-oft")
    language_model = dense.policy._policy._loaded.model.language_model  # type: ignore[attr-defined]
    forward = language_model.forward

    def masked(**arguments: Any) -> Any:
        mask = arguments["attention_mask"].clone()
        mask[0, 1:513] = torch.from_numpy(kept.astype(np.int64))
        count = arguments["inputs_embeds"].shape[1]
        places = torch.arange(count)[None]
        output = forward(**(arguments | {"attention_mask": mask, "position_ids": places}))
        if indexing == "lightvla":  # the last 56 stand where OFT's code reads
            moved = output["hidden_states"][-1].roll(-2, dims=1)
            output["hidden_states"] = (*output["hidden_states"][:-1], moved)
        return output

    language_model.forward = masked
    assert np.allclose(ask(dense, [0]).actions, chunk.actions, atol=1e-5)
    language_model.forward = forward
    assert not np.allclose(ask(dense, [0]).actions, chunk.actions, atol=1e-5)


@pytest.mark.parametrize("name", CODES)
def test_the_head_reads_what_the_checkpoints_own_code_reads_unless_asked(
    name: str, family: Path
) -> None:
    default = load(family / name, "lightvla")
    assert default.description["indexing"] == CODES[name]
    assert default.description["indexing_by"] == "the checkpoint's code"
    asked = {each: load(family / name, "lightvla", indexing=each) for each in CODES.values()}
    for indexing, loaded in asked.items():
        assert loaded.description["indexing"] == indexing
        assert loaded.description["indexing_by"] == "--policy-arg indexing"
    actions = {key: ask(loaded, [0]).actions for key, loaded in asked.items()}
    assert np.array_equal(ask(default, [0]).actions, actions[CODES[name]])
    assert np.abs(actions["oft"] - actions["lightvla"]).max() > 1e-3


def test_an_unknown_indexing_is_refused(family: Path) -> None:
    with pytest.raises(PolicyError, match="indexing 'ofts' is neither 'lightvla' nor 'oft'"):
        load(family / "oft", "lightvla", indexing="ofts")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (lambda states: states[:, 1:57], "reads neither LightVLA's nor OpenVLA-OFT's states"),
        (lambda states: 1 // 0, "cannot find which hidden states .*: ZeroDivisionError"),
    ],
)
def test_code_that_reads_other_states_must_be_told_which(head: Any, said: str) -> None:
    import torch
    from tiny_llama import tiny_llama

    from gridseval.policies.openvla_kind.indexing import find_indexing

    model = tiny_llama("sdpa")
    own = model.forward

    def query(listener: Any) -> None:
        output = model.forward(
            inputs_embeds=torch.randn(1, 60, 32), output_hidden_states=True, return_dict=True
        )
        listener.predict_action(head(output["hidden_states"][-1]))

    with pytest.raises(PolicyError, match=said) as caught:
        find_indexing(query, model)
    assert "--policy-arg indexing" in (caught.value.hint or "")
    assert model.forward == own


def test_a_checkpoint_that_prunes_by_its_own_code_gives_a_trace(family: Path) -> None:
    """Its code leaves out tokens that its scores want, as a range of LightVLA's commits did."""
    loaded = load(family / "light", "lightvla")
    assert loaded.description["pruning"] == "by the checkpoint's code"
    assert load(family / "oft", "lightvla").description["pruning"] == "by gridseval"
    assert not any("not traced" in note for note in loaded.notes)
    language_model: Any = loaded.policy._policy._loaded.model.language_model  # type: ignore[attr-defined]
    seen: list[Any] = []
    scored: list[Any] = []

    def watch(_: Any, __: Any, named: dict[str, Any]) -> None:
        seen.append(named["position_ids"][0].numpy())

    language_model.model.register_forward_pre_hook(watch, with_kwargs=True)
    score = language_model.model.pruner.get_score
    language_model.model.pruner.get_score = lambda *given: (
        scored.append(score(*given)) or scored[-1]
    )
    chunk = ask(loaded, [0, 1])
    for trace, places, scores in zip(chunk.traces, seen, scored, strict=True):
        assert [camera.camera for camera in trace.cameras] == ["agentview", "wrist"]
        kept = np.concatenate([camera.kept for camera in trace.cameras])
        expected = places[(places > 0) & (places <= 512)] - 1
        assert np.array_equal(np.flatnonzero(kept), expected)
        votes = np.concatenate([camera.weights for camera in trace.cameras])
        assert np.array_equal(votes, np.bincount(scores[0].argmax(1).numpy(), minlength=512))
        assert 0 < kept.sum() < (votes > 0).sum()


def test_who_prunes_is_told_where_the_choice_cannot_be_traced(
    family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gridseval.policies.openvla_kind.own_choice.find_own_pruner", lambda _model: None
    )
    loaded = load(family / "light", "lightvla")
    assert loaded.description["pruning"] == "by the checkpoint's code"
    assert any("its choice is not traced" in note for note in loaded.notes)
    assert ask(loaded, [0]).traces == (None,)


def test_one_image_is_traced_as_one_camera(family: Path) -> None:
    (trace,) = ask(load(family / "light", "lightvla", images="1"), [0]).traces
    (camera,) = trace.cameras
    assert camera.camera == "agentview"
    assert 0 < camera.kept_count < 256


def test_an_own_pruner_of_other_tokens_is_named(family: Path) -> None:
    loaded = load(family / "light", "lightvla")
    policy: Any = loaded.policy._policy  # type: ignore[attr-defined]
    policy._loaded.model.language_model.model.pruner.num_patches = 500
    with pytest.raises(PolicyError, match="chose among 500 tokens, and 2 cameras have 256 each"):
        ask(loaded, [0])
    policy._own._kept = None
    with pytest.raises(PolicyError, match="did not score any tokens"):
        policy._traces()
