"""The command line, in this process and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Said
from command_line import cli as cli

DOUBLES = Path(__file__).with_name("cli_doubles.py")


@pytest.fixture
def command() -> Callable[..., Said]:
    """Return a function that runs the command line in a process of its own."""

    def command(*words: object, **changed: str | None) -> Said:
        env = {k: v for k, v in {**os.environ, **changed}.items() if v is not None}
        line = [sys.executable, "-m", "gridseval", *map(str, words)]
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=300)
        return Said(done.returncode, done.stdout, done.stderr)

    return command


@pytest.fixture
def run_words(tmp_path: Path, assets: Path) -> Callable[..., list[object]]:
    """Return a function that makes the words of a short run into tmp_path/run."""

    def words(policy: str, *more: object) -> list[object]:
        named = f"{DOUBLES}:{policy}" if policy[0].isupper() else policy
        short: dict[str, Any] = {
            "--suite": "libero_object",
            "--policy": named,
            "--tasks": 0,
            "--trials": 2,
            "--max-steps": 8,
            "--workers": 0,
            "--assets": assets,
            "--out": tmp_path / "run",
        }
        more_words = list(more)
        for key in short.keys() & set(more_words):
            at = more_words.index(key)
            short[key] = more_words[at + 1]
            del more_words[at : at + 2]
        return ["run", *(word for pair in short.items() for word in pair), *more_words]

    return words
