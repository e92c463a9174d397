"""Reads TorchScript files (.pt) so that nothing in them can touch files, network or processes.

TorchScript knows no Python, but it knows operators that write files (``torch.save``,
``torch.from_file`` with ``shared=True``), calls between processes, and whatever C++ classes are
registered. Some of its code runs while it is loaded: ``__setstate__`` and default arguments. So its
sources are checked before torch sees them, and torch sees a copy with nothing but what was checked.

The check is on words: in a source that consists of plain words, numbers, strings and punctuation
(all that torch writes), every operator is reached by a name that stands there, as a word or as the
string of a ``getattr``. The graphs that came of the sources are checked once more.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NamedTuple

from gridseval.errors import PolicyError
from gridseval.policies.archive import Rule, copy_members, keep, leave_out
from gridseval.policies.operators import NAMESPACES, may_run

_HINT = "export the policy with torch.export.save, or script it without that"


def copy_harmless(path: Path, copy: IO[bytes]) -> None:
    """Write to ``copy`` what ``torch.jit.load`` needs of the file at ``path``, and nothing else.

    Debug information, extra files and traced inputs are left out.

    Raises:
        PolicyError: The file holds a member, a word, a class or an operator that is not known as
            harmless.
        zipfile.BadZipFile: The file is not a zip archive, or a checksum fails.
    """
    copy_members(path, copy, _MEMBERS, _HINT)


def check_graphs(module: Any, name: str) -> None:
    """Check the graphs of all methods of a loaded module, before the first of them is called.

    Args:
        module: What ``torch.jit.load`` returned.
        name: The file's, for messages.

    Raises:
        PolicyError: A graph holds an operator that is not known as harmless.
    """
    for part in module.modules():
        for method in part._c._method_names():  # torch offers no public way
            for kind in _kinds(part._c._get_method(method).inlined_graph):
                if not may_run(kind):
                    raise PolicyError(f"{name} uses {kind}, which is not allowed", _HINT)


def _kinds(block: Any) -> Iterator[str]:
    """Yield the kinds of all nodes of a graph, those in nested blocks included."""
    for node in block.nodes():
        yield node.kind()
        for inner in node.blocks():
            yield from _kinds(inner)


def _check_source(content: bytes) -> bytes:
    tokens = list(_tokens(content.decode("ascii")))
    words = {token.text for token in tokens if token.kind == "word"}
    words |= set(_looked_up(tokens))
    for word in sorted(words):
        if word in _FORBIDDEN or not may_run(f"aten::{word}"):
            raise ValueError(f"the name {word!r} is not allowed, since it may do more than compute")
    if any(one.kind == other.kind == "string" for one, other in pairwise(tokens)):
        raise ValueError("a string may not be made of two")
    texts = [token.text for token in tokens]
    for index, (before, text) in enumerate(pairwise(["", *texts])):
        after = texts[index + 1 : index + 5] + [""] * 4
        if text == "ops" and before != ".":
            _check_operator(after)
        in_path = text == "classes" and "." in (before, after[0])
        if in_path and (after[0] != "." or after[1] not in ("quantized", "rnn")):
            raise ValueError("only C++ classes of quantized layers are allowed")
    return content


class _Token(NamedTuple):
    kind: str
    text: str


def _tokens(source: str) -> Iterator[_Token]:
    """Split a source; comments, single quotes and the like are refused, as torch writes none.

    Where TorchScript's grammar and this one might differ, nothing is accepted.
    """
    position = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None or found.lastgroup is None:
            raise ValueError(f"cannot read {source[position : position + 40]!r}")
        position = found.end()
        if found.lastgroup != "space":
            yield _Token(found.lastgroup, found.group())


_TOKEN = re.compile(
    r"""(?P<space>[ \n]+)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*(?!["']))
    |(?P<number>[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?j?(?![A-Za-z0-9_."']))
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*"(?!["']))
    |(?P<sign>[][(){}:,.=+\-*/%&|^~<>!@])""",
    re.VERBOSE | re.ASCII,
)


def _looked_up(tokens: list[_Token]) -> Iterator[str]:
    """Yield the names that ``getattr`` looks up."""
    for index, token in enumerate(tokens):
        if token.text != "getattr":
            continue
        if index + 1 == len(tokens) or tokens[index + 1].text != "(":
            raise ValueError("getattr may only be called")
        depth = 0
        for inner in tokens[index + 1 :]:
            depth += (inner.text == "(") - (inner.text == ")")
            if inner.kind == "string":
                if not re.fullmatch(r'"(?!(?:classes|ops)")\w+"', inner.text, re.ASCII):
                    raise ValueError(f"getattr may not look up {inner.text}")
                yield inner.text.strip('"')
            if depth == 0:
                break


_FORBIDDEN = {"rpc_async", "rpc_sync", "rpc_remote"}


def _check_operator(after: list[str]) -> None:
    """Accept ``ops.namespace.name``, or the word as a name of the policy's own."""
    if after[0] in (":", "="):
        return
    namespace, name = after[1], after[3]
    if after[0] != "." or after[2] != ".":
        raise ValueError("only ops.namespace.name is allowed of ops")
    if namespace not in NAMESPACES:
        raise ValueError(f"operators of {namespace!r} are not allowed")
    if not may_run(f"{namespace}::{name}"):
        raise ValueError(f"the operator {namespace}.{name} is not allowed")


def _check_pickle(content: bytes) -> bytes:
    """Accept tensors, plain values and objects of the classes in the archive's own sources."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"):
            raise ValueError(f"it uses {opcode.name}")
        if opcode.name == "BINUNICODE" and "torch.classes" in str(argument):
            _check_class(str(argument))
        if opcode.name == "GLOBAL" and not re.fullmatch(_GLOBAL, str(argument), re.ASCII):
            raise ValueError(f"it makes {argument!r}")
        if opcode.name == "GLOBAL":
            _check_class(str(argument))
    return content


def _check_class(text: str) -> None:
    if re.search(r"\bclasses[. ](?!(?:quantized|rnn)[. ])", text):
        raise ValueError(f"the C++ class {text!r} is not allowed")


_GLOBAL = (
    r"__torch__(\.\w+)* \w+|collections OrderedDict|torch (\w+Storage|device|per_\w+_affine)"
    r"|torch\._utils _rebuild_(tensor_v2|qtensor|parameter)"
    r"|torch\.jit\._pickle (build_\w+list|restore_type_tag)"
)
_FOLDER = r"[^/]+/"
_MEMBERS: tuple[tuple[str, Rule], ...] = (
    (_FOLDER + r"code/[\w/]+\.py", _check_source),
    (_FOLDER + r"(data|constants)\.pkl", _check_pickle),
    (_FOLDER + r"(data|constants)/\d+", keep),
    (_FOLDER + r"(version|byteorder|\.format_version|\.storage_alignment|\.data/\w+)", keep),
    (_FOLDER + r"code/[\w/]+\.py\.debug_pkl", leave_out),
    (_FOLDER + r"(extra|traced_inputs|bytecode)/.*", leave_out),
    (_FOLDER + r"(traced_inputs|bytecode|mobile_debug_handles)\.pkl", leave_out),
)
