"""A policy that cannot succeed is told so: per episode, in tables, while it runs; never changed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from gridseval.cli.progress import ProgressLines
from gridseval.evaluation import RunConfig, evaluate
from gridseval.evaluation.suspicions import signs_of, turned_images
from gridseval.policies.cards import load_card
from gridseval.report.cautions import cautions
from gridseval.report.source import ReportRun
from gridseval.results import EpisodeRecord, read_run, summarise
from gridseval.results.run.suspicions import SUSPICIONS, suspicion_notes
from gridseval.rollout import Outcome
from gridseval.rollout.seen_states import SeenStates
from gridseval.suites import Episode

STEPS = 40
RNG = np.random.default_rng(0)


def prepared(kind: str = "mine", actions: str = "delta", **description: Any) -> Any:
    return SimpleNamespace(
        loaded=SimpleNamespace(description={"kind": kind, **description}),
        conditions=SimpleNamespace(needs=SimpleNamespace(actions=actions)),
    )


def acted(gripper: Any = None, scale: float = 1.0, moves: Any = None) -> Any:
    """Return actions of an episode that are fine but for what is given."""
    actions = RNG.uniform(-0.9, 0.9, (STEPS, 7)).astype(np.float32)
    actions[:, :6] = actions[:, :6] * scale if moves is None else moves
    actions[:, 6] = np.where(np.arange(STEPS) < 20, -1, 1) if gripper is None else gripper
    return actions


def moved(extent: float = 0.3, zero: bool = False) -> SeenStates:
    seen = SeenStates()
    for step in range(5):
        state = np.full(8, 0.5, np.float32)
        state[0] += extent * step / 4
        seen.see(state * (not zero))
    return seen


def outcome(actions: Any, seen: SeenStates | None = None, status: Any = "failure") -> Outcome:
    episode = Episode("libero_goal", 0, 0)
    return Outcome(
        *(episode, status, len(actions), 5, 0, 1.0), actions=actions, seen=seen or moved()
    )


HALF = np.arange(STEPS) < 20
CASES: dict[str, tuple[Any, list[str]]] = {
    "fine": (acted(), []),
    "fine, gripper by its sign only": (acted(np.where(HALF, -0.1, 0.1)), []),
    "a clipped step now and then": (acted(scale=1.3), []),
    "0 and 1": (acted(np.where(HALF, 0, 1)), ["gripper_01"]),
    "within 0 and 1": (acted(np.linspace(0, 1, STEPS)), ["gripper_01"]),
    "closes all the time": (acted(np.full(STEPS, 1.0)), ["never_opens"]),
    "closes a little": (acted(np.linspace(0.6, 2, STEPS)), ["never_opens"]),
    "opens all the time": (acted(np.full(STEPS, -1.0)), ["never_closes"]),
    "0 and -1": (acted(np.where(HALF, 0, -1)), ["never_closes"]),
    "no gripper": (acted(np.zeros(STEPS)), ["never_opens", "never_closes"]),
    "in millimetres": (
        np.concatenate([np.sign(acted()[:, :6]) * 40, acted()[:, 6:]], axis=1),
        ["beyond"],
    ),
    "one component beyond": (
        acted(moves=np.tile([2, 0.1, 0, 0, 0, 0.3], (STEPS, 1)) * RNG.uniform(0.9, 1, (STEPS, 1))),
        ["beyond"],
    ),
    "no motion": (acted(moves=np.zeros((STEPS, 6))), ["still"]),
    "always the same": (np.tile(acted()[:1], (STEPS, 1)), ["constant", "never_closes"]),
}


@pytest.mark.parametrize("name", CASES)
def test_signs_of_an_episode(name: str) -> None:
    actions, signs = CASES[name]
    given = actions.copy()
    assert signs_of(prepared(), outcome(actions)) == signs
    assert np.array_equal(actions, given)
    assert set(signs) <= SUSPICIONS.keys()
    assert signs_of(prepared(), outcome(actions, status="success")) == []
    assert signs_of(prepared(), outcome(actions[:10])) == []
    for kind in ("oracle", "replay"):
        assert signs_of(prepared(kind), outcome(actions)) == []


def test_goals_in_the_world_may_lie_beyond_and_stay_at_zero() -> None:
    actions = acted(moves=np.full((STEPS, 6), 1.5))
    actions[0, 0] = 1.6
    assert signs_of(prepared(actions="absolute"), outcome(actions)) == []
    assert signs_of(prepared(), outcome(actions)) == ["beyond"]


def test_the_arm_and_the_state_are_looked_at() -> None:
    assert signs_of(prepared(), outcome(acted(), moved(0.004))) == ["still"]
    assert signs_of(prepared(), outcome(acted(), moved(0.006))) == []
    assert signs_of(prepared(), outcome(acted(), moved(zero=True))) == ["still", "zero_state"]
    blind = outcome(acted())
    assert signs_of(prepared(), Outcome(**{**vars(blind), "seen": None})) == []


def record(trial: int, signs: Any = None, status: Any = "failure", steps: int = 40) -> Any:
    return EpisodeRecord(
        suite="libero_goal",
        task=0,
        task_name="x",
        trial=trial,
        instruction="x",
        status=status,
        success={"success": True, "failure": False, "error": None}[status],
        steps=steps,
        seed=7,
        extra={} if signs is None else {"suspicions": signs},
    )


def test_notes_are_of_runs_in_which_nothing_succeeds_and_all_look_alike() -> None:
    bad = [record(trial, ["never_opens", "constant"]) for trial in range(3)]
    told = list(suspicion_notes(bad))
    assert len(told) == 2
    assert all("all of 3 episodes" in note for note in told)
    assert list(suspicion_notes([*bad, record(3, status="success")])) == []
    assert list(suspicion_notes([*bad, record(3)])) == []
    assert len(list(suspicion_notes([*bad, record(3, ["constant"])]))) == 1
    assert len(list(suspicion_notes([*bad, record(3, steps=5), record(4, status="error")]))) == 2
    assert list(suspicion_notes([record(0, steps=3)])) == []
    for foreign in ("never_opens", 3, {"a": 1}, [["x"]], None):
        assert list(suspicion_notes([record(0, foreign)])) == []


def test_a_note_is_said_once_while_the_run_goes_on() -> None:
    lines: list[str] = []
    shown = ProgressLines(lines.append, clock=lambda: 0.0)
    shown.on_begin(
        SimpleNamespace(warnings=(), title="s", episodes=[0] * 9),  # type: ignore[arg-type]
        [],
    )
    for trial in range(5):
        shown.on_record(record(trial, ["never_closes"]))
    assert ["never closes" in line for line in lines].count(True) == 1
    assert "never closes" in lines[1]


def test_a_card_of_ones_own_that_turns_images_is_told() -> None:
    card = load_card("pi05").conventions()
    assert turned_images(prepared(card=card)) is None
    turned = {**card, "name": "mine", "image": {**card["image"], "rotated": True}}
    assert "upside down" in str(turned_images(prepared(card=turned)))
    assert turned_images(prepared(card={**turned, "image": card["image"]})) is None
    assert turned_images(prepared()) is None


POLICY = """
import numpy as np
from gridseval.policies import ActionChunk

class Wrong:
    observation_keys = ("state",)
    details = {"card": {"name": "mine", "image": {"rotated": True}}}

    def reset(self, slots, episodes):
        pass

    def act(self, observations):
        actions = np.zeros((len(observations["slots"]), 8, 7), np.float32)
        actions[:, :, 0] = 30 * np.sin(observations["steps"])[:, None] + 60
        actions[:, ::2, 6] = 1
        return ActionChunk(actions)
"""


def test_a_whole_run_says_it_in_its_tables_and_report_and_plays_the_actions_as_they_are(
    assets: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong.py").write_text(POLICY)
    run = tmp_path / "run"
    config = RunConfig(
        *("libero_object", run),
        tasks="0",
        trials=2,
        max_steps=24,
        workers=0,
        video="none",
        record_actions=True,
        policy=f"{tmp_path / 'wrong.py'}:Wrong",
        assets=str(assets),
    )
    summary = evaluate(config)
    wanted = ("clipped", "within 0 and 1", "upside down")
    for word in wanted:
        assert [word in note for note in summary.notes].count(True) == 1
        assert word in (run / "table.md").read_text()
    assert (np.load(run / "actions" / "libero_object-0-0.npy")[:, 0] > 1).all()
    read = read_run(run)
    again = summarise(read.records, read.manifest)
    said = " ".join(
        caution.sentence for caution in cautions([ReportRun("A", read, read.records, again)])
    )
    assert all(word in said for word in wanted)
    assert "mine" in yaml.safe_load((run / "run.yaml").read_text())["notes"][0]
