"""Find LIBERO's models (the asset root), and tell by content which they are.

MuJoCo counts visual geoms into a body's mass, so another pack of models is another benchmark
(protocol facts, version trap 9): every run records the content hash of the one it used.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from gridseval.errors import MachineError

ENVIRONMENT_VARIABLE = "GRIDSEVAL_ASSETS"
_MODEL_FILES = {".xml", ".obj", ".stl", ".msh", ".mtl", ".png", ".jpg", ".jpeg"}
_FOLDERS = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects")

# SHA-256 as computed by content_hash, to the name under which runs are compared.
_KNOWN = {
    "9bd13307c8f97f358575c370010a91023bad3facef12f737338911b48da9e124": "libero-reduced",
}


@dataclass(frozen=True)
class Assets:
    """An asset root.

    Attributes:
        root: The folder with ``scenes/``, ``stable_hope_objects/`` and so on.
        source: What named it: an argument, the environment variable, a cache.
    """

    root: Path
    source: str

    def identity(self) -> tuple[str, str]:
        """Return the name of these models (``"custom"`` if unknown) and their content hash."""
        digest = content_hash(self.root)
        return _KNOWN.get(digest, "custom"), digest


def find_assets(explicit: str | Path | None = None) -> Assets:
    """Return the models to use: the argument's, the environment variable's, or a cached download.

    Args:
        explicit: A folder, or ``None`` to look further.

    Raises:
        MachineError: The named folder holds no models, or none were found anywhere.
    """
    if explicit is not None:
        return _checked(Path(explicit), "--assets")
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return _checked(Path(named), ENVIRONMENT_VARIABLE)
    for folder in (_own_cache(), Path.home() / ".cache" / "libero" / "assets"):
        if not _missing(folder):
            return Assets(folder, "cache")
    raise MachineError(
        "LIBERO's models were not found: the 'libero' package ships tasks but no models",
        f"name a folder that holds scenes/, textures/, …: --assets PATH or {ENVIRONMENT_VARIABLE}",
    )


def content_hash(root: Path) -> str:
    """Return the SHA-256 over names and contents of all model files below ``root``, hexadecimal."""
    total = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix.lower() in _MODEL_FILES):
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _own_cache() -> Path:
    return Path(platformdirs.user_cache_dir("gridseval")) / "assets"


def _missing(root: Path) -> list[str]:
    return [name for name in _FOLDERS if not (root / name).is_dir()]


def _checked(root: Path, source: str) -> Assets:
    if not root.is_dir():
        raise MachineError(f"{source}: no such folder: {root}", "name LIBERO's asset root")
    missing = _missing(root)
    if missing:
        raise MachineError(
            f"{source}: {root} is not LIBERO's asset root: it has no folder {missing[0]!r}",
            "name the folder that holds scenes/, textures/, stable_hope_objects/, …",
        )
    return Assets(root.resolve(), source)
