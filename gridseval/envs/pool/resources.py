"""How many worker processes this process may feed: cores, quotas, a scheduler's share, memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

WORKER_GB = 1.0
"""Memory that a worker needs: MuJoCo, Python and two compiled tasks, with room to spare."""

MOST_WORKERS = 4096
"""Most workers that may be asked for; each is a process."""

_SLURM = "SLURM_CPUS_PER_TASK"
_GROUPS = Path("sys/fs/cgroup")
_UNLIMITED_BYTES = 1 << 60  # version 1 writes nearly 2**63 for no limit


@dataclass(frozen=True)
class Resources:
    """What this process may use of the machine.

    Attributes:
        cores: Cores that it may run on.
        quota: Cores' worth of time that its control group allows, ``None`` for no limit.
        scheduled: Cores that Slurm gave to the task, ``None`` outside of Slurm.
        memory_gb: Memory (1e9 bytes) that new processes can use, ``None`` if unknown.
    """

    cores: int
    quota: float | None = None
    scheduled: int | None = None
    memory_gb: float | None = None

    @classmethod
    def here(
        cls, root: Path = Path("/"), environment: Mapping[str, str] | None = None
    ) -> Resources:
        """Ask the system.

        Args:
            root: Where ``proc`` and ``sys`` are.
            environment: Default: the process's.
        """
        variables = os.environ if environment is None else environment
        given = variables.get(_SLURM, "")
        quotas = list(_quotas(root))
        free = [gb for gb in (_available_gb(root), *_group_memory_gb(root)) if gb is not None]
        return cls(
            cores=_affinity(),
            quota=min(quotas, default=None),
            scheduled=int(given) if given.isdecimal() and int(given) > 0 else None,
            memory_gb=min(free, default=None),
        )

    @property
    def workers(self) -> int:
        """How many workers to start, at least one."""
        return max(1, min(self._limits().values()))

    @property
    def reason(self) -> str | None:
        """What allows fewer workers than there are cores, ``None`` if there are as many."""
        if self.workers >= self.cores:
            return None
        return min(self._limits().items(), key=lambda item: item[1])[0]

    def _limits(self) -> dict[str, int]:
        limits = {"cores": self.cores}
        if self.quota is not None:
            limits[f"the control group allows {self.quota:.1f} cores"] = int(self.quota)
        if self.scheduled is not None:
            limits[f"{_SLURM} is {self.scheduled}"] = self.scheduled
        if self.memory_gb is not None:
            fit = int(self.memory_gb // WORKER_GB)
            free = f"{self.memory_gb:.1f} GB of memory are free"
            limits[f"{free}, a worker needs {WORKER_GB:g}"] = fit
        return limits


def default_workers() -> int:
    """Return how many workers a run starts that does not say."""
    return Resources.here().workers


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """Yield the limits of this process's control group and of those above it, in cores."""
    for folder in _folders(root, ""):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)
    for folder in _folders(root, "cpu"):
        quota, period = (_text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota.isdecimal() and period.isdecimal() and int(period):  # -1 means no limit
            yield int(quota) / int(period)


def _group_memory_gb(root: Path) -> Iterator[float]:
    """Yield what the limits on memory leave; files that are cached can be dropped for it."""
    for controller, limit_file, used_file in (
        ("", "memory.max", "memory.current"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        for folder in _folders(root, controller):
            limit, used = _text(folder / limit_file), _text(folder / used_file)
            if limit.isdecimal() and used.isdecimal() and int(limit) < _UNLIMITED_BYTES:
                cached = _cached_bytes(_text(folder / "memory.stat"))
                yield max(0, int(limit) - int(used) + cached) / 1e9


def _cached_bytes(statistics: str) -> int:
    found = dict(line.split(" ", 1) for line in statistics.splitlines() if " " in line)
    value = found.get("total_inactive_file", found.get("inactive_file", "0"))
    return int(value) if value.isdecimal() else 0


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control group of a controller, innermost first.

    Args:
        root: Where ``proc`` and ``sys`` are.
        controller: One of version 1, or empty for version 2's.
    """
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller not in controllers.split(","):
            continue
        for name in dict.fromkeys((controllers, controller)):
            top = root / _GROUPS / name
            group = top / path.lstrip("/")
            # In a container the path may be the host's, of which only the top is mounted.
            while group != top and group.is_relative_to(top):
                yield group
                group = group.parent
            yield top


def _available_gb(root: Path) -> float | None:
    for line in _text(root / "proc" / "meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable" and (number := value.split()[:1]) and number[0].isdecimal():
            return int(number[0]) * 1024 / 1e9
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
