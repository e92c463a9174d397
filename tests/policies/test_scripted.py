"""TorchScript files that would write to disk are refused before anything in them runs."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.policies.scripted import check_graphs
from gridseval.policies.torch_file import TorchPolicy

torch_jit: Any = torch.jit
# torch 2.13 deprecates TorchScript, which is what is tested here.
pytestmark = pytest.mark.filterwarnings(r"ignore:`torch\.jit:DeprecationWarning")

_WRITES = 'torch.copy_(torch.from_file("MARKER", True, 1, dtype=6), torch.ones([1]))'
_SAVES = 'torch.save(state, "MARKER")'
_ANSWER = "    return torch.slice(torch.unsqueeze(state, 1), -1, 0, 7)\n"


class Plain(nn.Module):
    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        return state.unsqueeze(1)[..., :7]


def _free(state: Tensor, path: str) -> Tensor:
    torch.save(state, path)
    return state


class Saving(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        torch.save(state, self.path)
        return state.unsqueeze(1)[..., :7]


class Mapping(Saving):
    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        mapped = torch.from_file(self.path, True, 7, dtype=torch.float32)
        return mapped.copy_(state[0, :7]).expand(len(state), 1, 7)


class InSubmodule(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.inner = Saving(path)

    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        return self.inner(agentview, wrist, state)  # type: ignore[no-any-return]


class InFunction(Saving):
    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        return _free(state, self.path).unsqueeze(1)[..., :7]


class InBlock(Saving):
    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        for number in range(3):
            if number > 1:
                while bool(state.sum() < 1e9):
                    torch.save(state, self.path)
                    state = state + 1e9
        return state.unsqueeze(1)[..., :7]


class WhenLoaded(Saving):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.mapped = torch.zeros(1)

    def forward(self, agentview: Tensor, wrist: Tensor, state: Tensor) -> Tensor:
        return state.unsqueeze(1)[..., :7]

    @torch_jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return (self.path, self.training)

    @torch_jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path = state[0]
        self.training = state[1]
        self.mapped = torch.from_file(state[0], True, 1, dtype=torch.float32).copy_(torch.ones(1))


PAYLOADS = [Saving, Mapping, InSubmodule, InFunction, InBlock, WhenLoaded]


def _save(module: nn.Module, file: Path) -> Path:
    torch_jit.save(torch_jit.script(module), str(file))
    return file


def _attack(load: Callable[[str], Any], file: Path, observations: Any) -> None:
    loaded = load(str(file))
    loaded.act(observations(1))


def _trusting(path: str) -> Any:
    """Load a program as torch does, unchecked: the attacks must be real ones."""
    module = torch_jit.load(path)

    class Unchecked:
        def act(self, given: dict[str, Any]) -> None:
            keys = ("agentview", "wrist", "state")
            module(*(torch.from_numpy(given[key]) for key in keys))

    return Unchecked()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_program_that_writes_is_refused(
    payload: type[Saving], tmp_path: Path, observations: Any
) -> None:
    marker = tmp_path / "marker"
    file = _save(payload(str(marker)), tmp_path / "policy.pt")
    with pytest.raises(PolicyError, match=r"the name '(save|from_file)' is not allowed"):
        _attack(TorchPolicy, file, observations)
    assert not marker.exists()
    _attack(_trusting, file, observations)
    assert marker.exists()


def _rewrite(file: Path, change: Callable[[str], str], ending: str = ".py") -> None:
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            if name.endswith(ending):
                content = change(content.decode("latin-1")).encode("latin-1")
            archive.writestr(name, content)


def _class_name(source: str) -> str:
    found = re.search(r"self: ([\w.]+)", source)
    assert found
    return found[1]


def _written(body: str, signature: str = "", fields: str = "") -> str:
    return (
        f"class Plain(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
        f"  _is_full_backward_hook : Optional[bool]\n{fields}"
        "  def forward(self: PLAIN,\n    agentview: Tensor,\n    wrist: Tensor,\n"
        f"    state: Tensor{signature}) -> Tensor:\n{body}{_ANSWER}"
    )


WRITTEN = {
    "operator by its namespace": _written('    ops.aten.save(state, "MARKER")\n'),
    "another name for it": _written('    _0 = torch.save\n    _0(state, "MARKER")\n'),
    "another name for the namespace": _written('    _0 = ops\n    _0.aten.save(state, "MARKER")\n'),
    "looked up": _written('    getattr(torch, "save")(state, "MARKER")\n'),
    "looked up with escapes": _written('    getattr(torch, "\\163ave")(state, "MARKER")\n'),
    "default argument": _written("", f", extra: Tensor={_WRITES}"),
    "before a comment": _written(f"    {_SAVES}  # harmless\n"),
    "beside single quotes": _written("    torch.save(state, 'MARKER')\n"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_source_written_by_hand_is_refused(case: str, tmp_path: Path, observations: Any) -> None:
    marker, file = tmp_path / "marker", _save(Plain(), tmp_path / "policy.pt")
    source = WRITTEN[case].replace("MARKER", str(marker))
    _rewrite(file, lambda old: source.replace("PLAIN", _class_name(old)))
    with pytest.raises(PolicyError, match=r"\.py is refused"):
        _attack(TorchPolicy, file, observations)
    assert not marker.exists()
    _attack(_trusting, file, observations)
    assert marker.exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    _0 = ops.image.read_file\n", "operators of 'image' are not allowed"),
        ("    _0 = ops.prim.PythonOp\n", "operator prim.PythonOp is not allowed"),
        ("    _0 = [ops]\n", "only ops.namespace.name"),
        ("    _0 = getattr\n", "getattr may only be called"),
        ('    _0 = getattr(torch, "sa" "ve")\n', "made of two"),
        ('    (state).save("x", )\n', "the name 'save'"),
        ('    _0 = getattr(__torch__.torch, "classes")\n', "may not look up"),
        ("    _0 = __torch__.torch.classes.aoti.Model\n", "only C.. classes of"),
        ("    _0 = __torch__.torch\n    _1 = _0.classes\n", "only C.. classes of"),
        ("    _0 = rpc_async\n", "the name 'rpc_async'"),
        ("    torch.save \\\n    (state)\n", "cannot read"),
        ('    _0 = """save"""\n', "cannot read"),
        ("    \xe9 = 1\n", "ascii"),
    ],
)
def test_what_torch_does_not_write_is_refused(body: str, words: str, tmp_path: Path) -> None:
    file = _save(Plain(), tmp_path / "policy.pt")
    _rewrite(file, lambda old: _written(body).replace("PLAIN", _class_name(old)))
    with pytest.raises(PolicyError, match=words):
        TorchPolicy(str(file))


def test_pickled_objects_of_c_classes_and_unknown_members_are_refused(tmp_path: Path) -> None:
    file = _save(Plain(), tmp_path / "policy.pt")
    made = b"c__torch__.torch.classes.dist_c10d\nStore\n".decode()
    _rewrite(file, lambda old: old.replace("\x80\x02", "\x80\x02" + made, 1), "/data.pkl")
    with pytest.raises(PolicyError, match=r"data.pkl is refused: the C\+\+ class"):
        TorchPolicy(str(file))
    _rewrite(file, lambda old: old.replace(made, "cos\nsystem\n"), "/data.pkl")
    with pytest.raises(PolicyError, match="it makes 'os system'"):
        TorchPolicy(str(file))
    _save(Plain(), file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("policy/lib/evil.so", b"")
    with pytest.raises(PolicyError, match=r"holds 'policy/lib/evil.so'"):
        TorchPolicy(str(file))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_graphs_of_what_was_loaded_are_checked_too(payload: type[Saving]) -> None:
    with pytest.raises(PolicyError, match=r"uses aten::(save|from_file), which is not allowed"):
        check_graphs(torch_jit.script(payload("nowhere")), "policy.pt")
