"""Files as their publisher declares them, compared with those on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gridseval.assets.hashing import MODEL_FILES, Algorithm, file_digest, model_files
from gridseval.errors import MachineError


@dataclass(frozen=True)
class DeclaredFile:
    """A file that a hub or an archive declares.

    Attributes:
        path: Relative to the root, with slashes.
        size: In bytes.
        algorithm: How ``digest`` is computed.
        digest: Hexadecimal.
    """

    path: str
    size: int
    algorithm: Algorithm
    digest: str

    def __post_init__(self) -> None:
        check_relative(self.path)

    @property
    def is_model(self) -> bool:
        """Whether MuJoCo may read it."""
        return PurePosixPath(self.path).suffix.lower() in MODEL_FILES

    def fault(self, root: Path) -> str | None:
        """Return what is wrong with the file below ``root``; ``None`` if it is as declared."""
        path = root / self.path
        try:
            size = path.stat().st_size
            if size != self.size:
                return f"{self.path}: {size} bytes instead of {self.size}"
            digest = file_digest(path, self.algorithm)
        except FileNotFoundError:
            return f"{self.path}: missing"
        except OSError as error:
            return f"{self.path}: cannot be read: {error.strerror or error}"
        if digest != self.digest:
            shown = f"{self.algorithm} {digest[:12]} instead of {self.digest[:12]}"
            return f"{self.path}: other content ({shown})"
        return None


def declare(root: Path) -> tuple[DeclaredFile, ...]:
    """Return the model files below a root as they are now, by SHA-256."""
    return tuple(
        DeclaredFile(
            path.relative_to(root).as_posix(),
            path.stat().st_size,
            "sha256",
            file_digest(path, "sha256"),
        )
        for path in model_files(root)
    )


def check_relative(path: str) -> None:
    """Refuse a path that could lead out of its folder.

    Raises:
        MachineError: It is absolute, empty, climbs, or has a drive, a backslash or a zero byte.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or any(c in path for c in "\\\0:"):
        raise MachineError(
            f"a published file has the unsafe name {path!r}", "do not use that source of assets"
        )


def faults(root: Path, files: Iterable[DeclaredFile]) -> Iterator[str]:
    """Yield files that are missing from a root or differ, and model files that are not declared."""
    declared = set()
    for file in files:
        declared.add(file.path)
        fault = file.fault(root)
        if fault is not None:
            yield fault
    for path in model_files(root):
        name = path.relative_to(root).as_posix()
        if name not in declared:
            yield f"{name}: not among the published files"
