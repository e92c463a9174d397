"""Unpacks an untrusted archive: only files, and only below the target folder.

A zip's names are arbitrary text. An entry may climb out of the folder, be a link that the next
entry is written through, claim to be small and unpack to a terabyte, or come twice.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from gridseval.assets.declared import DeclaredFile, check_relative
from gridseval.errors import MachineError

MOST_FILES, MOST_BYTES, MOST_RATIO = 1_000_000, 40_000_000_000, 1000
_MARK = "scenes"  # every asset root has a folder of this name
_ENCRYPTED = 0x1


def unpack_assets(
    archive: Path, to: Path, on_bytes: Callable[[int], None]
) -> tuple[DeclaredFile, ...]:
    """Unpack the asset root that is somewhere in a zip archive, without the folders above it.

    Args:
        archive: A zip file.
        to: A folder; files in it that have the right size are kept.
        on_bytes: Called with the number of bytes just written.

    Returns:
        The files, as the archive declares them (CRC-32).

    Raises:
        MachineError: It is not a zip archive, has no asset root, is broken, or is unsafe to unpack.
        OSError: The files cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            chosen = list(_chosen(opened.infolist(), archive))
            for info, file in chosen:
                _unpack_one(opened, info, to / file.path)
                on_bytes(info.compress_size)
    # zipfile raises NotImplementedError for a compression that it does not know.
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise MachineError(f"{archive.name} is broken: {error}", "pull it again") from error
    return tuple(file for _, file in chosen)


def _chosen(
    entries: list[zipfile.ZipInfo], archive: Path
) -> Iterator[tuple[zipfile.ZipInfo, DeclaredFile]]:
    """Yield the entries of the asset root, after checking all entries."""
    _check_sizes(entries, archive)
    names = set()
    for entry in entries:
        _check_entry(entry, archive)
        if entry.filename in names:
            raise _unsafe(archive, f"{entry.filename!r} twice")
        names.add(entry.filename)
    prefix = _root_of(names, archive)
    for entry in entries:
        if entry.filename.startswith(prefix) and not entry.is_dir():
            name = entry.filename.removeprefix(prefix)
            yield entry, DeclaredFile(name, entry.file_size, "crc32", f"{entry.CRC:08x}")


def _root_of(names: set[str], archive: Path) -> str:
    """Return the path before ``scenes/`` in the names, the shortest if there are several."""
    found = set()
    for name in names:
        parts = PurePosixPath(name).parts
        if _MARK in parts[:-1]:
            above = parts[: parts.index(_MARK)]
            found.add("".join(f"{part}/" for part in above))
    if not found:
        raise MachineError(f"{archive.name} holds no asset root: no folder {_MARK!r} is in it")
    return min(found, key=len)


def _check_sizes(entries: list[zipfile.ZipInfo], archive: Path) -> None:
    total = sum(entry.file_size for entry in entries)
    packed = max(1, archive.stat().st_size)
    if len(entries) > MOST_FILES or total > MOST_BYTES or total > MOST_RATIO * packed:
        what = f"{len(entries)} files, {total} bytes from {packed}"
        raise _unsafe(archive, f"more than any asset root has ({what})")


def _check_entry(entry: zipfile.ZipInfo, archive: Path) -> None:
    check_relative(entry.orig_filename)
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe(archive, f"{entry.filename!r}, which is neither a file nor a folder")
    if entry.flag_bits & _ENCRYPTED:
        raise _unsafe(archive, f"{entry.filename!r}, which is encrypted")


def _unsafe(archive: Path, what: str) -> MachineError:
    return MachineError(f"{archive.name} is not unpacked: it holds {what}", "get it elsewhere")


def _unpack_one(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path) -> None:
    if to.is_file() and to.stat().st_size == entry.file_size:
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}.part")
    # zipfile reads no more than the declared size, and compares the CRC at the end.
    with opened.open(entry) as source, part.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    part.replace(to)
