from __future__ import annotations

import hashlib
import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.data import data_dir
from gridseval.errors import GridsevalError, PolicyError, UsageError
from gridseval.policies import EnvironmentNeeds, load_policy
from gridseval.policies.arguments import accepted
from gridseval.policies.kinds import KINDS
from gridseval.policies.random_actions import RandomPolicy
from gridseval.policies.registry import POLICIES
from gridseval.policies.torch_file import TorchPolicy
from gridseval.tokens import CameraTrace, ImageMapping, TokenTrace


class Policy:
    """A policy that keeps what it is made with."""

    def __init__(
        self,
        size: int,
        checkpoint: str = "none",
        rate: float = 0.1,
        flag: bool = False,
        name: str = "",
        limit: int | None = 3,
        loose=None,
        seed: int = -1,
    ) -> None:
        self.made_with = dict(locals())

    def reset(self, slots: Any, episodes: Any) -> None: ...

    def act(self, observations: Any) -> Any: ...


class Plain:
    observation_keys: tuple[str, ...] = ("state",)
    replan: Any = 5

    def reset(self, slots: Any, episodes: Any) -> None: ...

    def act(self, observations: Any) -> Any: ...


class Typo(Plain):
    observation_keys = ("agent_view",)


class Needy(Plain):
    """Needs what its argument says."""

    def __init__(self, needs: str) -> None:
        self.needs = EnvironmentNeeds(**json.loads(needs))


class NoReplan(Plain):
    replan = 0


class Raising(Plain):
    def __init__(self) -> None:
        raise OSError("weights are gone")


class Exiting(Plain):
    def __init__(self) -> None:
        sys.exit("no licence")


class Interrupted(Plain):
    def __init__(self) -> None:
        raise KeyboardInterrupt


class OneText(Plain):
    observation_keys: Any = "state"


class OneNumber(Plain):
    observation_keys: Any = 3


class Open(Plain):
    def __init__(self, **options: Any) -> None:
        self.options = options


def here(name: str) -> str:
    return f"{Path(__file__)}:{name}"


def made(**texts: str) -> Any:
    return load_policy(here("Policy"), None, {"size": "4", **texts}, 7).policy.made_with  # type: ignore[attr-defined]


def test_texts_become_what_the_constructor_asks_for() -> None:
    values = made(size="8", rate="1", flag="True", name="12", limit="none")
    assert values["size"] == 8
    assert values["rate"] == 1.0 and isinstance(values["rate"], float)
    assert values["flag"] is True
    assert values["name"] == "12"
    assert values["limit"] is None
    assert values["seed"] == 7


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0.5", 0.5), ("no", False), ("__import__('os')", None)]
)
def test_without_annotation_a_text_is_what_it_looks_like(text: str, value: Any) -> None:
    expected = text if value is None else value
    found = made(loose=text)["loose"]
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"size": "four"}, "size='four' .* is not int"),
        ({"flag": "maybe"}, "flag='maybe' .* is not true or false"),
        ({"limit": "few"}, "limit='few' .* is not none or int"),
        ({"sise": "4"}, "no argument 'sise' .did you mean 'size'"),
        ({"seed": "4"}, "use --seed"),
    ],
)
def test_a_wrong_argument_is_explained(texts: dict[str, str], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        load_policy(here("Policy"), None, texts, 7)


def test_a_policy_without_a_place_for_pruners_says_which_have_one() -> None:
    for name in ("zero", here("Policy")):
        with pytest.raises(PolicyError, match="takes no pruner") as caught:
            load_policy(name, None, {"pruner": "fastv"}, 7)
        assert "lerobot" in str(caught.value.hint)
    for kind in KINDS:
        assert ("pruner" in accepted(POLICIES.load(kind.name))) == kind.prunes, kind.name


def test_a_constructor_with_free_keywords_takes_any() -> None:
    policy: Any = load_policy(here("Open"), None, {"depth": "3"}, 7).policy
    assert policy.options == {"depth": 3}


def test_seed_and_checkpoint_go_to_those_that_take_them(tmp_path: Path) -> None:
    loaded = load_policy(here("Policy"), str(tmp_path), {"size": "1"}, 11)
    assert loaded.policy.made_with["checkpoint"] == str(tmp_path)  # type: ignore[attr-defined]
    assert load_policy(here("Plain"), None, {}, 11).replan == 5
    with pytest.raises(PolicyError, match="takes no checkpoint"):
        load_policy("zero", str(tmp_path), {}, 7)


def test_an_address_is_no_file() -> None:
    loaded = load_policy(here("Policy"), "ws://localhost:8000", {"size": "1"}, 7)
    assert loaded.description["sha256"] is None


def test_what_is_missing_is_named() -> None:
    with pytest.raises(PolicyError, match=r"needs 'size' .give --policy-arg size=VALUE"):
        load_policy(here("Policy"), None, {}, 7)
    with pytest.raises(PolicyError, match=r"needs 'checkpoint' .give --ckpt PATH"):
        load_policy("torch", None, {}, 7)
    with pytest.raises(UsageError, match="--policy"):
        load_policy(None, None, {}, 7)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Raising", "OSError: weights are gone"),
        ("Typo", "unknown observation 'agent_view' .did you mean 'agentview'"),
        ("NoReplan", "replan 0"),
        ("Exiting", "cannot make policy .*: SystemExit: no licence"),
        ("OneText", r"observation_keys 'state', which is not a tuple of names .write \('state',\)"),
        ("OneNumber", "observation_keys 3, which is not a tuple"),
    ],
)
def test_a_faulty_policy_is_refused(name: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        load_policy(here(name), None, {}, 7)


def test_ctrl_c_in_a_constructor_is_no_policy_error() -> None:
    with pytest.raises(KeyboardInterrupt):
        load_policy(here("Interrupted"), None, {}, 7)


POLICY_FILE = """
class Mine:
    def reset(self, slots, episodes): ...
    def act(self, observations): ...
"""


def test_an_edited_policy_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "edited_policy.py"
    file.write_text(POLICY_FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = load_policy(f"{file}:Mine", None, {}, 7).description["source_sha256"]
    assert before == hashlib.sha256(file.read_bytes()).hexdigest()
    by_module = load_policy("edited_policy:Mine", None, {}, 7).description
    assert by_module["source_sha256"] == before
    file.write_text(POLICY_FILE + "# edited\n")
    assert load_policy(f"{file}:Mine", None, {}, 7).description["source_sha256"] != before
    assert load_policy("zero", None, {}, 7).description["source_sha256"] is None


def test_the_version_of_torch_is_recorded_where_it_is_loaded(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = load_policy("torch", str(programs / "any.pt2"), {"device": "cpu"}, 7).description
    assert description["torch"] == metadata.version("torch")
    assert type(description["torch"]) is str
    assert description["arguments"] == {"device": "cpu"}
    monkeypatch.delitem(sys.modules, "torch")
    assert load_policy("zero", None, {}, 7).description["torch"] is None


def test_the_kind_is_told_from_the_checkpoint(programs: Path, tmp_path: Path) -> None:
    loaded = load_policy(None, str(programs / "any.pt2"), {"batch": "1"}, 7)
    assert isinstance(loaded.policy, TorchPolicy)
    assert loaded.observation_keys == ("agentview", "wrist", "state")
    assert loaded.description == {
        "kind": "torch",
        "class": "gridseval.policies.torch_file:TorchPolicy",
        "checkpoint": str(programs / "any.pt2"),
        "sha256": hashlib.sha256((programs / "any.pt2").read_bytes()).hexdigest(),
        "arguments": {"batch": 1},
        "source_sha256": None,
        "torch": metadata.version("torch"),
    }
    (tmp_path / "actions").mkdir()
    np.save(tmp_path / "actions" / "s-0-0.npy", np.zeros((1, 7), np.float32))
    replay = load_policy(None, str(tmp_path), {}, 7)
    assert replay.name == "replay"
    np.save(tmp_path / "actions" / "s-0-0.npy", np.ones((1, 7), np.float32))
    assert (
        load_policy(None, str(tmp_path), {}, 7).description["sha256"]
        != (replay.description["sha256"])
    )


def test_a_checkpoint_of_no_known_kind_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(PolicyError, match=r"\*\.pt, .*actions/.*config\.json"):
        load_policy(None, str(tmp_path / "model.onnx"), {}, 7)
    with pytest.raises(GridsevalError, match=r"missing\.pt does not exist"):
        load_policy(None, str(tmp_path / "missing.pt"), {}, 7)


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [("zero", "chunk", "0"), ("random", "chunk", "-1"), ("oracle", "chunk", "0")],
)
def test_a_number_that_makes_no_sense_is_refused(name: str, key: str, text: str) -> None:
    with pytest.raises(PolicyError, match=f"{key} must be at least 1, not {text}"):
        load_policy(name, None, {key: text}, 7)
    with pytest.raises(PolicyError, match="seed must be at least 0"):
        load_policy("random", None, {}, -1)


def test_the_policy_gets_the_seed_of_the_run() -> None:
    assert isinstance(load_policy("random", None, {"chunk": "2"}, 3).policy, RandomPolicy)


class Counting(Plain):
    def flops(self, trace: Any) -> float:
        return 2.0 * trace.kept_count


class Miscounting(Plain):
    flops = 3


def test_a_policy_may_count_its_operations() -> None:
    assert load_policy(f"{__name__}:Plain", None, {}, 7).flops is None
    counted = load_policy(f"{__name__}:Counting", None, {}, 7).flops
    trace = TokenTrace((CameraTrace("wrist", (2, 2), kept=np.array([True, True, True, False])),))
    assert counted is not None
    assert counted(trace) == 6.0
    with pytest.raises(PolicyError, match="flops 3") as caught:
        load_policy(f"{__name__}:Miscounting", None, {}, 7)
    assert "TokenTrace" in str(caught.value.hint)


class Cropping(Plain):
    image_mapping = ImageMapping((0.9, 0.9), (0.05, 0.05))


class Mistaken(Plain):
    image_mapping = 0.9


def test_where_traces_lie_is_the_policy_s_to_say() -> None:
    assert load_policy(f"{__name__}:Plain", None, {}, 7).mapping == ImageMapping()
    assert load_policy(f"{__name__}:Cropping", None, {}, 7).mapping == Cropping.image_mapping
    with pytest.raises(PolicyError, match=r"image_mapping 0\.9"):
        load_policy(f"{__name__}:Mistaken", None, {}, 7)


def test_what_a_policy_says_of_itself_is_recorded_but_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    head = "class Own:\n    def reset(self, slots, episodes): ...\n    def act(self, seen): ...\n"
    file.write_text(f"{head}    details = {{'card': {{'gripper': 'raw'}}, 'kind': 'other'}}\n")
    description = load_policy(f"{file}:Own", None, {}, 7).description
    assert description["card"] == {"gripper": "raw"}
    assert description["kind"] == f"{file}:Own"
    file.write_text(f"{head}    details = 'raw'\n")
    with pytest.raises(PolicyError, match="has details 'raw'"):
        load_policy(f"{file}:Own", None, {}, 7)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ('{"protocol": "libero2"}', "protocol 'libero2', which gridseval does not have"),
        ('{"protocol": "mine.yaml"}', "protocol 'mine.yaml', which"),
        ('{"protocol": "/etc/mine.yaml", "strict": true}', "protocol '/etc/mine.yaml', which"),
        ('{"protocol": 3, "strict": true}', "protocol 3, which"),
        ('{"env_seed": -1}', "env_seed -1, not a whole number within 0"),
        ('{"env_seed": 4294967296}', "env_seed 4294967296, not"),
        ('{"env_seed": true}', "env_seed True, not"),
        ('{"image_px": 5000, "strict": true}', "image_px 5000, not"),
        ('{"settle_steps": -1, "strict": true}', "settle_steps -1, not"),
    ],
)
def test_an_environment_that_there_is_not_is_refused_with_who_asks(needs: str, words: str) -> None:
    name = f"{__name__}:Needy"
    with pytest.raises(PolicyError, match=f"policy '{name}' asks for {words}") as caught:
        load_policy(name, None, {"needs": needs}, 7)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "needs",
    ["{}", '{"protocol": "lerobot"}', '{"protocol": "my-own", "strict": true, "env_seed": 3}'],
)
def test_an_environment_that_can_be_made_is_needed(needs: str) -> None:
    loaded = load_policy(f"{__name__}:Needy", None, {"needs": needs}, 7)
    assert loaded.needs == EnvironmentNeeds(**json.loads(needs))


def test_a_misspelt_protocol_is_put_right() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(f"{__name__}:Needy", None, {"needs": '{"protocol": "lerobott"}'}, 7)
    assert caught.value.hint == "did you mean 'lerobot'?"


def test_the_experts_code_and_data_are_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a source file of a user nor a checkpoint tells that it has changed."""
    from gridseval.policies.oracle import source

    def expert() -> Any:
        return load_policy("oracle", None, {}, 7).description["expert"]

    before = expert()
    assert len(before) == 64 and expert() == before
    code, data = tmp_path / "oracle", tmp_path / "policies"
    shutil.copytree(Path(source.__file__).parent, code)
    shutil.copytree(data_dir("policies"), data)
    monkeypatch.setattr(source, "__file__", str(code / "source.py"))
    monkeypatch.setattr(source, "data_dir", lambda _: data)
    assert expert() == before
    for file in (code / "grasp.py", data / "oracle.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text}\n", encoding="utf-8")
        assert expert() != before
        file.write_text(text, encoding="utf-8")
    assert "expert" not in load_policy("zero", None, {}, 7).description
