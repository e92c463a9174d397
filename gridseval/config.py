"""One loader from YAML to frozen dataclasses, for suites and policy cards.

A misspelt key that is silently ignored, or a number that YAML read as text, has cost people wrong
tables; so unknown, missing and doubled keys are refused, values are checked against the type hints,
and every error names the file, the key path and, for a misspelling, the nearest valid name.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from gridseval.errors import UsageError, did_you_mean
from gridseval.plain_files import MOST_YAML_BYTES, plain_yaml, read_regular

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def load_yaml(path: Path, kind: type[T]) -> T:
    """Read a YAML file into a dataclass.

    Fields may be ``str``, ``int``, ``float``, ``bool``, ``Any``, ``Literal``, unions, ``tuple``,
    ``dict[str, ...]`` or ``Mapping[str, ...]``, and further dataclasses, nested as needed.

    Args:
        path: The file.
        kind: The dataclass; a ``ValueError`` of its ``__post_init__`` is reported as the file's.

    Raises:
        UsageError: The file cannot be read, is not YAML, or does not describe a ``kind``.
    """
    return build(kind, read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Return what a YAML file says, as plain values.

    Raises:
        UsageError: The file cannot be read, is too large, is not plain YAML, or says a key twice.
    """
    try:
        content = read_regular(path, MOST_YAML_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    try:
        return plain_yaml(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except ValueError as error:
        raise UsageError(f"{path}: not valid YAML: {error}") from error


def build(kind: type[T], data: Any, source: str) -> T:
    """Make a dataclass from plain values, checking every one against its type hint.

    Args:
        kind: The dataclass.
        data: What YAML or JSON gave; must be a mapping.
        source: Where it came from, for errors: a file, or a file and line.

    Raises:
        UsageError: ``data`` does not describe a ``kind``; names the source and key path.
    """
    made = _dataclass(kind, data, _Place(source))
    assert isinstance(made, kind)
    return made


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where in which file a value stands."""

    source: str
    key: str = ""

    def child(self, name: str) -> _Place:
        return _Place(self.source, f"{self.key}.{name}" if self.key else name)

    def item(self, index: int) -> _Place:
        return _Place(self.source, f"{self.key}[{index}]")

    def error(self, reason: str, hint: str | None = None) -> UsageError:
        where = f"{self.source}: {self.key}" if self.key else self.source
        return UsageError(f"{where}: {reason}", hint)

    def expected(self, what: str, value: Any, hint: str | None = None) -> UsageError:
        return self.error(f"expected {what}, got {_described(value)}", hint)


def _described(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:59] + "…"
    return f"the text {shown}" if isinstance(value, str) else shown


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, Any]:
    # Resolving annotations costs more than the check itself; thousands of records share one class.
    return get_type_hints(kind)


def _dataclass(kind: type[DataclassInstance], data: Any, place: _Place) -> object:
    if not isinstance(data, Mapping):
        raise place.expected("a mapping of keys to values", data)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for key in data:
        if key not in fields:
            raise place.error(f"unknown key {key!r}", did_you_mean(str(key), fields))
    for name, field in fields.items():
        has_default = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
        if name not in data and not has_default:
            raise place.error(f"missing key {name!r}")
    hints = _hints(kind)
    values = {key: _value(hints[key], value, place.child(key)) for key, value in data.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise place.error(str(error)) from error


def _value(hint: Any, value: Any, place: _Place) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass(hint, value, place)
    if origin in (Union, UnionType):
        return _union(get_args(hint), value, place)
    if origin is Literal:
        return _choice(get_args(hint), value, place)
    if origin is tuple:
        return _tuple(get_args(hint), value, place)
    if origin in (dict, Mapping):
        return _mapping(get_args(hint)[1], value, place)
    return _scalar(hint, value, place)


def _union(members: tuple[Any, ...], value: Any, place: _Place) -> Any:
    if value is None and NoneType in members:
        return None
    rest = [member for member in members if member is not NoneType]
    if len(rest) == 1:
        return _value(rest[0], value, place)
    if type(value) in rest:
        return value  # so that 1 stays an int where float | int is allowed
    for member in rest:
        with contextlib.suppress(UsageError):
            return _value(member, value, place)
    names = " or ".join(getattr(member, "__name__", str(member)) for member in rest)
    raise place.expected(names, value)


def _choice(allowed: tuple[Any, ...], value: Any, place: _Place) -> Any:
    for choice in allowed:
        if type(choice) is type(value) and choice == value:
            return choice
    names = [str(choice) for choice in allowed]
    raise place.error(f"{_described(value)} is not a choice", did_you_mean(str(value), names))


def _tuple(members: tuple[Any, ...], value: Any, place: _Place) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise place.expected("a list", value)
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len(value)
    if len(members) != len(value):
        raise place.error(f"expected {len(members)} values, got {len(value)}")
    pairs = zip(members, value, strict=True)
    return tuple(_value(hint, item, place.item(i)) for i, (hint, item) in enumerate(pairs))


def _mapping(hint: Any, value: Any, place: _Place) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise place.expected("a mapping of keys to values", value)
    for key in value:
        if not isinstance(key, str):
            raise place.error(f"expected text as key, got {key!r}", "put it in quotes")
    return {key: _value(hint, item, place.child(key)) for key, item in value.items()}


def _scalar(hint: Any, value: Any, place: _Place) -> Any:
    if hint not in _SCALARS:
        raise TypeError(f"{place.key}: the loader does not read {hint!r}")
    if hint is float and type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            raise place.error("the number is too large") from None
    if type(value) is not hint:
        raise place.expected(_SCALARS[hint], value, _scalar_hint(hint, value))
    return value


_SCALARS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "nothing",
}


def _scalar_hint(hint: Any, value: Any) -> str | None:
    if hint is str:
        return "put it in quotes" if isinstance(value, (int, float, bool)) else None
    if hint is float and isinstance(value, str) and "e" in value.lower():
        return "YAML reads 1e-6 as text; write 1.0e-6"
    return None
