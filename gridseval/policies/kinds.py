"""The kinds of policies that gridseval has, and all that other modules know of each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True)
class PolicyKind:
    """One kind of policy.

    Args:
        name: For ``--policy``.
        target: ``"module:Class"`` in ``gridseval.policies``.
        package: What it imports besides the packages of every installation.
        sign: ``"module:function"`` in ``gridseval.policies``, which finds out whether a file or
            folder is a checkpoint of this kind; see ``signs``. It is imported for every checkpoint
            whose kind is looked for, so its module imports heavy packages on use only.
        looks_for: What the sign looks for, in words.
        deciding_files: Patterns of files beside weights and configurations that decide how a
            checkpoint of this kind acts: they are hashed, and fetched from the hub.
        torch: Whether its actions depend on the version of torch.
        prunes: Whether a pruner can work inside its model (``--policy-arg pruner=NAME``).
    """

    name: str
    target: str
    package: str | None = None
    sign: str | None = None
    looks_for: str = ""
    deciding_files: tuple[str, ...] = ()
    torch: bool = False
    prunes: bool = False

    @property
    def entry_point(self) -> str:
        """The whole ``"module:Class"``."""
        return f"gridseval.policies.{self.target}"

    def find_sign(self, checkpoint: Path) -> str | None:
        """Return what tells that a file or folder is of this kind, or ``None``."""
        if self.sign is None:
            return None
        module, _, function = self.sign.partition(":")
        found: str | None = getattr(import_module(f"gridseval.policies.{module}"), function)(
            checkpoint
        )
        return found


_OFT_NETWORKS = (
    *("action_head--*", "proprio_projector--*", "noisy_action_projector--*"),
    *("vision_backbone--*", "action_decoder*"),
)
"""OpenVLA-OFT's and UniVLA's networks beside the model, which are read without running code."""

KINDS = (
    # In the order in which checkpoints are looked at: the first sign that is found counts.
    PolicyKind(
        *("torch", "torch_file:TorchPolicy", "torch"),
        sign="signs:program",
        looks_for="a file *.pt, *.pt2 or *.pth",
        torch=True,
    ),
    PolicyKind(
        *("replay", "replay:ReplayPolicy"),
        sign="signs:recording",
        looks_for="a run with a folder actions/, or a file *.npy",
    ),
    PolicyKind(
        *("nano", "nano.policy:NanoPolicy", "torch"),
        sign="signs:nano",
        looks_for='a folder with kind "nano" in config.json',
        torch=True,
        prunes=True,
    ),
    PolicyKind(
        *("lightvla", "openvla_kind.oft:LightVlaPolicy", "transformers"),
        sign="signs:lightvla",
        looks_for="a folder or code named after LightVLA with action_head--*",
        torch=True,
        prunes=True,
    ),
    PolicyKind(
        *("openvla-oft", "openvla_kind.oft:OpenVlaOftPolicy", "transformers"),
        sign="signs:oft",
        looks_for="a folder with action_head--*",
        deciding_files=_OFT_NETWORKS,
        torch=True,
        prunes=True,
    ),
    PolicyKind(
        *("openvla", "openvla_kind.policy:OpenVlaPolicy", "transformers"),
        sign="signs:openvla",
        looks_for='a folder with model_type "openvla" in config.json',
        torch=True,
        prunes=True,
    ),
    PolicyKind(
        *("lerobot", "lerobot_kind.policy:LerobotPolicy", "lerobot"),
        sign="signs:lerobot",
        looks_for="a folder with a policy type in config.json and (adapter_)model.safetensors",
        torch=True,
        prunes=True,
    ),
    # Detected by an address, or not at all.
    PolicyKind("openpi", "remote.openpi:OpenpiPolicy"),
    PolicyKind("vla-eval", "remote.vla_eval:VlaEvalPolicy"),
    PolicyKind("oracle", "oracle:OraclePolicy"),
    PolicyKind("random", "random_actions:RandomPolicy"),
    PolicyKind("zero", "zero:ZeroPolicy"),
)


def kind_of(name: str) -> PolicyKind | None:
    """Return gridseval's own kind of a name or ``"module:Class"``; ``None`` for others'."""
    return next((kind for kind in KINDS if name in (kind.name, kind.entry_point)), None)
