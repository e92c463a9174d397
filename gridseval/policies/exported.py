"""Reads ``torch.export`` files (.pt2) as data: nothing in them runs unless it is known as harmless.

``torch.export.load`` trusts its file (torch 2.13, ``torch/export/pt2_archive/_package.py`` and
``torch/_export/serde/serialize.py``): it unpickles example inputs, tensor subclasses and "opaque"
constants, loads compiled libraries, evaluates size expressions with sympy and guards with ``exec``,
resolves operators by walking attributes from ``torch``, and pastes names into generated code. So it
never sees the file itself but a copy, rewritten here from an allow-list: tensors, and a graph of
known operators, names and sizes.
"""

from __future__ import annotations

import ast
import builtins
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from gridseval.policies.archive import Rule, copy_members, keep, leave_out
from gridseval.policies.operators import NAMESPACES, may_run

_HINT = "export the policy again with torch.export.save, plain tensors and operators only"


def is_exported(members: list[str]) -> bool:
    """Return whether these members of a zip archive are those of a ``torch.export`` file."""
    return any(re.fullmatch(_GRAPH, name) for name in members)


def copy_harmless(path: Path, copy: IO[bytes]) -> None:
    """Write to ``copy`` what ``torch.export.load`` needs of the file at ``path``, and nothing else.

    Example inputs, comments on the source, shape guards and extra files are left out; the checks on
    the policy's output and the fixed shapes of the graph remain.

    Raises:
        PolicyError: The file holds a member, an operator, an expression or a name that is not on
            the allow-list.
        zipfile.BadZipFile: The file is not a zip archive, or a checksum fails.
    """
    copy_members(path, copy, _MEMBERS, _HINT)


_FOLDER = r"(?:[^/]+/)?"
# The second is the name before torch 2.8.
_GRAPH = _FOLDER + r"models/\w+\.json|serialized_exported_program\.json"


def _empty(_content: bytes) -> bytes:
    return b""


def _check_tensors(content: bytes) -> bytes:
    """Accept a description of tensors if each is stored as plain numbers."""
    parsed = json.loads(content)
    for name, tensor in parsed["config"].items():
        if tensor["use_pickle"] or not re.fullmatch(r"(weight|tensor)_\d+", tensor["path_name"]):
            raise ValueError(f"{name!r} is a pickled object, not a tensor")
    return json.dumps(_clean(parsed, "")).encode()


def _check_pickled_tensors(content: bytes) -> bytes:
    """Accept a state dict as torch before 2.8 wrote it, if it unpickles without running code."""
    import torch

    try:
        torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception as error:
        # Torch's own message goes on to explain how to load the file nevertheless.
        raise ValueError(f"it holds more than tensors ({type(error).__name__})") from error
    return content


def _check_graph(content: bytes) -> bytes:
    """Return the graph without comments and guards, if all that is left is on the allow-list."""
    return json.dumps(_clean(json.loads(content), "")).encode()


_MEMBERS: tuple[tuple[str, Rule], ...] = (
    (_GRAPH, _check_graph),
    (_FOLDER + r"data/(weights/\w+_weights|constants/\w+_constants)_config\.json", _check_tensors),
    (_FOLDER + r"data/(weights/weight|constants/tensor)_\d+", keep),
    (_FOLDER + r"data/(weights|constants)/\w+\.pt", _check_pickled_tensors),  # torch 2.8
    (_FOLDER + r"data/sample_inputs/\w+\.pt", _empty),
    (_FOLDER + r"(archive_format|archive_version|byteorder|version|\.data/\w+)", keep),
    (_FOLDER + r"extra(_files)?/.*", leave_out),
    (r"serialized_(state_dict|constants)\.pt", _check_pickled_tensors),
    (r"serialized_example_inputs\.pt", _empty),
)


def _clean(value: Any, key: str) -> Any:
    """Return a part of the graph's JSON; ``key``, the nearest above, says what a text means."""
    if isinstance(value, dict):
        return {
            _check_text(name, "name"): _without_comments(name, inner)
            if name in ("metadata", "guards_code")
            else _clean(inner, name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_clean(inner, key) for inner in value]
    return _check_text(value, key) if isinstance(value, str) else value


def _without_comments(name: str, value: Any) -> Any:
    """Return nothing for a node's comments or a list of guards; a tensor may have their name."""
    if name == "guards_code" and isinstance(value, list):
        return []
    if isinstance(value, dict) and all(isinstance(inner, str) for inner in value.values()):
        return {}
    return _clean(value, name)


def _check_text(text: str, key: str) -> str:
    if not _RULES.get(key, _is_name)(text):
        raise ValueError(f"{key or 'text'} {text[:80]!r} is not allowed in a graph")
    return text


def _is_name(text: str) -> bool:
    """Accept identifiers and dotted names: what cannot break out of generated code."""
    return re.fullmatch(r"[\w.+]*", text, re.ASCII) is not None


def _is_operator(text: str) -> bool:
    """Accept operators that compute: ``torch.os.system`` would resolve just as well."""
    if re.fullmatch(_OPERATOR, text, re.ASCII) is None:
        return False
    known = re.match(rf"torch\.ops\.({'|'.join(NAMESPACES)})\.(\w+)", text, re.ASCII)
    return known is None or may_run(f"{known[1]}::{known[2]}")


_OPERATOR = (
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchvision)"
    r"\.(?!__(?!(and|or|xor|[lr]shift)__))\w+(\.(?!_)\w+)?"
    r"|torch\.ops\.higher_order\.(cond|while_loop|scan|associative_scan"
    r"|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|pos|pow|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|math\.(?!_)\w+|torch\.(sym_|_sym_)\w+"
)


def _is_expression(text: str) -> bool:
    """Accept arithmetic on symbols: sympy evaluates the text as Python, ``__import__`` included."""
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Call):
            fine = isinstance(node.func, ast.Name) and node.func.id[0].isupper()
        elif isinstance(node, ast.Constant):
            fine = not isinstance(node.value, str) or node.value.isidentifier()
        elif isinstance(node, ast.Name):
            fine = not node.id.startswith("_") and not hasattr(builtins, node.id)
        else:
            fine = isinstance(node, _ARITHMETIC)
        if not fine:
            return False
    return True


_ARITHMETIC = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.keyword,
    ast.Load,
)


def _is_tree(text: str) -> bool:
    """Accept nested tuples, lists and dicts; other containers import the module that they name."""
    protocol, tree = json.loads(text)
    return protocol == 1 and _is_branch(tree)


def _is_branch(tree: dict[str, Any]) -> bool:
    keys = json.loads(tree["context"] or "null")
    return (
        tree["type"] in (None, "builtins.tuple", "builtins.list", "builtins.dict")
        and (keys is None or all(isinstance(name, str) and _is_name(name) for name in keys))
        and all(_is_branch(child) for child in tree["children_spec"])
    )


def _is_literal(_text: str) -> bool:
    """Accept the string arguments of operators, which generated code quotes."""
    return True


_RULES: dict[str, Callable[[str], bool]] = {
    "target": _is_operator,
    "as_operator": _is_operator,
    "expr_str": _is_expression,
    "in_spec": _is_tree,
    "out_spec": _is_tree,
    "as_string": _is_literal,
    "as_strings": _is_literal,
}
