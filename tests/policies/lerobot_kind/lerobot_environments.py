"""Environments with one LeRobot each, beside this one: it pins another torch, transformers and hub.

Set ``GRIDSEVAL_TEST_ENVIRONMENTS`` to a folder to keep them from one session to the next.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

_BOTH = """
accelerate cachebox datasets<5 diffusers<0.40 dill docopt einops<0.9 jsonlines mergedeep
multiprocess num2words orderly-set peft<1 pyarrow<30 pyserial<4 python-dateutil pytz
pyyaml-include toml typing-inspect xxhash av<16
"""

# What LeRobot needs beyond what we have; its pins of torch and Python are not followed.
PACKAGES = {
    "0.4.4": f"""
        lerobot==0.4.4 {_BOTH} deepdiff pandas draccus==0.10.0 transformers>=4.57,<5
        huggingface-hub<0.36 tokenizers>=0.22,<0.23
    """,
    "0.6.1": f"""
        lerobot==0.6.1 {_BOTH} deepdiff<9 pandas<3 draccus>=0.11.6,<0.12 transformers>=5.4,<5.6
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


def environment(version: str, folder: Path) -> dict[str, str]:
    """Return environment variables with which this interpreter finds a LeRobot.

    Args:
        version: A key of :data:`PACKAGES`.
        folder: Where it is installed, unless it is kept.
    """
    kept = os.environ.get("GRIDSEVAL_TEST_ENVIRONMENTS")
    folder = Path(kept) / f"lerobot-{version}" if kept else folder
    if not (folder / "sitecustomize.py").exists():
        _install(version, folder)
    paths = os.pathsep.join([str(folder), str(HERE.parents[1]), str(HERE.parents[2])])
    return {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}


def _install(version: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--ignore-requires-python"]
    command = [*pip, "--target", str(folder), *PACKAGES[version].split()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if sys.version_info < (3, 12):
        for file in (folder / "lerobot").rglob("*.py"):
            _respell(file)
    (folder / "sitecustomize.py").write_text(_SHIM)


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
