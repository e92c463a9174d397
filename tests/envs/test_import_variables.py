"""Variables that choose devices and drivers never keep ``libero`` from being imported."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

from gridseval.envs.libero_package import without_device_variables
from gridseval.envs.rendering.backend import announce_backend

VALUES = {
    "CUDA_VISIBLE_DEVICES": (None, "1", "GPU-8f2a,3"),
    "MUJOCO_EGL_DEVICE_ID": (None, "0", "none"),
    "MUJOCO_GL": (None, "EGL", "cgl"),
    "PYOPENGL_PLATFORM": (None, "glx"),
}
COMBINATIONS = [
    {name: value for name, value in zip(VALUES, values, strict=True) if value is not None}
    for values in itertools.product(*VALUES.values())
]

# Each import needs a process of its own; forking saves the import of what they share.
_CODE = """
import json, os, sys, traceback
import numpy, scipy.spatial, numba, matplotlib, cv2, gridseval.envs.libero_package as package
for chosen in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        try:
            os.environ.update(chosen)
            package.import_libero()
            assert chosen.items() <= dict(os.environ).items(), "a variable was changed"
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{chosen}")
"""


def test_no_combination_keeps_libero_from_being_imported() -> None:
    chosen = [
        each
        for each in COMBINATIONS
        if len(each) == 4 or each == {"CUDA_VISIBLE_DEVICES": "1", "MUJOCO_EGL_DEVICE_ID": "0"}
    ]
    assert len(chosen) == 9
    done = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(chosen)],
        env={
            **{name: value for name, value in os.environ.items() if name not in VALUES},
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_variables_are_hidden_inside_and_back_afterwards() -> None:
    before = dict(os.environ)
    try:
        for chosen in COMBINATIONS:
            for name in VALUES:
                os.environ.pop(name, None)
            os.environ.update(chosen, NVIDIA_VISIBLE_DEVICES="all")
            told = dict(os.environ)
            with without_device_variables():
                hidden = {"CUDA_VISIBLE_DEVICES", "MUJOCO_EGL_DEVICE_ID", "NVIDIA_VISIBLE_DEVICES"}
                assert hidden.isdisjoint(os.environ)
                assert os.environ["MUJOCO_GL"] == os.environ["PYOPENGL_PLATFORM"] == "egl"
            assert dict(os.environ) == told
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_a_chosen_back_end_is_announced_whatever_was_said_before() -> None:
    """The probe had seen it work with both variables set to it."""
    names = ("MUJOCO_GL", "PYOPENGL_PLATFORM")
    before = {name: os.environ.get(name) for name in names}
    try:
        os.environ.update(MUJOCO_GL="glfw", PYOPENGL_PLATFORM="glx")
        announce_backend("osmesa")
        assert [os.environ[name] for name in names] == ["osmesa", "osmesa"]
        with without_device_variables():
            assert os.environ["MUJOCO_GL"] == "osmesa"
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
