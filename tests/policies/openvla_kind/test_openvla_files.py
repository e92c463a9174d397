"""Folders of OpenVLA's family: every parameter is the checkpoint's, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_openvla_kind import EPISODE, ask, load

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.policies.detection import detect
from gridseval.suites import Episode

Make = Callable[..., Path]
FOLDERS = {"openvla": "openvla", "openvla-oft": "oft", "lightvla": "oft"}
RANK = 24  # above 16, where LoRA's scale is not 1


def film(seed: int = 5) -> dict[str, Any]:
    """Return a vision backbone with FiLM and LoRA, as OpenVLA-OFT's training saves it."""
    import torch

    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {}
    vit = "vision_backbone.featurizer"
    layers = {f"{vit}.patch_embed.proj": (32, 3, 14, 14)}
    for number in (0, 1):
        block = f"{vit}.blocks.{number}"
        for name in ("attn", "mlp"):
            layers[f"{block}.block.{name}"] = (32, 32)
        for name in ("block.norm1", "block.norm2"):
            shapes |= {f"{block}.{name}.weight": (32,), f"{block}.{name}.bias": (32,)}
        for name in ("scale", "shift"):
            shapes |= {f"{block}.{name}.weight": (32, 32), f"{block}.{name}.bias": (32,)}
    for name, shape in layers.items():
        shapes |= {
            f"{name}.base_layer.weight": shape,
            f"{name}.base_layer.bias": (32,),
            f"{name}.lora_A.default.weight": (RANK, *shape[1:]),
            f"{name}.lora_B.default.weight": (32, RANK, *([1] * (len(shape) - 2))),
        }
    return {
        name: torch.from_numpy(rng.normal(0, 0.1, shape).astype(np.float32))
        for name, shape in shapes.items()
    }


def add_film(folder: Path) -> None:
    import torch

    torch.save(film(), folder / "vision_backbone--10_checkpoint.pt")


def change(folder: Path, file: str, how: str) -> str:
    """Remove, rename or reshape one tensor of a file; return its name."""
    import torch
    from safetensors.torch import load_file, save_file

    path = next(folder.glob(file))
    safe = path.suffix == ".safetensors"
    state = load_file(path) if safe else torch.load(path, weights_only=True)
    name = sorted(key for key in state if state[key].ndim > 1)[-1]
    value = state.pop(name)
    if how == "rename":
        state[f"{name}_"] = value
    if how == "reshape":
        state[name] = torch.zeros(value.shape[0] + 1, *value.shape[1:])
    if safe:
        save_file(state, path, metadata={"format": "pt"})
    else:
        torch.save(state, path)
    return name.removeprefix("module.")


@pytest.mark.parametrize("how", ["remove", "rename", "reshape"])
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        *((kind, "model.safetensors") for kind in FOLDERS),
        *((kind, "action_head--*") for kind in ("openvla-oft", "lightvla")),
        ("openvla-oft", "proprio_projector--*"),
        ("openvla-oft", "vision_backbone--*"),
    ],
)
def test_no_parameter_comes_from_the_initialisation(
    kind: str, file: str, how: str, checkpoint: Make
) -> None:
    folder = checkpoint(FOLDERS[kind])
    add_film(folder) if file.startswith("vision") else None
    name = change(folder, file, how)
    with pytest.raises(PolicyError) as caught:
        load(folder, kind)
    assert caught.value.exit_code == 4
    assert name in caught.value.message
    if how == "rename":
        assert f"{name}_" in caught.value.message


def test_film_modulates_by_the_instruction(checkpoint: Make) -> None:
    folder = checkpoint("oft")
    plain = ask(load(folder), [0]).actions
    add_film(folder)
    loaded = load(folder)
    assert loaded.description["film"] is True
    assert np.abs(ask(loaded, [0]).actions - plain).max() > 1e-3


def test_films_backbone_is_its_formula(tmp_path: Path) -> None:
    """Every step written out in numpy on the file's own parameters."""
    import torch
    from tiny_backbone import backbone

    from gridseval.policies.openvla_kind.film import FilmBackbone, load_film

    state = {key: value.double().numpy() for key, value in film().items()}
    rng = np.random.default_rng(0)
    pixels, words = rng.normal(size=(1, 3, 28, 28)), rng.normal(size=(1, 5, 32))

    def layer(name: str, x: Any) -> Any:
        low = state[f"{name}.lora_A.default.weight"].reshape(RANK, -1)
        high = state[f"{name}.lora_B.default.weight"].reshape(32, RANK)
        weight = state[f"{name}.base_layer.weight"].reshape(32, -1) + high @ low * 16 / RANK
        return x @ weight.T + state[f"{name}.base_layer.bias"]

    def norm(name: str, x: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        centred = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return centred * state[f"{name}.weight"] + state[f"{name}.bias"]

    vit = "vision_backbone.featurizer"
    patches = pixels[0].reshape(3, 2, 14, 2, 14).transpose(1, 3, 0, 2, 4).reshape(4, -1)
    x = layer(f"{vit}.patch_embed.proj", patches)
    mean = words[0].mean(0)
    for number in (0, 1):
        block = f"{vit}.blocks.{number}"
        x = x + layer(f"{block}.block.attn", norm(f"{block}.block.norm1", x))
        scale, shift = (
            state[f"{block}.{name}.weight"] @ mean + state[f"{block}.{name}.bias"]
            for name in ("scale", "shift")
        )
        x = x * (1 + scale) + shift
        x = x + layer(f"{block}.block.mlp", norm(f"{block}.block.norm2", x))
    add_film(tmp_path)
    made = load_film(tmp_path, backbone(32), 32)
    assert isinstance(made, FilmBackbone)
    made.set_num_images_in_input(1)
    with torch.no_grad():
        ours = made.double()(torch.from_numpy(pixels), torch.from_numpy(words))
    assert np.abs(ours[0].numpy() - x).max() < 1e-9


def touch(name: str, text: str = "") -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(text)


def config(**keys: Any) -> Callable[[Path], Any]:
    def change_config(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | keys))

    return change_config


def other_head(folder: Path) -> None:
    import torch

    file = next(folder.glob("action_head--*"))
    state = torch.load(file, weights_only=True)
    torch.save(state | {"model.mlp_resnet_blocks.0.q_proj.weight": torch.zeros(2, 2)}, file)


def diffusion_head(folder: Path) -> None:
    import torch

    file = next(folder.glob("action_head--*"))
    torch.save({"noise_predictor.mlp_resnet.fc1.weight": torch.zeros(2, 2)}, file)


def openvlas_code(folder: Path) -> None:
    file = folder / "modeling_tiny.py"
    file.write_text(file.read_text().replace("action_head", "another_head"))


def adapter(where: str) -> Callable[[Path], Any]:
    def make(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / where).mkdir(exist_ok=True)
        (folder / where / "adapter_config.json").write_text("{}")

    return make


ALL, HEADS = tuple(FOLDERS), ("openvla-oft", "lightvla")
OTHERS: dict[str, tuple[tuple[str, ...], Callable[[Path], Any], str, str]] = {
    "univla": (ALL, touch("action_decoder.pt"), "UniVLA", "univla.py:UniVla"),
    "univla of a step": (ALL, touch("action_decoder-30000.pt"), "UniVLA", "univla.py:UniVla"),
    "univla's tokens": (
        ALL,
        touch("added_tokens.json", '{"<ACT_0>": 32001}'),
        "UniVLA",
        "gridseval serve",
    ),
    "vla-adapter": (
        HEADS,
        config(llm_backbone_id="qwen25-0_5b-extra"),
        "VLA-Adapter",
        "vla_adapter.py:VlaAdapter",
    ),
    "vla-adapter's head": (HEADS, other_head, "VLA-Adapter", "vla_adapter.py:VlaAdapter"),
    "diffusion": (
        HEADS,
        touch("noisy_action_projector--1_checkpoint.pt"),
        "diffusion",
        "gridseval serve",
    ),
    "diffusion head": (HEADS, diffusion_head, "diffusion", "gridseval serve"),
    "adapter beside": (ALL, adapter("lora_adapter"), "LoRA", "merge_lora_weights_and_save.py"),
    "adapter": (ALL, adapter("."), "LoRA", "merge_lora_weights_and_save.py"),
    "openvla's code": (HEADS, openvlas_code, "not OpenVLA-OFT's", "modeling_prismatic.py"),
}


@pytest.mark.parametrize(
    ("case", "kind"), [(case, kind) for case in OTHERS for kind in OTHERS[case][0]]
)
def test_what_is_another_models_is_refused(case: str, kind: str, checkpoint: Make) -> None:
    _, spoil, said, hint = OTHERS[case]
    folder = checkpoint(FOLDERS[kind])
    spoil(folder)
    with pytest.raises(PolicyError, match=said) as caught:
        load(folder, kind)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["openvla", "oft"])
def test_univla_is_refused_without_a_name_and_without_trust(name: str, checkpoint: Make) -> None:
    folder = checkpoint(name)
    touch("action_decoder.pt")(folder)
    with pytest.raises(PolicyError, match="UniVLA"):
        load_policy(None, str(folder), {}, 7)


def test_openvla_does_not_leave_out_what_lies_beside_the_model(checkpoint: Make) -> None:
    with pytest.raises(PolicyError, match=r"action_head--10.*OpenVLA-OFT's") as caught:
        load(checkpoint("oft"), "openvla")
    assert "--policy openvla-oft" in (caught.value.hint or "")


def test_a_merged_checkpoint_may_keep_its_adapter(checkpoint: Make) -> None:
    folder = checkpoint("oft")
    (folder / "lora_adapter").mkdir()
    (folder / "lora_adapter" / "adapter_config.json").write_text("{}")
    assert ask(load(folder), [0]).actions.shape == (1, 8, 7)


NOTE = "openvla-7b+libero_object--8_acts_chunk--L1_regression--3rd_person_img"


def named(name: str) -> Callable[[Path], Any]:
    return lambda folder: folder.rename(folder.parent / name)


@pytest.mark.parametrize(
    ("make", "arguments", "count"),
    [
        (config(num_images_in_input=1), {}, 1),
        (config(num_images_in_input=1), {"images": "2"}, 2),
        (lambda folder: None, {"images": "1"}, 1),
        (lambda folder: None, {}, 2),
        (named(NOTE), {}, 1),
        (named(f"{NOTE}--wrist_img--proprio_state"), {}, 2),
    ],
)
@pytest.mark.parametrize("kind", HEADS)
def test_how_many_images_are_seen(
    make: Callable[[Path], Any], arguments: dict[str, str], count: int, kind: str, checkpoint: Make
) -> None:
    folder = checkpoint("oft")
    folder = make(folder) or folder
    loaded = load(folder, kind, **arguments)
    assert loaded.observation_keys == (*("agentview", "wrist")[:count], "state")
    assert loaded.description["images"] == count
    chunk = ask(loaded, [0])
    assert chunk.actions.shape == (1, 8, 7)
    assert len(chunk.traces[0].cameras) == count


def test_a_third_image_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("oft")
    config(num_images_in_input=3)(folder)
    with pytest.raises(PolicyError, match="3 images") as caught:
        load(folder)
    assert "images=2" in (caught.value.hint or "")


def test_oft_without_a_projector_sees_no_state(checkpoint: Make) -> None:
    folder = checkpoint("oft")
    next(folder.glob("proprio_projector--*")).unlink()
    loaded = load(folder)
    assert loaded.observation_keys == ("agentview", "wrist")
    assert loaded.description["proprio"] is False
    assert any("no proprio_projector--*: the model sees no state" in note for note in loaded.notes)
    assert ask(loaded, [0]).actions.shape == (1, 8, 7)


@pytest.mark.parametrize("kind", ["oft", "openvla"])
def test_an_unknown_part_beside_the_model_is_refused(checkpoint: Make, kind: str) -> None:
    folder = checkpoint(kind)
    (folder / "latent_planner--1_checkpoint.pt").write_bytes(b"")
    with pytest.raises(PolicyError, match=r"has latent_planner--1_checkpoint\.pt, a part that"):
        load(folder)


def test_statistics_of_the_configuration_count_where_the_file_is_missing(checkpoint: Make) -> None:
    folder = checkpoint("openvla")
    file = folder / "dataset_statistics.json"
    expected = ask(load(folder), [0]).actions
    config(norm_stats=json.loads(file.read_text()))(folder)
    file.unlink()
    assert np.array_equal(ask(load(folder), [0]).actions, expected)


def test_a_chunk_of_another_length_is_refused(checkpoint: Make) -> None:
    """OpenVLA-OFT's constants follow words of the command line."""
    folder = checkpoint("oft")
    file = folder / "modeling_tiny.py"
    file.write_text(file.read_text().replace("56 if", "35 if"))
    with pytest.raises(PolicyError, match=r"\(5, 7\).*\(8, 7\)") as caught:
        ask(load(folder), [0])
    assert "bridge" in (caught.value.hint or "")


def test_without_a_crop_another_image_is_seen(family: Path) -> None:
    whole = load(family / "oft", center_crop="false")
    assert whole.description["card"]["image"]["crop_area"] is None
    assert not np.array_equal(
        ask(whole, [0]).actions, ask(load(family / "oft"), [0], EPISODE).actions
    )


def test_a_lightvla_without_a_head_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("oft")
    next(folder.glob("action_head--*")).unlink()
    with pytest.raises(PolicyError, match="no action_head"):
        load(folder, "lightvla")


def test_lightvla_is_also_told_from_its_code(checkpoint: Make) -> None:
    folder = checkpoint("oft")
    assert detect(str(folder)).kind == "openvla-oft"
    touch("modeling_prismatic.py", "class PrunedLlamaForCausalLM(LlamaForCausalLM): ...")(folder)
    found = detect(str(folder))
    assert (found.kind, "modeling_prismatic.py" in found.why) == ("lightvla", True)


def test_keys_of_an_unknown_suite_name_the_known(checkpoint: Make) -> None:
    loaded = load(checkpoint("oft"))
    with pytest.raises(PolicyError, match="libero_10 or libero_10_no_noops"):
        ask(loaded, [0], Episode("libero_10", 0, 0))
