"""Files of torch.export that carry code: refused, or loaded without it; nothing of it runs."""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError
from gridseval.policies.torch_file import TorchPolicy

Change = Callable[[dict[str, bytes], str], None]


class Attack:
    """Pickled, code that creates the file ``marker``."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return (open, (self._marker, "w"))


def pickled(marker: str) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save((Attack(marker),), buffer)
    return buffer.getvalue()


def edit_json(members: dict[str, bytes], name: str, change: Callable[[Any], None]) -> None:
    parsed = json.loads(members[name])
    change(parsed)
    members[name] = json.dumps(parsed).encode()


def graph_text(old: str, new: str) -> Change:
    """Return a change of every occurrence of a JSON text in the graph."""

    def change(members: dict[str, bytes], marker: str) -> None:
        before = members["models/model.json"].decode()
        after = before.replace(json.dumps(old), json.dumps(new.replace("MARKER", marker)))
        assert after != before
        members["models/model.json"] = after.encode()

    return change


def in_example_inputs(members: dict[str, bytes], marker: str) -> None:
    members["data/sample_inputs/model.pt"] = pickled(marker)


def in_legacy_weights(members: dict[str, bytes], marker: str) -> None:
    members["data/weights/model.pt"] = pickled(marker)


def in_pickled_weight(members: dict[str, bytes], marker: str) -> None:
    members["data/weights/weight_0"] = pickled(marker)
    edit_json(
        members,
        "data/weights/model_weights_config.json",
        lambda config: config["config"]["linear.weight"].update(use_pickle=True),
    )


def in_opaque_constant(members: dict[str, bytes], marker: str) -> None:
    members["data/constants/opaque_obj_0"] = pickle.dumps(Attack(marker))
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}
    edit_json(
        members,
        "data/constants/model_constants_config.json",
        lambda config: config["config"].update(code=entry | {"tensor_meta": None}),
    )


def in_compiled_library(members: dict[str, bytes], marker: str) -> None:
    members["data/aotinductor/model/model.so"] = b"\x7fELF"


def in_guards(members: dict[str, bytes], marker: str) -> None:
    guard = f"open({marker!r}, 'w') is not None"
    edit_json(members, "models/model.json", lambda graph: graph.update(guards_code=[guard]))


def in_tree(members: dict[str, bytes], marker: str) -> None:
    context = {
        "default_factory_module": "os",
        "default_factory_name": "getcwd",
        "dict_context": [],
    }
    tree = {"type": "collections.defaultdict", "context": context, "children_spec": []}
    edit_json(
        members,
        "models/model.json",
        lambda graph: graph["graph_module"]["module_call_graph"][0]["signature"].update(
            out_spec=json.dumps([1, tree])
        ),
    )


def in_argument_names(members: dict[str, bytes], marker: str) -> None:
    edit_json(
        members,
        "models/model.json",
        lambda graph: graph["graph_module"]["module_call_graph"][0]["signature"].update(
            forward_arg_names=[f"a=open({marker!r}, 'w')", "wrist", "state"]
        ),
    )


REFUSED = {
    "weights of older files": in_legacy_weights,
    "pickled weight": in_pickled_weight,
    "opaque constant": in_opaque_constant,
    "compiled library": in_compiled_library,
    "container": in_tree,
    "argument name": in_argument_names,
    "operator": graph_text("torch.ops.aten.tanh.default", "torch.os.remove"),
    "load_library": graph_text("torch.ops.aten.tanh.default", "torch.ops.load_library"),
    "attrgetter": graph_text("torch.ops.aten.tanh.default", "_operator.attrgetter"),
    "save": graph_text("torch.ops.aten.tanh.default", "torch.ops.aten.save.default"),
    "from_file": graph_text("torch.ops.aten.tanh.default", "torch.ops.aten.from_file.default"),
    "dunder": graph_text("torch.ops.aten.tanh.default", "torch.ops.aten.__init__"),
    "node name": graph_text("tanh", "tanh; open('MARKER', 'w')"),
}
LEFT_OUT = {"example inputs": in_example_inputs, "guards": in_guards}
EXPRESSIONS = [
    "open('MARKER', 'w')",
    "__import__('os').remove('MARKER')",
    "Symbol('s0').__class__",
    "(lambda: 1)()",
    "S('open(1)')",
    "[x for x in y]",
    "eval",
]


@pytest.fixture
def rewrite(programs: Path, tmp_path: Path) -> Callable[[Change], str]:
    """Return a function that changes the members of any.pt2 and returns the new file's path."""

    def make(change: Change) -> str:
        with zipfile.ZipFile(programs / "any.pt2") as archive:
            members = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
        change(members, str(tmp_path / "marker"))
        with zipfile.ZipFile(tmp_path / "changed.pt2", "w") as archive:
            for name, content in members.items():
                archive.writestr(f"changed/{name}", content)
        return str(tmp_path / "changed.pt2")

    return make


@pytest.mark.parametrize("kind", REFUSED)
def test_code_in_an_exported_file_is_refused(kind: str, rewrite: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"changed\.pt2"):
        TorchPolicy(rewrite(REFUSED[kind]))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_size_is_arithmetic_only(
    expression: str, rewrite: Any, programs: Path, tmp_path: Path
) -> None:
    def change(members: dict[str, bytes], marker: str) -> None:
        text = members["models/model.json"].decode()
        size = json.loads(text)["graph_module"]["graph"]["tensor_values"]["state"]["sizes"][0]
        expr = json.dumps(size["as_expr"]["expr_str"])
        bad = json.dumps(expression.replace("MARKER", marker))
        members["models/model.json"] = text.replace(expr, bad).encode()

    with pytest.raises(PolicyError, match="expr_str"):
        TorchPolicy(rewrite(change))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_code_that_is_not_needed_is_left_out(
    kind: str, rewrite: Any, tmp_path: Path, observations: Any, expected: Any
) -> None:
    given = observations(3)
    actions = TorchPolicy(rewrite(LEFT_OUT[kind])).act(given).actions
    np.testing.assert_allclose(actions, expected(given), atol=1e-6)
    assert not (tmp_path / "marker").exists()


@pytest.fixture
def older(programs: Path, module: Any, tmp_path: Path) -> Callable[[Any], str]:
    """Return a function that writes the module as torch before 2.8 did, and returns the path."""
    import torch

    def dumped(value: Any) -> bytes:
        buffer = io.BytesIO()
        torch.save(value, buffer)
        return buffer.getvalue()

    def make(constants: Any) -> str:
        with zipfile.ZipFile(programs / "any.pt2") as archive:
            graph = archive.read("any/models/model.json")
        version = json.loads(graph)["schema_version"]
        with zipfile.ZipFile(tmp_path / "older.pt2", "w") as archive:
            archive.writestr("version", f"{version['major']}.{version['minor']}")
            archive.writestr("serialized_exported_program.json", graph)
            archive.writestr("serialized_state_dict.pt", dumped(dict(module.named_parameters())))
            archive.writestr("serialized_constants.pt", dumped(constants))
            archive.writestr("serialized_example_inputs.pt", pickled(str(tmp_path / "marker")))
        return str(tmp_path / "older.pt2")

    return make


def test_a_file_of_an_older_torch_is_read(
    older: Any, tmp_path: Path, observations: Any, expected: Any
) -> None:
    given = observations(3)
    np.testing.assert_allclose(
        TorchPolicy(older({})).act(given).actions, expected(given), atol=1e-6
    )
    assert not (tmp_path / "marker").exists()


def test_a_file_of_an_older_torch_that_carries_code_is_refused(older: Any, tmp_path: Path) -> None:
    with pytest.raises(
        PolicyError, match=r"serialized_constants\.pt is refused: it holds more than"
    ):
        TorchPolicy(older({"code": Attack(str(tmp_path / "marker"))}))
    assert not (tmp_path / "marker").exists()


def test_two_members_of_one_name_are_refused(programs: Path, tmp_path: Path) -> None:
    file = tmp_path / "twice.pt2"
    file.write_bytes((programs / "any.pt2").read_bytes())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Duplicate name")
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(archive.namelist()[0], b"")
    with pytest.raises(PolicyError, match="two members of one name"):
        TorchPolicy(str(file))
