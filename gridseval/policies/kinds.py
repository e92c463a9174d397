"""The kinds of policies that gridseval has, and all that other modules know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridseval.policies import signs


@dataclass(frozen=True)
class PolicyKind:
    """One kind of policy.

    Args:
        name: For ``--policy``.
        target: ``"module:Class"`` in ``gridseval.policies``.
        package: What it imports besides the packages of every installation.
        sign: Finds out whether a file or folder is a checkpoint of this kind; see ``signs``.
        looks_for: What the sign looks for, in words.
        torch: Whether its actions depend on the version of torch.
    """

    name: str
    target: str
    package: str | None = None
    sign: Callable[[Path], str | None] | None = None
    looks_for: str = ""
    torch: bool = False

    @property
    def entry_point(self) -> str:
        """The whole ``"module:Class"``."""
        return f"gridseval.policies.{self.target}"


KINDS = (
    # In the order in which checkpoints are looked at: the first sign that is found counts.
    PolicyKind(
        *("torch", "torch_file:TorchPolicy", "torch"),
        sign=signs.program,
        looks_for="a file *.pt, *.pt2 or *.pth",
        torch=True,
    ),
    PolicyKind(
        *("replay", "replay:ReplayPolicy"),
        sign=signs.recording,
        looks_for="a run with a folder actions/, or a file *.npy",
    ),
    PolicyKind(
        *("nano", "nano.policy:NanoPolicy", "torch"),
        sign=signs.nano,
        looks_for='a folder with kind "nano" in config.json',
        torch=True,
    ),
    PolicyKind(
        *("lightvla", "openvla_kind.oft:LightVlaPolicy", "transformers"),
        sign=signs.lightvla,
        looks_for="a folder or code named after LightVLA with action_head--*",
        torch=True,
    ),
    PolicyKind(
        *("openvla-oft", "openvla_kind.oft:OpenVlaOftPolicy", "transformers"),
        sign=signs.oft,
        looks_for="a folder with action_head--*",
        torch=True,
    ),
    PolicyKind(
        *("openvla", "openvla_kind.policy:OpenVlaPolicy", "transformers"),
        sign=signs.openvla,
        looks_for='a folder with model_type "openvla" in config.json',
        torch=True,
    ),
    PolicyKind(
        *("lerobot", "lerobot_kind.policy:LerobotPolicy", "lerobot"),
        sign=signs.lerobot,
        looks_for="a folder with a policy type in config.json and (adapter_)model.safetensors",
        torch=True,
    ),
    # Told by an address, or by nothing.
    PolicyKind("openpi", "remote.openpi:OpenpiPolicy"),
    PolicyKind("vla-eval", "remote.vla_eval:VlaEvalPolicy"),
    PolicyKind("oracle", "oracle:OraclePolicy"),
    PolicyKind("random", "random_actions:RandomPolicy"),
    PolicyKind("zero", "zero:ZeroPolicy"),
)


def kind_of(name: str) -> PolicyKind | None:
    """Return gridseval's own kind of a name or ``"module:Class"``; ``None`` for others'."""
    return next((kind for kind in KINDS if name in (kind.name, kind.entry_point)), None)
