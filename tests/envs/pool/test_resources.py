"""How many workers a run starts: affinity, quotas of both versions, Slurm, memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridseval.envs.pool import resources
from gridseval.envs.pool.resources import Resources, default_workers

GB = 10**9
FREE = {"proc/meminfo": "MemTotal: 99 kB\nMemAvailable:   64000000 kB\n"}


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "affinity" not in request.node.name:
        monkeypatch.setattr(resources, "_affinity", lambda: 16)


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in {**FREE, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf8")
    return root


VERSION_2 = {"proc/self/cgroup": "0::/slurm/job_7/step_0"}
VERSION_1 = {"proc/self/cgroup": "9:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n0::/"}


@pytest.mark.parametrize(
    ("files", "variables", "workers"),
    [
        ({}, {}, 16),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, {}, 16),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "350000 100000"}, {}, 3),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "50000 100000"}, {}, 1),
        ({**VERSION_2, "sys/fs/cgroup/slurm/job_7/cpu.max": "400000 100000"}, {}, 4),
        (
            {
                **VERSION_2,
                "sys/fs/cgroup/slurm/cpu.max": "800000 100000",
                "sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "max 100000",
            },
            {},
            8,
        ),
        # Docker shows the host's path and mounts only the container's folder.
        (
            {
                **VERSION_1,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            {},
            2,
        ),
        (
            {
                **VERSION_1,
                "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_quota_us": "600000",
                "sys/fs/cgroup/cpu/docker/ab/cpu.cfs_period_us": "100000",
            },
            {},
            6,
        ),
        (
            {
                **VERSION_1,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            {},
            16,
        ),
        ({}, {"SLURM_CPUS_PER_TASK": "4"}, 4),
        ({}, {"SLURM_CPUS_PER_TASK": "64"}, 16),
        ({}, {"SLURM_CPUS_PER_TASK": "0"}, 16),
        ({}, {"SLURM_CPUS_PER_TASK": "four"}, 16),
        ({"proc/meminfo": "MemAvailable: 5500000 kB"}, {}, 5),
        ({"proc/meminfo": "MemAvailable: 5500 kB"}, {}, 1),
        ({"proc/meminfo": "MemAvailable:"}, {}, 16),
        (
            {
                **VERSION_2,
                "sys/fs/cgroup/slurm/job_7/memory.max": str(8 * GB),
                "sys/fs/cgroup/slurm/job_7/memory.current": str(3 * GB),
                "sys/fs/cgroup/slurm/job_7/memory.stat": f"anon 5\ninactive_file {2 * GB}",
            },
            {},
            7,
        ),
        ({**VERSION_2, "sys/fs/cgroup/slurm/memory.max": "max"}, {}, 16),
        (
            {
                **VERSION_1,
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(4 * GB),
                "sys/fs/cgroup/memory/memory.usage_in_bytes": str(GB // 2),
            },
            {},
            3,
        ),
        (
            {
                **VERSION_1,
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": str(GB),
            },
            {},
            16,
        ),
    ],
)
def test_workers_of_a_machine(
    files: dict[str, str], variables: dict[str, str], workers: int, tmp_path: Path
) -> None:
    here = Resources.here(machine(tmp_path, files), variables)
    assert here.workers == workers
    assert (here.reason is None) == (workers == 16)


def test_a_machine_without_proc_has_its_cores(tmp_path: Path) -> None:
    assert Resources.here(tmp_path, {}).workers == 16


def test_affinity_limits_this_process() -> None:
    assert 1 <= default_workers() <= len(os.sched_getaffinity(0))
    assert Resources.here().cores == len(os.sched_getaffinity(0))


def test_a_run_starts_that_many_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from gridseval.evaluation.prepared_run import _workers

    monkeypatch.setattr(Resources, "here", lambda: Resources(16, scheduled=4))
    assert _workers(None) == (
        4,
        ("4 workers for 16 cores: SLURM_CPUS_PER_TASK is 4; --workers asks for others",),
    )
    assert _workers(12) == (12, ())
    monkeypatch.setattr(Resources, "here", lambda: Resources(16))
    assert _workers(None) == (16, ())
