"""Words that are too long, numbers of 4,000 digits, halves of characters: one short line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.cli.words import shown_message
from gridseval.errors import PolicyError, UsageError
from gridseval.policies.arguments import convert_arguments
from gridseval.policies.zero import ZeroPolicy
from gridseval.results.gate.rules import GateRules
from gridseval.tokens import CameraTrace
from gridseval.tokens.trace_json import trace_from_json

LONG, DIGITS = "n" * 300, "9" * 4000
RUN = (
    *("run", "--suite", "libero_object", "--policy", "zero", "--tasks", "0", "--trials", "1"),
    *("--workers", "0", "--video", "none"),
)
OPTIONS: dict[str, tuple[str, ...]] = {
    "--out": (LONG, f"a/{LONG}/b", "x/" * 3000, DIGITS, f"~{LONG}"),
    "--suite": (LONG, f"{LONG}.yaml", f"/{LONG}", DIGITS),
    "--ckpt": (LONG, f"/{LONG}/x.pt", f"hf://a/{LONG}", f"ws://{LONG}", DIGITS),
    "--policy": (LONG, f"{LONG}.py:X", f"{LONG}:X", "x." * 3000 + "y:X"),
    "--assets": (LONG, f"/{LONG}", f"~{LONG}"),
    "--libero-plus": (LONG, f"/{LONG}", f"~{LONG}", f"~{LONG}/x"),
    "--protocol": (LONG, f"{LONG}.yaml", DIGITS),
    "--trials": (DIGITS, f"-{DIGITS}", str(2**31), str(2**63)),
    "--workers": (DIGITS, str(2**31), f"-{DIGITS}"),
    "--replan": (DIGITS, str(2**63), f"-{DIGITS}"),
    "--max-steps": (DIGITS, str(2**63)),
    "--seed": (DIGITS, str(2**63)),
    "--env-seed": (DIGITS,),
    "--sample": (DIGITS,),
    "--tasks": (DIGITS, f"0-{DIGITS}", f"{LONG},0"),
    "--video": (DIGITS, f"-{DIGITS}", LONG),
    "--starts": (f"fresh:{DIGITS}", DIGITS),
    "--perturb": (f"camera:{DIGITS}", f"{LONG}:1", f"camera:0-{DIGITS}"),
    "--policy-arg": (f"chunk={DIGITS}", f"{LONG}=1", DIGITS),
    "--level": (DIGITS,),
    "--dimension": (LONG,),
}
CASES = [(option, value) for option, values in OPTIONS.items() for value in values]


@pytest.mark.parametrize(("option", "value"), CASES, ids=[f"{o} {v[:12]}" for o, v in CASES])
def test_an_option_of_any_length_is_refused_in_short(
    option: str,
    value: str,
    cli: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    assets: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDSEVAL_ASSETS", str(assets))
    words = {**dict(zip(RUN[1::2], RUN[2::2], strict=True)), "--out": "run", option: value}
    said = cli("run", *(word for pair in words.items() for word in pair))
    assert said.status in (2, 3, 4, 5)
    assert "bug" not in said.err
    assert len(said.err) < 4000
    assert max(map(len, said.err.splitlines())) < 1500
    assert not list(tmp_path.glob("run/*.yaml"))


@pytest.mark.parametrize("half", ["\ud800", "a\udfffb", "\udc7f"])
@pytest.mark.parametrize("words", [("table",), ("report", "r", "--out"), (*RUN, "--out")])
def test_half_of_a_character_is_a_wrong_argument(cli: Any, half: str, words: Any) -> None:
    said = cli(*words, half)
    assert said.status == 2
    assert "half of a character" in said.err
    assert cli(*words, "a\0b").status == 2


def test_a_name_that_is_no_utf_8_stays_a_name(cli: Any, tmp_path: Path) -> None:
    said = cli("table", str(tmp_path / "a\udcffb"))
    assert (said.status, "there is no run" in said.err) == (2, True)


def test_a_long_word_is_cut_in_its_middle() -> None:
    path = "/".join("d" * 50 for _ in range(60))
    shown = shown_message(f"cannot read {path}/run.yaml: File name too long\n  next")
    assert shown.startswith("cannot read ddd")
    assert "…" in shown
    assert shown.endswith("/run.yaml: File name too long\n  next")
    assert shown_message("short\n  lines stay") == "short\n  lines stay"


def test_numbers_of_arguments_and_rules_are_bounded() -> None:
    for text in (DIGITS, f"-{DIGITS}", "1_" * 20 + "1"):
        with pytest.raises(UsageError, match="digits"):
            convert_arguments(type("P", (), {"__init__": _takes_an_int}), {"chunk": text}, "mine")
    with pytest.raises(UsageError, match="--max-errors"):
        GateRules(max_errors=float("inf"))
    assert ZeroPolicy


def _takes_an_int(self: Any, chunk: int = 1) -> None:
    self.chunk = chunk


@pytest.mark.parametrize("grid", [(2**16, 2**15), (1, 2**31), (1025, 1), (2.0, 2.0), (0, 4)])
def test_a_grid_of_a_trace_is_bounded_before_memory_is_laid_out(grid: Any) -> None:
    with pytest.raises(PolicyError, match="grid"):
        CameraTrace("agentview", grid, points=np.zeros((1, 2), np.float32))
    for content in ({"points": ""}, {"kept": ""}):
        with pytest.raises(PolicyError):
            trace_from_json([{"camera": "agentview", "grid": list(grid), **content}])
