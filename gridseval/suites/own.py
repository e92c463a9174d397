"""Custom suites: where the files of their tasks are, and what identifies them.

A custom suite is a folder with a ``suite.yaml``, or a YAML file, beside the BDDL and
initial-state files of its tasks. Its content decides outcomes as assets do, so a hash of it stands
in ``run.yaml``. gridseval runs no code of it: it checks names, which become parts of file names,
BDDL files go through :mod:`gridseval.suites.bddl`, and initial states are read as numbers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gridseval.demonstrations import SUFFIXES
from gridseval.errors import UsageError
from gridseval.suites.suite import OwnFiles, Suite

SUITE_FILE = "suite.yaml"
"""The name of the YAML in a suite's folder; there the suite's name is free."""

STATES = (".pruned_init", ".init")
"""Endings of files of initial states, LIBERO's first choice first."""
CAMERAS = ("agentview", "robot0_eye_in_hand")
"""Of suites without a YAML: LIBERO's."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,119}")
_MAX_BYTES = 64 << 20  # as the reader of initial states
_MAX_YAML = 4 << 20
_HELP = "docs/guides/own-suites.md shows the files of a suite"


@dataclass(frozen=True)
class FilesKey:
    """The key ``files`` of a suite's YAML: where the files of its tasks lie.

    Args:
        libero: A folder of LIBERO's own, such as ``libero_goal``, that has both.
        bddl: The folder of ``TASK.bddl``, relative to the YAML.
        init_states: The folder of ``TASK.pruned_init`` or ``TASK.init``, relative to the YAML.

    Raises:
        ValueError: Both sorts of places are given, or the name is a path.
    """

    libero: str | None = None
    bddl: str | None = None
    init_states: str | None = None

    def __post_init__(self) -> None:
        if self.libero is not None and (self.bddl or self.init_states):
            raise ValueError("libero stands for both folders; give it alone")
        if self.libero is not None:
            check_name("folder", self.libero)


def is_path(text: str) -> bool:
    """Return whether ``--suite`` names a place rather than a suite: it has a slash or a suffix.

    >>> is_path("libero_goal"), is_path("./kitchen"), is_path("kitchen.yaml")
    (False, True, True)
    """
    return "/" in text or text in (".", "..") or text.endswith((".yaml", ".yml", *SUFFIXES))


def suite_file(path: Path, choice: str) -> Path:
    """Return the YAML file of a custom suite.

    Args:
        path: The folder, or the YAML itself.
        choice: What to say about suites by name.

    Raises:
        UsageError: There is no such file, or it is too large.
    """
    file = path / SUITE_FILE if path.is_dir() else path
    if file.is_file() and file.suffix in (".yaml", ".yml"):
        return checked_size(file).resolve()
    if path.is_dir():
        raise UsageError(f"the folder {path} holds no {SUITE_FILE} and no BDDL files", _HELP)
    reason = "is neither a folder nor a YAML file" if path.exists() else "does not exist"
    raise UsageError(f"the suite {path} {reason}", f"by name {choice}")


def checked_size(file: Path) -> Path:
    """Return a suite's YAML if it is small enough to be read.

    Raises:
        UsageError: It is larger than 4 MB; LIBERO-Plus's largest has a hundredth of that.
    """
    if file.stat().st_size > _MAX_YAML:
        raise UsageError(f"{file} is larger than {_MAX_YAML >> 20} MB")
    return file


def check_name(noun: str, name: str) -> None:
    """Refuse a name that could not be part of a file's name everywhere.

    Raises:
        ValueError: It has other characters than letters, digits and ``_ . + -``, or is too long.
    """
    if _NAME.fullmatch(name) is None:
        shown = name if len(name) <= 60 else name[:59] + "…"
        raise ValueError(
            f"the {noun} name {shown!r} must begin with a letter or digit and have at most 120 "
            "letters, digits, _, ., + or -"
        )


def check_names(suite: str, tasks: Iterable[str]) -> None:
    """Refuse a suite whose name, or a task's, could not be part of a file's name everywhere.

    Raises:
        ValueError: As :func:`check_name`.
    """
    check_name("suite", suite)
    for task in tasks:
        check_name("task", task)


def own_files(
    file: Path,
    suite: str,
    tasks: Iterable[str],
    key: FilesKey,
    stores: bool = True,
    code: str | None = None,
) -> dict[str, OwnFiles]:
    """Return the files of each task.

    Args:
        file: The suite's YAML.
        suite: Its name.
        tasks: The tasks' names.
        key: Where they lie; without it in ``bddl_files`` and ``init_files`` beside the YAML (or in
            folders of the suite's name below them), or beside it.
        stores: Whether the suite has stored initial states.
        code: A Python file beside the YAML, or ``None``.

    Raises:
        UsageError: A file is missing; names the task.
    """
    program = None if code is None else file.parent / code
    if program is not None and not (program.suffix == ".py" and program.is_file()):
        raise UsageError(f"{file}: code: {program} is not a Python file", _HELP)
    bddl = _folder(file, suite, key.bddl, "bddl_files")
    states = _folder(file, suite, key.init_states, "init_files")
    found = {}
    for task in tasks:
        problem = bddl / f"{task}.bddl"
        choices = [states / f"{task}{suffix}" for suffix in STATES]
        stored = next((path for path in choices if path.is_file()), choices[0])
        for path in (problem, stored) if stores else (problem,):
            if not path.is_file():
                raise UsageError(f"task {task} of {suite}: {path} is missing", _HELP)
        found[task] = OwnFiles(problem, stored if stores else None, program)
    return found


def suite_digest(suite: Suite) -> str | None:
    """Return the SHA-256 of a suite's YAML, BDDL and initial-state files, in hex.

    Names of folders do not enter it, so a suite may be moved. ``None`` for a suite of gridseval's,
    whose files are those of the ``libero`` package.

    Raises:
        UsageError: A file cannot be read.
    """
    if suite.file is None:
        return None
    whole, hashes = hashlib.sha256(), dict[Path, str]()
    is_folder = suite.file.suffix not in (".yaml", ".yml")
    parts = [] if is_folder else [("", suite.file)]
    for task in sorted(suite.tasks, key=lambda task: task.name):
        if task.files is not None:
            states = task.files.init_states
            own = (task.files.bddl, states, task.files.code)
            parts += [(task.name, path) for path in own if path is not None]
        if is_folder:  # where no YAML says what tasks are called
            whole.update(f"{task.name} {task.instruction!r} {task.dimension!r}\n".encode())
    for name, path in parts:
        hashes[path] = hashes.get(path) or _sha256(path)  # tasks may share files
        whole.update(f"{name}{path.suffix} {hashes[path]}\n".encode())
    return whole.hexdigest()


def _folder(file: Path, suite: str, named: str | None, usual: str) -> Path:
    if named is not None:
        return file.parent / named
    choices = (file.parent / usual / suite, file.parent / usual, file.parent)
    return next(path for path in choices if path.is_dir())


def _sha256(path: Path) -> str:
    try:
        if path.suffix in SUFFIXES:  # demonstrations hold images, too
            whole = hashlib.sha256()
            with path.open("rb") as file:
                while part := file.read(1 << 20):
                    whole.update(part)
            return whole.hexdigest()
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} is larger than {_MAX_BYTES >> 20} MB")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
