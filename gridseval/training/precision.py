"""In which numbers a machine trains fastest."""

from __future__ import annotations

import contextlib
from pathlib import Path


def choose_precision(wanted: str, device: str) -> str:
    """Return ``"float32"`` or ``"bf16"``, for ``"auto"`` what the device is faster in."""
    if wanted != "auto":
        return wanted
    if device != "cpu":
        return "bf16"
    with contextlib.suppress(OSError):
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf8").split())
        return "bf16" if {"amx_bf16", "avx512_bf16"} & flags else "float32"
    return "float32"
