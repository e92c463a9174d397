"""What the registries of all extensions share; ``tests/policies/test_registry.py`` has the rest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from plug_in import write_distribution

from gridseval.errors import PolicyError, UsageError
from gridseval.registry import Interface, Registry

COUNTER = "collections:Counter"


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package on the path whose entry points are sound, broken and of a wrong type."""
    write_distribution(
        tmp_path,
        "[gridseval.test.things]\n"
        "broken = plug_broken:Mine\nmine = plug_things:Mine\nwrong = plug_things:Wrong\n",
    )
    (tmp_path / "plug_things.py").write_text(
        "from pathlib import Path\n"
        "class Mine(dict): pass\nclass Wrong: pass\nHERE = Path('here')\nNUMBER = 3\n"
    )
    (tmp_path / "plug_broken.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def things(**options: Any) -> Registry[Any]:
    interface = Interface("thing", **(options or {"subclass_of": "builtins:dict"}))
    return Registry("gridseval.test.things", {"counter": COUNTER}, interface)


@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_is_named_like_one_of_gridsevals_own() -> None:
    registry = things()
    registry.register("apple", "plug_things:Mine")
    assert registry.names() == ("apple", "broken", "counter", "mine", "wrong")
    assert registry.listed() == ("counter", "apple", "broken", "mine", "wrong")
    assert registry.load("counter") is Counter
    assert registry.load("mine").__name__ == registry.load("apple").__name__ == "Mine"
    assert registry.target("mine") == "plug_things:Mine"
    origins = [registry.origin(name) for name in ("counter", "apple", "mine")]
    assert origins == ["gridseval", "registered by a program", "plug 1.0"]


@pytest.mark.usefixtures("plug_in")
def test_a_broken_plug_in_does_not_keep_the_others_from_loading() -> None:
    loaded, failed = things().load_all()
    assert list(loaded) == ["counter", "mine"]
    assert list(failed) == ["broken", "wrong"]
    assert "'plug_broken' for thing 'broken': ModuleNotFoundError" in failed["broken"].message
    assert failed["wrong"].message == "plug_things:Wrong is not a thing"
    assert failed["wrong"].hint == "a thing is a subclass of builtins.dict"


@pytest.mark.usefixtures("plug_in")
def test_an_object_need_not_be_a_class() -> None:
    registry = things(instance_of="pathlib:Path")
    assert registry.load("plug_things:HERE") == Path("here")
    with pytest.raises(UsageError, match=r"plug_things:NUMBER is not a thing .a thing is an ins"):
        registry.load("plug_things:NUMBER")
    with pytest.raises(UsageError, match=r"has no object 'HER' .did you mean 'HERE'"):
        registry.load("plug_things:HER")


def test_each_registry_raises_its_own_error_with_its_own_noun() -> None:
    with pytest.raises(UsageError, match=r"unknown thing 'countre' .did you mean 'counter'"):
        things().load("countre")
    with pytest.raises(PolicyError, match=r"collections:Counter has no method act.. .a thing has"):
        things(methods=("act",), error=PolicyError).load("counter")
