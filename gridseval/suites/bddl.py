"""Read BDDL files without running what they contain.

The ``libero`` package evaluates the numbers of ``:yaw_rotation`` as Python (``bddl_utils``), so a
prepared file runs a command while its task is built. Here a file is read once and checked against
a grammar of names and finite numbers. ``libero`` then gets :attr:`BddlFile.text`, which is written
from the checked tokens alone: comments, encodings, line ends and arithmetic are gone from it, and
the file cannot change between check and use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gridseval.errors import MachineError
from gridseval.plain_files import read_regular
from gridseval.suites.bddl_grammar import RefusedError, TokenReader

MAX_BDDL_BYTES = 256 * 1024  # LIBERO's and LIBERO-Plus's largest has 6 kB

_TOKEN = re.compile(r"[()]|[^\s()]+")
_COMMENT = re.compile(r";.*")
_HINT = "LIBERO-Plus: clone it again; a file of your own: write it as LIBERO's are written"


@dataclass(frozen=True)
class BddlFile:
    """A BDDL file that holds nothing but names, numbers and an instruction.

    Attributes:
        path: Where it was read.
        problem: The problem's name, which decides the scene; in lower case, like all names.
        instruction: Its ``:language``, in lower case; may be empty.
        kinds: Kinds of the movable objects.
        text: What ``libero`` may parse in its place: the same tokens, in one line of ASCII but for
            the instruction; arithmetic in ``:yaw_rotation`` is replaced by its result.
    """

    path: Path
    problem: str
    instruction: str
    kinds: frozenset[str]
    text: str


def read_bddl(path: Path, hint: str = _HINT) -> BddlFile:
    """Read and check a BDDL file.

    Args:
        path: The file.
        hint: What to do about a file that is refused.

    Raises:
        MachineError: It cannot be read, or holds anything but what such a file needs; names file
            and line.
    """
    try:
        content = read_regular(path, MAX_BDDL_BYTES)
    except OSError as error:
        raise MachineError(f"cannot read {path}: {error.strerror or error}", hint) from error
    except ValueError as error:
        raise MachineError(f"{path} is refused: {error}", hint) from error
    try:
        text = content.decode("utf8")
    except UnicodeDecodeError as error:
        line = _lines(content[: error.start].decode("utf8")).count("\n") + 1
        raise MachineError(f"{path}, line {line}: not UTF-8 text", hint) from error
    # As libero sees it: universal line ends, no comments, lower case.
    plain = _COMMENT.sub("", _lines(text)).lower()
    reader = TokenReader(_TOKEN.findall(plain))
    try:
        reader.file()
    except RefusedError as error:
        line = _line_of(plain, error.place)
        raise MachineError(f"{path}, line {line}: {error}", hint) from None
    found = reader.found
    return BddlFile(
        path,
        found["problem"][0],
        " ".join(found.get(":language", ())),
        frozenset(found.get(":objects", ())),
        " ".join(reader.tokens),
    )


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_of(text: str, place: int) -> int:
    """Return the line, from 1, of a token; of the end if there are fewer."""
    for number, match in enumerate(_TOKEN.finditer(text)):
        if number == place:
            return text.count("\n", 0, match.start()) + 1
    return text.rstrip().count("\n") + 1
