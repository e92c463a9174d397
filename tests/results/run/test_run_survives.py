"""Full disks and SIGKILL: what was written before stays readable, and nothing is there twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gridseval.errors import OutputError
from gridseval.files import write_atomically
from gridseval.results import EpisodeRecord, RunDirectory, read_records
from gridseval.results.run.files import append_line

# Appends every trial that is not done yet; a record is some 70 kB, so that kills hit writes.
WRITER = """
import resource, sys
from pathlib import Path
from gridseval.errors import OutputError
from gridseval.results import EpisodeRecord, RunDirectory, write_tables
path, trials, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
def record(trial):
    return EpisodeRecord(suite="s", task=0, task_name="t", trial=trial, instruction="i",
        status="success", success=True, steps=trial, seed=7, extra={"pad": "x" * 70_000})
run = RunDirectory.open(path, {"suite": "s"})
print("open", flush=True)
for trial in range(trials):
    if ("s", 0, trial) in run.done():
        continue
    try:
        run.append(record(trial))
    except OutputError as error:
        print(error, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        run.append(record(trial))
    write_tables(run)
"""


def _start(path: Path, trials: int, limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(trials), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_run_is_resumed_without_loss_or_doubles(tmp_path: Path) -> None:
    path, trials = tmp_path / "run", 60
    rng, kept, kills = random.Random(5), 0, 0
    while kept < trials:
        with _start(path, trials) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "open\n"
            time.sleep(rng.uniform(0.0, 0.04))
            writer.send_signal(signal.SIGKILL if kills < 6 else 0)
            assert writer.wait() in (0, -signal.SIGKILL)
        kills += 1
        records = read_records(path / "episodes.jsonl")
        assert [record.trial for record in records] == list(range(len(records)))
        assert len(records) >= kept
        kept = len(records)
        if (path / "summary.json").exists():
            json.loads((path / "summary.json").read_text())
    lines = (path / "episodes.jsonl").read_text().splitlines()
    assert [json.loads(line)["trial"] for line in lines] == list(range(trials))
    assert kills > 1


def test_a_file_at_its_limit_loses_no_earlier_line(tmp_path: Path) -> None:
    # The limit falls within the third line: the write is short first, then fails with EFBIG.
    with _start(tmp_path / "run", 4, limit=180_000) as writer:
        out, err = writer.communicate()
    assert writer.returncode == 0, err
    assert f"cannot append to {tmp_path}/run/episodes.jsonl: File too large" in out
    assert [record.trial for record in read_records(tmp_path / "run" / "episodes.jsonl")] == [
        0,
        1,
        2,
        3,
    ]


def test_a_full_disk_is_named() -> None:
    full = os.open("/dev/full", os.O_WRONLY | os.O_APPEND)
    try:
        with pytest.raises(OutputError, match="append to x: No space left on device") as caught:
            append_line(full, b"line\n", Path("x"))
    finally:
        os.close(full)
    assert caught.value.exit_code == 5
    assert caught.value.hint is not None
    assert "finished episodes are kept" in caught.value.hint


def test_a_short_write_is_completed_or_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "log", os.write
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    append_line(descriptor, b"first\n", path)
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:4]))
    append_line(descriptor, b"second\n", path)
    with pytest.raises(OutputError, match="only 8 of 12 bytes were written"):
        append_line(descriptor, b"third third\n", path)
    os.close(descriptor)
    assert path.read_bytes() == b"first\nsecond\n"


def test_an_append_after_a_failure_that_could_not_be_undone_cuts_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_record: Callable[..., EpisodeRecord]
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with RunDirectory.open(tmp_path / "run", {}) as run:
        run.append(make_record(trial=0))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            patch.setattr(os, "ftruncate", broken)
            write = os.write
            patch.setattr(os, "write", lambda fd, data: write(fd, data[:-9]))
            with pytest.raises(OutputError, match="bytes were written"):
                run.append(make_record(trial=1))
        run.append(make_record(trial=2))
        assert [record.trial for record in run.records()] == [0, 2]
    assert [record.trial for record in read_records(tmp_path / "run" / "episodes.jsonl")] == [0, 2]


def test_a_table_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "table.md"
    write_atomically(path, "old \ud800")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=f"cannot write {path}: No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old \\ud800"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.md"]


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'mujoco', 'gymnasium', 'numpy', 'libero', 'gridseval.suites'}"
    # The package itself registers Gymnasium's environments; only the room is looked at here.
    bare = (
        "import sys, types, importlib.util as u; p = u.find_spec('gridseval');"
        "sys.modules['gridseval'] = m = types.ModuleType('gridseval');"
        "m.__path__ = p.submodule_search_locations;"
    )
    code = f"{bare} import gridseval.results; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
