"""Runs that another simulator made: named in every table, refused where they are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_runs import make_run, write_run

from gridseval.errors import UsageError
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.verdict import gate_on_baseline, gate_on_threshold
from gridseval.results.run.assets_note import check_same_models, measured_notes
from gridseval.results.run.comparable import published_differences, run_differences
from gridseval.results.tables.merging import arrange_runs

SOLVED = np.ones((10, 20), int)
HALF = np.full((10, 20), -1)
OWN: dict[str, Any] = {"libero": {"tasks": "11"}, "robosuite": {"controllers": "22"}}
SENTENCE = "libero is imported from /clone: its tasks are not hf-libero 0.1.4's"
FOREIGN = {**OWN, "libero": {"tasks": "99"}, "foreign": {"libero": SENTENCE}}
ELSEWHERE = {**FOREIGN, "foreign": {"libero": SENTENCE.replace("/clone", "/copy")}}
STIFF = {**OWN, "robosuite": {"controllers": "33"}}


@pytest.mark.parametrize(
    ("before", "after", "differ"),
    [
        (OWN, OWN, False),
        (None, OWN, False),  # a run from before it was recorded
        (OWN, None, False),
        (None, None, False),
        (OWN, FOREIGN, True),
        (None, FOREIGN, True),
        (FOREIGN, None, True),
        (OWN, STIFF, True),
        (FOREIGN, ELSEWHERE, False),  # the same content in another folder
    ],
)
def test_what_is_compared_is_content(before: Any, after: Any, differ: bool) -> None:
    runs = [
        make_run(SOLVED, name, **({} if simulator is None else {"simulator": simulator}))
        for name, simulator in (("a", before), ("b", after))
    ]
    lines = [line for line in run_differences(*runs) if "simulator" in line]
    assert bool(lines) == differ
    verdict = gate_on_baseline(runs[1], runs[0], GateRules())
    assert (verdict.conclusion == "cannot tell") == differ
    if not differ:
        assert check_same_models(runs) is None
        assert len(arrange_runs(runs)) == 2
        return
    for compared in (lambda: check_same_models(runs), lambda: arrange_runs(runs)):
        with pytest.raises(UsageError, match=r"simulator\.") as caught:
            compared()
        assert "--force" in str(caught.value.hint)
    assert "simulator." in str(check_same_models(runs, force=True))
    assert "simulator." in "".join(arrange_runs(runs, force=True)[0].notes)


def test_parts_of_one_run_are_of_one_simulator() -> None:
    first, second = HALF.copy(), HALF.copy()
    first[:5], second[5:] = 1, 1
    parts = [make_run(first, "a", simulator=OWN), make_run(second, "b", simulator=STIFF)]
    assert len(arrange_runs(parts, force=True)) == 2


def test_published_rates_are_those_of_liberos_own_simulator() -> None:
    assert f"simulator: {SENTENCE}" in published_differences(make_run(SOLVED, simulator=FOREIGN))
    own = published_differences(make_run(SOLVED, simulator=OWN))
    assert not any("simulator" in line for line in own)


@pytest.mark.parametrize("odd", [None, [], "x", {"foreign": None}, {"foreign": ["a"]}])
def test_odd_values_are_no_foreign_package(odd: Any) -> None:
    assert not any("simulator" in note for note in measured_notes({"simulator": odd}))


@pytest.mark.parametrize("form", ["text", "md", "json"])
def test_every_output_names_it(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gridseval.cli import main

    folders = [
        str(write_run(make_run(SOLVED, simulator=FOREIGN), tmp_path / name)) for name in ("a", "b")
    ]
    for words in (["table", folders[0]], ["table", *folders], ["compare", *folders]):
        with pytest.raises(SystemExit) as ended:
            main([*words, "--format", form])
        shown = capsys.readouterr()
        assert ended.value.code == 0, shown.err
        assert SENTENCE in " ".join(shown.out.split()), words
    with pytest.raises(SystemExit):
        main(["report", folders[0]])
    page = Path(capsys.readouterr().out.strip()).read_text(encoding="utf8")
    assert "its tasks are not hf-libero" in page
    verdict = gate_on_threshold(make_run(SOLVED, simulator=FOREIGN), 0.5, GateRules())
    assert any(SENTENCE in note for note in verdict.notes)
