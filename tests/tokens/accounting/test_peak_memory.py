"""Peak memory is measured: it sees what was held for a moment, and forgets what was before."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gridseval.tokens.accounting import PeakMemory
from gridseval.tokens.accounting import memory as module


def test_it_sees_what_was_held_for_a_moment() -> None:
    quiet = PeakMemory()
    before = quiet.peak_mb()
    if before is None:  # a machine whose /proc cannot tell, which must then be said each time
        assert PeakMemory().peak_mb() is None
        return
    assert quiet.kind == "rss"
    busy = PeakMemory()
    held = np.ones(32_000_000)  # 256 MB, each page touched
    assert held.sum() == 32_000_000
    del held
    peak = busy.peak_mb()
    assert peak is not None
    assert 150 < peak - before < 400
    later = PeakMemory().peak_mb()
    assert later is not None
    assert peak - later > 150


def test_where_nothing_can_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(module, "_RESET", tmp_path / "no" / "clear_refs")
    memory = PeakMemory()
    assert memory.kind is None
    assert memory.peak_mb() is None


def test_on_a_gpu_it_is_the_allocators(monkeypatch: pytest.MonkeyPatch) -> None:
    reset: list[int] = []
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        reset_peak_memory_stats=reset.append,
        max_memory_allocated=lambda device: (device + 1) * 5_000_000,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    memory = PeakMemory()
    assert reset == [0, 1]
    assert memory.kind == "cuda"
    assert memory.peak_mb() == 15.0
