"""Help is quick because it loads nothing, and says what there is."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import Any

import pytest

from gridseval.cli import _COMMANDS

HEAVY = {"mujoco", "torch", "libero", "robosuite", "scipy", "imageio", "PIL", "yaml.constructor"}


def test_help_takes_less_than_half_a_second() -> None:
    # Seconds of a core, and the best of some: other work on this machine can only add to them.
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "gridseval", "--help"]
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = (after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)
        seconds.append(sum(spent))
    assert min(seconds) < 0.5


@pytest.mark.parametrize("words", ["--help", "run --help", "suites"])
def test_help_loads_neither_simulator_nor_torch(words: str) -> None:
    code = (
        "import sys\nfrom gridseval.cli import main\n"
        f"try:\n    main({words.split()!r})\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not (HEAVY - {"yaml.constructor"}) & loaded


def test_help_names_every_command_and_exit_code(cli: Any) -> None:
    said = cli("--help")
    assert said.status == 0
    for name, line in _COMMANDS.items():
        assert name in said.out
        assert line in said.out
    for code in (
        "0 done",
        "2 wrong",
        "3 this",
        "4 checkpoint",
        "5 output",
        "6 done",
        "130 int",
        "143 term",
    ):
        assert code in said.out


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_has_help(cli: Any, name: str) -> None:
    for flag in ("--help", "-h"):
        said = cli(name, flag)
        assert (said.status, said.err) == (0, "")
        assert said.out.startswith(f"Usage: gridseval {name}")


def test_version(cli: Any) -> None:
    assert cli("--version").out.startswith("gridseval 0.")


def test_a_command_that_does_not_exist(cli: Any) -> None:
    said = cli("rum")
    assert (said.status, said.out) == (2, "")
    assert "No such command 'rum'" in said.err


def test_suites_are_listed_and_a_wrong_name_is_refused(cli: Any) -> None:
    said = cli("suites")
    assert said.status == 0
    assert "libero_object           10      50        280" in said.out
    said = cli("suites", "libero_goal")
    assert "turn_on_the_stove" in said.out
    said = cli("suites", "libero_gaol")
    assert (said.status, said.out) == (2, "")
    assert "did you mean 'libero_goal'?" in said.err


def test_a_reader_that_leaves_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "gridseval", "suites", "libero_90"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_seeds_of_the_command_line_are_liberos() -> None:
    from gridseval.cli.options import SEED
    from gridseval.suites.bounds import MOST_SEED

    assert (SEED.min, SEED.max) == (0, MOST_SEED)
