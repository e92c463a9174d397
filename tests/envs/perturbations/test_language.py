"""Instructions in other words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridseval.envs.perturbations import Perturbation
from gridseval.envs.perturbations.language import CLAUSES, OBJECTS, OPENINGS, VERBS, LanguageEdit
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.suites import load_suite

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
INSTRUCTIONS = [task.instruction for name in SUITES for task in load_suite(name).tasks]


def spoken(text: str, strength: int, trial: int = 0) -> str:
    drawn = parse_plan([f"language:{strength}"]).draw(7, "libero_goal", 0, trial)
    return drawn.perturbation.spoken(text)


@pytest.mark.parametrize(
    ("edit", "text", "expected"),
    [
        ({"opening": 0}, "Open the drawer", "please open the drawer"),
        ({"opening": 1}, "open the drawer.", "could you open the drawer?"),
        ({"reorder": True}, "put the bowl on the plate", "on the plate, put the bowl"),
        (
            {"reorder": True},
            "open the top drawer and put the bowl inside",
            "first open the top drawer, then put the bowl inside",
        ),
        ({"reorder": True}, "turn on the stove", "turn on the stove"),
        (
            {"opening": 1, "reorder": True, "clause": 3},
            "put the bowl on the plate",
            "while i look for my keys, on the plate, could you put the bowl?",
        ),
        (
            {"opening": 1, "clause": 1},
            "turn on the stove",
            "could you turn on the stove, and do not mind the other objects?",
        ),
        (
            {"clause": 0},
            "turn on the stove",
            "turn on the stove, and leave everything else as it is",
        ),
    ],
)
def test_rules(edit: dict[str, Any], text: str, expected: str) -> None:
    assert LanguageEdit(**edit).apply(text) == expected


def test_synonyms_stand_for_whole_words_only() -> None:
    for number in range(20):
        said = LanguageEdit(objects=number).apply(
            "put the bowl near the bowl drainer and the bowls"
        )
        assert re.fullmatch("put the (dish|basin) near the bowl drainer and the bowls", said)
        verb = LanguageEdit(verbs=number).apply("pick up the output and put it down")
        assert re.fullmatch(
            "(grab|take|lift|grasp) the output and (place|set|position) it down", verb
        )


@pytest.mark.parametrize("strength", range(1, 6))
def test_every_strength_changes_every_instruction_of_libero(strength: int) -> None:
    for text in INSTRUCTIONS:
        said = {spoken(text, strength, trial) for trial in range(8)}
        assert text not in said
        assert len(said) > 2
        for each in said:
            assert each == " ".join(each.split())
            assert len(each) < 400


def test_each_strength_adds_a_rule() -> None:
    text = "put the bowl on the plate"
    edits = [
        parse_plan([f"language:{strength}"]).draw(7, "s", 0, 0).perturbation.language
        for strength in range(1, 6)
    ]
    rules = [
        [
            name
            for name in ("opening", "verbs", "objects", "reorder", "clause")
            if getattr(edit, name) is not None and getattr(edit, name) is not False
        ]
        for edit in edits
    ]
    assert rules == [
        ["opening"],
        ["opening", "verbs"],
        ["opening", "verbs", "objects"],
        ["opening", "verbs", "objects", "reorder"],
        ["opening", "verbs", "objects", "reorder", "clause"],
    ]
    assert spoken(text, 5) != spoken(text, 4)


def test_the_record_says_it_again() -> None:
    draw = parse_plan(["language:5"]).draw(7, "libero_goal", 3, 2)
    again = Perturbation.from_json(draw.record["applied"])
    assert again.spoken(INSTRUCTIONS[0]) == draw.perturbation.spoken(INSTRUCTIONS[0])
    values = {key: value for key, value in draw.record["language"].items() if key != "strength"}
    given_ = ",".join(f"{key}={value}" for key, value in values.items())
    same = parse_plan([f"language:{given_}"]).draw(7, "libero_goal", 3, 2)
    assert same.perturbation == draw.perturbation


@pytest.mark.parametrize("text", ["opening=99", "clause=5", "verbs=-1", "verbs=1.5", "reorder=2"])
def test_numbers_have_ranges(text: str) -> None:
    from gridseval.errors import UsageError

    with pytest.raises(UsageError):
        parse_plan([f"language:{text}"])


@given(st.text(max_size=80), st.integers(0, 999), st.integers(0, len(CLAUSES) - 1))
def test_any_instruction_is_said(text: str, number: int, clause: int) -> None:
    edit = LanguageEdit(0, number, number, reorder=True, clause=clause)
    said = edit.apply(text)
    assert OPENINGS[0].split("{")[0] in said


def test_no_synonym_is_the_word_itself() -> None:
    for table in (VERBS, OBJECTS):
        for word, synonyms in table.items():
            assert word not in synonyms
            assert len(set(synonyms)) == len(synonyms) >= 2


def test_policies_and_records_get_the_words(tmp_path: Path, assets: Path) -> None:
    from gridseval.envs.libero_env import LiberoEnv
    from gridseval.evaluation import RunConfig, evaluate
    from gridseval.results import read_records

    out = tmp_path / "run"
    evaluate(
        RunConfig(
            suite="libero_goal",
            out=out,
            tasks="7",
            trials=2,
            policy="zero",
            max_steps=4,
            workers=0,
            video="none",
            assets=str(assets),
            perturb=("language:3",),
            env_seed=0,
        )
    )
    records = read_records(out / "episodes.jsonl")
    plan = parse_plan(["language:3"])
    told = [
        plan.draw(0, "libero_goal", 7, trial).perturbation.spoken("turn on the stove")
        for trial in (0, 1)
    ]
    assert [record.instruction for record in records] == told
    env = LiberoEnv(
        "libero_goal", assets=str(assets), observations=("state",), perturb=("language:3",)
    )
    observation, info = env.reset(options={"task": 7, "trial": 1})
    assert observation["instruction"] == info["instruction"] == told[1]
    assert env.observation_space.contains(observation)
    env.close()
