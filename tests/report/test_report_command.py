"""``gridseval report`` as it is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_doubles import MakeRun, line, lines

from gridseval.cli import main


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["report", *map(str, words)])
    return (caught.value.code, *capsys.readouterr())


def test_it_says_where_the_report_is(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run("run", lines(1, 3))
    assert said(capsys, run) == (0, f"{run / 'report.html'}\n", "")
    assert (run / "report.html").read_text(encoding="utf-8").count("data-status=") == 3
    other = make_run("other", [line(0, 0)])
    out = tmp_path / "both.html"
    assert said(capsys, f"dense={run}", f"pruned={other}", "--out", out) == (0, f"{out}\n", "")
    assert ">dense</small>" in out.read_text(encoding="utf-8")


def test_what_goes_wrong_is_named(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, tmp_path / "nothing")
    assert (code, out) == (2, "")
    assert f"there is no run {tmp_path}/nothing" in err
    code, _, err = said(capsys, make_run("run", []), "--out", tmp_path / "no" / "x.html")
    assert code == 5
    assert "cannot write" in err
    run = make_run("broken", [line(0, 0), line(0, 1)])
    (run / "episodes.jsonl").write_text("{\n{}\n")
    code, _, err = said(capsys, run)
    assert code == 5
    assert "line 1" in err
