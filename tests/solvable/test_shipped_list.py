"""The list of LIBERO-Plus tasks that the expert does not solve, as the repository has it."""

from __future__ import annotations

from pathlib import Path

from gridseval.solvable.unsolved_list import read_list
from gridseval.suites import load_suite

FILE = Path(__file__).parents[2] / "policies" / "oracle-unsolved.yaml"
PAGE = Path(__file__).parents[2] / "docs" / "guides" / "solvability.md"


def test_it_is_about_every_task_and_names_those_it_lists() -> None:
    made = read_list(FILE)
    assert [each.suite for each in made.suites] == [
        f"libero_plus_{part}" for part in ("10", "goal", "object", "spatial")
    ]
    for listed in made.suites:
        suite = load_suite(listed.suite)
        assert listed.mapped + listed.lacking == len(suite.tasks)
        assert listed.trials == 1
        for task in listed.tasks:
            assert suite.tasks[task.task].name == task.name
            assert task.solved == 0
            assert task.reason


def test_the_page_has_its_numbers() -> None:
    """The page's table of suites says how many tasks were mapped and solved."""
    text = PAGE.read_text(encoding="utf8")
    total = unsolved = 0
    for listed in read_list(FILE).suites:
        count = sum(1 + len(task.also) for task in listed.tasks)
        solved = listed.mapped - count
        assert f"| {listed.suite} | {listed.mapped:,} | {solved:,} |" in text
        total, unsolved = total + listed.mapped, unsolved + count
    assert f"**{total - unsolved:,} of {total:,} (98.9 %)**" in text
