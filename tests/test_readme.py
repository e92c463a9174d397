"""What the README promises about itself; the pages below ``docs`` are in ``test_docs.py``."""

from __future__ import annotations

import re
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


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 110


def test_every_command_has_a_line() -> None:
    from gridseval.cli import group

    for name in group.commands or group.list_commands(None):  # type: ignore[arg-type]
        assert re.search(rf"\| .*`{name}`", README), name


def test_every_page_but_the_home_page_and_the_api_can_be_reached_from_here() -> None:
    folder = ROOT / "docs"
    pages = {path.relative_to(ROOT).as_posix() for path in folder.rglob("*.md")}
    linked = {link.partition("#")[0] for link in re.findall(r"\((docs/[^)]+)\)", README)}
    left = {page for page in pages - linked if not re.search("/(index|api|extend|cli)", page)}
    assert left == set()
