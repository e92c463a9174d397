"""Who writes a run's directory: one process, also where the file system has no locks.

A lock of the operating system is released with its process, even on SIGKILL, so it decides between
the processes of one machine. On a network file system it may hold for one machine only, or not be
there at all. So the owner also makes a file, which can be made once only, and renews it while it
lives. Another process takes it for a dead one's

- on the same machine, if it got the lock, or, without locks, if the owner's process is gone;
- on another machine, if it has not been renewed for a minute by the file system's own clock.

An owner whose file was taken all the same, as after a minute's sleep, writes no further record.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gridseval.errors import OutputError
from gridseval.locking import try_flock
from gridseval.plain_files import read_regular
from gridseval.run_names import LOCK, OWNER

RENEWED_EVERY_S = 10.0
STALE_S = 60.0

_MOST_BYTES = 1 << 16
_WAIT = "wait for it, or name another directory"


class Ownership:
    """This process's right to write a directory; made by ``take``, given back by ``release``."""

    def __init__(self, folder: Path, lock: int, told: Mapping[str, Any]) -> None:
        self._folder, self._lock, self._token = folder, lock, told["token"]
        self._released, self._lost = threading.Event(), False
        self._renewing = threading.Thread(target=self._renew, name="owner", daemon=True)
        self._renewing.start()

    @classmethod
    def take(cls, folder: Path) -> Ownership:
        """Become the one process that writes a directory, which must exist.

        Raises:
            OutputError: Another process writes it; names the process.
            OSError: A file of it cannot be written.
        """
        with contextlib.ExitStack() as failed:
            lock, locked = _locked(folder / LOCK)
            failed.callback(os.close, lock)
            told = _Process.here().told()
            while not _made(folder / OWNER, told):
                _drop_dead(folder, locked)
            failed.pop_all()
        return cls(folder, lock, told)

    def check(self) -> None:
        """Raise if another process has taken the directory.

        Raises:
            OutputError: It has.
        """
        if self._lost:
            raise OutputError(
                f"another process writes the run {self._folder} now, since this one did not say "
                f"for {STALE_S:g} s that it lives",
                "finished episodes are kept: let the other one end",
            )

    def release(self) -> None:
        """Give the directory back; doing so twice does nothing."""
        if self._lock < 0:
            return
        self._released.set()
        self._renewing.join()
        with contextlib.suppress(OSError):
            if _token(self._folder / OWNER) == self._token:
                (self._folder / OWNER).unlink()
        os.close(self._lock)
        self._lock = -1

    def _renew(self) -> None:
        while not self._released.wait(RENEWED_EVERY_S):
            # A file system that cannot be reached for a while does not stop the run.
            with contextlib.suppress(OSError):
                if _token(self._folder / OWNER) != self._token:
                    self._lost = True
                    return
                os.utime(self._folder / OWNER)


def refuse_busy(folder: Path) -> None:
    """Check, before hours of preparation, that no other process writes a directory.

    Raises:
        OutputError: One does.
        OSError: A file of it cannot be written.
    """
    if (folder / LOCK).exists():
        Ownership.take(folder).release()


class _Process(NamedTuple):
    """A process as others can look for it.

    Attributes:
        pid: Its number.
        host: Its machine's name, for people.
        boot: Tells machines, and their starts, apart.
        numbered: In which processes have these numbers: containers count for themselves.
        began: When it began, by the machine's clock, since numbers are used again.
    """

    pid: int
    host: str
    boot: str
    numbered: str
    began: str

    @classmethod
    def here(cls) -> _Process:
        """Return this process."""
        boot, numbered = platform.node(), ""
        with contextlib.suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            numbered = str(Path("/proc/self/ns/pid").readlink())
        return cls(os.getpid(), platform.node(), boot, numbered, _began(os.getpid()) or "")

    def told(self) -> dict[str, Any]:
        """Return what the owner's file says."""
        since = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        return {**self._asdict(), "since": since, "token": secrets.token_hex(8)}


def _made(path: Path, told: Mapping[str, Any]) -> bool:
    """Make the owner's file; return whether there was none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(told) + "\n")
            file.flush()
            os.fsync(descriptor)
    except BaseException:  # such as a full disk
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    return True


def _drop_dead(folder: Path, locked: bool) -> None:
    """Remove a dead owner's file.

    Raises:
        OutputError: The owner lives, or may live.
    """
    path = folder / OWNER
    with contextlib.suppress(FileNotFoundError):
        found = _read(path)
        age_s = _age_s(path, folder / LOCK)
        if not _is_dead(found, age_s, locked):
            left_s = max(1, round(STALE_S - age_s))
            elsewhere = found.get("boot") != _Process.here().boot
            gone = f"; if it is gone, the same command goes on in {left_s} s" if elsewhere else ""
            raise OutputError(
                f"another process ({found.get('pid', 'unknown')} on {found.get('host', 'unknown')},"
                f" since {found.get('since', 'unknown')}) is writing the run {folder}",
                _WAIT + gone,
            )
        aside = path.with_name(f"{OWNER}.{secrets.token_hex(8)}")
        path.rename(aside)
        if _token(aside) != found.get("token"):
            aside.rename(path)  # another process was faster, and this file is its own
        else:
            aside.unlink()


def _is_dead(found: Mapping[str, Any], age_s: float, locked: bool) -> bool:
    here = _Process.here()
    if found.get("boot") == here.boot:
        if locked:
            return True
        if found.get("numbered") == here.numbered:
            began = _began(found.get("pid"))
            return began is None or began != found.get("began")
    return age_s >= STALE_S


def _began(pid: Any) -> str | None:
    """Return when a process of this machine began; ``None`` if it is gone or has ended."""
    if not Path("/proc/self/stat").exists():  # not Linux
        try:
            os.kill(int(pid), 0)
        except (OSError, TypeError, ValueError, OverflowError):
            return None
        return ""
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()
    except (OSError, TypeError, ValueError, OverflowError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def _age_s(path: Path, beside: Path) -> float:
    """Return for how long a file was not renewed, by the clock that both files have."""
    os.utime(beside)
    now_s, renewed_s = map(_changed_s, (beside, path))
    return now_s - renewed_s


def _changed_s(path: Path) -> float:
    """Return when a file was changed; opened, as a network file system may remember the time."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)


def _read(path: Path) -> Mapping[str, Any]:
    """Return what the owner's file says; nothing where it is damaged or not written to its end."""
    try:
        said = json.loads(read_regular(path, _MOST_BYTES))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _token(path: Path) -> Any:
    """Return whose file it is; ``None`` where it is not there."""
    try:
        return _read(path).get("token")
    except FileNotFoundError:
        return None


def _locked(path: Path) -> tuple[int, bool]:
    """Return the open lock file, and whether it is locked: not every file system can."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        locked = try_flock(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise OutputError(
            f"another process ({owner or 'unknown'}) is writing the run {path.parent}", _WAIT
        ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, locked
