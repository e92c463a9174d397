"""Where an output may go: over no file of a run, through links, and never in place of a device.

A report that replaces ``episodes.jsonl`` destroys the only source of truth of a run, and a renamed
file that replaces ``/dev/null`` breaks a machine. So everything that writes a file under a name
that a user may choose asks here first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path

from gridseval.errors import OutputError, UsageError
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.run_names import EPISODES, MANIFEST, OWN_FILES, OWN_FOLDERS

_OTHER_NAME = "name another file"
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_LONGEST_NAME = 255  # bytes, on all usual file systems


def check_outputs(*paths: Path | None, allowed: Collection[Path] = ()) -> None:
    """Refuse files that an output must not replace; to be called before any work.

    Args:
        paths: Files that the user named; ``None`` stands for one that is not written.
        allowed: Files of runs that this output is meant to replace, such as a run's report.

    Raises:
        UsageError: Two of the paths are the same regular file.
        OutputError: One is a run's own file, a folder, or something that cannot be written to.
    """
    replaceable = {_behind_links(path) for path in allowed}
    seen: dict[Path, Path] = {}
    for path in (each for each in paths if each is not None):
        target = _behind_links(path)
        if target not in replaceable and (owner := _owner(target)):
            raise OutputError(f"{path} is a file of the run {owner}", _OTHER_NAME)
        with os_errors(f"cannot write {path}", hint=RUN_HINTS):
            special = is_special(path)
        if target in seen and not special:
            raise UsageError(f"{seen[target]} and {path} are the same file", _OTHER_NAME)
        seen[target] = path


def destination(path: Path) -> Path:
    """Return the regular file that writing to a path reaches, through symbolic links.

    Raises:
        OutputError: A link leads to another file of a run, as from its table to its records.
    """
    target = _behind_links(path)
    if target.name != path.name and (owner := _owner(target)):
        raise OutputError(f"{path} is a link to a file of the run {owner}", _OTHER_NAME)
    return target


def is_special(path: Path) -> bool:
    """Return whether a path leads to a pipe or a character device, which is written in place.

    Raises:
        IsADirectoryError: It leads to a folder.
        PermissionError: It may not be written to, or is a block device, which holds a file system.
        OSError: It cannot be looked at, or is a socket.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory", str(path))
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise PermissionError(13, "It is a block device or a socket", str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied", str(path))
    # What a shell has redirected to a regular file must be written in place, too.
    return not stat.S_ISREG(mode) or _descriptor(path) is not None


def pour(content: bytes, path: Path) -> None:
    """Write to a pipe or a character device, without waiting for a reader to come.

    Raises:
        OSError: It cannot be written to, or a pipe has no reader.
    """
    if (already := _descriptor(path)) is not None:
        opened = os.dup(already)  # opened anew, it would begin at the file's first byte
    else:
        opened = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        os.set_blocking(opened, True)
    with os.fdopen(opened, "wb") as to:
        to.write(content)


def put_in_place(part: Path, path: Path) -> Path:
    """Give a finished file its final name: through links, with the mode of the file it replaces.

    Args:
        part: The finished file, which is gone afterwards.
        path: Its final name.

    Returns:
        ``path``.

    Raises:
        OSError: It cannot be written.
        OutputError: The path leads to another file of a run.
    """
    if is_special(path):
        pour(part.read_bytes(), path)
        part.unlink()
        return path
    target = destination(path)
    if target.parent != Path(os.path.realpath(part.parent)):  # perhaps another file system
        moved = target.with_name(temporary_name(target.name))
        with contextlib.ExitStack() as failed:
            failed.callback(moved.unlink, missing_ok=True)
            shutil.copyfile(part, moved)
            _replace(moved, target)
            failed.pop_all()
        part.unlink()
    else:
        _replace(part, target)
    return path


def temporary_name(name: str) -> str:
    """Return the name under which a file is prepared before it gets its own."""
    while len(os.fsencode(f".{name}.new")) > _LONGEST_NAME:
        name = name[:-1]
    return f".{name}.new"


def _replace(part: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        old = target.stat()
        with contextlib.suppress(OSError):  # only root may give files away
            os.chown(part, old.st_uid, old.st_gid)
        part.chmod(stat.S_IMODE(old.st_mode))
    part.replace(target)


def _behind_links(path: Path) -> Path:
    return Path(os.path.realpath(path)) if _descriptor(path) is None else path.absolute()


def _descriptor(path: Path) -> int | None:
    """Return the open file of this process that a path names, as /dev/stdout and >(…) do."""
    if str(path) in _STANDARD:
        return _STANDARD[str(path)]
    folder = os.path.realpath(path.parent)
    own = folder in ("/dev/fd", f"/proc/{os.getpid()}/fd")
    return int(path.name) if own and path.name.isdecimal() else None


def _owner(target: Path) -> Path | None:
    """Return the run that a file belongs to; a new file belongs to none."""
    folder, name = target.parent, target.name
    if name in OWN_FILES and _is_run(folder):
        return folder
    for parent in target.parents:
        if parent.name in OWN_FOLDERS and _is_run(parent.parent) and target.exists():
            return parent.parent
    return None


def _is_run(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in (MANIFEST, EPISODES))
