"""What kind of policy a checkpoint is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from gridseval.errors import PolicyError
from gridseval.policies.detection import detect


def config(folder: Path, **keys: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(keys))


def lerobot(folder: Path) -> None:
    config(folder, type="act")
    (folder / "model.safetensors").touch()


def oft(folder: Path) -> None:
    config(folder, model_type="openvla")
    (folder / "action_head--150000_checkpoint.pt").touch()


SIGNS: dict[str, tuple[str, Callable[[Path], Any], str, str]] = {
    "program": ("policy.pt2", Path.touch, "torch", ".pt2"),
    "recording": ("run", lambda path: (path / "actions").mkdir(parents=True), "replay", "actions/"),
    "actions": ("actions.npy", Path.touch, "replay", ".npy"),
    "nano": ("n", lambda path: config(path, kind="nano"), "nano", "config.json"),
    "openvla": ("o", lambda path: config(path, model_type="openvla"), "openvla", "model_type"),
    "openvla-oft": ("oft", oft, "openvla-oft", "action_head--150000_checkpoint.pt"),
    "lightvla": ("LightVLA-libero", oft, "lightvla", "LightVLA"),
    "lerobot": ("act", lerobot, "lerobot", 'type "act" in config.json'),
    "training": (
        "last",
        lambda path: lerobot(path / "pretrained_model"),
        "lerobot",
        "pretrained_model/config.json",
    ),
}


@pytest.mark.parametrize("case", SIGNS)
def test_a_kind_is_told_from_its_files(case: str, tmp_path: Path) -> None:
    name, make, kind, why = SIGNS[case]
    make(tmp_path / name)
    found = detect(str(tmp_path / name))
    assert found.kind == kind
    assert why in found.why


@pytest.mark.parametrize("text", ["", "[]", "{", '{"kind": ["nano"]}', "[" * 100_000])
def test_a_folder_that_says_nothing_is_refused_with_what_was_looked_for(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(PolicyError, match="looked for") as caught:
        detect(str(tmp_path))
    for kind in ("torch", "replay", "nano", "openvla", "openvla-oft", "lightvla", "lerobot"):
        assert f"({kind})" in caught.value.message
    assert "--policy" in (caught.value.hint or "")


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nothing does not exist") as caught:
        detect(str(tmp_path / "nothing"))
    assert "hub id" in (caught.value.hint or "")


def test_a_server_without_a_health_check_is_taken_for_an_old_one_of_openpis() -> None:
    from served import scripted_server

    def silent(connection: ServerConnection) -> None:
        connection.close()

    with scripted_server(silent) as address:
        assert detect(address).kind == "openpi"


def test_openpis_own_checkpoint_is_sent_to_openpis_server(tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    with pytest.raises(PolicyError, match="checkpoint of openpi") as caught:
        detect(str(tmp_path))
    assert "ws://" in (caught.value.hint or "")


FOREIGN: dict[str, tuple[dict[str, str], str, str]] = {
    "NORA": (
        {
            "config.json": '{"model_type": "qwen2_5_vl"}',
            "added_tokens.json": '{"<robot_action_0>": 151665}',
        },
        "checkpoint of NORA",
        "nora.py:Nora",
    ),
    "WorldVLA": (
        {"config.json": '{"model_type": "chameleon", "z_loss_weight": 1e-05}'},
        "checkpoint of WorldVLA",
        "worldvla.py:WorldVla",
    ),
    "InternVLA-M1": (
        {
            "config.yaml": "",
            "dataset_statistics.json": "{}",
            "checkpoints/steps_30000_pytorch_model.pt": "",
        },
        "checkpoint of InternVLA-M1 or StarVLA",
        "internvla_m1.py",
    ),
}


@pytest.mark.parametrize("family", FOREIGN)
def test_what_runs_elsewhere_is_named_with_its_recipe(family: str, tmp_path: Path) -> None:
    files, said, hint = FOREIGN[family]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    named = [tmp_path, *tmp_path.glob("checkpoints/*.pt")]
    for path in named:
        with pytest.raises(PolicyError, match=said) as caught:
            detect(str(path))
        assert hint in (caught.value.hint or "")


def test_a_plain_qwen_is_not_taken_for_nora(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_5_vl"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(PolicyError, match="looked for"):
        detect(str(tmp_path))
