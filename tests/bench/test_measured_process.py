"""Measurements of another process: what it printed last, or why it failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.bench.measured_process import measure_apart
from gridseval.errors import MachineError


def test_the_last_line_is_what_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "told.json"
    file.write_text('{"peak_mb": 12.5}', encoding="utf8")
    told = measure_apart("json.tool", "--compact", str(file), failed="no", hint="none")
    assert told == {"peak_mb": 12.5}


def test_a_process_that_fails_is_one_line_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"^nothing was read: .*no\.json") as caught:
        measure_apart("json.tool", str(tmp_path / "no.json"), failed="nothing was read", hint="try")
    assert caught.value.hint == "try"
    assert "\n" not in caught.value.message


def test_a_process_that_says_nothing_has_failed() -> None:
    with pytest.raises(MachineError, match=r"^no figures: exit status 0"):
        measure_apart("colorsys", failed="no figures", hint="try")
