"""SIGKILL at random moments: no episode lost, doubled or different, no process left."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from outcome import Ordeal
from tqdm import tqdm, trange

COMMON = ("run", "--suite", "libero_object", "--policy", "random", "--tasks", "0-2")
REST = (
    "--trials",
    "10",
    "--max-steps",
    "10",
    "--workers",
    "2",
    "--video",
    "none",
    "--record-actions",
)
_SAME = ("task_name", "instruction", "status", "success", "steps", "queries", "seed")
"""Of a record; the rest says how long things took, where, and how often they were tried."""
_SOON_S, _LATE_S, _ORPHAN_S = 0.5, 8.0, 15.0
_FULL_PAGES = (0, 40)
_PAGE = 4096


def torture_kills(folder: Path, count: int, first: int = 0) -> Ordeal:
    """Kill groups, single workers and drivers alone, and resume until the run is done."""
    ordeal = Ordeal("SIGKILL: groups, workers, drivers")
    expected = _reference(folder)
    run = 0
    with tqdm(total=count, desc=ordeal.name) as bar:
        while ordeal.tried < count:
            out = folder / f"killed-{run}"
            run += 1
            while ordeal.tried < count and not _is_done(out, len(expected)):
                number = first + ordeal.tried
                killed = _kill_once(out, random.Random(number), ordeal, number)
                ordeal.tried += killed
                bar.update(killed)
            _finish(out, ordeal)
            _compare(out, expected, ordeal, f"run {run}")
    return ordeal


def torture_disks(folder: Path, count: int, first: int = 0) -> Ordeal:
    """Fill a small disk at random moments, give it space, and resume."""
    ordeal = Ordeal("full disks")
    expected = _reference(folder)
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    for number in trange(first, first + count, desc=ordeal.name):
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True).returncode:
            ordeal.found.append("no disk can be mounted here: run as root")
            break
        try:
            pages = random.Random(number).randint(*_FULL_PAGES)
            (disk / "ballast").write_bytes(bytes(8 * 2**20 - pages * _PAGE))
            done = subprocess.run(_command(disk / "run"), capture_output=True, text=True)
            ordeal.note(done.returncode)
            if done.returncode not in (0, 5) or "Traceback" in done.stderr:
                ordeal.found.append(f"disk {number}: {done.returncode}: {done.stderr[-300:]!r}")
            (disk / "ballast").unlink()
            _finish(disk / "run", ordeal)
            _compare(disk / "run", expected, ordeal, f"disk {number}")
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
    return ordeal


def _command(out: Path) -> list[str]:
    return [sys.executable, "-m", "gridseval", *COMMON, *REST, "--out", str(out)]


def _reference(folder: Path) -> dict[tuple[int, int], Any]:
    out = folder / "reference"
    if not out.exists():
        subprocess.run(_command(out), check=True, capture_output=True)
    return _records(out)[0]


def _kill_once(out: Path, rng: random.Random, ordeal: Ordeal, number: int) -> int:
    """Start the run and kill something of it; return 1 if it was still there to be killed."""
    with subprocess.Popen(
        _command(out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        time.sleep(rng.uniform(_SOON_S, _LATE_S))
        if process.poll() is not None:
            return 0
        workers = _children(process.pid)
        kind = rng.choice(("group", "worker", "driver"))
        if kind == "group":
            os.killpg(process.pid, signal.SIGKILL)
        elif kind == "worker" and workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
            if process.wait(600) not in (0, 6):
                ordeal.found.append(f"kill {number}: a lost worker ended the run")
            return 1
        else:
            process.kill()
        process.wait()
    if not _gone(workers):
        ordeal.found.append(f"kill {number}: workers outlive their driver")
    return 1


def _finish(out: Path, ordeal: Ordeal) -> None:
    command = [*_command(out), "--retry-errors"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        ordeal.found.append(f"{out.name} cannot be finished: {done.stderr[-300:]!r}")


def _compare(out: Path, expected: dict[Any, Any], ordeal: Ordeal, name: str) -> None:
    found, doubled = _records(out)
    lost = len(expected.keys() - found.keys())
    different = sum(found[key] != expected[key] for key in expected.keys() & found.keys())
    if lost or doubled or different:
        ordeal.found.append(f"{name}: {lost} lost, {doubled} doubled, {different} different")


def _records(out: Path) -> tuple[dict[tuple[int, int], Any], int]:
    """Return what must be the same of each episode, and how many were there twice."""
    found: dict[tuple[int, int], Any] = {}
    doubled = 0
    for line in (out / "episodes.jsonl").read_text().splitlines():
        record = json.loads(line)
        key = record["task"], record["trial"]
        settled = found.get(key)
        doubled += settled is not None and settled[_SAME.index("status")] != "error"
        actions = out / "actions" / f"{record['suite']}-{key[0]}-{key[1]}.npy"
        moved = record["extra"].get("motion"), actions.exists() and actions.read_bytes()
        found[key] = [*(record[name] for name in _SAME), *moved]
    return found, doubled


def _is_done(out: Path, count: int) -> bool:
    return (out / "episodes.jsonl").exists() and len(_records(out)[0]) >= count


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


def _gone(pids: list[int]) -> bool:
    until_s = time.monotonic() + _ORPHAN_S
    while time.monotonic() < until_s:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False
