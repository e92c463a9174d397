"""Checkpoints by their hub id: the real huggingface_hub against a hub of our own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from model_hub_double import COMMIT, OTHER, ModelHubDouble

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.policies.hub import HubId, hub_id, look_up
from gridseval.policies.nano.checkpoint import save_nano

NAME = "someone/Tiny-VLA"


class Keeps:
    """A policy that keeps the folder it is given."""

    def __init__(self, checkpoint: str) -> None:
        self.folder = Path(checkpoint)

    def reset(self, slots: Any, episodes: Any) -> None: ...

    def act(self, observations: Any) -> Any: ...


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a repository of a small policy, as a trainer leaves one."""
    folder = tmp_path_factory.mktemp("nano")
    save_nano(folder, seed=5)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    more = ("pytorch_model.bin", "training_args.pt", "checkpoints/1/model.safetensors", "a.mp4")
    return {**files, ".gitattributes": b"x", **dict.fromkeys(more, b"not needed")}


@pytest.fixture
def hub(
    nano: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModelHubDouble]:
    made = ModelHubDouble(dict(nano))
    from huggingface_hub import constants

    # What the variables of the same names set when the package is imported.
    monkeypatch.setattr(constants, "ENDPOINT", made.endpoint)
    template = made.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.chdir(tmp_path)
    yield made
    made.close()


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def test_ckpt_alone_is_enough(hub: ModelHubDouble) -> None:
    loaded = load_policy(None, NAME, {}, 7)
    assert loaded.name == "nano"
    assert loaded.notes[0] == f'{NAME} is taken for nano: kind "nano" in config.json'
    told = loaded.description
    assert told["checkpoint"] == NAME
    assert told["hub"] == {"repository": NAME, "revision": None, "commit": COMMIT}
    assert sorted(hub.downloaded) == [".gitattributes", "config.json", "model.safetensors"]
    here = Path("here")
    here.mkdir()
    for name in ("config.json", "model.safetensors"):
        (here / name).write_bytes(hub.files[name])
    assert told["sha256"] == load_policy(None, "here", {}, 7).description["sha256"]
    hub.downloaded.clear()
    load_policy("nano", f"hf://{NAME}", {}, 7)
    assert hub.downloaded == []  # all is in the cache


def test_a_revision_is_what_is_loaded(hub: ModelHubDouble) -> None:
    hub.revisions["v2/beta"] = OTHER
    told = load_policy(None, f"{NAME}@v2/beta", {}, 7).description["hub"]
    assert told == {"repository": NAME, "revision": "v2/beta", "commit": OTHER}
    told = load_policy(None, f"{NAME}@{OTHER}", {}, 7).description["hub"]
    assert told["commit"] == OTHER


def test_a_branch_that_moves_on_meanwhile_changes_nothing(hub: ModelHubDouble) -> None:
    repository = look_up(HubId(NAME))
    hub.revisions |= {"main": OTHER, "old": COMMIT}
    assert repository.download().name == COMMIT


def test_what_lies_here_wins(hub: ModelHubDouble) -> None:
    folder = Path(NAME)
    folder.mkdir(parents=True)
    save_nano(folder, seed=6)
    told = load_policy(None, NAME, {}, 7).description
    assert "hub" not in told
    assert hub.downloaded == []
    assert load_policy(None, f"hf://{NAME}", {}, 7).description["sha256"] != told["sha256"]


@pytest.mark.parametrize(
    "text",
    [
        *("./a/b", "/a/b", "../a/b", "~/a", "a/b/c", "a\\b", "a/b.pt", "a/b.pt2", "a/policy.PTH"),
        *("a/b.npy", "ws://a/b", "https://a/b", "a", "a/", "/b", "-a/b", "a/-b", "", "a b/c"),
        *("a/b@", "a/b@c d", "\u00e9a/b", "a/b\n", "C:\\a/b", "a/model.safetensors"),
    ],
)
def test_paths_and_addresses_never_ask_the_hub(text: str) -> None:
    assert hub_id(text) is None


def test_ids(tmp_path: Path) -> None:
    assert hub_id("lerobot/pi05_libero-v4.4") == HubId("lerobot/pi05_libero-v4.4")
    assert hub_id("a/b@refs/pr/1") == HubId("a/b", "refs/pr/1")
    assert hub_id("hf://a/b.pt@main") == HubId("a/b.pt", "main")
    for text in ("hf://", "hf://a", "hf://a/b/c", "hf://a/b@", "hf:///etc/passwd", "hf://../b"):
        with pytest.raises(PolicyError, match="is not a hub id"):
            hub_id(text)


OFT = {
    "config.json": b'{"model_type": "openvla"}',
    "dataset_statistics.json": b"{}",
    "modeling_prismatic.py": b"",
    "model-00001-of-00001.safetensors": b"weights",
    "model.safetensors.index.json": b"{}",
    "tokenizer.model": b"",
    "action_head--150000_checkpoint.pt": b"head",
    "proprio_projector--150000_checkpoint.pt": b"projector",
    "vision_backbone--150000_checkpoint.pt": b"film",
    "lora_adapter/adapter_model.safetensors": b"merged already",
    "optimizer.pt": b"",
}


@pytest.mark.parametrize(
    ("repository", "files", "kind"),
    [
        ("moojink/oft", OFT, "openvla-oft"),
        ("TTJiang/LightVLA-libero-spatial", OFT, "lightvla"),
        ("openvla/x", {k: v for k, v in OFT.items() if "--" not in k}, "openvla"),
        ("a/act", {"config.json": b'{"type": "act"}', "model.safetensors": b""}, "lerobot"),
        (
            "a/trained",
            {
                "pretrained_model/config.json": b'{"type": "act"}',
                "pretrained_model/model.safetensors": b"",
                "training_state/optimizer_state.safetensors": b"",
            },
            "lerobot",
        ),
    ],
)
def test_kinds_are_told_before_weights_are_fetched(
    hub: ModelHubDouble, repository: str, files: dict[str, bytes], kind: str
) -> None:
    from gridseval.policies.loading import _detected

    hub.repository, hub.files = repository, files
    found = look_up(HubId(repository))
    assert _detected(repository, found).kind == kind
    assert {Path(name).name for name in hub.downloaded} == {"config.json"}
    folder = found.download()
    unwanted = {"optimizer.pt", "lora_adapter/adapter_model.safetensors"}
    unwanted |= {"training_state/optimizer_state.safetensors"}
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert here == set(files) - unwanted


def test_what_is_of_no_kind_is_refused_before_it_is_fetched(hub: ModelHubDouble) -> None:
    hub.files = {"config.json": b"{}", "model.safetensors": b"large"}
    with pytest.raises(PolicyError, match=f"cannot tell what kind of policy {NAME} is; looked for"):
        load_policy(None, NAME, {}, 7)
    hub.files = {"params/manifest.ocdbt": b"", "assets/x/norm_stats.json": b""}
    with pytest.raises(PolicyError, match=f"{NAME} looks like a checkpoint of openpi"):
        load_policy(None, NAME, {}, 7)
    assert hub.downloaded == ["config.json"]


def test_code_of_the_user_gets_all_files(hub: ModelHubDouble) -> None:
    policy: Any = load_policy(f"{Path(__file__)}:Keeps", NAME, {}, 7).policy
    assert (policy.folder / "training_args.pt").read_bytes() == b"not needed"
    assert (policy.folder / "checkpoints/1/model.safetensors").is_file()


@pytest.mark.parametrize(
    ("status", "code", "reason", "hint"),
    [
        (404, "RepoNotFound", f"{NAME} does not exist: no such path here, and the hub", "name"),
        (401, "RepoNotFound", f"{NAME} does not exist", "hf auth login"),
        (401, "GatedRepo", f"{NAME} is gated", f"ask for access at https://huggingface.co/{NAME}"),
        (403, "GatedRepo", f"{NAME} is gated", f"ask for access at https://huggingface.co/{NAME}"),
        (500, "", "neither a path here nor in the hub's cache, .*500", "hf download"),
        (429, "", "neither a path here nor in the hub's cache, .*429", "hf download"),
    ],
)
def test_refusals_are_one_line(
    hub: ModelHubDouble, status: int, code: str, reason: str, hint: str
) -> None:
    hub.refusal = (status, code)
    with pytest.raises(PolicyError, match=reason) as caught:
        load_policy(None, NAME, {}, 7)
    assert hint in (caught.value.hint or "")
    assert "\n" not in str(caught.value)
    with pytest.raises(PolicyError, match=reason):
        load_policy("nano", NAME, {}, 7)


def test_files_that_may_not_be_read(hub: ModelHubDouble) -> None:
    hub.file_refusal = (403, "GatedRepo")
    with pytest.raises(PolicyError, match=f"{NAME} is gated"):
        load_policy(None, NAME, {}, 7)
    hub.file_refusal = (403, "")
    with pytest.raises(PolicyError, match="cannot be fetched from the hub: ") as caught:
        load_policy(None, NAME, {}, 7)
    assert "\n" not in str(caught.value)


def test_a_revision_that_does_not_exist(hub: ModelHubDouble) -> None:
    with pytest.raises(PolicyError, match=f"{NAME} has no revision 'v9'"):
        load_policy(None, f"{NAME}@v9", {}, 7)


def test_a_hub_that_is_gone(hub: ModelHubDouble) -> None:
    hub.close()
    with pytest.raises(PolicyError, match=r"the hub cannot be asked: .*refused"):
        load_policy(None, NAME, {}, 7)


def test_offline_what_was_fetched_is_found(
    hub: ModelHubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = load_policy(None, NAME, {}, 7).description
    offline(monkeypatch)
    again = load_policy(None, NAME, {}, 7)
    assert again.description == told
    assert any("is taken from the hub's cache, commit 5d7f6e0a1b2c" in n for n in again.notes)
    with pytest.raises(PolicyError, match="neither a path here nor in the hub's cache") as caught:
        load_policy(None, "someone/else", {}, 7)
    assert caught.value.hint == "fetch it where there is a network: hf download someone/else"


def test_a_transfer_that_ends_early_leaves_no_whole_checkpoint(
    hub: ModelHubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files = dict(OFT) | {".gitattributes": b"x"}
    hub.broken.add("action_head--150000_checkpoint.pt")
    with pytest.raises(PolicyError, match="cannot be fetched from the hub"):
        look_up(HubId(NAME)).download()
    offline(monkeypatch)
    for tree in (getattr(huggingface_hub, "get_cached_repo_tree", None), None):
        monkeypatch.setattr(huggingface_hub, "get_cached_repo_tree", tree, raising=False)
        with pytest.raises(PolicyError, match=r"lacks action_head|only a part"):
            look_up(HubId(NAME)).download()


def test_offline_a_part_of_a_checkpoint_is_no_checkpoint(
    hub: ModelHubDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """OpenVLA-OFT without its heads would be taken for OpenVLA."""
    hub.files = dict(OFT)
    some = ["config.json", "*.safetensors", "*.json", "*.py"]
    huggingface_hub.snapshot_download(NAME, allow_patterns=some)
    offline(monkeypatch)
    with pytest.raises(PolicyError, match=r"lacks .*, and 3 more files|only a part"):
        look_up(HubId(NAME)).download()
    # Versions of huggingface_hub before 2 keep no list of files.
    monkeypatch.setattr(huggingface_hub, "get_cached_repo_tree", None, raising=False)
    with pytest.raises(PolicyError, match="may have only a part"):
        look_up(HubId(NAME))


def test_without_the_package_the_next_step_is_told(
    hub: ModelHubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PolicyError, match="needs the package huggingface_hub") as caught:
        load_policy(None, NAME, {}, 7)
    assert caught.value.hint == "pip install huggingface_hub"


def test_names_that_leave_the_folder_are_left_out(hub: ModelHubDouble) -> None:
    hub.files |= {"../../evil.json": b"{}", "/etc/evil.json": b"{}"}
    assert "evil" not in " ".join(look_up(HubId(NAME)).files)


def test_from_the_command_line(hub: ModelHubDouble, assets: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "home"),
    }
    words = ["run", "--suite", "libero_object", "--tasks", "0", "--trials", "1", "--max-steps", "1"]
    words += ["--workers", "0", "--video", "none", "--assets", str(assets), "--out", "run"]
    command = [sys.executable, "-m", "gridseval", *words, "--ckpt"]
    path = os.pathsep.join(sys.path)
    run = {"env": environment | {"PYTHONPATH": path}, "capture_output": True, "text": True}
    done = subprocess.run([*command, NAME], **run, check=False)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "run" / "run.yaml").read_text()
    assert f"commit: {COMMIT}" in text
    assert f"checkpoint: {NAME}" in text
    shutil.rmtree(tmp_path / "run")
    done = subprocess.run([*command, "someone/no"], **run, check=False)  # type: ignore[call-overload]
    assert done.returncode == 4
    assert done.stderr.count("gridseval: ") == 1
    assert "checkpoint someone/no does not exist" in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_list_is_json_safe(hub: ModelHubDouble) -> None:
    assert json.loads(json.dumps(look_up(HubId(NAME)).origin))["commit"] == COMMIT
