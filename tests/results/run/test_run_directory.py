"""RunDirectory: new, resumed, refused, locked, torn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridseval.errors import OutputError
from gridseval.results import (
    EpisodeRecord,
    RunDirectory,
    read_manifest,
    read_records,
    render_json,
    summarise,
    write_tables,
)
from gridseval.results.run.reading import read_run

MakeRecord = Callable[..., EpisodeRecord]
FREE = ("workers", "machine")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "goal"


def test_a_new_run_is_made_and_resumed(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    records = [make_record(trial=0), make_record("error", trial=1), make_record("failure", trial=2)]
    with RunDirectory.open(path, manifest) as run:
        assert run.records() == ()
        run.append(records[0])
        run.append(records[1])
    with RunDirectory.open(path, manifest) as run:
        assert run.records() == tuple(records[:2])
        assert run.done() == {("libero_goal", 7, 0), ("libero_goal", 7, 1)}
        run.append(records[2])
    assert read_records(path / "episodes.jsonl") == tuple(records)
    assert read_manifest(path / "run.yaml") == manifest | {"tasks": [0, 7]}


def test_an_episode_is_readable_as_soon_as_it_is_appended(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    with RunDirectory.open(path, manifest) as run:
        for trial in range(3):
            run.append(make_record(trial=trial))
            assert len(read_records(path / "episodes.jsonl")) == trial + 1


def test_a_second_record_of_an_episode_is_refused(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    with RunDirectory.open(path, manifest) as run:
        run.append(make_record(steps=1))
        with pytest.raises(OutputError, match="already has trial 3 of task 7 of libero_goal"):
            run.append(make_record(steps=2))
        assert [record.steps for record in read_records(path / "episodes.jsonl")] == [1]


def test_an_error_is_done_until_somebody_retries_it(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    with RunDirectory.open(path, manifest) as run:
        run.append(make_record("error", trial=0))
        run.append(make_record("failure", trial=1))
        assert {key[2] for key in run.done()} == {0, 1}
        assert {key[2] for key in run.done(retry_errors=True)} == {1}
        run.append(make_record("success", trial=0))
        assert {key[2] for key in run.done(retry_errors=True)} == {0, 1}
        assert [(r.trial, r.status) for r in run.records()] == [(1, "failure"), (0, "success")]
        assert run.records() == read_records(path / "episodes.jsonl")
        with pytest.raises(OutputError, match="already has trial 0"):
            run.append(make_record("success", trial=0))


def test_a_record_that_json_cannot_say_leaves_the_file_alone(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    with RunDirectory.open(path, manifest) as run:
        with pytest.raises(ValueError, match="JSON"):
            run.append(make_record(extra={"loss": float("nan")}))
        run.append(make_record())
        assert len(run.records()) == len(read_records(path / "episodes.jsonl")) == 1


def test_another_run_is_refused_with_every_difference(path: Path, manifest: dict[str, Any]) -> None:
    RunDirectory.open(path, manifest).close()
    other = {
        **manifest,
        "policy": {"name": "random", "args": {"speed": 1, "noise": 1e-6}},
        "tasks": (0, 8),
        "video": "all",
    }
    del other["seed"]
    with pytest.raises(OutputError) as caught:
        RunDirectory.open(path, other, FREE)
    assert str(caught.value).splitlines()[1:-1] == [
        "  policy.args.speed: 1.5 -> 1",
        "  policy.name: 'oracle' -> 'random'",
        "  seed: 7 -> (absent)",
        "  tasks: [0, 7] -> [0, 8]",
    ]
    assert "  video: (absent) -> 'all' (" in str(caught.value)
    RunDirectory.open(path, manifest, FREE).close()  # the lock is free again


def test_free_keys_may_differ_and_the_first_values_stay(
    path: Path, manifest: dict[str, Any]
) -> None:
    RunDirectory.open(path, manifest).close()
    moved = manifest | {"workers": 8, "machine": {"cpu": "many", "gpu": "H200"}}
    with RunDirectory.open(path, moved, FREE) as run:
        assert run.manifest["workers"] == 2
    with pytest.raises(OutputError, match=r"workers: 2 -> 8"):
        RunDirectory.open(path, moved, ("machine", "work"))


@pytest.mark.parametrize(
    "value", [1e-6, float("nan"), "07", "null", "2026-01-01", "é\udcff\u2028", None, True, [], {}]
)
def test_any_plain_value_is_the_same_when_resumed(path: Path, value: object) -> None:
    for _ in range(2):
        RunDirectory.open(path, {"a": {"b": value}}).close()


def test_other_directories_are_refused(path: Path, manifest: dict[str, Any]) -> None:
    path.mkdir(parents=True)
    (path / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"is not empty and has no run\.yaml.*thesis\.tex"):
        RunDirectory.open(path, manifest)
    assert [entry.name for entry in path.iterdir()] == ["thesis.tex"]


def test_what_a_kill_before_the_manifest_leaves_is_no_hindrance(
    path: Path, manifest: dict[str, Any]
) -> None:
    path.mkdir(parents=True)
    (path / ".lock").write_text("123\n")
    (path / ".run.yaml.new").write_text("suite: libe")
    RunDirectory.open(path, manifest).close()
    assert sorted(entry.name for entry in path.iterdir()) == [".lock", "episodes.jsonl", "run.yaml"]


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "a: 1\na: 2\n", "\0"])
def test_a_broken_manifest_is_named(path: Path, manifest: dict[str, Any], text: str) -> None:
    path.mkdir(parents=True)
    (path / "run.yaml").write_text(text)
    with pytest.raises(OutputError, match=rf"{path}/run\.yaml"):
        RunDirectory.open(path, manifest)


def test_a_torn_line_is_cut_before_the_next_is_appended(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    with RunDirectory.open(path, manifest) as run:
        run.append(make_record(trial=0))
    with (path / "episodes.jsonl").open("a") as to:
        to.write(make_record(trial=1).to_json()[:-7])
    assert len(read_records(path / "episodes.jsonl")) == 1
    with RunDirectory.open(path, manifest) as run:
        run.append(make_record(trial=2))
    lines = (path / "episodes.jsonl").read_text().splitlines()
    assert [json.loads(line)["trial"] for line in lines] == [0, 2]


@pytest.mark.parametrize("joint", ["\r", "", "\u2028", ", "])
@pytest.mark.parametrize("end", ["", "\n", "\r"])
def test_resuming_never_deletes_several_records(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord, joint: str, end: str
) -> None:
    RunDirectory.open(path, manifest).close()
    text = joint.join(make_record(trial=i).to_json() for i in range(30)) + end
    (path / "episodes.jsonl").write_bytes(text.encode())
    with pytest.raises(OutputError, match="line 1: 30 records stand on one line") as caught:
        RunDirectory.open(path, manifest)
    assert caught.value.exit_code == 5
    assert (path / "episodes.jsonl").read_bytes() == text.encode()


def test_a_record_that_only_lacks_its_line_feed_gets_it(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    RunDirectory.open(path, manifest).close()
    text = "\n".join(make_record(trial=i).to_json() for i in range(2))
    (path / "episodes.jsonl").write_text(text)
    with RunDirectory.open(path, manifest) as run:
        assert run.notes == ()
        run.append(make_record(trial=2))
    assert [r.trial for r in read_records(path / "episodes.jsonl")] == [0, 1, 2]


def test_what_is_cut_is_told_and_kept_unless_a_kill_left_it(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    RunDirectory.open(path, manifest).close()
    line = make_record(trial=1).to_json()
    mistyped = line.replace('"trial": 1', '"trial": 1x') + "\n"
    for torn, kept in ((line[:-9], None), ("\0" * 9, None), (mistyped, mistyped)):
        (path / "episodes.jsonl").write_text(f"{make_record(trial=0).to_json()}\n{torn}")
        with RunDirectory.open(path, manifest) as run:
            assert [record.trial for record in run.records()] == [0]
            assert len(run.notes) == bool(torn.strip("\0"))
        copy = path / "episodes.jsonl.cut"
        assert (copy.read_text() if copy.exists() else None) == kept


def test_records_of_another_run_are_left_out(path: Path, make_record: MakeRecord) -> None:
    manifest = {"suite": "libero_goal", "tasks": [7, 8], "trials": 4}
    others: list[dict[str, Any]] = [{"task": 3}, {"trial": 4}, {"suite": "libero_10"}]
    with RunDirectory.open(path, manifest) as run:
        assert run.notes == ()
        run.append(make_record())
    with (path / "episodes.jsonl").open("a") as to:
        to.writelines(f"{make_record(**other).to_json()}\n" for other in others)
    with RunDirectory.open(path, manifest) as run:
        assert run.records() == (make_record(),)
        assert run.notes[0].startswith("3 records of episodes.jsonl left out")
        assert write_tables(run).done == 1
    read = read_run(path)
    assert (read.records, read.notes) == ((make_record(),), run.notes)
    assert len((path / "episodes.jsonl").read_text().splitlines()) == 4


def test_a_broken_line_is_refused_and_kept(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    RunDirectory.open(path, manifest).close()
    text = f'{{"suite"\n{make_record().to_json()}\n'
    (path / "episodes.jsonl").write_text(text)
    with pytest.raises(OutputError, match=r"episodes\.jsonl, line 1: "):
        RunDirectory.open(path, manifest)
    assert (path / "episodes.jsonl").read_text() == text


def test_tables_are_written_and_replaced(
    path: Path, manifest: dict[str, Any], make_record: MakeRecord
) -> None:
    with RunDirectory.open(path, manifest) as run:
        for trial in range(2):
            run.append(make_record(trial=trial))
            assert write_tables(run).done == trial + 1
        text = (path / "summary.json").read_text()
        assert text == render_json(summarise(run.records(), run.manifest))
        assert run.folder("videos") == run.folder("videos") == path / "videos"
        (path / "actions").write_text("")
        with pytest.raises(OutputError, match=f"cannot create {path}/actions"):
            run.folder("actions")
    names = {entry.name for entry in path.iterdir() if entry.is_file()}
    assert names >= {"run.yaml", "episodes.jsonl", "table.md", "table.csv", "summary.json"}
    assert not [name for name in names if name.endswith(".new")]


def test_one_process_at_a_time(path: Path, manifest: dict[str, Any]) -> None:
    with RunDirectory.open(path, manifest) as run:
        with pytest.raises(OutputError, match=r"another process \(\d+\) is writing the run"):
            RunDirectory.open(path, manifest)
        run.close()  # leaving the block closes again
        RunDirectory.open(path, manifest).close()


@pytest.mark.parametrize("blocked", ["file", "file/below", "loop"])
def test_paths_that_cannot_be_directories_are_named(
    tmp_path: Path, manifest: dict[str, Any], blocked: str
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OutputError, match=f"cannot write to {tmp_path / blocked}"):
        RunDirectory.open(tmp_path / blocked, manifest)


def test_read_only_directories_are_named(tmp_path: Path) -> None:
    # Root may write anywhere, and containers run tests as root; so the child becomes nobody.
    tmp_path.chmod(0o555)
    code = """
import os, sys
from pathlib import Path
from gridseval.results import RunDirectory
from gridseval.errors import OutputError
if os.getuid() == 0:
    os.setuid(65534)
try:
    RunDirectory.open(Path(sys.argv[1]), {})
except OutputError as error:
    print(error)
"""
    for path in (tmp_path / "run", Path("/proc/run")):
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(f"cannot write to {path}: "), done
    tmp_path.chmod(0o755)
