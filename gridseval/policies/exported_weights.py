"""Checks that a ``torch.export`` file holds all of its weights, in the shapes of its graph.

``torch.export.load`` (torch 2.13) looks for missing names only: a tensor of another shape is
loaded, and broadcast where it can be.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable
from typing import IO, Any

from gridseval.errors import PolicyError

_CONFIG = re.compile(r"(?:[^/]+/)?data/(?:weights|constants)/\w+_config\.json")
_BYTES = {
    **dict.fromkeys((1, 2, 12), 1),
    **dict.fromkeys((3, 6, 13), 2),
    **dict.fromkeys((4, 7, 9), 4),
    **dict.fromkeys((5, 8, 10), 8),
    11: 16,
}
"""Bytes per number, by ``torch._export.serde.schema.ScalarType``."""
_SHOWN = 3


def check_members(copy: IO[bytes], name: str) -> None:
    """Refuse a file in which a tensor's member is missing or too short.

    Args:
        copy: The file, rewritten by ``exported.copy_harmless``.
        name: For messages.

    Raises:
        PolicyError: Names the first few tensors.
    """
    short = []
    with zipfile.ZipFile(copy) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        for config in filter(_CONFIG.fullmatch, sizes):
            folder = config.rpartition("/")[0]
            for key, tensor in json.loads(archive.read(config))["config"].items():
                found = sizes.get(f"{folder}/{tensor['path_name']}", -1)
                if found < _needed(tensor["tensor_meta"]):
                    short.append(key)
    if short:
        raise PolicyError(f"{name} lacks the numbers of {_few(short)}", "copy or export it again")


def check_weights(program: Any, name: str) -> None:
    """Refuse a program whose weights are not those of its graph.

    Args:
        program: A ``torch.export.ExportedProgram``.
        name: For messages.

    Raises:
        PolicyError: A weight is unknown to the graph, or has another shape or type; names the first
            few.
    """
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    stored = {**program.state_dict, **program.constants}
    known, other = set(), []
    for spec in program.graph_signature.input_specs:
        known.add(spec.target)
        tensor = stored.get(spec.target)
        node = nodes.get(getattr(spec.arg, "name", ""))
        expected: Any = None if node is None else node.meta.get("val")
        if tensor is None or not hasattr(tensor, "shape") or not hasattr(expected, "shape"):
            continue
        if tensor.shape != expected.shape or tensor.dtype != expected.dtype:
            wanted = f"{tuple(expected.shape)} of {expected.dtype}"
            other.append(f"{spec.target} {tuple(tensor.shape)} of {tensor.dtype}, not {wanted}")
    unknown = [key for key in program.state_dict if key not in known]
    if other:
        raise PolicyError(f"{name} has weights of other shapes: {_few(other)}", "export it again")
    if unknown:
        raise PolicyError(f"{name} has weights that it does not use: {_few(unknown)}")


def _needed(meta: dict[str, Any]) -> int:
    """Return how many bytes a tensor's storage has at least; 0 where its type is not known."""
    sizes, strides = (_numbers(meta[key]) for key in ("sizes", "strides"))
    if 0 in sizes:
        return 0
    last = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    (offset,) = _numbers([meta["storage_offset"]])
    return (offset + last + 1) * _BYTES.get(meta["dtype"], 0)


def _numbers(values: Iterable[dict[str, int]]) -> list[int]:
    return [int(value["as_int"]) for value in values]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
