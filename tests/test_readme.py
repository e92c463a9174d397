"""What the README promises about itself."""

from __future__ import annotations

import copy
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import yaml

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_two_commands_set_up_and_go() -> None:
    set_up = [line for block in blocks("bash") for line in block.splitlines() if "venv" in line]
    assert len(set_up) == 2
    assert "gridseval run" in set_up[0]
    assert set_up[1].endswith("pytest")


def test_ci_runs_the_test_command_as_written() -> None:
    command = next(
        line for block in blocks("bash") for line in block.splitlines() if "pytest" in line
    )
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf8").splitlines()


def test_the_loop_runs_as_written(assets: Path, tmp_path: Path) -> None:
    loop = next(block for block in blocks("python") if "make_vec" in block)
    script = tmp_path / "loop.py"
    script.write_text(loop.replace("range(100)", "range(3)"), encoding="utf8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_every_policy_kind_and_option_is_named() -> None:
    from gridseval.cli.run import command
    from gridseval.policies import list_policies

    for name in list_policies():
        assert f"`{name}`" in README
    for option in command.params:
        assert f"`{option.opts[0]}" in README, option.opts[0]


def test_every_exit_code_is_named() -> None:
    codes = README[README.index("Exit codes:") :].split("\n\n")[0]
    for code in ("0", "1", "2", "3", "4", "5", "6", "130", "143"):
        assert re.search(rf"[ \n]{code} ", codes), code


def test_the_run_in_python_runs_as_written(assets: Path, tmp_path: Path) -> None:
    example = next(block for block in blocks("python") if "RunConfig" in block)
    short = example.replace("trials=5", "trials=1, workers=0, max_steps=4, video='none'")
    assert short != example
    done = subprocess.run(
        [sys.executable, "-c", short], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 2 models: ")
    assert (tmp_path / "runs" / "mine" / "table.md").is_file()


def command_lines() -> list[list[str]]:
    """Return the words of every gridseval command that the README shows, without comments."""
    lines = [line for kind in ("bash", "yaml") for b in blocks(kind) for line in b.splitlines()]
    shown = [line.partition(" || ")[0] for line in lines if "gridseval " in line]
    words = [shlex.split(line, comments=True) for line in shown]
    return [w[w.index("gridseval") + 1 :] for w in words if "gridseval" in w]


def test_every_command_shown_has_these_options() -> None:
    assert {words[0] for words in command_lines()} >= {"run", "report", "gate", "table"}
    for name, *words in command_lines():
        # A copy, since click keeps the help option that it made for a command's first context.
        command = copy.copy(importlib.import_module(f"gridseval.cli.{name}").command)
        if isinstance(command, click.Group):
            command, words = copy.copy(command.commands[words[0]]), words[1:]
        command.make_parser(click.Context(command)).parse_args(list(words))


def test_the_workflow_is_yaml_and_gates_on_a_run() -> None:
    (workflow,) = (yaml.safe_load(block) for block in blocks("yaml"))
    steps = [step.get("run", "") for step in workflow["jobs"]["smoke"]["steps"]]
    run, gate = (
        next(index for index, step in enumerate(steps) if f"gridseval {name} " in step)
        for name in ("run", "gate")
    )
    assert run < gate
    shell = next(block for block in blocks("bash") if "gridseval gate" in block)
    subprocess.run(["bash", "-n", "-c", shell], check=True)


def test_the_policy_example_is_a_policy(tmp_path: Path) -> None:
    import numpy as np

    from gridseval.policies import check_actions, load_policy

    example = next(block for block in blocks("python") if "class Hold" in block)
    path = tmp_path / "hold.py"
    path.write_text(example, encoding="utf8")
    loaded = load_policy(f"{path}:Hold", None, {}, seed=7)
    assert loaded.observation_keys == ("state",)
    chunk = loaded.policy.act({"slots": np.arange(2), "state": np.zeros((2, 8), np.float32)})
    assert check_actions(chunk, 2).shape == (2, 8, 7)
