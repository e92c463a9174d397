"""Outputs: no file of a run is replaced, links are followed, modes and devices stay."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gate_runs import make_run, write_run

from gridseval.errors import OutputError
from gridseval.files import write_atomically
from gridseval.output_files import check_outputs, destination, put_in_place, temporary_name

OWN = (
    *("episodes.jsonl", "run.yaml", ".lock", "table.md", "table.csv", "summary.json"),
    *("actions/a.npy", "traces/a.jsonl", "videos/a.mp4"),
)

DONE = (0, 2)  # gate cannot tell anything from a few episodes


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_run(make_run(np.ones((2, 3), int)), tmp_path / "run")
    for name in OWN[2:]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


def words(kind: str, run: Path, out: Path) -> list[Any]:
    return {
        "report": ["report", run, "--out", out],
        "junit": ["gate", run, "--min-success", 0.5, "--junit", out],
        "summary": ["gate", run, "--min-success", 0.5, "--summary", out],
    }[kind]


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", ["report", "junit", "summary"])
@pytest.mark.parametrize("way", ["direct", "link", "linked folder", "dots"])
def test_a_file_of_a_run_is_never_replaced(cli: Any, run: Path, kind: str, way: str) -> None:
    before = contents(run)
    for number, name in enumerate(OWN):
        out = run / name
        if way == "link":
            out = run.parent / f"link{number}"
            out.symlink_to(run / name)
        if way == "linked folder":
            (run.parent / f"folder{number}").symlink_to(out.parent)
            out = run.parent / f"folder{number}" / out.name
        if way == "dots":
            out = run.parent / "run" / ".." / "run" / name
        said = cli(*words(kind, run, out))
        assert (said.status, said.out) == (5, ""), name
        assert f"is a file of the run {run}" in said.err
        assert contents(run) == before


def test_the_summary_of_a_job_is_never_a_file_of_a_run(
    cli: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(run)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(run / "episodes.jsonl"))
    assert cli("gate", run, "--min-success", 0.5).status == 5
    assert contents(run) == before


def test_a_video_never_replaces_one_of_a_run(cli: Any, run: Path) -> None:
    before = contents(run)
    assert cli("compare", run, run, "--video", run / "videos" / "a.mp4").status == 5
    assert cli("gallery", "--suite", "libero_goal", "--out", run / "videos" / "a.mp4").status != 0
    assert contents(run) == before


def test_a_report_replaces_only_reports_of_its_own_runs(cli: Any, run: Path) -> None:
    other = write_run(make_run(np.ones((2, 3), int)), run.parent / "other")
    for _ in range(2):
        assert cli("report", run).status == 0
        assert cli("report", run, other, "--out", other / "report.html").status == 0
    assert cli("report", run, "--out", other / "report.html").status == 5


def test_two_outputs_are_not_one_file(cli: Any, run: Path) -> None:
    gate = ["gate", run, "--min-success", 0.5]
    said = cli(*gate, "--junit", run.parent / "x", "--summary", run.parent / "." / "x")
    assert (said.status, "are the same file" in said.err) == (2, True)


@pytest.mark.parametrize("kind", ["report", "junit", "summary"])
def test_links_are_followed_and_modes_kept(cli: Any, run: Path, kind: str) -> None:
    far = run.parent / "far"
    far.mkdir()
    (far / "file").write_text("old")
    for mode in (0o600, 0o640, 0o664):
        (far / "file").chmod(mode)
        (far / "one").unlink(missing_ok=True)
        (far / "one").symlink_to("file")
        (far / "two").unlink(missing_ok=True)
        (far / "two").symlink_to(far / "one")
        assert cli(*words(kind, run, far / "two")).status in DONE
        assert (far / "two").is_symlink() and (far / "one").is_symlink()
        assert (far / "file").read_text() != "old"
        assert stat.S_IMODE((far / "file").stat().st_mode) == mode
    (far / "dangling").symlink_to(far / "made")
    assert cli(*words(kind, run, far / "dangling")).status in DONE
    assert (far / "made").is_file() and (far / "dangling").is_symlink()
    assert names(far) == ["dangling", "file", "made", "one", "two"]


@pytest.mark.parametrize("kind", ["report", "junit", "summary"])
def test_what_is_no_regular_file_stays(cli: Any, run: Path, kind: str) -> None:
    os.mkfifo(run.parent / "pipe")
    (run.parent / "device").symlink_to("/dev/null")
    (run.parent / "loop").symlink_to(run.parent / "loop")
    assert cli(*words(kind, run, run.parent / "device")).status in DONE
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    for name in ("pipe", "loop", "run"):  # a pipe without a reader must not wait for one
        said = cli(*words(kind, run, run.parent / name))
        assert (said.status, len(said.err.splitlines()) <= 2) == (5, True), name
    assert stat.S_ISFIFO((run.parent / "pipe").stat().st_mode)
    assert cli(*words(kind, run, Path("/dev/full"))).status == 5


def test_a_pipe_with_a_reader_gets_the_text(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    thread = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    thread.start()
    while thread.is_alive():
        try:
            write_atomically(tmp_path / "pipe", "x" * 200_000)
            break
        except OutputError:
            continue  # the reader is not there yet
    thread.join()
    assert read == ["x" * 200_000]


def test_a_table_that_links_to_the_records_is_refused(run: Path) -> None:
    before = contents(run)
    (run / "table.md").unlink()
    (run / "table.md").symlink_to("episodes.jsonl")
    with pytest.raises(OutputError, match="is a link to a file of the run"):
        write_atomically(run / "table.md", "text")
    assert contents(run)["episodes.jsonl"] == before["episodes.jsonl"]
    (run.parent / "kept").mkdir()
    (run / "run.yaml").rename(run.parent / "kept" / "run.yaml")
    (run / "run.yaml").symlink_to(run.parent / "kept" / "run.yaml")
    assert destination(run / "run.yaml") == run.parent / "kept" / "run.yaml"


def test_a_link_where_a_file_is_prepared_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("victim")
    (tmp_path / ".out.new").symlink_to(tmp_path / "victim")
    write_atomically(tmp_path / "out", "new")
    assert (tmp_path / "victim").read_text() == "victim"
    assert (tmp_path / "out").read_text() == "new"


def test_a_finished_file_goes_to_the_end_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "x.mp4").symlink_to(tmp_path / "far" / "y.mp4")
    for content in ("1", "2"):
        (tmp_path / "x.part.mp4").write_text(content)
        put_in_place(tmp_path / "x.part.mp4", tmp_path / "x.mp4")
        assert (tmp_path / "far" / "y.mp4").read_text() == content
    assert names(tmp_path) == ["far", "x.mp4"]
    assert names(tmp_path / "far") == ["y.mp4"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "a" * 250])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, "text")
    assert names(tmp_path) == [name]
    assert len(os.fsencode(temporary_name(name))) <= 255


def test_new_files_follow_the_mask(tmp_path: Path) -> None:
    earlier = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", "text")
    finally:
        os.umask(earlier)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    check_outputs(tmp_path / "new", None)
