"""What a task's text says of its goal."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.envs.task_files import TaskFiles
from gridseval.solvable.problem import Problem
from gridseval.suites import BddlFile, PlusFolder, load_suite, read_bddl

SCENE = """(define (problem libero_tabletop_manipulation) (:domain robosuite)
  (:language {words})
  (:regions (near (:target table) (:ranges ((0 0 1 1)))) (top_region (:target cabinet_1)))
  (:fixtures table - table cabinet_1 - cabinet)
  (:objects bowl_1 bowl_2 - bowl plate_1 - plate)
  (:init (on bowl_1 table_near))
  (:goal {goal}))"""


def problem(goal: str) -> Problem:
    text = SCENE.format(words="do it", goal=goal).replace("(", " ( ").replace(")", " ) ")
    return Problem.of(BddlFile(Path("x.bddl"), "x", "do it", frozenset(), " ".join(text.split())))


def test_a_goal_of_one_or_several_predicates_is_read() -> None:
    assert problem("(and (on bowl_1 plate_1) (open cabinet_1_top_region))").goal == (
        ("on", "bowl_1", "plate_1"),
        ("open", "cabinet_1_top_region"),
    )
    assert problem("(on bowl_1 plate_1)").goal == (("on", "bowl_1", "plate_1"),)
    assert problem("(on bowl_1 plate_1)").kinds["bowl_2"] == "bowl"
    assert problem("(on bowl_1 plate_1)").regions == {"table_near", "cabinet_1_top_region"}


@pytest.mark.parametrize(
    ("goal", "why"),
    [
        ("(and (on cup_1 plate_1))", "there is no cup_1"),
        ("(and (in bowl_1 cabinet_1_low_region))", "there is no cabinet_1_low_region"),
        ("(and (open cabinet_1_top_region) (close cabinet_1_top_region))", "contradicts"),
        ("(and (turnoff cabinet_1) (turnon cabinet_1))", "contradicts"),
        ("(and (on bowl_1 bowl_2) (on bowl_2 bowl_1))", "contradicts"),
        ("(and (on bowl_1 bowl_1))", "one thing twice"),
    ],
)
def test_goals_that_can_never_hold_are_told(goal: str, why: str) -> None:
    assert any(why in sentence for sentence in problem(goal).contradictions())


@pytest.mark.parametrize(
    "goal",
    [
        "(and (on bowl_1 plate_1) (on bowl_2 bowl_1))",
        "(and (in bowl_1 cabinet_1_top_region) (close cabinet_1_top_region))",
    ],
)
def test_goals_that_may_hold_are_not(goal: str) -> None:
    assert problem(goal).contradictions() == ()


def test_an_instruction_must_say_which_of_two() -> None:
    one = problem("(and (on bowl_1 plate_1))")
    assert one.leaves_open("could you put the black bowl on the plate") == ("bowl_1",)
    assert one.leaves_open("put the left bowl on the plate") == ()
    assert one.leaves_open("pick up the bowl next to the stove and place it on the plate") == ()
    both = problem("(and (on bowl_1 plate_1) (on bowl_2 plate_1))")
    assert both.leaves_open("put both bowls on the plate") == ()
    assert problem("(and (open cabinet_1_top_region))").leaves_open("open it") == ()


@pytest.mark.parametrize("name", ["libero_spatial", "libero_object", "libero_goal", "libero_10"])
def test_liberos_own_goals_are_sound(name: str) -> None:
    for task in load_suite(name).tasks:
        found = Problem.of(read_bddl(TaskFiles.of_task(task, Path(), PlusFolder(None)).bddl))
        assert found.goal and found.contradictions() == (), task.name
        assert found.leaves_open(task.instruction) == (), task.name
