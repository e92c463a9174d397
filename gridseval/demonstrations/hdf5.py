"""Reads demonstration files as LIBERO and LIBERO-Plus write them.

``data`` has attributes ``bddl_file_name`` and ``problem_info`` (JSON with
``language_instruction``), and a group ``demo_N`` per demonstration: ``actions`` (T, 7), ``states``
(T, 1 + nq + nv), each from before its action, and the attribute ``model_file``, the model's XML.
Source: LIBERO, ``scripts/create_dataset.py``.

Files may come from anywhere: numbers and texts alone are read, within bounds, and nothing outside
the file.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import MachineError, UsageError

SUFFIXES = (".hdf5", ".h5")
Pose: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]

_NAME = re.compile(r"demo_?([0-9]{1,6})")
_MOST_DEMONSTRATIONS, _MOST_STEPS, _MOST_NUMBERS = 10_000, 100_000, 10_000
_MOST_XML = 8 << 20
_LAYOUT = "LIBERO's files have data/demo_0/actions, states and the attribute bddl_file_name"


@dataclass(frozen=True)
class Demonstration:
    """A demonstration.

    Attributes:
        name: Such as ``"demo_0"``.
        steps: How many actions it has.
    """

    name: str
    steps: int


@dataclass(frozen=True)
class DemonstrationFile:
    """What a file says of its demonstrations.

    Attributes:
        path: The file.
        task: The stem of the BDDL file that they were made in.
        folder: The name of that file's folder, such as ``"libero_goal"``; may be empty.
        instruction: For the policy; may be empty.
        demonstrations: In the order of their numbers, at least one.
    """

    path: Path
    task: str
    folder: str
    instruction: str
    demonstrations: tuple[Demonstration, ...]


def demonstration_files(path: Path) -> tuple[Path, ...]:
    """Return the demonstration files that a path means: itself, or those in a folder, sorted."""
    if path.suffix in SUFFIXES:
        return (path,)
    if not path.is_dir():
        return ()
    return tuple(sorted(file for file in path.iterdir() if file.suffix in SUFFIXES))


def read_file(path: Path) -> DemonstrationFile:
    """Return what a file says.

    Raises:
        UsageError: It is not such a file; names what it lacks.
        MachineError: h5py is not installed.
    """
    with _opened(path) as data:
        problem = PurePosixPath(_text(data, "bddl_file_name", path).replace("\\", "/"))
        if problem.suffix != ".bddl":
            raise UsageError(f"{path}: bddl_file_name does not name a BDDL file", _LAYOUT)
        demonstrations = tuple(
            Demonstration(name, _array(data[name], "actions", path).shape[0])
            for name in _names(data, path)
        )
        return DemonstrationFile(
            path=path,
            task=problem.stem,
            folder=problem.parent.name,
            instruction=_instruction(data, path),
            demonstrations=demonstrations,
        )


def first_states(path: Path) -> NDArray[np.float64]:
    """Return the state before each demonstration's first action, float64 (N, 1 + nq + nv).

    Raises:
        UsageError: The file holds none, or states of different models.
    """
    with _opened(path) as data:
        found = []
        for name in _names(data, path):
            states = _array(data[name], "states", path)
            if states.shape[0] < 1 or not 1 <= states.shape[1] <= _MOST_NUMBERS:
                raise UsageError(f"{path}: {name} has no states")
            found.append(np.asarray(states[0], np.float64))
    if len({len(state) for state in found}) > 1:
        raise UsageError(f"{path}: its demonstrations have states of different models")
    states = np.stack(found)
    if not np.isfinite(states).all():
        raise UsageError(f"{path}: a state is not finite")
    return states


def read_actions(path: Path, number: int) -> NDArray[np.float32]:
    """Return a demonstration's actions, float32 (T, 7).

    Args:
        path: The file.
        number: Its place in the file, from 0.

    Raises:
        UsageError: There is no such demonstration, or its actions are not (T, 7) finite numbers.
    """
    with _opened(path) as data:
        names = _names(data, path)
        if not 0 <= number < len(names):
            raise UsageError(f"{path} has {len(names)} demonstrations, and no number {number}")
        actions = np.asarray(_array(data[names[number]], "actions", path)[()], np.float32)
    if actions.shape[1] != 7 or not np.isfinite(actions).all():
        raise UsageError(f"{path}: actions of {names[number]} are not (T, 7) finite numbers")
    return actions


def fixture_poses(path: Path, bodies: Mapping[str, Any]) -> list[dict[str, Pose]]:
    """Return where fixtures stood in each demonstration, as its model says.

    LIBERO's resets place fixtures by changing the model, so states do not say where they are.

    Args:
        path: The file.
        bodies: Names of the fixtures' bodies.

    Returns:
        For each demonstration position (3,) in m and quaternion (4,) (w x y z) by body; empty
        where the file has no model.

    Raises:
        UsageError: A model is not XML, or a pose is not numbers.
    """
    found = []
    with _opened(path) as data:
        for name in _names(data, path):
            xml = data[name].attrs.get("model_file")
            found.append({} if xml is None else _poses(_as_text(xml), bodies, f"{path}: {name}"))
    return found


def _poses(xml: str, bodies: Mapping[str, Any], place: str) -> dict[str, Pose]:
    if len(xml) > _MOST_XML:
        raise UsageError(f"{place}: its model is larger than {_MOST_XML >> 20} MB")
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314 (expat refuses entity bombs)
        return {
            str(body.get("name")): (
                _numbers(body.get("pos", "0 0 0"), 3),
                _numbers(body.get("quat", "1 0 0 0"), 4),
            )
            for body in root.iter("body")
            if body.get("name") in bodies
        }
    except (ElementTree.ParseError, ValueError) as error:
        raise UsageError(f"{place}: its model cannot be read: {error}") from error


def _numbers(text: str, count: int) -> NDArray[np.float64]:
    numbers = np.array([float(part) for part in text.split()])
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{text[:60]!r} is not {count} numbers")
    return numbers


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the group ``data``.

    Raises:
        UsageError: It cannot be read.
        MachineError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MachineError(
            "h5py is not installed, which reads demonstrations", 'pip install "gridseval[demos]"'
        ) from error
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            yield _group(file, "data", path)
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"cannot read {path}: {reason}", _LAYOUT) from error


def _group(parent: Any, name: str, path: Path) -> Any:
    import h5py

    # A link may lead to another file.
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise UsageError(f"{path} has no group {name}", _LAYOUT)
    found = parent[name]
    if not isinstance(found, h5py.Group):
        raise UsageError(f"{path}: {name} is not a group", _LAYOUT)
    return found


def _names(data: Any, path: Path) -> list[str]:
    """Return the names of all demonstrations, by number."""
    numbered = sorted(
        (int(match[1]), name) for name in data if (match := _NAME.fullmatch(name)) is not None
    )
    if not 1 <= len(numbered) <= _MOST_DEMONSTRATIONS:
        raise UsageError(f"{path} holds {len(numbered)} demonstrations", _LAYOUT)
    for _, name in numbered:
        _group(data, name, path)
    return [name for _, name in numbered]


def _array(group: Any, name: str, path: Path) -> Any:
    """Return a dataset of numbers in two dimensions, which is not read yet."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise UsageError(f"{path}: {group.name} has no {name}", _LAYOUT)
    found = group[name]
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise UsageError(f"{path}: {found.name} is not a dataset in this file", _LAYOUT)
    if found.ndim != 2 or found.dtype.kind not in "fiu" or found.shape[0] > _MOST_STEPS:
        raise UsageError(f"{path}: {found.name} is {found.dtype} {found.shape}", _LAYOUT)
    if found.shape[1] > _MOST_NUMBERS:
        raise UsageError(f"{path}: {found.name} has {found.shape[1]} columns", _LAYOUT)
    return found


def _text(data: Any, name: str, path: Path) -> str:
    value = data.attrs.get(name)
    if value is None:
        raise UsageError(f"{path} lacks the attribute {name}", _LAYOUT)
    return _as_text(value)


def _as_text(value: Any) -> str:
    return value.decode("utf8", "replace") if isinstance(value, bytes) else str(value)


def _instruction(data: Any, path: Path) -> str:
    """Return the instruction of ``problem_info``, which some files write as a list."""
    stored = data.attrs.get("problem_info")
    try:
        found = json.loads(_as_text(stored)) if stored is not None else {}
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: problem_info is not JSON: {error}") from error
    told = found.get("language_instruction", "") if isinstance(found, dict) else ""
    words = told if isinstance(told, list) else [told]
    return " ".join(" ".join(map(str, words)).split())[:500]
