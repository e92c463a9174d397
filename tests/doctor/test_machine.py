from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.doctor import machine
from gridseval.doctor.machine import check_cores, check_disk, check_libero_config, check_memory
from gridseval.envs.pool.resources import Resources


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (Resources(4), None),
        (Resources(4, quota=1.5), "the control group allows 1.5 cores"),
        (Resources(4, quota=8.0), None),
        (Resources(4, scheduled=1), "SLURM_CPUS_PER_TASK is 1"),
        (Resources(4, quota=2.0, scheduled=1, memory_gb=0.1), "SLURM_CPUS_PER_TASK is 1"),
    ],
)
def test_cores_and_the_share_of_them(here: Resources, words: str | None) -> None:
    finding = check_cores(here)
    assert finding.status == "ok"
    assert finding.text == ("4" if words is None else f"4, but {words}")
    assert finding.hint == (None if words is None else "a run starts 1 workers")


@pytest.mark.parametrize(
    ("here", "status"),
    [
        (Resources(4, memory_gb=8.0), "ok"),
        (Resources(4, memory_gb=2.5), "warning"),
        (Resources(4, quota=2.0, memory_gb=2.5), "ok"),
        (Resources(4), "ok"),
    ],
)
def test_memory(here: Resources, status: str) -> None:
    finding = check_memory(here)
    assert finding.status == status
    assert finding.hint == ("a run starts 2 workers" if status == "warning" else None)


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
