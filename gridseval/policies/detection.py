"""Which kind of policy a checkpoint is, told from its files or its address.

One line of :data:`SIGNS` per kind; nothing is loaded, and no code of the checkpoint runs.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from gridseval.errors import PolicyError
from gridseval.policies.remote.line import SCHEMES, checked_address, is_loopback
from gridseval.run_names import ACTIONS


class Detection(NamedTuple):
    """What a checkpoint is taken for.

    Attributes:
        kind: A registered name.
        why: What was found, to be shown to the user.
    """

    kind: str
    why: str


@dataclass(frozen=True)
class Sign:
    """How a kind's checkpoints are recognised.

    Attributes:
        kind: The kind.
        looks_for: What is looked for, in words.
        found: Returns what was found in a file or folder, or ``None``.
    """

    kind: str
    looks_for: str
    found: Callable[[Path], str | None]


def detect(checkpoint: str) -> Detection:
    """Return the kind of a checkpoint.

    Args:
        checkpoint: A file, a folder, or the address of a policy server.

    Raises:
        PolicyError: It does not exist, nobody answers at the address, or no sign was found (lists
            what was looked for).
    """
    if checkpoint.partition("://")[0] in SCHEMES:
        return _served(checkpoint)
    path = Path(checkpoint)
    if not path.exists():
        raise PolicyError(
            f"checkpoint {checkpoint} does not exist",
            "name a file, a folder, a hub id (owner/name) or ws://host:port",
        )
    for sign in SIGNS:
        why = sign.found(path)
        if why is not None:
            return Detection(sign.kind, why)
    if (path / "params").is_dir() and not (path / "config.json").exists():
        raise PolicyError(
            f"{checkpoint} looks like a checkpoint of openpi, which runs in openpi's own code",
            "start openpi's scripts/serve_policy.py with it, then give --ckpt ws://127.0.0.1:8000",
        )
    looked = "; ".join(f"{sign.looks_for} ({sign.kind})" for sign in SIGNS)
    raise PolicyError(
        f"cannot tell what kind of policy {checkpoint} is; looked for {looked}",
        "name the kind with --policy",
    )


def _program(path: Path) -> str | None:
    return f"the file's ending {path.suffix}" if _ends(path, ".pt", ".pt2", ".pth") else None


def _recording(path: Path) -> str | None:
    if (path / ACTIONS).is_dir():
        return "a run's folder actions/"
    return f"the file's ending {path.suffix}" if _ends(path, ".npy") else None


def _nano(path: Path) -> str | None:
    return 'kind "nano" in config.json' if _config(path).get("kind") == "nano" else None


def _lightvla(path: Path) -> str | None:
    # Its keys are OpenVLA-OFT's exactly, for the pruner has no parameters: only names can tell,
    # of the folder or of the classes in its code.
    if not _oft(path):
        return None
    named = [path.resolve().name, str(_config(path).get("_name_or_path", ""))]
    if any("lightvla" in name.lower().replace("-", "") for name in named):
        return "a name with LightVLA, and action_head--*"
    for code in sorted(path.glob("*.py")):
        if "PrunedLlama" in code.read_text(errors="replace"):
            return f"LightVLA's classes in {code.name}, and action_head--*"
    return None


def _oft(path: Path) -> str | None:
    heads = sorted(path.glob("action_head--*")) if path.is_dir() else []
    return heads[0].name if heads else None


def _openvla(path: Path) -> str | None:
    model = _config(path).get("model_type")
    return 'model_type "openvla" in config.json' if model == "openvla" else None


def _lerobot(path: Path) -> str | None:
    for folder in (path, path / "pretrained_model"):
        kind = _config(folder).get("type")
        weights = (folder / "model.safetensors", folder / "adapter_model.safetensors")
        if isinstance(kind, str) and any(file.is_file() for file in weights):
            return f'type "{kind}" in {folder.relative_to(path) / "config.json"}'
    return None


SIGNS = (
    Sign("torch", "a file *.pt, *.pt2 or *.pth", _program),
    Sign("replay", "a run with a folder actions/, or a file *.npy", _recording),
    Sign("nano", 'a folder with kind "nano" in config.json', _nano),
    Sign("lightvla", "a folder or code named after LightVLA with action_head--*", _lightvla),
    Sign("openvla-oft", "a folder with action_head--*", _oft),
    Sign("openvla", 'a folder with model_type "openvla" in config.json', _openvla),
    Sign(
        "lerobot",
        "a folder with a policy type in config.json and (adapter_)model.safetensors",
        _lerobot,
    ),
)


def _ends(path: Path, *endings: str) -> bool:
    return path.is_file() and path.suffix in endings


def _config(folder: Path) -> dict[str, Any]:
    """Return a folder's ``config.json``; nothing where there is none that can be read."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


_PROBE_S = 5.0


def _served(address: str) -> Detection:
    """Return what is served at an address; both protocols have a health check of their own."""
    base = "http" + checked_address(address).removeprefix("ws")
    for path, kind in (("/healthz", "openpi"), ("/health", "vla-eval")):
        if _answers(base + path, address):
            return Detection(kind, f"the server answers {path}")
    return Detection("openpi", "the server has no health check; older ones of openpi have none")


def _answers(url: str, address: str) -> bool:
    proxies = urllib.request.ProxyHandler({} if is_loopback(address) else None)
    try:
        with urllib.request.build_opener(proxies).open(url, timeout=_PROBE_S) as reply:
            return bool(reply.status == 200)
    except (urllib.error.HTTPError, HTTPException):
        return False
    except OSError as error:
        raise PolicyError(
            f"nobody answers at {address}: {getattr(error, 'reason', error)}",
            "is the server running, and is this its port?",
        ) from error
