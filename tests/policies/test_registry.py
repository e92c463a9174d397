from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plug_in import write_distribution

from gridseval.errors import PolicyError
from gridseval.policies import Registry, list_policies
from gridseval.policies.registry import POLICIES, register
from gridseval.policies.zero import ZeroPolicy

ZERO = "gridseval.policies.zero:ZeroPolicy"

POLICY_FILE = """
from __future__ import annotations
import dataclasses

@dataclasses.dataclass
class Mine:
    speed: float = 1.0
    def reset(self, slots, episodes): ...
    def act(self, observations): ...

class Half:
    def act(self, observations): ...
"""


@pytest.fixture
def registry() -> Registry[Any]:
    return Registry("gridseval.test.policies", {"zero": ZERO}, POLICIES.interface)


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on the path with a package whose entry points are sound and broken ones."""
    write_distribution(
        tmp_path,
        "[gridseval.test.policies]\n"
        "mine = plug_in_module:Mine\nbroken = plug_in_broken:Mine\nzero = plug_in_broken:Mine\n",
    )
    (tmp_path / "plug_in_module.py").write_text(POLICY_FILE)
    (tmp_path / "plug_in_broken.py").write_text("raise RuntimeError('no GPU for this plug-in')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_importing_and_listing_load_neither_torch_nor_a_policy() -> None:
    code = (
        "import sys; from gridseval.policies import list_policies; names = list_policies();"
        "assert {'oracle', 'random', 'replay', 'torch', 'zero'} <= set(names), names;"
        "loaded = set(sys.modules);"
        "assert not {'torch', 'mujoco', 'gridseval.policies.zero'} & loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["random", "replay", "torch", "zero"])
def test_each_built_in_kind_can_be_loaded_by_name(name: str) -> None:
    assert name in list_policies()
    assert callable(POLICIES.load(name).act)


def test_a_class_needs_no_registering(registry: Registry[Any]) -> None:
    assert registry.load(ZERO) is ZeroPolicy
    assert registry.target("zero") == ZERO


def test_a_class_in_a_file_needs_no_package(registry: Registry[Any], tmp_path: Path) -> None:
    file = tmp_path / "my_policy.py"
    file.write_text(POLICY_FILE)
    loaded = registry.load(f"{file}:Mine")
    assert loaded(speed=2.0).speed == 2.0


def test_registering_imports_nothing_and_refuses_a_second_owner(registry: Registry[Any]) -> None:
    registry.register("late", "nowhere:Nothing")
    registry.register("late", "nowhere:Nothing")
    assert registry.names() == ("late", "zero")
    with pytest.raises(PolicyError, match="'late' already belongs to nowhere:Nothing"):
        registry.register("late", "elsewhere:Other")
    with pytest.raises(PolicyError, match="'zero' already belongs to gridseval"):
        register("zero", "elsewhere:Other")


@pytest.mark.parametrize(("name", "target"), [("", "a:B"), ("a:b", "a:B"), ("a", "B"), ("a", "m:")])
def test_a_malformed_registration_is_refused(
    registry: Registry[Any], name: str, target: str
) -> None:
    with pytest.raises(PolicyError, match="cannot register"):
        registry.register(name, target)


def test_plug_ins_are_found_by_entry_point(registry: Registry[Any], plug_in: Path) -> None:
    assert registry.names() == ("broken", "mine", "zero")
    assert registry.load("mine").__name__ == "Mine"


def test_a_built_in_name_cannot_be_taken_by_a_plug_in(
    registry: Registry[Any], plug_in: Path
) -> None:
    assert registry.load("zero") is ZeroPolicy


def test_a_broken_plug_in_tells_its_reason_to_those_who_name_it(
    registry: Registry[Any], plug_in: Path
) -> None:
    with pytest.raises(PolicyError, match="'broken': RuntimeError: no GPU for this plug-in"):
        registry.load("broken")


def test_a_name_that_two_packages_claim_is_refused(registry: Registry[Any], plug_in: Path) -> None:
    write_distribution(
        plug_in,
        "[gridseval.test.policies]\nmine = other:Mine\n",
        "other",
    )
    with pytest.raises(PolicyError, match="claimed by other:Mine and plug_in_module:Mine"):
        registry.load("mine")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("zreo", "unknown policy 'zreo' .did you mean 'zero'"),
        ("no_such_module:Policy", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("gridseval.policies.zero:ZeroPolice", "no class 'ZeroPolice' .did you mean 'ZeroPolicy'"),
        ("gridseval.policies.zero:np", "no class 'np'"),
        (":Policy", "cannot import ''"),
        ("no/such/file.py:Policy", "no/such/file.py does not exist"),
    ],
)
def test_a_wrong_name_is_explained(registry: Registry[Any], name: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        registry.load(name)


def test_a_class_that_is_no_policy_is_refused(registry: Registry[Any], tmp_path: Path) -> None:
    file = tmp_path / "half.py"
    file.write_text(POLICY_FILE)
    with pytest.raises(PolicyError, match=r"has no method reset\(\)"):
        registry.load(f"{file}:Half")


def test_a_file_that_raises_leaves_nothing_behind(registry: Registry[Any], tmp_path: Path) -> None:
    file = tmp_path / "raises.py"
    file.write_text("import no_such_thing\n")
    with pytest.raises(PolicyError, match=r"cannot load .*raises.py: ModuleNotFoundError"):
        registry.load(f"{file}:Mine")
    assert not [name for name in sys.modules if name.startswith("gridseval_policy_raises")]


@pytest.mark.parametrize("by_path", [True, False])
def test_a_file_that_exits_is_explained(
    registry: Registry[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_path: bool
) -> None:
    file = tmp_path / "exiting_policy.py"
    file.write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"{file}:Mine" if by_path else "exiting_policy:Mine"
    with pytest.raises(PolicyError, match=r"exiting_policy.*: SystemExit: 3"):
        registry.load(name)


def test_ctrl_c_while_a_file_is_imported_is_no_policy_error(
    registry: Registry[Any], tmp_path: Path
) -> None:
    file = tmp_path / "slow.py"
    file.write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        registry.load(f"{file}:Mine")
    assert str(tmp_path) not in sys.path


def test_a_file_without_a_class_says_which_it_holds(
    registry: Registry[Any], tmp_path: Path
) -> None:
    file = tmp_path / "pol.py"
    file.write_text("raise RuntimeError('imported')\n" + POLICY_FILE.partition("annotations")[2])
    with pytest.raises(PolicyError, match=r"names no class .write .*pol.py:Mine or .*pol.py:Half"):
        registry.load(str(file))
    file.write_text("this is no Python")
    with pytest.raises(PolicyError, match=r"write .*pol.py:Class"):
        registry.load(str(file))
    with pytest.raises(PolicyError, match=r"gone.py does not exist"):
        registry.load("gone.py")


def test_a_file_may_import_its_neighbours(registry: Registry[Any], tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_policy.py").write_text("SPEED = 3.0\n")
    file = tmp_path / "with_neighbour.py"
    file.write_text("import neighbour_of_policy\n" + POLICY_FILE.partition("annotations")[2])
    path = list(sys.path)
    assert registry.load(f"{file}:Mine")().speed == 1.0
    assert sys.path == path
