"""Checks that a TorchScript file holds all of its weights: torch itself reads what is missing.

If a member is shorter than its tensor, torch 2.13 reads memory behind its end. If an attribute has
another name, torch says "at() was not in the map".
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

from gridseval.errors import PolicyError

_SIZES = {
    **dict.fromkeys(("Bool", "Byte", "Char", "QInt8", "QUInt8", "Untyped"), 1),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    "ComplexDouble": 16,
}
"""Bytes per number of torch's kinds of storage."""

_CLASS = re.compile(r"^class (\w+)\([^)\n]*\):\n((?:[ ]+.*\n|\n)*)", re.MULTILINE)
_TENSORS = re.compile(r"^  __(?:parameters|buffers)__ = \[(.*)\]", re.MULTILINE)
_SHOWN = 3


def check_weights(copy: IO[bytes], name: str) -> None:
    """Refuse a file that lacks weights.

    Args:
        copy: The file, which holds nothing that runs when it is read (``scripted.copy_harmless``).
        name: For messages.

    Raises:
        PolicyError: A parameter or buffer of a class is missing or has another name (names the
            first few), or a member is shorter or longer than its tensor.
    """
    with zipfile.ZipFile(copy) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        folder = next(iter(sizes), "").partition("/")[0]
        root: Any = None
        for part in ("constants", "data"):
            if f"{folder}/{part}.pkl" in sizes:
                reader = _Reader(io.BytesIO(archive.read(f"{folder}/{part}.pkl")))
                root = reader.load()
                _check_sizes(reader.storages, sizes, f"{folder}/{part}", name)
        declared = dict(_declared(archive, sizes, f"{folder}/code/"))
    missing, unknown = [], []
    for where, thing in _objects(root, ""):
        wanted = declared.get(thing.class_name, ())
        missing += [where + key for key in wanted if key not in thing.state]
        if len(missing):
            tensors = (key for key, value in thing.state.items() if isinstance(value, _Object))
            unknown += [where + k for k in tensors if k not in wanted and _is_tensor(thing, k)]
    if missing:
        others = f"; it has {_few(unknown)}" if unknown else ""
        raise PolicyError(f"{name} lacks the weights {_few(missing)}{others}", "export it again")


class _Object:
    """Stands for every object of the file; does nothing."""

    class_name = ""
    state: dict[Any, Any]

    def __new__(cls, *_: object, **__: object) -> _Object:
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}

    def __setitem__(self, key: object, value: object) -> None:
        self.state[key] = value


class _Reader(pickle._Unpickler):  # the one in C allocates what a damaged file asks for
    """Builds stand-ins, and notes which member stores how many numbers.

    Attributes:
        storages: Member to kind of storage and count of numbers.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        return type(name, (_Object,), {"class_name": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> Any:
        _, kind, member, _, count = pid  # as torch's own reader takes it apart
        self.storages[str(member)] = (kind.class_name.rpartition(".")[2], int(count))
        return _Object()


def _check_sizes(
    storages: Mapping[str, tuple[str, int]], sizes: Mapping[str, int], folder: str, name: str
) -> None:
    for member, (kind, count) in storages.items():
        number = _SIZES.get(kind.removesuffix("Storage"))
        found = sizes.get(f"{folder}/{member}")
        if found is None:
            raise PolicyError(f"{name} lacks the weights in {folder}/{member}", "copy it again")
        if number is not None and found != number * count:
            raise PolicyError(
                f"{name}: {folder}/{member} has {found} bytes, its weights need {number * count}",
                "copy it again",
            )


def _declared(
    archive: zipfile.ZipFile, members: Mapping[str, int], folder: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each class that torch stores attribute by attribute, and its tensors' names."""
    for member in members:
        if not member.startswith(folder) or not member.endswith(".py"):
            continue
        module = member.removeprefix(folder).removesuffix(".py").replace("/", ".")
        for found in _CLASS.finditer(archive.read(member).decode("ascii")):
            if "def __setstate__" not in found[2]:
                lists = ",".join(_TENSORS.findall(found[2]))
                yield f"{module}.{found[1]}", tuple(re.findall(r'"(\w+)"', lists))


def _objects(thing: Any, where: str) -> Iterator[tuple[str, _Object]]:
    """Yield a module and those inside it, each with the start of its weights' names."""
    pending = [(where, thing)]
    seen = set()
    while pending:
        where, thing = pending.pop(0)
        if not isinstance(thing, _Object) or id(thing) in seen:
            continue
        seen.add(id(thing))
        yield where, thing
        pending += [(f"{where}{key}.", value) for key, value in thing.state.items()]


def _is_tensor(thing: _Object, key: str) -> bool:
    return "_rebuild_" in thing.state[key].class_name


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
