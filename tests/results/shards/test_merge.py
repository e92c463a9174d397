"""Shards that lie in a folder: merged in part and again, with their files, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from run_files import MANIFEST, write_run

from gridseval.cli import main
from gridseval.errors import OutputError, UsageError
from gridseval.results import EpisodeRecord, RunDirectory, read_run
from gridseval.results.shards.merge import merge_shards

MakeRecord = Callable[..., EpisodeRecord]
MakeShard = Callable[..., Path]


@pytest.fixture
def make_shard(tmp_path: Path, make_record: MakeRecord) -> MakeShard:
    """Return a function that writes shard I of 3, with some trials of task 0."""

    def make(index: int, *trials: int, status: str = "success", **changed: Any) -> Path:
        shard = {"index": index, "count": 3}
        own = {"episodes": 2, "planned": 5, "trials": 5, "tasks": [0], "machine": {"name": "vm"}}
        video = {"video": f"videos/{index}.mp4"}
        records = [make_record(status, task=0, trial=trial, **video) for trial in trials]
        manifest = MANIFEST | own | {"shard": shard} | changed
        path = write_run(tmp_path / "run" / "shards" / str(index), records, manifest)
        (path / "videos").mkdir()
        (path / "videos" / f"{index}.mp4").write_bytes(b"frames" * index)
        (path / "videos" / f"{index}.part.mp4").write_bytes(b"")
        return path

    return make


def merged(out: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as left:
        main(["merge", str(out)])
    return left.value.code, capsys.readouterr().err


def test_a_part_is_merged_and_the_rest_later(
    make_shard: MakeShard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    make_shard(2, 4)
    code, said = merged(out, capsys)
    assert (code, said.splitlines()) == (
        6,
        [
            "gridseval: shards of 3 that are missing: 0, 1",
            "gridseval: shard 2 has 1 of 2 episodes",
        ],
    )
    make_shard(0, 3, 0, machine={"name": "other"}, notes=["a replica was lost"])
    make_shard(1, 2, 1, status="error", started="2026-01-01")
    code, said = merged(out, capsys)
    assert (code, said) == (6, "gridseval: shard 2 has 1 of 2 episodes\n")
    run = read_run(out)
    assert [record.trial for record in run.records] == [0, 1, 2, 3, 4]
    assert (run.manifest["episodes"], run.manifest["notes"]) == (5, ["a replica was lost"])
    assert "shard" not in run.manifest
    assert "planned" not in run.manifest
    names = sorted(path.name for path in (out / "videos").iterdir())
    assert names == ["0.mp4", "1.mp4", "2.mp4"]
    assert (out / "videos" / "2.mp4").read_bytes() == b"framesframes"


def test_an_error_gives_way_and_what_the_run_has_beyond_its_shards_stays(
    make_shard: MakeShard, make_record: MakeRecord, tmp_path: Path
) -> None:
    make_shard(0, 0, status="error")
    out = tmp_path / "run"
    merge_shards(out)
    manifest = yaml.safe_load((out / "run.yaml").read_text())
    with RunDirectory.open(out, manifest) as run:
        run.append(make_record(task=0, trial=0))
        run.append(make_record(task=0, trial=3))
    make_shard(1, 1)
    assert merge_shards(out).summary.tally.errors == 0
    assert [record.trial for record in read_run(out).records] == [0, 1, 3]


def test_shards_of_different_runs_are_refused(make_shard: MakeShard, tmp_path: Path) -> None:
    make_shard(0, 0)
    make_shard(1, 1, seed=8, trials=6)
    with pytest.raises(UsageError) as caught:
        merge_shards(tmp_path / "run")
    said = str(caught.value)
    assert "shards/1 are not shards of one run:\n  seed: 7 -> 8\n  trials: 5 -> 6" in said
    assert not (tmp_path / "run" / "run.yaml").exists()


def test_shards_of_other_versions_need_a_word(make_shard: MakeShard, tmp_path: Path) -> None:
    make_shard(0, 0, renderer="egl: one")
    make_shard(1, 1, renderer="egl: two")
    out = tmp_path / "run"
    with pytest.raises(UsageError, match="--resume-anyway merges them"):
        merge_shards(out)
    for _ in range(2):
        notes = merge_shards(out, anyway=True).summary.notes
        assert [note for note in notes if "renderer: 'egl: one', then 'egl: two'" in note]
    assert read_run(out).manifest["mixed"] == {"renderer": ["egl: one", "egl: two"]}


def test_a_folder_with_another_run_is_refused(make_shard: MakeShard, tmp_path: Path) -> None:
    moved = make_shard(1, 1)
    moved.rename(moved.with_name("0"))
    with pytest.raises(UsageError, match="is not shard 0 of a run"):
        merge_shards(tmp_path / "run")
    moved.with_name("0").rename(moved)
    with pytest.raises(OutputError, match=r"gridseval merge .* makes one run of its shards"):
        RunDirectory.open(tmp_path / "run", MANIFEST)
    write_run(tmp_path / "other", [], MANIFEST | {"seed": 8})
    (tmp_path / "other" / "shards").mkdir()
    moved.rename(tmp_path / "other" / "shards" / "1")
    with pytest.raises(OutputError, match="holds another run"):
        merge_shards(tmp_path / "other")
