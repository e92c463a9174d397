"""Reads YAML, JSON and bytes of files that may lie: bounded in size, depth, number and kind.

A file that is copied from elsewhere may be a pipe, endless, nested without end, or name one list a
billion times. Reading it ends within seconds, with values or with a ``ValueError`` that says why.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NoReturn

import yaml

MOST_YAML_BYTES = 4 * 1024 * 1024
MOST_JSON_BYTES = 64 * 1024 * 1024
_MOST_VALUES = 200_000  # PyYAML takes 7 s for them
_MOST_DEPTH = 50
_MOST_DIGITS = 1000

_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    f"{_TAG}{kind}"
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
}


def check_regular(path: Path) -> None:
    """Refuse what is not a regular file: opening a pipe would wait for its writer.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a regular file.
    """
    read_regular_part(path, 0)


def read_regular_part(path: Path, most_bytes: int) -> bytes:
    """Return the beginning of a regular file, without waiting for a pipe's writer.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("no regular file")
        return file.read(most_bytes)


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return the content of a regular file, without waiting for a pipe's writer.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a regular file, or larger.
    """
    content = read_regular_part(path, most_bytes + 1)
    if len(content) > most_bytes:
        shown = f"{most_bytes // 1024**2} MB" if most_bytes >= 1024**2 else f"{most_bytes >> 10} kB"
        raise ValueError(f"larger than {shown}")
    return content


def plain_yaml(text: str) -> Any:
    """Return what a YAML text says: mappings, lists, texts, numbers, booleans and ``None``.

    A date is a text. Anchors may be used, but not to multiply or to contain themselves.

    Raises:
        ValueError: It is not YAML, says a key twice, or is not plain.
    """
    try:
        loader = _UniqueKeyLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _measure(node, {}, set())
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(_shortened(str(error)) or type(error).__name__) from error


def plain_json(content: bytes | str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """Return what a JSON file says.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a regular file, too large, not JSON, or nested too deeply.
    """
    return plain_json(read_regular(path, most_bytes))


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys without a word; this one refuses them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._composed = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._composed += 1
        if self._composed > _MOST_VALUES:  # here, since composing is what takes the time
            raise ValueError(f"more than {_MOST_VALUES} values")
        return super().compose_node(parent, index)

    def construct_date(self, node: yaml.ScalarNode) -> str:
        """Return a date as its text, if there is such a date."""
        self.construct_yaml_timestamp(node)
        return str(node.value)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_UniqueKeyLoader.add_constructor(f"{_TAG}timestamp", _UniqueKeyLoader.construct_date)


def _measure(
    node: yaml.Node, known: dict[int, tuple[int, int]], above: set[int]
) -> tuple[int, int]:
    """Return how many values a node stands for and how deep they are, anchors written out."""
    if id(node) in known:
        return known[id(node)]
    if id(node) in above:
        _refuse("an anchor contains itself", node)
    values, depth = 1, 1
    if isinstance(node, yaml.ScalarNode):
        _check_scalar(node)
    elif node.tag not in _PLAIN:
        _refuse(f"no plain value: {_shortened(node.tag)}", node)
    else:
        above.add(id(node))
        pairs = isinstance(node, yaml.MappingNode)
        for child in [each for pair in node.value for each in pair] if pairs else node.value:
            more, deeper = _measure(child, known, above)
            values, depth = values + more, max(depth, deeper + 1)
        above.discard(id(node))
    if values > _MOST_VALUES:
        _refuse(f"more than {_MOST_VALUES} values", node)
    if depth > _MOST_DEPTH:
        _refuse("nested too deeply", node)
    known[id(node)] = values, depth
    return values, depth


def _check_scalar(node: yaml.ScalarNode) -> None:
    if node.tag not in _PLAIN:
        _refuse(f"no plain value: {_shortened(node.tag)}", node)
    if node.tag == f"{_TAG}int" and len(node.value) > _MOST_DIGITS:
        _refuse(f"a number of more than {_MOST_DIGITS} digits", node)


def _refuse(reason: str, node: yaml.Node) -> NoReturn:
    raise ValueError(f"{reason} (line {node.start_mark.line + 1})")


def _shortened(text: str, most: int = 300) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
