"""A checkpoint is its content: whatever it acts by is in its hash, and nothing else."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from gridseval.policies import load_policy
from gridseval.policies.identity import checkpoint_sha256, is_read, named_files

DECIDING = (
    *("config.json", "generation_config.json", "model.safetensors", "model-00002-of-3.safetensors"),
    *("model.safetensors.index.json", "dataset_statistics.json", "modeling_prismatic.py"),
    *("action_head--150000_checkpoint.pt", "proprio_projector--150000_checkpoint.pt"),
    *("vision_backbone--150000_checkpoint.pt", "noisy_action_projector--1_checkpoint.pt"),
    *("action_decoder-10000.pt", "preprocessor_config.json", "processor_config.json"),
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.txt", "merges.txt", "vocab.json", "chat_template.jinja"),
    *("adapter_config.json", "adapter_model.safetensors", "norm_stats.json"),
    *("policy_preprocessor.json", "policy_postprocessor.json", "tokenizer/vocab.json"),
    "policy_preprocessor_step_3_normalizer_processor.safetensors",
    "policy_postprocessor_step_0_unnormalizer_processor.safetensors",
)
"""Files that OpenVLA's family, LeRobot and transformers act by."""

OTHER = (
    *("README.md", ".gitattributes", "LICENSE", "train_config.json", "trainer_state.json"),
    *("optimizer.pt", "training_args.bin", "pytorch_model.bin", "events.out.tfevents.1"),
    *("training_state/optimizer_state.safetensors", "checkpoints/1/model.safetensors", "a.mp4"),
    "lora_adapter/adapter_model.safetensors",
)
"""Files that lie beside and decide nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "checkpoint"
    for name in (*DECIDING, *OTHER):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(b"content")
    return made


@pytest.mark.parametrize("inside", ["", "pretrained_model"])
@pytest.mark.parametrize("name", DECIDING)
def test_whatever_it_acts_by_is_in_its_hash(folder: Path, name: str, inside: str) -> None:
    top = folder
    if inside:
        top = folder.with_name("training")
        shutil.move(folder, top / inside)
    file = top / inside / name
    before = checkpoint_sha256(str(top))
    file.write_bytes(b"changed")
    changed = checkpoint_sha256(str(top))
    file.rename(file.with_name(f"a{file.name}" if "--" not in name else f"{file.name}2"))
    renamed = checkpoint_sha256(str(top))
    assert len({before, changed, renamed, None}) == 4


@pytest.mark.parametrize("name", OTHER)
def test_what_lies_beside_is_not(folder: Path, name: str) -> None:
    before = checkpoint_sha256(str(folder))
    (folder / name).write_bytes(b"changed")
    assert checkpoint_sha256(str(folder)) == before
    (folder / name).unlink()
    assert checkpoint_sha256(str(folder)) == before
    assert not is_read(name)


def test_code_of_a_user_may_read_other_files(folder: Path) -> None:
    before = [checkpoint_sha256(str(folder), own) for own in (True, False)]
    (folder / "pytorch_model.bin").write_bytes(b"changed")
    after = [checkpoint_sha256(str(folder), own) for own in (True, False)]
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_a_copy_elsewhere_is_the_same(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "links").mkdir()
    for name in DECIDING:
        (tmp_path / "links" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "links" / name).symlink_to(folder / name)  # as in the hub's cache
    found = {checkpoint_sha256(str(tmp_path / name)) for name in ("checkpoint", "copy", "links")}
    assert len(found) == 1


def test_what_has_no_content_has_no_hash(tmp_path: Path) -> None:
    for checkpoint in (None, "", "ws://127.0.0.1:8000", str(tmp_path), str(tmp_path / "nothing")):
        assert checkpoint_sha256(checkpoint) is None


class Sampled:
    """A policy that reads a file which an argument names."""

    def __init__(self, sampler: str = "", k: str = "") -> None: ...

    def reset(self, slots: Any, episodes: Any) -> None: ...

    def act(self, observations: Any) -> Any: ...


def test_files_that_arguments_name_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "sampler.npz"
    hashes = []
    for content in (b"one", b"two"):
        file.write_bytes(content)
        (tmp_path / "4").write_bytes(content)  # a number is no file
        loaded = load_policy(f"{__file__}:Sampled", None, {"sampler": "sampler.npz", "k": "4"}, 7)
        hashes.append(loaded.description["argument_files"])
    assert list(hashes[0]) == ["sampler"]
    assert hashes[0] != hashes[1]
    plain = load_policy(f"{__file__}:Sampled", None, {"k": "x" * 5000}, 7)
    assert "argument_files" not in plain.description


PRUNER = """
from gridseval.tokens.pruners.dense import Dense

class Mine(Dense):
    number = 1
"""


def test_a_file_of_a_class_is_a_file_that_an_argument_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PRUNER, encoding="utf8")
    before = named_files({"pruner": "mine.py:Mine", "k": "4:5", "address": "ws://a.py:80"})
    Path("mine.py").write_text(PRUNER.replace("1", "2"), encoding="utf8")
    after = named_files({"pruner": "mine.py:Mine"})
    assert list(before) == list(after) == ["pruner"]
    assert before != after


def test_an_edited_pruner_is_another_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    described: list[dict[str, Any]] = []
    for number in (1, 2):
        (tmp_path / "mine_pruner.py").write_text(PRUNER.replace("1", str(number)), encoding="utf8")
        monkeypatch.delitem(sys.modules, "mine_pruner", raising=False)
        names = ("mine_pruner:Mine", f"{tmp_path}/mine_pruner.py:Mine")
        described += [load_policy("nano", None, {"pruner": n}, 7).description for n in names]
    hashes = [description["pruner_sha256"] for description in described]
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]
    own = load_policy("nano", None, {"pruner": "dense"}, 7).description
    assert "pruner_sha256" not in own
