"""What standard error says while a run goes on."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from gridseval.cli import progress
from gridseval.cli.progress import ProgressBar, ProgressLines, RunningRate, make_progress
from gridseval.results import EpisodeRecord


def record(trial: int, status: str = "success") -> EpisodeRecord:
    success = {"success": True, "failure": False, "error": None}[status]
    named: dict[str, Any] = {"suite": "s", "task": 0, "task_name": "t", "instruction": "i"}
    return EpisodeRecord(
        **named,
        trial=trial,
        status=status,
        success=success,
        steps=5,
        seed=7,  # type: ignore[arg-type]
    )


def prepared(episodes: int) -> Any:
    title = "libero_object"
    return SimpleNamespace(title=title, episodes=range(episodes), warnings=("mind the floor",))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when a test says so."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_lines_come_each_half_minute_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    clock = Clock()
    lines = ProgressLines(said.append, clock)
    lines.on_begin(prepared(100), [record(0), record(1, "failure")])
    for trial in range(2, 100):
        clock.now_s += 10
        lines.on_record(record(trial, "error" if trial == 50 else "success"))
    lines.close()
    lines.close()
    assert said[0] == "libero_object: 2 of 100 episodes, success 50.0 % (9.5–90.5)"
    assert said[1] == (
        "libero_object: 5 of 100 episodes, success 80.0 % (37.6–96.4), 360 episodes/h, 16 min left"
    )
    assert said[-1] == (
        "libero_object: 100 of 100 episodes, success 99.0 % (94.5–99.8), errors 1, 360 episodes/h"
    )
    assert len(said) == 1 + 98 // 3 + 1
    assert capsys.readouterr().err == "gridseval: warning: mind the floor\n"


def test_nothing_is_said_twice() -> None:
    said: list[str] = []
    lines = ProgressLines(said.append, Clock())
    lines.close()
    assert said == []
    lines.on_begin(prepared(1), [])
    lines.close()
    assert said == ["libero_object: 0 of 1 episodes, success –"]


def test_what_is_no_terminal_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    shown = make_progress()
    assert isinstance(shown, ProgressLines)
    shown.on_begin(prepared(2), [])
    shown.on_record(record(0))
    shown.close()
    _, err = capsys.readouterr()
    assert "\r" not in err
    assert "\x1b" not in err
    assert "libero_object: 1 of 2 episodes, success 100.0 % (20.7–100.0)" in err


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = make_progress()
    assert isinstance(shown, ProgressBar)
    shown.on_begin(prepared(4), [record(0)])
    for trial in (1, 2, 3):
        shown.on_record(record(trial, "failure" if trial == 3 else "success"))
    shown.close()
    shown.close()
    last = terminal.getvalue().rpartition("\r")[2]
    assert "4/4, success 75.0 % (30.1–95.4), " in last
    assert "episodes/h" in last
    assert "left" in last


def test_a_rate_without_episodes_is_a_dash() -> None:
    running = RunningRate()
    running.add(record(0, "error"))
    assert running.text() == "success –, errors 1"


@pytest.mark.parametrize(
    ("seconds", "said"), [(12.4, "12 s"), (754.0, "13 min"), (7500.0, "2 h 5 min")]
)
def test_durations(seconds: float, said: str) -> None:
    assert progress.duration(seconds) == said
