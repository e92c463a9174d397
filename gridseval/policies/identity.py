"""Which files of a checkpoint decide how it acts, and the hash that stands for all of them.

One rule says what is hashed and what is fetched from the hub, so that a repository and a copy of it
are the same checkpoint.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from gridseval.policies.kinds import KINDS
from gridseval.run_names import ACTIONS

_INNER = "pretrained_model"

_TEXTS = (".json", ".py", ".txt", ".model", ".jinja", ".tiktoken")
"""Configurations, statistics, tokenizers, code of the checkpoint's own."""

_LOGS = ("train_config.json", "trainer_state.json", "all_results.json", "*_results.json")
"""What a training leaves behind of itself."""

_OTHERS = (".bin", ".ckpt", ".h5", ".msgpack", ".npy", ".npz", ".pkl", ".pt", ".pth", ".yaml")
"""What else code of a user's may read."""


def is_read(name: str) -> bool:
    """Return whether some kind of gridseval's reads a file of a checkpoint's folder.

    Args:
        name: Relative to the folder, with ``/``.
    """
    path = PurePosixPath(name)
    inside = path.parts[0] if len(path.parts) > 1 else ""
    if len(path.parts) > 2 or any(fnmatchcase(path.name, pattern) for pattern in _LOGS):
        return False
    if path.suffix == ".safetensors":
        return inside in ("", _INNER)
    if path.suffix == ".npy":
        return inside == ACTIONS
    return path.suffix in _TEXTS or (not inside and _is_named(path.name))


def model_folder(checkpoint: Path) -> Path:
    """Return the folder of a checkpoint's files: LeRobot's training puts them into one inside."""
    inner = checkpoint / _INNER
    return inner if inner.is_dir() else checkpoint


def checkpoint_sha256(checkpoint: str | None, own_kind: bool = True) -> str | None:
    """Return the hash of a file, or of what decides in a folder; ``None`` if there is nothing.

    Args:
        checkpoint: A path; anything else has no hash.
        own_kind: Whether a kind of gridseval's reads it; code of a user's may read other files.
    """
    path = Path(checkpoint or "")
    if not checkpoint or not path.exists():
        return None
    if path.is_file():
        return file_sha256(path)
    folder = model_folder(path)
    recorded = sorted((path / ACTIONS).glob("*.npy"))
    files = {file.name: file for file in recorded} or dict(_deciding(folder, own_kind))
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(name.encode())
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest() if files else None


def named_files(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of each file that an argument names: by it a policy acts, too.

    ``path/to/file.py:Class`` names a file as well.
    """
    texts = {key: value for key, value in arguments.items() if isinstance(value, str)}
    named = {key: _named_path(text) for key, text in texts.items()}
    return {key: file_sha256(path) for key, path in named.items() if path.suffix and _is_file(path)}


def source_sha256(loaded: type[Any]) -> str | None:
    """Return the hash of the file that defines a class: edited, it is another class.

    ``None`` for gridseval's own, and for a class without a file.
    """
    file = getattr(sys.modules.get(loaded.__module__), "__file__", None)
    own = loaded.__module__.partition(".")[0] == "gridseval"
    return None if own or file is None else file_sha256(Path(file))


def file_sha256(path: Path) -> str:
    """Return a file's hash."""
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _deciding(folder: Path, own_kind: bool) -> Iterator[tuple[str, Path]]:
    for file in (*folder.glob("*"), *folder.glob("*/*")):
        name = file.relative_to(folder).as_posix()
        if (is_read(name) or (not own_kind and file.suffix in _OTHERS)) and file.is_file():
            yield name, file


def _is_named(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for kind in KINDS for pattern in kind.deciding_files)


def _named_path(text: str) -> Path:
    where, _, _ = text.rpartition(":")
    return Path(where if where.endswith(".py") else text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text that is not a path
        return False


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces: checkpoints are larger than memory at times."""
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            yield block
