"""Copies the allowed members of a zip archive: torch's loaders never see a file from elsewhere.

A copy, because a check of the file itself would say nothing of members that Python's zip reader
sees differently than torch's.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from gridseval.errors import PolicyError

Rule = Callable[[bytes], "bytes | None"]
"""Returns what to write in place of a member, ``None`` to leave it out; raises ValueError, or one
of its kin, to refuse it."""


def copy_members(path: Path, copy: IO[bytes], rules: Sequence[tuple[str, Rule]], hint: str) -> None:
    """Write to ``copy`` what the rules make of the members of the archive at ``path``.

    Args:
        path: A zip archive.
        copy: An empty file, open for writing.
        rules: A pattern of whole member names, and the rule for them; the first that fits counts.
        hint: The next step for a user whose file is refused.

    Raises:
        PolicyError: No rule is for a member, or its rule refuses it.
        zipfile.BadZipFile: The file is not a zip archive, or a checksum fails.
    """
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as out:
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise PolicyError(f"{path} holds two members of one name", hint)
        for name in names:
            rule = next((rule for form, rule in rules if re.fullmatch(form, name)), None)
            if rule is None:
                raise PolicyError(f"{path} holds {name!r}, which may run code", hint)
            try:
                content = rule(archive.read(name))
            except (ValueError, SyntaxError, LookupError, TypeError, AttributeError) as error:
                raise PolicyError(f"{path}: {name} is refused: {error}", hint) from error
            if content is not None:
                out.writestr(name, content)


def keep(content: bytes) -> bytes:
    """Copy a member as it is."""
    return content


def leave_out(_content: bytes) -> None:
    """Copy nothing."""
