"""Which numbers a training computes in."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.training.precision import choose_precision


@pytest.mark.parametrize(
    ("wanted", "device", "flags", "expected"),
    [
        ("auto", "cpu", "avx512_bf16 amx_tile amx_bf16", "bf16"),
        ("auto", "cpu", "avx2 avx512_bf16", "float32"),  # slower there in bf16
        ("auto", "cuda:1", "avx2", "bf16"),
        ("bf16", "cpu", "avx2", "bf16"),
        ("float32", "cpu", "amx_bf16", "float32"),
    ],
)
def test_bf16_is_chosen_where_it_is_faster(
    wanted: str, device: str, flags: str, expected: str, tmp_path: Path
) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"flags : fpu {flags}\n")
    assert choose_precision(wanted, device, listed) == expected


def test_a_system_without_the_list_computes_in_float32(tmp_path: Path) -> None:
    assert choose_precision("auto", "cpu", tmp_path / "none") == "float32"
