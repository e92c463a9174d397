"""Whatever a dependency raises while it is imported: exit code 3, once, before any episode."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Words = Callable[..., list[object]]
ROOT = Path(__file__).resolve().parents[2]


def broken(folder: Path, package: str, code: str) -> str:
    """Return a path on which a package runs this code when it is imported."""
    folder.mkdir(exist_ok=True)
    (folder / f"{package}.py").write_text(code, encoding="utf8")
    return os.pathsep.join(map(str, (folder, ROOT)))


@pytest.mark.parametrize(
    ("workers", "code", "words"),
    [
        (0, "raise AssertionError('device 0 is not visible')", "AssertionError: device 0 is not"),
        (0, "import sys; sys.exit('no licence')", "SystemExit: no licence"),
        (1, "raise LookupError", "cannot be imported: LookupError"),
        (1, "raise SystemError('bad call')", "SystemError: bad call"),
        (2, "import os; os.abort()", "worker process was ended by SIGABRT"),
        (1, "import os; os._exit(0)", "worker process ended with status 0"),
    ],
)
def test_what_libero_imports_fails(
    command: Any, run_words: Words, tmp_path: Path, workers: int, code: str, words: str
) -> None:
    path = broken(tmp_path / "broken", "bddl", code)
    said = command(*run_words("zero", "--workers", workers), PYTHONPATH=path)
    assert said.status == 3, said
    assert words in said.err and "bug in gridseval" not in said.err
    assert (
        sum(line.startswith("gridseval: ") and words in line for line in said.err.splitlines()) == 1
    )
    records = tmp_path / "run" / "episodes.jsonl"
    assert not records.exists() or records.read_bytes() == b""


@pytest.mark.parametrize(
    ("package", "code"),
    [
        ("gymnasium", "raise ValueError('numpy.dtype size changed')"),
        ("scipy", "raise OSError('libgfortran.so.5: cannot open shared object file')"),
        ("yaml", "import no_such_module"),
        ("torch", "raise RuntimeError"),
    ],
)
def test_what_gridseval_imports_fails(
    command: Any, run_words: Words, tmp_path: Path, package: str, code: str
) -> None:
    path = broken(tmp_path / "broken", package, code)
    policy = "nano" if package == "torch" else "zero"
    said = command(*run_words(policy), PYTHONPATH=path)
    assert said.status == 3, said
    assert "cannot be imported" in said.err and "bug in gridseval" not in said.err
    assert f"the package {package!r} cannot be imported" in said.err
    assert str(tmp_path / "broken" / f"{package}.py") in said.err


@pytest.mark.parametrize("workers", [0, 1])
def test_a_device_for_cuda_and_another_for_egl(
    command: Any, run_words: Words, tmp_path: Path, workers: int
) -> None:
    devices = {"CUDA_VISIBLE_DEVICES": "1", "MUJOCO_EGL_DEVICE_ID": "0", "PYOPENGL_PLATFORM": "glx"}
    words = run_words("zero", "--trials", 1, "--workers", workers, "--video", "none")
    said = command(*words, **devices)
    assert said.status == 0, said.err
