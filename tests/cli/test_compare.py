"""gridseval compare on real runs of the scripted expert."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from run_files import write_run

from gridseval.cli import main

Runs = tuple[Path, Path, Path]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, assets: Path) -> Runs:
    """Two equal runs of two episodes, and one that is too short to solve them."""
    folder = tmp_path_factory.mktemp("runs")
    words = ["run", "--suite", "libero_object", "--policy", "oracle", "--tasks", "0"]
    words += ["--trials", "2", "--workers", "0", "--assets", str(assets), "--record-actions"]
    more = {"a": ["--video", "1"], "b": ["--video", "none"], "short": ["--video", "1"]}
    more["short"] += ["--max-steps", "5"]
    for name, options in more.items():
        with pytest.raises(SystemExit) as ended:
            main([*words, "--out", str(folder / name), *options])
        assert ended.value.code == 0
    return folder / "a", folder / "b", folder / "short"


def test_two_runs_of_the_expert_are_identical(cli: Any, runs: Runs) -> None:
    said = cli("compare", *runs[:2])
    assert (said.status, said.err) == (0, "")
    assert " ".join(said.out.split()).startswith(
        "a and b are identical: 2 episodes with the same outcomes and steps, and the same actions "
        "to the bit settings that differ (A -> B): video: "
    )
    data = json.loads(cli("compare", *runs[:2], "--format", "json").out)
    assert data["identical"] is True
    assert data["episodes"]["recorded"] == 2 and data["episodes"]["different"] == 0


def test_a_crippled_run_is_not(cli: Any, runs: Runs, tmp_path: Path) -> None:
    video = tmp_path / "flip.mp4"
    said = cli("compare", runs[0], f"bad={runs[2]}", "--video", video)
    assert said.status == 0
    assert "A = a, B = bad" in said.out
    assert "max_steps: 280 -> 5" in said.out
    assert "after 5 equal steps" in " ".join(said.out.split())
    assert said.err == f"video of trial 0 of task 0 of libero_object: {video}\n"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(video), "-f", "null", "-"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "h264" in shown and "1024x352" in shown
    assert "| bad" not in cli("compare", runs[0], runs[2], "--format", "md").out


def test_no_video_is_said_and_no_error(cli: Any, runs: Runs, tmp_path: Path) -> None:
    video = tmp_path / "flip.mp4"
    said = cli("compare", *runs[:2], "--video", video)
    assert (said.status, said.err) == (0, "no video: no episode flipped\n")
    said = cli("compare", runs[1], runs[2], "--video", video)
    assert said.status == 0
    assert said.err.startswith("no video: both runs need one of the same flipped episode")
    assert not video.exists()


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [("x.gif", 2, "does not end in .mp4"), ("gone/x.mp4", 5, "its folder does not exist")],
)
def test_a_video_that_cannot_be_written_is_named(
    cli: Any, runs: Runs, tmp_path: Path, name: str, status: int, reason: str
) -> None:
    said = cli("compare", runs[0], runs[2], "--video", tmp_path / name)
    assert said.status == status
    assert reason in said.err


def test_other_suites_are_refused(cli: Any, runs: Runs, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", [])
    said = cli("compare", runs[0], other)
    assert (said.status, said.out) == (2, "")
    assert "only runs of the same suites can be compared" in said.err


def test_the_expert_s_table(cli: Any, runs: Runs) -> None:
    said = cli("table", *runs)
    assert said.status == 0
    assert "100.0" in said.out and "0.0" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
