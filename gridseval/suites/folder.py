"""A folder of BDDL files as a suite, without a YAML: what LIBERO's users and benchmarks have."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gridseval.config import read_yaml
from gridseval.errors import MachineError, UsageError
from gridseval.plain_files import read_regular
from gridseval.suites.bddl import MAX_BDDL_BYTES
from gridseval.suites.layouts import Layout, layout_of
from gridseval.suites.own import CAMERAS, STATES, check_names
from gridseval.suites.suite import OwnFiles, Suite, Task, instruction_of

LANGUAGE_FILE = "instructions.yaml"
"""A task's name to its instruction, beside the BDDL files; else their ``:language`` counts."""
MAX_STEPS = 400
"""Of a folder whose layout is not known."""

_MOST_TASKS = 20_000
_LANGUAGE = re.compile(r"\(\s*:language([^()]*)\)", re.IGNORECASE)
_COMMENT = re.compile(r";.*")


def bddl_folder(path: Path) -> Path | None:
    """Return where a folder has its BDDL files: ``bddl_files``, or itself; ``None`` if nowhere."""
    for folder in (path / "bddl_files", path):
        if folder.is_dir() and any(folder.glob("*.bddl")):
            return folder
    return None


def folder_suite(path: Path, base_of: Callable[[str], Suite | None]) -> Suite:
    """Return a folder as a suite: a task for each BDDL file, in the order of their names.

    Tasks that differ in their ``:language`` only share one compiled model. Initial states lie in
    ``init_files`` beside ``bddl_files``, in a folder of the suite's name below it, or beside the
    BDDL files; without any, episodes begin at fresh starts.

    Args:
        path: Holds BDDL files, or ``bddl_files`` with them.
        base_of: Returns the suite that a known layout names as its base, if there is one.

    Raises:
        UsageError: A name does not fit, a file cannot be read, or only some tasks have states.
    """
    problems = bddl_folder(path)
    if problems is None:
        raise UsageError(f"{path} holds no BDDL files")
    name = (path if problems == path or path.name != "." else path.resolve()).name
    names = sorted(file.stem for file in problems.glob("*.bddl"))
    if len(names) > _MOST_TASKS:
        raise UsageError(f"{problems} holds {len(names)} tasks, more than {_MOST_TASKS}")
    try:
        check_names(name, names)
    except ValueError as error:
        raise UsageError(f"{problems}: {error}") from error
    known = layout_of(name)
    layout, base = (None, None) if known is None else (known[0], base_of(known[1]))
    if base is not None:
        names = _in_order(names, [task.name for task in base.tasks])
    told = _instructions(problems)
    files = _files(path, problems, name, names, layout)
    tasks = tuple(
        Task(
            suite=name,
            index=index,
            name=task,
            instruction=told.get(task) or language or instruction_of(task),
            files=own,
            dimension="" if layout is None else layout.dimension_of(name, task),
        )
        for index, (task, (own, language)) in enumerate(zip(names, files, strict=True))
    )
    title = name if layout is None else f"{layout.title}: {name}"
    return Suite(
        name=name,
        title=title,
        tasks=tasks,
        max_steps=MAX_STEPS if base is None else base.max_steps,
        settle_steps=10,
        trials=50 if layout is None else layout.trials,
        cameras=CAMERAS,
        file=path.resolve(),
    )


def _in_order(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return names in the base suite's order where it has the same ones."""
    return list(wanted) if set(names) == set(wanted) else list(names)


def _files(
    path: Path, problems: Path, name: str, names: Sequence[str], layout: Layout | None
) -> list[tuple[OwnFiles, str]]:
    """Return each task's files and its ``:language``."""
    folders = _state_folders(path, problems, name)
    first: dict[str, Path] = {}
    found: list[tuple[OwnFiles, str]] = []
    lacking = []
    for task in names:
        problem = problems / f"{task}.bddl"
        text = _text(problem)
        match = _LANGUAGE.search(text)
        language = " ".join(match[1].split()) if match else ""
        # The model does not depend on the instruction: one file of all that are alike is compiled.
        shared = first.setdefault(_LANGUAGE.sub("", text), problem)
        stem = task if layout is None else layout.states_of(task)
        states = next(
            (
                file
                for folder in folders
                for ending in STATES
                if (file := folder / f"{stem}{ending}").is_file()
            ),
            None,
        )
        if states is None:
            lacking.append(task)
        found.append((OwnFiles(shared, states), language))
    if lacking and len(lacking) < len(names):
        raise UsageError(
            f"{len(lacking)} of the {len(names)} tasks of {name} have no initial states, such as "
            f"{lacking[0]}, and the others have",
            "add theirs, or remove all, so that episodes begin at fresh starts",
        )
    return found


def _state_folders(path: Path, problems: Path, name: str) -> tuple[Path, ...]:
    """Return where a folder's initial states may lie."""
    beside = problems.parent / "init_files"
    # A clone of LIBERO's has bddl_files/NAME and init_files/NAME.
    clone = problems.parent.parent / "init_files" / problems.name
    return (path / "init_files" / name, beside / name, beside, clone, problems)


def _text(path: Path) -> str:
    """Return a BDDL file without comments; whether it is one is checked before LIBERO reads it."""
    try:
        content = read_regular(path, MAX_BDDL_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise MachineError(f"{path} is refused: {error}") from error
    return _COMMENT.sub("", content.decode("utf8", "replace"))


def _instructions(problems: Path) -> Mapping[str, str]:
    """Return the instructions of the language file, if there is one."""
    file = problems / LANGUAGE_FILE
    if not file.is_file():
        file = problems.parent / LANGUAGE_FILE
    if not file.is_file():
        return {}
    found = read_yaml(file)
    if not isinstance(found, Mapping):
        raise UsageError(f"{file}: expected a mapping of tasks to instructions")
    for task, text in found.items():
        if not isinstance(task, str) or not isinstance(text, str) or not text.strip():
            raise UsageError(f"{file}: {task}: expected a text, the task's instruction")
    return {str(task): " ".join(str(text).split()) for task, text in found.items()}
