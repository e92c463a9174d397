"""``gridseval serve`` in the model's own environment: no MuJoCo, no LIBERO, no torch."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from served import EPISODES, observe

from gridseval.policies import load_policy

BLOCK = """
import sys
for name in ("mujoco", "robosuite", "libero", "gymnasium", "scipy", "torch", "cv2", "OpenGL"):
    sys.modules[name] = None
"""

POLICY = """
import numpy as np
from gridseval.policies import ActionChunk

class Still:
    observation_keys = ("agentview",)
    def reset(self, slots, episodes): pass
    def act(self, observations):
        return ActionChunk(np.zeros((len(observations["slots"]), 2, 7), np.float32))
"""


def start(arguments: list[str], folder: Path) -> tuple[subprocess.Popen[str], str]:
    (folder / "sitecustomize.py").write_text(BLOCK)
    process = subprocess.Popen(
        [sys.executable, "-m", "gridseval", "serve", "--port", "0", *arguments],
        env={**os.environ, "PYTHONPATH": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and so would its children.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert " on ws://" in line, line + process.stderr.read()
    return process, line.split()[-1]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_stops(tmp_path: Path, stop: signal.Signals) -> None:
    file = tmp_path / "still.py"
    file.write_text(POLICY)
    process, address = start(["--policy", f"{file}:Still"], tmp_path)
    try:
        with urllib.request.urlopen(address.replace("ws:", "http:") + "/healthz") as reply:
            assert reply.status == 200
        client = load_policy(None, address, {}, 7)
        assert client.observation_keys == ("agentview",)
        client.policy.reset([0], EPISODES[:1])
        assert client.policy.act(observe([0])).actions.shape == (1, 2, 7)
        process.send_signal(stop)
        assert process.wait(30) == {signal.SIGINT: 130, signal.SIGTERM: 143}[stop]
    finally:
        process.kill()
        _, said = process.communicate()
    assert "Traceback" not in said
    assert "client 0 connected from" in said


def test_a_policy_that_cannot_be_loaded_is_said_in_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gridseval", "serve", "--policy", "oracl"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 4
    assert "oracle" in done.stderr
    assert "Traceback" not in done.stderr
