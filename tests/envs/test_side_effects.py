"""What importing and running leaves alone: standard input, files, GL, modules of other rooms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import gridseval  # noqa: F401

EPISODE = """
import gymnasium, numpy as np, gridseval
env = gymnasium.make("gridseval/libero_object-v0", {arguments})
observation, info = env.reset(options={{"trial": 1}})
env.step(np.zeros(7, np.float32))
"""
STATE_ONLY = EPISODE.format(arguments="observations=('state',)")
IMAGES = EPISODE.format(arguments="observations=('agentview',)")

# Lists what Python code opens for writing, creates, renames and so on; printed at the end.
AUDIT = """
import json, os, sys
touched = set()
def audit(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            touched.add(os.path.abspath(os.fsdecode(path)))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod"):
        touched.add(os.path.abspath(os.fsdecode(arguments[0])))
sys.addaudithook(audit)
"""


def run_python(
    code: str, tmp_path: Path, assets: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run code with a home, a cache and a working directory of its own, and closed input."""
    for name in ("home", "cwd", "tmp"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    own = {
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path / "tmp"),
        "GRIDSEVAL_ASSETS": str(assets),
        "NUMBA_CACHE_DIR": str(tmp_path.parent / "numba"),  # compiled once for all tests
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **dict.fromkeys(("MUJOCO_GL", "PYOPENGL_PLATFORM", "LIBERO_CONFIG_PATH"), ""),
    }
    chosen = {**os.environ, **own, **environment}
    return subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={name: value for name, value in chosen.items() if value},
        cwd=tmp_path / "cwd",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


# Python runs a sitecustomize.py on its path at start: this one hides libraries, as if missing.
HIDE = """
import ctypes
load = ctypes.CDLL.__init__
def refuse(self, name, *args, **kwargs):
    if name and any(hidden in str(name) for hidden in ("libEGL", "libOSMesa")):
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")
    load(self, name, *args, **kwargs)
ctypes.CDLL.__init__ = refuse
"""


@pytest.fixture(params=["with libGL", "without libGL"])
def no_gl(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the environment of a machine that cannot draw, with and without OpenCV's libGL."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDE, encoding="utf8")
    if request.param == "without libGL":
        (folder / "libGL.so.1").write_text("no library", encoding="utf8")
    path = f"{folder}:{Path(__file__).parents[2]}"
    return {"PYTHONPATH": path, "LD_LIBRARY_PATH": str(folder)}


def test_an_episode_is_quiet_and_writes_into_the_cache_only(tmp_path: Path, assets: Path) -> None:
    """No prompt, no banner of the packages below, no complaint of GL at exit, no stray file."""
    report = "\nprint(json.dumps(sorted(touched)))\n"
    done = run_python(AUDIT + IMAGES + report, tmp_path, assets, NUMBA_CACHE_DIR="")
    assert (done.returncode, done.stderr) == (0, "")
    touched = [Path(path) for path in json.loads(done.stdout)]
    cache = tmp_path / "cache"
    allowed = {cache, tmp_path / "tmp", Path("/dev")}
    assert not [path for path in touched if allowed.isdisjoint((path, *path.parents))]
    assert [list((tmp_path / name).iterdir()) for name in ("home", "cwd", "tmp")] == [[], [], []]
    assert (cache / "gridseval").is_dir()


def test_stale_libero_configuration_is_ignored(tmp_path: Path, assets: Path) -> None:
    folder = tmp_path / "home" / ".libero"
    folder.mkdir(parents=True)
    keys = ("benchmark_root", "bddl_files", "init_states", "datasets", "assets")
    text = "".join(f"{key}: /nowhere/{key}\n" for key in keys)
    (folder / "config.yaml").write_text(text, encoding="utf8")
    done = run_python(STATE_ONLY, tmp_path, assets)
    assert done.returncode == 0, done.stderr
    assert (folder / "config.yaml").read_text(encoding="utf8") == text


def test_unwritable_cache_is_survived(tmp_path: Path, assets: Path) -> None:
    """A cache that cannot be made (here: its parent is a file) falls back to a temporary folder."""
    (tmp_path / "file").write_text("", encoding="utf8")
    done = run_python(STATE_ONLY, tmp_path, assets, XDG_CACHE_HOME=str(tmp_path / "file" / "cache"))
    assert done.returncode == 0, done.stderr


def test_importing_gridseval_is_light(tmp_path: Path, assets: Path) -> None:
    code = (
        "import sys, gridseval\n"
        "print([m for m in ('mujoco', 'torch', 'robosuite', 'libero', 'OpenGL', 'scipy')"
        " if m in sys.modules])"
    )
    done = run_python(code, tmp_path, assets)
    assert done.stdout.strip() == "[]", done.stderr


def test_state_needs_no_gl(tmp_path: Path, assets: Path, no_gl: dict[str, str]) -> None:
    """On a machine without GL the states are those of one with GL."""
    report = "print(env.unwrapped.sim_state().tobytes().hex())"
    without = run_python(STATE_ONLY + report, tmp_path, assets, **no_gl)
    asked = run_python(STATE_ONLY + report, tmp_path, assets, **no_gl, MUJOCO_GL="egl")
    env = gymnasium.make("gridseval/libero_object-v0", assets=assets)
    env.reset(options={"trial": 1})
    env.step(np.zeros(7, np.float32))
    with_gl = env.unwrapped.sim_state().tobytes().hex()
    env.close()
    for done in (without, asked):
        assert (done.returncode, done.stdout, done.stderr) == (0, with_gl + "\n", "")


def test_state_makes_no_gl_context(tmp_path: Path, assets: Path) -> None:
    code = (
        "import mujoco\n"
        "def refuse(*_, **__): raise AssertionError('a GL context was made')\n"
        "mujoco.MjrContext = refuse\n" + STATE_ONLY + "import sys\n"
        "print(getattr(sys.modules.get('mujoco.egl'), 'EGL_DISPLAY', None))"
    )
    done = run_python(code, tmp_path, assets)
    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr


@pytest.mark.parametrize("asked", ["", "egl", "osmesa"])
def test_images_without_gl_end_with_one_message(
    tmp_path: Path, assets: Path, no_gl: dict[str, str], asked: str
) -> None:
    code = f"""
from gridseval.errors import MachineError
try:
    exec({IMAGES!r})
except MachineError as error:
    print(error)
"""
    environment = {**no_gl, **({"MUJOCO_GL": asked} if asked else {})}
    done = run_python(code, tmp_path, assets, **environment)
    assert done.returncode == 0, done.stderr
    message = done.stdout.strip()
    assert message.startswith("no OpenGL back end works on this machine (")
    assert message.endswith("(install one: apt-get install libegl1 (or libosmesa6))")
    for backend in ("egl", "osmesa"):
        assert (f"{backend}: " in message) == (asked in ("", backend))
    assert len(message.splitlines()) == 1


def test_images_without_egl_are_drawn_by_osmesa(tmp_path: Path, assets: Path) -> None:
    """The second back end is found by itself, and draws what the first draws."""
    report = """
print(type(env.unwrapped._scenes._context._context).__module__)
print(observation["agentview"].astype(int).sum(axis=(0, 1)).tolist())
"""
    egl = run_python(IMAGES + report, tmp_path, assets)
    broken = {"__EGL_VENDOR_LIBRARY_FILENAMES": "/dev/null"}
    osmesa = run_python(IMAGES + report, tmp_path, assets, **broken)
    assert osmesa.returncode == 0, osmesa.stderr
    assert egl.stdout.splitlines()[0] == "mujoco.egl"
    assert osmesa.stdout.splitlines()[0] == "mujoco.osmesa"
    assert osmesa.stdout.splitlines()[1] == egl.stdout.splitlines()[1]
