"""What reaches the terminal, in any encoding, through closed and full streams."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from gate_runs import make_run, write_run

from gridseval.cli import main
from gridseval.foreign_text import csv_cell, markdown_cell
from gridseval.os_errors import unforeseen

HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e\r\x7f\x08 <img src=x> | =1+1"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams") / "run"
    return write_run(make_run(np.ones((2, 3), int), notes=[HOSTILE, "– × ─ é 漢"]), folder)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_run(np.array([[1, 0, -1]]), policy={"name": HOSTILE}, notes=[HOSTILE])
    folder = write_run(made, tmp_path_factory.mktemp("streams") / "hostile")
    text = (folder / "episodes.jsonl").read_text().replace("do 0", "=cmd <script>\\u001b[2J\\u009b")
    (folder / "episodes.jsonl").write_text(text)
    return folder


def ended(words: list[Any], before: str = "", after: str = "", **env: str) -> Any:
    """Run gridseval in a shell that changes its standard streams."""
    line = f'{before} "$@" {after}'
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "gridseval", *map(str, words)]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, timeout=120)


class Spoken(NamedTuple):
    status: Any
    out: bytes
    err: bytes


def spoken(monkeypatch: pytest.MonkeyPatch, encoding: str, *words: object) -> Spoken:
    """Run a command in this process, on terminals of an encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, errors="strict") for _ in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
    said = [stream.buffer.getvalue() for stream in streams]  # type: ignore[attr-defined]
    assert [stream.errors for stream in streams] == ["strict", "strict"]
    return Spoken(caught.value.code, *said)


@pytest.mark.parametrize(
    "encoding",
    [
        *("ascii", "latin-1", "cp437", "cp1252", "koi8-r", "gbk", "shift_jis", "iso2022_jp", "hz"),
        *("cp037", "mac-roman", "utf-16", "utf-32-be", "utf-7", "idna", "punycode", "utf-8"),
    ],
)
def test_every_encoding_ends_as_utf8_does(
    monkeypatch: pytest.MonkeyPatch, run: Path, encoding: str
) -> None:
    for words, code in ((("table", run), 0), (("table", run.parent / "é漢\udcff"), 2)):
        done = spoken(monkeypatch, encoding, *words)
        assert done.status == code
        if encoding not in ("idna", "punycode"):  # no encodings of terminals
            assert ("success" if code == 0 else "no run") in (
                done.out + done.err if encoding != "utf-16" else done.out or done.err
            ).decode(encoding)


def test_usual_signs_have_substitutes(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    text = spoken(monkeypatch, "latin-1", "table", run).out.decode("latin-1")
    assert "---" in text and "é" in text and "- × - é ?" in text
    text = spoken(monkeypatch, "ascii", "table", run).out.decode("ascii")
    assert "- x - ? ?" in text


@pytest.mark.parametrize(
    "words", [["--help"], ["policies"], ["suites"], ["policies", "show", "pi05"]]
)
def test_every_command_speaks_ascii(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    done = spoken(monkeypatch, "ascii", *words)
    assert (done.status, done.err) == (0, b"")


class Failing(io.StringIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [28, 9, 122, 27])
def test_a_stream_that_fails_costs_the_results_on_it_only(
    monkeypatch: pytest.MonkeyPatch, run: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, code in ((["table", run], 5), (["report", run], 0), (["table", "absent"], 2)):
        monkeypatch.setattr(sys, "stdout", Failing(number))
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        assert caught.value.code == code
        said = capsys.readouterr().err
        assert "bug" not in said
        assert ("standard output is not whole" in said) == (code != 2)


@pytest.mark.parametrize("number", [32, 5])
def test_a_reader_or_terminal_that_is_gone_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, run: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(number))
    with pytest.raises(SystemExit) as caught:
        main(["table", str(run)])
    assert caught.value.code == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("absent", [["stdout"], ["stderr"], ["stdout", "stderr", "stdin"]])
def test_streams_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, run: Path, absent: list[str]
) -> None:
    for words, code in ((["table", run], 0), (["table", "absent"], 2)):
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as caught:
            for name in absent:
                patch.setattr(sys, name, None)
            main([str(word) for word in words])
        assert caught.value.code == code


def test_closed_and_full_descriptors(run: Path, tmp_path: Path) -> None:
    report = ["report", run, "--out", tmp_path / "r.html"]
    for words, after, code in ((report, ">&- 2>&- <&-", 0), (["table", run], ">/dev/full", 5)):
        done = ended(words, after=after)
        assert done.returncode == code
        assert b"bug" not in done.stderr and b"Exception ignored" not in done.stderr
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("words", [["table"], ["table", "--format", "csv"], ["compare"]])
def test_no_control_character_reaches_the_terminal(
    cli: Any, hostile: Path, words: list[str]
) -> None:
    runs = [hostile, hostile] if words == ["compare"] else [hostile]
    said = cli(*words, *runs)
    assert said.status == 0
    controls = [c for c in said.out + said.err if not c.isprintable() and c not in "\n\t\u00a0"]
    assert controls == []


def test_an_error_with_foreign_text_is_plain(cli: Any, tmp_path: Path) -> None:
    for name in ("a\x1b[2J", "b\x9b", "c\u202e", "d\rx"):
        said = cli("table", tmp_path / name)
        assert said.status == 2
        assert said.err.replace("\n", "").isprintable()


def test_markdown_passes_no_html(cli: Any, hostile: Path) -> None:
    said = cli("table", hostile, "--format", "md")
    assert "<script>" not in said.out and "&lt;script>" in said.out
    assert "<img" not in said.out
    for tag in ("<b>", "</b>", "<!--", "<?x", "<SVG/onload=x>"):
        assert "<" not in markdown_cell(tag)
    assert markdown_cell("&lt;b> p < 0.05 & more") == "&amp;lt;b> p < 0.05 & more"


def test_csv_cells_begin_no_formula(cli: Any, hostile: Path) -> None:
    said = cli("table", f"@cmd={hostile}", "--format", "csv")
    assert "\n'@cmd," in said.out and "\n@cmd," not in said.out
    for text in ("=1", "+x", "-x", "@x", "\t=1", " =1", "-1+cmd"):
        assert str(csv_cell(text)).startswith("'")
    for value in ("a", "", "-1.5", "+2", 3, -0.25, None, "1-2"):
        assert csv_cell(value) == value


def test_what_no_code_foresaw_is_no_bug_if_the_machine_refused_it() -> None:
    for number, code in ((24, 3), (23, 3), (12, 3), (28, 5), (36, 2), (40, 2), (13, 2)):
        known = unforeseen(OSError(number, os.strerror(number), "a" * 300))
        assert known is not None and known.exit_code == code
        assert len(str(known)) < 400
    assert unforeseen(MemoryError()).exit_code == 3  # type: ignore[union-attr]
    assert unforeseen(ValueError("x")) is None


@pytest.mark.parametrize("words", [["table"], ["report"], ["compare", "x"], ["suites"]])
def test_names_that_cannot_be_are_one_line(cli: Any, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text(yaml.safe_dump({}))
    for name in (
        "n" * 300,
        tmp_path / ("n" * 300),
        tmp_path / "loop" / "x",
        tmp_path / "file" / "x",
    ):
        said = cli(*words, name)
        assert said.status in (2, 5), name
        assert "bug" not in said.err and len(said.err.splitlines()) <= 2
