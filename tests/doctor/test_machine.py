from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.doctor import machine
from gridseval.doctor.machine import check_cores, check_disk, check_libero_config, check_memory


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "default_workers", lambda: 4)


@pytest.mark.parametrize(
    ("quota", "status"), [("max 100000", "ok"), ("150000 100000", "warning"), ("?", "ok")]
)
def test_cores_and_the_containers_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quota: str, status: str
) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    monkeypatch.setattr(machine, "_QUOTA", path)
    finding = check_cores()
    assert finding.status == status
    assert finding.text.startswith("4")
    assert finding.hint == ("use --workers 1" if status == "warning" else None)


@pytest.mark.parametrize(
    ("available_kb", "status"), [(8_000_000, "ok"), (2_000_000, "warning"), (None, "ok")]
)
def test_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, available_kb: int | None, status: str
) -> None:
    path = tmp_path / "meminfo"
    if available_kb is not None:
        path.write_text(f"MemTotal: 99 kB\nMemAvailable:   {available_kb} kB\n")
    monkeypatch.setattr(machine, "_MEMORY", path)
    finding = check_memory()
    assert finding.status == status
    assert finding.hint == ("use --workers 2" if status == "warning" else None)


def test_disk_of_a_cache_that_does_not_exist_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "_LEAST_DISK_GB", 0.0)
    monkeypatch.setattr(machine.platformdirs, "user_cache_dir", lambda name: tmp_path / "a" / name)
    assert check_disk().status == "ok"
    monkeypatch.setattr(machine, "_LEAST_DISK_GB", 1e9)
    assert check_disk().status == "warning"
    assert list(tmp_path.iterdir()) == []


def test_config_of_libero_is_reported_but_no_fault(tmp_path: Path) -> None:
    environment = {"LIBERO_CONFIG_PATH": str(tmp_path)}
    assert list(check_libero_config(environment)) == []
    (tmp_path / "config.yaml").write_text("assets: /nowhere\n")
    (finding,) = check_libero_config(environment)
    assert finding.status == "ok"
    assert "ignores" in finding.text
