"""How the checkpoints of each kind of policy are recognised, by their files.

Each function returns what it found, to be shown to the user, or ``None``. Nothing is loaded, and no
code of the checkpoint runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridseval.plain_files import read_json
from gridseval.run_names import ACTIONS


def program(path: Path) -> str | None:
    """Return that a file's ending is a program's of torch."""
    return f"the file's ending {path.suffix}" if _ends(path, ".pt", ".pt2", ".pth") else None


def recording(path: Path) -> str | None:
    """Return that a folder or file holds recorded actions."""
    if (path / ACTIONS).is_dir():
        return "a run's folder actions/"
    return f"the file's ending {path.suffix}" if _ends(path, ".npy") else None


def nano(path: Path) -> str | None:
    """Return that a folder is nano's."""
    return 'kind "nano" in config.json' if read_config(path).get("kind") == "nano" else None


def lightvla(path: Path) -> str | None:
    """Return that a folder is LightVLA's."""
    # Its keys are OpenVLA-OFT's exactly, for the pruner has no parameters: only names can tell,
    # of the folder or of the classes in its code.
    if not oft(path):
        return None
    named = [path.resolve().name, str(read_config(path).get("_name_or_path", ""))]
    if any("lightvla" in name.lower().replace("-", "") for name in named):
        return "a name with LightVLA, and action_head--*"
    for code in sorted(path.glob("*.py")):
        if "PrunedLlama" in code.read_text(errors="replace"):
            return f"LightVLA's classes in {code.name}, and action_head--*"
    return None


def oft(path: Path) -> str | None:
    """Return OpenVLA-OFT's action head of a folder."""
    heads = sorted(path.glob("action_head--*")) if path.is_dir() else []
    return heads[0].name if heads else None


def openvla(path: Path) -> str | None:
    """Return that a folder is OpenVLA's."""
    model = read_config(path).get("model_type")
    return 'model_type "openvla" in config.json' if model == "openvla" else None


def lerobot(path: Path) -> str | None:
    """Return which policy of LeRobot's a folder holds."""
    for folder in (path, path / "pretrained_model"):
        kind = read_config(folder).get("type")
        weights = (folder / "model.safetensors", folder / "adapter_model.safetensors")
        if isinstance(kind, str) and any(file.is_file() for file in weights):
            return f'type "{kind}" in {folder.relative_to(path) / "config.json"}'
    return None


def _ends(path: Path, *endings: str) -> bool:
    return path.is_file() and path.suffix in endings


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Return a folder's ``config.json``; nothing where there is none that can be read."""
    try:
        config = read_json(folder / name)
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}
