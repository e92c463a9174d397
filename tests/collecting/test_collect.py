"""``gridseval collect``: what a dataset holds, resuming it, and loading it with LeRobot."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from gridseval.envs.libero_env import LiberoEnv
from gridseval.results import read_run

COMMAND = (sys.executable, "-m", "gridseval", "collect", "--suite", "libero_object")
ONCE = ("--tasks", "1-2", "--starts", "fresh:1", "--policy", "oracle", "--noise", "0.3")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run(assets: Path) -> Run:
    """Return a function that runs the command on the development models."""

    def run(*options: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        given = {**os.environ, "GRIDSEVAL_ASSETS": str(assets)}
        done = subprocess.run([*COMMAND, *options], env=given, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def dataset(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("collect") / "data"
    done = run(*ONCE, "--image-px", "64", "--workers", "2", "--out", str(out))
    assert "2 of 2 episodes succeeded" in done.stdout
    return out


def frames_of(dataset: Path) -> dict[str, list[Any]]:
    (path,) = (dataset / "data").rglob("*.parquet")
    columns: dict[str, list[Any]] = pyarrow.parquet.read_table(path).to_pydict()
    return columns


def test_frames_are_what_the_policy_saw(dataset: Path, assets: Path) -> None:
    """The first frame of an episode equals the environment's observation."""
    frames = frames_of(dataset)
    start = frames["episode_index"].index(1)
    env = LiberoEnv("libero_object", assets=assets, seed=100)
    seen, _ = env.reset(options={"task": 2, "start": 0})
    env.close()
    assert frames["observation.state"][start] == seen["state"].tolist()
    for camera in ("agentview", "wrist"):
        png = frames[f"observation.images.{camera}"][start]["bytes"]
        shown = np.asarray(Image.open(io.BytesIO(png)), float)
        averaged = seen[camera].reshape(64, 4, 64, 4, 3).mean((1, 3))
        assert np.abs(shown - averaged).max() <= 1.0  # each of the two axes is rounded


def test_labels_have_no_noise(dataset: Path) -> None:
    frames = frames_of(dataset)
    action, label = np.array(frames["action"]), np.array(frames["label"]).reshape(-1, 8, 7)
    noisy = (action != label[:, 0]).any(1)
    assert 0.2 < noisy.mean() < 0.6
    assert np.abs(label).max() <= 1
    # Of translations and rotations only: what the gripper does is never disturbed.
    assert (action[:, 6] == label[:, 0, 6]).all()


def test_the_indices_and_the_records_agree(dataset: Path) -> None:
    frames, records = frames_of(dataset), read_run(dataset).records
    lengths = [frames["episode_index"].count(number) for number in (0, 1)]
    assert [record.queries for record in sorted(records, key=lambda r: r.key)] == lengths
    assert frames["index"] == list(range(sum(lengths)))
    assert frames["frame_index"] == [*range(lengths[0]), *range(lengths[1])]
    assert frames["step"][: lengths[0]] == [4 * n for n in range(lengths[0])]
    assert frames["timestamp"][1] == pytest.approx(0.2)
    info = json.loads((dataset / "meta/info.json").read_text())
    assert (info["total_episodes"], info["total_frames"], info["fps"]) == (2, sum(lengths), 5)
    assert not (dataset / "staged").exists()


def test_workers_change_nothing(dataset: Path, run: Run, tmp_path: Path) -> None:
    run(*ONCE, "--image-px", "64", "--workers", "0", "--out", str(tmp_path / "again"))
    for name in ("data/chunk-000/file-000.parquet", "meta/stats.json", "meta/info.json"):
        assert (tmp_path / "again" / name).read_bytes() == (dataset / name).read_bytes(), name


def test_a_killed_command_goes_on(dataset: Path, run: Run, assets: Path, tmp_path: Path) -> None:
    """SIGKILL after the first episode: the same command makes the same dataset."""
    out = tmp_path / "killed"
    options = *ONCE, "--image-px", "64", "--workers", "1", "--out", str(out)
    given = {**os.environ, "GRIDSEVAL_ASSETS": str(assets)}
    with subprocess.Popen(
        [*COMMAND, *options], env=given, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        records, until = out / "episodes.jsonl", time.monotonic() + 300
        while not (records.exists() and records.read_text()) and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    assert len(records.read_text().splitlines()) == 1
    assert not (out / "meta").exists()
    run(*options)
    name = "data/chunk-000/file-000.parquet"
    assert (out / name).read_bytes() == (dataset / name).read_bytes()
    before = (out / name).stat().st_mtime_ns
    run(*options)  # whole: nothing to do
    assert (out / name).stat().st_mtime_ns == before


def test_other_options_do_not_continue_a_dataset(dataset: Path, run: Run) -> None:
    done = run(*ONCE, "--image-px", "128", "--workers", "2", "--out", str(dataset), status=5)
    assert "collect.image_px: 64 -> 128" in done.stderr


def test_failures_are_no_dataset_unless_asked_for(run: Run, tmp_path: Path) -> None:
    common = "--tasks", "0", "--starts", "fresh:1", "--policy", "zero", "--workers", "0"
    few = "--replan", "5", "--image-px", "16", "--label", "oracle"
    said = run(*common, *few, "--out", str(tmp_path / "none"), status=2)
    assert "none of the 1 episodes succeeded" in said.stderr
    run(*common, *few, "--keep", "all", "--out", str(tmp_path / "all"))
    frames = frames_of(tmp_path / "all")
    assert set(frames["success"]) == {False}
    # The still policy acts; the expert labels, and would move.
    assert not np.array(frames["action"])[:, :6].any()
    assert np.abs(np.array(frames["label"])[:, :3]).max() > 0.5


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--replan", "3"), "--replan 1, 2, 4, 5, 10 or 20"),
        (("--noise", "-1"), "--noise must be within 0 and 10"),
        (("--noise", "nan"), "--noise must be within 0 and 10"),
        (("--noise-share", "2"), "--noise-share must be within 0 and 1"),
        (("--keep", "some"), "--keep 'some' is none of successes, all"),
        (("--image-px", "0"), "--image-px must be within 1 and the protocol's 256"),
        (("--image-px", "512"), "--image-px must be within 1 and the protocol's 256"),
        (("--label-arg", "chunk=4"), "--label-arg is for the policy of --label or --label-ckpt"),
    ],
)
def test_what_is_refused_is_named(
    run: Run, tmp_path: Path, options: tuple[str, ...], problem: str
) -> None:
    done = run(*ONCE, *options, "--out", str(tmp_path / "x"), status=2)
    assert problem in done.stderr
    assert not (tmp_path / "x").exists()


def test_a_failed_write_leaves_what_is_needed_to_go_on(
    dataset: Path, run: Run, tmp_path: Path
) -> None:
    """A damaged or missing staged file is named, and the same command mends it."""
    out = tmp_path / "broken"
    options = *ONCE, "--image-px", "64", "--workers", "0", "--out", str(out)
    run(*options)
    # As a process that was killed before it wrote the dataset leaves it.
    shutil.rmtree(out / "meta")
    said = run(*options, status=5)
    assert "libero_object-1-0.parquet" in said.stderr
    assert "delete its line in" in said.stderr
    (out / "episodes.jsonl").write_text("")
    run(*options)
    name = "data/chunk-000/file-000.parquet"
    assert (out / name).read_bytes() == (dataset / name).read_bytes()
