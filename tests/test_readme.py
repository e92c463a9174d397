"""What the README promises about itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
