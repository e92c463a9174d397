"""A root's ``.gridseval`` folder, which says where its assets come from.

``models.json`` says it in a few lines. ``files.tsv.gz`` lists every file as published, so that
``gridseval assets verify`` can name a changed file years later. Neither is a model file, so neither
enters the content hash.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from gridseval.assets.declared import DeclaredFile
from gridseval.assets.hashing import Algorithm
from gridseval.errors import MachineError

_FOLDER, _HEADER, _LIST = ".gridseval", "models.json", "files.tsv.gz"


@dataclass(frozen=True)
class Manifest:
    """Where the assets of a root come from.

    Attributes:
        identity: ``"libero"``, ``"stand-ins"`` and so on.
        hash: The root's content hash when it was checked; the identity holds as long as it does.
        repository: On the hub; empty if they were built here.
        commit: Of that repository.
    """

    identity: str
    hash: str
    repository: str = ""
    commit: str = ""


def read_manifest(root: Path) -> Manifest | None:
    """Return the manifest of a root; ``None`` if it has none that can be understood."""
    try:
        data = json.loads((root / _FOLDER / _HEADER).read_text(encoding="utf8"))
        wanted = {key: str(data[key]) for key in ("identity", "hash")}
        more = {key: str(data.get(key, "")) for key in ("repository", "commit")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Manifest(**wanted, **more)


def write_manifest(root: Path, manifest: Manifest, files: Iterable[DeclaredFile] = ()) -> None:
    """Store a manifest. It writes ``models.json`` last, so that a crash leaves no manifest.

    Raises:
        OSError: The root cannot be written.
    """
    folder = root / _FOLDER
    folder.mkdir(exist_ok=True)
    lines = "".join(f"{f.path}\t{f.size}\t{f.algorithm}\t{f.digest}\n" for f in files)
    _replace(folder / _LIST, gzip.compress(lines.encode(), mtime=0))
    header = json.dumps(asdict(manifest), indent=2) + "\n"
    _replace(folder / _HEADER, header.encode())


def read_files(root: Path) -> tuple[DeclaredFile, ...]:
    """Return the files that a root was published with; empty if unknown.

    Raises:
        MachineError: The list is broken.
    """
    path = root / _FOLDER / _LIST
    if not path.is_file():
        return ()
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        rows = [line.split("\t") for line in lines]
        return tuple(
            DeclaredFile(name, int(size), cast(Algorithm, algorithm), digest)
            for name, size, algorithm, digest in rows
        )
    except (OSError, ValueError, EOFError) as error:
        raise MachineError(f"{path} is broken: {error}", "pull the assets again") from error


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
