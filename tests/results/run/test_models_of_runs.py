"""Runs on different models: said wherever they are shown, refused where they are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_runs import make_run, write_run

from gridseval.errors import UsageError
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.verdict import gate_on_baseline, gate_on_threshold
from gridseval.results.run.assets_note import check_same_models, models_note

SOLVED = np.ones((10, 20), int)
STANDINS = {"identity": "stand-ins", "hash": "abcdef0123456789"}


def test_libero_s_own_models_are_not_mentioned() -> None:
    assert models_note({"assets": {"identity": "libero", "hash": "01"}}) is None


@pytest.mark.parametrize(
    ("assets", "words"),
    [
        (STANDINS, ("stand-ins (abcdef012345)", "not LIBERO's own", "do not compare")),
        ({"identity": "libero-reduced", "hash": "12"}, ("libero-reduced (12)", "not LIBERO's own")),
        ({"identity": "custom", "hash": "34"}, ("custom (34)", "not known to be LIBERO's own")),
        (None, ("unknown",)),
    ],
)
def test_others_are_named(assets: Any, words: tuple[str, ...]) -> None:
    note = models_note({"assets": assets})
    assert note is not None
    for word in words:
        assert word in note


def test_different_models_are_refused_unless_forced() -> None:
    runs = [make_run(SOLVED, "a"), make_run(SOLVED, "b", assets=STANDINS)]
    with pytest.raises(UsageError, match=r"b was not measured on the models of a") as caught:
        check_same_models(runs)
    assert "assets.identity: 'libero' -> 'stand-ins'" in caught.value.message
    assert "--force" in str(caught.value.hint)
    assert "b was not measured" in str(check_same_models(runs, force=True))


def test_two_builds_of_one_name_are_different_models() -> None:
    other = {**STANDINS, "hash": "9999"}
    runs = [make_run(SOLVED, "a", assets=STANDINS), make_run(SOLVED, "b", assets=other)]
    with pytest.raises(UsageError, match=r"assets\.hash"):
        check_same_models(runs)


def test_equal_models_and_unknown_ones_pass() -> None:
    runs = [make_run(SOLVED, "a", assets=STANDINS), make_run(SOLVED, "b", assets=STANDINS)]
    assert check_same_models([*runs, make_run(SOLVED, "c", assets=None)]) is None


def test_a_gate_names_the_models() -> None:
    run, before = make_run(SOLVED, assets=STANDINS), make_run(SOLVED, "old", assets=STANDINS)
    for verdict in (
        gate_on_baseline(run, before, GateRules()),
        gate_on_threshold(run, 0.5, GateRules()),
    ):
        assert verdict.conclusion == "pass"
        assert any("models: stand-ins" in note for note in verdict.notes)
    own = gate_on_baseline(make_run(SOLVED), make_run(SOLVED, "old"), GateRules())
    assert not any("models:" in note for note in own.notes)


def test_a_gate_cannot_tell_across_models() -> None:
    run, before = make_run(SOLVED, assets=STANDINS), make_run(SOLVED, "old")
    verdict = gate_on_baseline(run, before, GateRules())
    assert verdict.conclusion == "cannot tell"
    assert "assets.identity: 'libero' -> 'stand-ins'" in verdict.sentence
    forced = gate_on_baseline(run, before, GateRules(force=True))
    assert forced.conclusion == "pass"
    assert any("forced although" in note for note in forced.notes)


@pytest.mark.parametrize("command", ["table", "compare", "report"])
def test_commands_refuse_unless_forced(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gridseval.cli import main

    words = [
        command,
        str(write_run(make_run(SOLVED), tmp_path / "a")),
        str(write_run(make_run(SOLVED, assets=STANDINS), tmp_path / "b")),
    ]
    with pytest.raises(SystemExit) as refused:
        main(words)
    said = capsys.readouterr()
    assert (refused.value.code, said.out) == (2, "")
    assert "'libero' -> 'stand-ins'" in said.err and "--force" in said.err
    with pytest.raises(SystemExit) as forced:
        main([*words, "--force"])
    shown = capsys.readouterr()
    assert forced.value.code == 0, shown.err
    text = Path(shown.out.strip()).read_text() if command == "report" else shown.out
    assert "stand-ins" in text
