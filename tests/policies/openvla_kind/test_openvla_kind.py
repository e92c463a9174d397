"""OpenVLA, OpenVLA-OFT and LightVLA on small checkpoints with code of their own."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from served import observe

from gridseval.errors import PolicyError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.policies import LoadedPolicy, load_policy
from gridseval.policies.cards import load_card
from gridseval.policies.openvla_kind.heads import load_action_head, load_proprio_projector
from gridseval.policies.openvla_kind.normalisation import choose_key
from gridseval.results.run.reading import read_run
from gridseval.suites import Episode

Make = Callable[..., Path]
EPISODE = Episode("libero_object", 0, 0)


def load(path: Path, policy: str | None = None, **arguments: str) -> LoadedPolicy:
    return load_policy(policy, str(path), {"dtype": "float32"} | arguments, 7, trusted=True)


def ask(loaded: LoadedPolicy, slots: list[int], episode: Episode = EPISODE) -> Any:
    loaded.policy.reset(slots, [episode] * len(slots))
    return loaded.policy.act(observe(slots))


def test_openvla_is_told_and_acts_by_its_card(family: Path) -> None:
    loaded = load(family / "openvla")
    assert loaded.name == "openvla"
    assert loaded.observation_keys == ("agentview",)
    assert loaded.replan == 1
    assert any("does not batch" in note for note in loaded.notes)
    chunk = ask(loaded, [0, 1])
    assert [trace.kept_count for trace in chunk.traces] == [256, 256]
    assert loaded.flops is None  # so small a model is none that is described
    assert loaded.description["card"]["gripper"] == "openvla"
    both = chunk.actions
    assert both.shape == (2, 1, 7)
    assert np.array_equal(both[1:], ask(loaded, [1]).actions)
    assert not np.array_equal(both[0], both[1])
    # The statistics' range, and the gripper's sign: the model's seventh is in [-1, 1].
    assert np.abs(both[..., :6]).max() <= 0.5
    assert set(np.unique(both[..., 6])) <= {-1.0, 1.0}


def layer_norm(x: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def test_the_head_and_the_projector_are_ofts_networks(family: Path) -> None:
    import torch
    from scipy.special import erf

    file = family / "oft" / "action_head--10_checkpoint.pt"
    state = {
        key.removeprefix("module.model."): value.double().numpy()
        for key, value in torch.load(file, weights_only=True).items()
    }
    states = np.random.default_rng(0).normal(size=(2, 56, 32))
    x = states.reshape(2, 8, 224)
    x = layer_norm(x, state["layer_norm1.weight"], state["layer_norm1.bias"])
    x = np.maximum(x @ state["fc1.weight"].T + state["fc1.bias"], 0)
    for block in ("mlp_resnet_blocks.0.ffn", "mlp_resnet_blocks.1.ffn"):
        y = layer_norm(x, state[f"{block}.0.weight"], state[f"{block}.0.bias"])
        x = x + np.maximum(y @ state[f"{block}.1.weight"].T + state[f"{block}.1.bias"], 0)
    x = layer_norm(x, state["layer_norm2.weight"], state["layer_norm2.bias"])
    expected = x @ state["fc2.weight"].T + state["fc2.bias"]
    head = load_action_head(family / "oft", 32)
    assert head is not None
    with torch.no_grad():
        ours = head.double().predict_action(torch.from_numpy(states)).numpy()
    assert np.allclose(ours, expected, atol=1e-9)

    file = family / "oft" / "proprio_projector--10_checkpoint.pt"
    state = {k: v.double().numpy() for k, v in torch.load(file, weights_only=True).items()}
    vector = np.random.default_rng(1).normal(size=(3, 8))
    x = vector @ state["fc1.weight"].T + state["fc1.bias"]
    x = x * (1 + erf(x / np.sqrt(2))) / 2
    projector = load_proprio_projector(family / "oft", 32, 8)
    assert projector is not None
    with torch.no_grad():
        ours = projector.double()(torch.from_numpy(vector)).numpy()
    assert np.allclose(ours, x @ state["fc2.weight"].T + state["fc2.bias"], atol=1e-9)


def test_oft_sees_two_images_and_the_normalised_state(family: Path) -> None:
    loaded = load(family / "oft")
    assert loaded.name == "openvla-oft"
    assert loaded.observation_keys == ("agentview", "wrist", "state")
    assert loaded.replan == 8
    actions = ask(loaded, [0]).actions
    assert actions.shape == (1, 8, 7)
    by_hand = oft_by_hand(family / "oft", observe([0]))
    assert np.allclose(actions[0, :, :6], by_hand[:, :6], atol=1e-5)
    assert np.array_equal(actions[0, :, 6], -np.sign(2 * by_hand[:, 6] - 1))


def oft_by_hand(folder: Path, seen: dict[str, Any]) -> NDArray[Any]:
    """Return the model's actions from the checkpoint's own code, fed by hand."""
    import torch
    from PIL import Image
    from transformers.dynamic_module_utils import get_class_from_dynamic_module

    model = get_class_from_dynamic_module("modeling_tiny.TinyVla", str(folder))
    model = model.from_pretrained(str(folder)).eval()
    model.norm_stats = json.loads((folder / "dataset_statistics.json").read_text())
    model.vision_backbone.set_num_images_in_input(2)
    processor = get_class_from_dynamic_module("processing_tiny.TinyProcessor", str(folder))()
    card = load_card("openvla_oft")
    images = [Image.fromarray(card.image.apply(seen[key])[0]) for key in ("agentview", "wrist")]
    prompt = "In: What action should the robot take to do 0?\nOut:"
    inputs = [processor(prompt, image) for image in images]
    pixels = torch.cat([each["pixel_values"] for each in inputs], 1)
    both_ways(model.language_model)
    scaled = np.clip(2 * (seen["state"][0].astype(float) + 1) / (4 + 1e-8) - 1, -1, 1)
    with torch.inference_mode():
        actions, _ = model.predict_action(
            input_ids=inputs[0]["input_ids"],
            pixel_values=pixels,
            unnorm_key="libero_object_no_noops",
            do_sample=False,
            proprio=scaled,
            proprio_projector=load_proprio_projector(folder, 32, 8),
            action_head=load_action_head(folder, 32),
        )
    return np.asarray(actions)


def both_ways(language_model: Any) -> None:
    """Let a language model attend to both sides by a mask of four axes."""
    import torch

    forward = language_model.forward

    def whole(**arguments: Any) -> Any:
        count = arguments["inputs_embeds"].shape[1]
        return forward(**(arguments | {"attention_mask": torch.zeros(1, 1, count, count)}))

    language_model.forward = whole


def test_what_a_run_must_say_of_them(family: Path) -> None:
    said = {name: load(family / "oft", name) for name in ("openvla-oft", "lightvla")}
    said["openvla"] = load(family / "openvla")
    for loaded in said.values():
        assert loaded.needs.protocol == "openvla"
        assert loaded.description["packages"]["transformers"]
    assert said["openvla"].description["attention"] == "causal"
    assert said["openvla"].description["images"] == 1
    for name in ("openvla-oft", "lightvla"):
        described = said[name].description
        assert described["attention"] == "bidirectional, by gridseval"
        assert (described["images"], described["film"], described["proprio"]) == (2, False, True)


def test_oft_is_refused_where_its_language_model_stays_causal(
    family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under an attention that takes no mask and no word of both sides."""
    import torch
    from transformers.models.llama.modeling_llama import LlamaAttention

    whole = LlamaAttention.forward

    def causal(self: Any, hidden_states: Any, *positional: Any, **named: Any) -> Any:
        length = hidden_states.shape[1]
        mask = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
        return whole(self, hidden_states, *positional, **(named | {"attention_mask": mask}))

    monkeypatch.setattr(LlamaAttention, "forward", causal)
    for name, kind in (("oft", "openvla-oft"), ("oft", "lightvla"), ("light", "lightvla")):
        with pytest.raises(PolicyError, match="attends to the left only") as caught:
            load(family / name, kind)
        assert "moojink/transformers-openvla-oft" in (caught.value.hint or "")
    assert load(family / "openvla").description["attention"] == "causal"


def test_code_of_a_checkpoint_runs_only_when_asked(
    checkpoint: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = checkpoint("openvla").rename(tmp_path / "never_loaded_before")
    marker = tmp_path / "ran"
    monkeypatch.setenv("TINY_MARKER", str(marker))
    with pytest.raises(PolicyError, match=r"modeling_tiny\.TinyVla") as caught:
        load_policy(None, str(path), {}, 7)
    assert "--trust-remote-code" in (caught.value.hint or "")
    assert not marker.exists()
    load(path)
    assert marker.exists()


def test_the_key_follows_the_suite(family: Path) -> None:
    loaded = load(family / "openvla")
    with pytest.raises(PolicyError, match=r"libero_goal or libero_goal_no_noops") as caught:
        ask(loaded, [0], Episode("libero_goal", 0, 0))
    assert "bridge_orig, libero_object_no_noops" in caught.value.message
    assert "unnorm_key" in (caught.value.hint or "")
    ask(load(family / "openvla", unnorm_key="bridge_orig"), [0], Episode("libero_goal", 0, 0))
    with pytest.raises(PolicyError, match="bridge_org"):
        load(family / "openvla", unnorm_key="bridge_org")
    keys = {"libero_10": {}, "libero_10_no_noops": {}}
    assert choose_key(keys, "libero_plus_10") == "libero_10"


def test_each_slot_has_the_statistics_of_its_own_suite(family: Path, checkpoint: Make) -> None:
    statistics = json.loads((family / "openvla" / "dataset_statistics.json").read_text())
    wide = statistics["libero_object_no_noops"]["action"]
    wide = wide | {"q01": [-5.0] * 6 + [0.0], "q99": [5.0] * 6 + [1.0]}
    path = checkpoint("openvla", **statistics, libero_goal={"action": wide})
    policy = load(path).policy
    other = Episode("libero_goal", 0, 0)
    policy.reset([0, 1], [EPISODE, other])
    narrow, wider = policy.act(observe([0, 1])).actions
    assert np.array_equal(narrow, ask(load(path), [0]).actions[0])
    assert np.array_equal(wider, ask(load(path), [1], other).actions[0])
    assert np.abs(wider[..., :6]).max() > 0.5


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle ran",))


def spoil_head(path: Path, data: bytes) -> None:
    (path / "action_head--10_checkpoint.pt").write_bytes(data)


def pickled_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()
    (path / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))


def cut(path: Path, name: str) -> None:
    data = (path / name).read_bytes()
    (path / name).write_bytes(data[: len(data) // 2])


def other_width(path: Path) -> None:
    import torch

    file = path / "proprio_projector--10_checkpoint.pt"
    state = torch.load(file, weights_only=True)
    torch.save(state | {"fc1.weight": torch.zeros(32, 9)}, file)


SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a pickle": (lambda path: spoil_head(path, pickle.dumps(Bomb())), "cannot read .*action_head"),
    "a cut head": (lambda path: cut(path, "action_head--10_checkpoint.pt"), "cannot read"),
    "two heads": (
        lambda path: (path / "action_head--20_checkpoint.pt").touch(),
        r"several of action_head--\*",
    ),
    "another state": (other_width, "proprio_projector--10.* does not fit"),
    "weights in a pickle": (pickled_weights, "cannot load"),
    "cut weights": (lambda path: cut(path, "model.safetensors"), "cannot load"),
    "no statistics": (lambda path: (path / "dataset_statistics.json").unlink(), "has no dataset"),
    "cut statistics": (lambda path: cut(path, "dataset_statistics.json"), "cannot read"),
    "no config": (lambda path: (path / "config.json").write_text("{"), "cannot read .*config"),
    "no code": (lambda path: (path / "config.json").write_text("{}"), "names no model class"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_damaged_checkpoint_is_named(case: str, checkpoint: Make) -> None:
    spoil, said = SPOILT[case]
    path = checkpoint("oft")
    spoil(path)
    with pytest.raises(PolicyError, match=said):
        load(path, "openvla-oft")


@pytest.mark.parametrize(
    "proprio",
    [None, {"q01": [0] * 8}, {"q01": [0] * 7, "q99": [1] * 7}, {"q01": [2] * 8, "q99": [1] * 8}],
)
def test_wrong_statistics_are_named(proprio: Any, checkpoint: Make) -> None:
    from gridseval.policies.openvla_kind.normalisation import read_bounds

    with pytest.raises(PolicyError, match=r"dataset_statistics\.json: a"):
        read_bounds({"a": {"proprio": proprio}}, "a", "proprio", 8)


def test_it_runs_on_a_task(family: Path, assets: Path, tmp_path: Path) -> None:
    config = RunConfig(
        *("libero_object", tmp_path / "run"),
        tasks="0",
        trials=1,
        max_steps=16,
        workers=0,
        video="none",
        policy="lightvla",
        checkpoint=str(family / "oft"),
        trust_remote_code=True,
        policy_arguments={"dtype": "float32"},
        assets=str(assets),
    )
    assert evaluate(config).tally.errors == 0
    (record,) = read_run(tmp_path / "run").records
    assert (record.status, record.steps, record.queries) == ("failure", 16, 2)
    assert all(0 < kept < 512 for kept in record.extra["kept_tokens"])
    policy = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
    assert policy["card"]["name"] == "lightvla"
    assert policy["torch"]
    assert policy["packages"]["transformers"]
