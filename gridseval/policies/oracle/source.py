"""The hash of the scripted expert: its code and its data, by which it acts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gridseval.data import data_dir


def expert_sha256() -> str:
    """Return one hash of this folder's modules and ``policies/oracle.yaml``, by name and content.

    Edited, it is another expert: a run that one began, another must not continue.
    """
    modules = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256()
    for file in (*modules, data_dir("policies") / "oracle.yaml"):
        digest.update(f"{file.name}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
