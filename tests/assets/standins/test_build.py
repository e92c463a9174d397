"""Building the stand-ins: the same everywhere, whole or not at all."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gridseval.assets.standins as package
from gridseval.assets import content_hash
from gridseval.assets.standins import build, description_hash, standins_root
from gridseval.errors import MachineError

_BUILD = """
import sys
from pathlib import Path
from gridseval.assets.standins import standins_root
print(standins_root(Path(sys.argv[1])))
"""


def test_another_process_builds_the_same(standins: Path, tmp_path: Path) -> None:
    process = _start(tmp_path, PYTHONHASHSEED="77", LC_ALL="C")
    assert content_hash(_finish(process)) == content_hash(standins)


def test_another_mathematical_library_builds_the_same(
    standins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries round sines differently: here every result is the next number but one."""
    for module, next_after in ((math, math.nextafter), (np, np.nextafter)):
        for name in ("cos", "sin", "tan"):
            monkeypatch.setattr(module, name, _off_by_two(getattr(module, name), next_after))
    monkeypatch.setattr(math, "atan2", _off_by_two(math.atan2, math.nextafter))
    build(tmp_path / "built")
    assert content_hash(tmp_path / "built") == content_hash(standins)


def test_two_processes_at_once_share_one_copy(standins: Path, tmp_path: Path) -> None:
    first, second = _start(tmp_path), _start(tmp_path)
    root, other = _finish(first), _finish(second)
    assert root == other
    assert content_hash(root) == content_hash(standins)
    assert list(tmp_path.iterdir()) == [root]


def test_a_second_call_builds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _seal(tmp_path, monkeypatch)
    monkeypatch.setattr(package.cache, "build", _refuse)
    assert (standins_root(tmp_path) / "scenes" / "a.xml").read_text() == "<mujoco/>"


@pytest.mark.parametrize("damage", ["changed", "removed", "added", "unsealed"])
def test_a_damaged_copy_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    root = _seal(tmp_path, monkeypatch)
    file = root / "scenes" / "a.xml"
    if damage == "changed":
        file.write_text("<mujocO/>")
    elif damage == "removed":
        file.unlink()
    elif damage == "added":
        (root / "scenes" / "b.xml").write_text("<mujoco/>")
    else:
        next(root.glob("*.sha256")).unlink()
    assert standins_root(tmp_path) == root
    assert [path.name for path in (root / "scenes").iterdir()] == ["a.xml"]
    assert file.read_text() == "<mujoco/>"
    assert list(tmp_path.iterdir()) == [root]


def test_an_interrupted_build_leaves_nothing_to_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(root: Path) -> None:
        _write_little(root)
        raise KeyboardInterrupt

    monkeypatch.setattr(package.cache, "build", fail)
    with pytest.raises(KeyboardInterrupt):
        standins_root(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once: it could be another process at work."""
    old, new = tmp_path / ".stand-ins-0-a", tmp_path / ".stand-ins-0-b"
    for work in (old, new):
        _write_little(work / "built")
    os.utime(old, (0, 0))
    root = _seal(tmp_path, monkeypatch)
    assert sorted(tmp_path.iterdir()) == [new, root]


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(MachineError, match=r"cannot be built in .*file.*--assets"):
        standins_root(file)


def test_another_description_has_another_place(tmp_path: Path) -> None:
    source = Path(package.__file__).parent
    copy = shutil.copytree(source, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    assert description_hash(copy) == description_hash(source)
    table = copy / "objects" / "measures.py"
    table.write_text(table.read_text().replace("0", "1", 1))
    assert description_hash(copy) != description_hash(source)


def test_the_description_is_small() -> None:
    source = Path(package.__file__).parent
    files = [
        path for path in source.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    ]
    assert sum(path.stat().st_size for path in files) < 300_000


def _start(cache: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(cache)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def _finish(process: subprocess.Popen[str]) -> Path:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return Path(output.strip())


def _off_by_two(function: Any, next_after: Any) -> Any:
    def off(*arguments: Any) -> Any:
        return next_after(next_after(function(*arguments), 2.0), 2.0)

    return off


def _seal(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build a little root instead of the whole one."""
    monkeypatch.setattr(package.cache, "build", _write_little)
    return standins_root(cache)


def _write_little(root: Path) -> None:
    (root / "scenes").mkdir(parents=True)
    (root / "scenes" / "a.xml").write_text("<mujoco/>")


def _refuse(root: Path) -> None:
    raise AssertionError(f"built again: {root}")
