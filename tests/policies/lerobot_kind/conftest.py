"""LeRobot in an environment of its own: it pins another torch, transformers and hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

# What LeRobot needs beyond what we have; its pins of torch and torchvision are not followed.
PACKAGES = """
lerobot==0.4.4 accelerate draccus==0.10.0 diffusers<0.36 deepdiff cachebox jsonlines pyserial
mergedeep typing-inspect toml pyyaml-include orderly-set einops datasets<5 pyarrow pandas xxhash
multiprocess dill av<16 python-dateutil pytz transformers>=4.57,<5 huggingface-hub<0.36
tokenizers>=0.22,<0.23 num2words docopt safetensors
"""

# torchvision from the registry is a CUDA build, which beside a CPU torch lacks two operators.
SHIM = """
import sys


class Shim:
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            sys.operators = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                sys.operators.define(operator + "(Tensor a, Tensor b, float c) -> Tensor")


sys.meta_path.insert(0, Shim())
"""


@pytest.fixture(scope="session")
def lerobot_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return environment variables with which this interpreter finds LeRobot."""
    folder = tmp_path_factory.mktemp("lerobot")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*command, *PACKAGES.split()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "sitecustomize.py").write_text(SHIM)
    paths = os.pathsep.join([str(folder), str(HERE.parents[1])])
    return {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def checkpoints(
    lerobot_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder with policies that LeRobot saved."""
    folder = tmp_path_factory.mktemp("checkpoints")
    run([str(HERE / "make_policies.py"), str(folder)], lerobot_environment)
    whole = (folder / "act" / "model.safetensors").read_bytes()
    (folder / "act_truncated").mkdir()
    for file in (folder / "act").iterdir():
        (folder / "act_truncated" / file.name).write_bytes(file.read_bytes())
    (folder / "act_truncated" / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="session")
def told(lerobot_environment: dict[str, str], checkpoints: Path) -> Any:
    """Return what gridseval makes of them, beside LeRobot."""
    said = run([str(HERE / "act_with_policies.py"), str(checkpoints)], lerobot_environment)
    return json.loads(said.rpartition("told:")[2])


def run(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
