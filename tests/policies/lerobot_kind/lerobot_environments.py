"""Environments with one LeRobot each, beside this one: it pins another torch, transformers and hub.

Each is a folder that comes before this environment on the path. What both need is installed once,
in a folder of its own. The test processes of one session share all folders. Set
``GRIDSEVAL_TEST_ENVIRONMENTS`` to a folder to keep them from one session to the next.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).parent

COMMON = """
accelerate cachebox datasets<5 diffusers<0.40 dill docopt einops<0.9 jsonlines mergedeep
multiprocess num2words orderly-set peft<1 pyarrow<30 pyserial<4 python-dateutil pytz
pyyaml-include toml typing-inspect xxhash av<16
"""

# What LeRobot needs beyond that and what we have; its pins of torch and Python are not followed.
PACKAGES = {
    "0.4.4": """
        lerobot==0.4.4 deepdiff pandas draccus==0.10.0 transformers>=4.57,<5
        huggingface-hub<0.36 tokenizers>=0.22,<0.23
    """,
    "0.6.1": """
        lerobot==0.6.1 deepdiff<9 pandas<3 draccus>=0.11.6,<0.12 transformers>=5.4,<5.6
        huggingface-hub>=1.6,<2 tokenizers>=0.22,<=0.23.0 importlib_metadata zipp
    """,
}

# torchvision from the registry is a CUDA build, which beside a CPU torch lacks two operators.
_SHIM = """
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


def environment(version: str, session: Path) -> dict[str, str]:
    """Return environment variables with which this interpreter finds a LeRobot.

    Args:
        version: A key of :data:`PACKAGES`.
        session: A folder that all test processes of this session share. The environments are
            installed there, unless they are kept.
    """
    kept = os.environ.get("GRIDSEVAL_TEST_ENVIRONMENTS")
    folder = Path(kept) if kept else session
    own, common = folder / f"lerobot-{version}", folder / "lerobot-common"
    with FileLock(folder / "lerobot.lock"):
        # A kept folder of before holds everything.
        if not (own / "sitecustomize.py").exists():
            _install(COMMON, common)
            _install(PACKAGES[version], own)
            if sys.version_info < (3, 12):
                for file in (own / "lerobot").rglob("*.py"):
                    _respell(file)
            (own / "sitecustomize.py").write_text(_SHIM)
    found = [own, common, HERE.parents[1], HERE.parents[2]]
    paths = os.pathsep.join(map(str, found))
    return {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}


def _install(packages: str, folder: Path) -> None:
    """Install packages into a folder, unless that was done."""
    done = folder / "installed"
    if done.exists():
        return
    # Most of their modules are never imported, so compiling them all would be in vain.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
    command = [*pip, "--ignore-requires-python", "--target", str(folder), *packages.split()]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    done.touch()


def _respell(file: Path) -> None:
    """Write a module's type parameters as Python before 3.12 reads them; LeRobot 0.6 has eight."""
    text, names = file.read_text(), []

    def generic(match: re.Match[str]) -> str:
        names.extend(match["names"].split(", "))
        bases = f"{match['bases']}, " if match["bases"] else ""
        return f"class {match['name']}({bases}Generic[{match['names']}]):"

    def function(match: re.Match[str]) -> str:
        names.append(match["variable"])
        return f"def {match['name']}("

    new = re.sub(r"^type (\w+) = ", r"\1 = ", text, flags=re.M)
    new = re.sub(
        r"^class (?P<name>\w+)\[(?P<names>\w+(?:, \w+)*)\](?:\((?P<bases>.*)\))?:",
        generic,
        new,
        flags=re.M,
    )
    new = re.sub(r"^def (?P<name>\w+)\[(?P<variable>\w+): \w+\]\(", function, new, flags=re.M)
    if names:
        made = "".join(f'{name} = TypeVar("{name}")\n' for name in names)
        first = re.search(r"^(import|from (?!__future__))", new, flags=re.M)
        assert first is not None
        imported = f"from typing import Generic, TypeVar\n\n{made}"
        new = new[: first.start()] + imported + new[first.start() :]
    if new != text:
        file.write_text(new)


def run(words: list[str], variables: dict[str, str]) -> str:
    """Run a script beside LeRobot and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        env=variables,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
