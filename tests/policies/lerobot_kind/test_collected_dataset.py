"""The real LeRobot loads a dataset that ``gridseval collect`` wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

LOAD = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
data = LeRobotDataset("a/b", root=sys.argv[1], delta_timestamps={"action": [0, 0.2]})
frame = data[len(data) - 1]
print(json.dumps({
    "frames": len(data),
    "episodes": data.num_episodes,
    "fps": data.fps,
    "task": frame["task"],
    "action": list(frame["action"].shape),
    "image": list(frame["observation.images.wrist"].shape),
    "wrist": float(frame["observation.images.wrist"].mean()),
    "state": frame["observation.state"].tolist(),
    "mean": data.meta.stats["observation.images.wrist"]["mean"].ravel().tolist(),
    "trial": data.meta.episodes[1]["gridseval/trial"],
}))
"""


@pytest.mark.slow
def test_lerobot_loads_it(
    assets: Path, lerobot_environment: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "data"
    options = ["--suite", "libero_object", "--tasks", "2", "--starts", "fresh:2"]
    options += ["--policy", "oracle", "--image-px", "64", "--out", str(out)]
    subprocess.run(
        [sys.executable, "-m", "gridseval", "collect", *options],
        env={**os.environ, "GRIDSEVAL_ASSETS": str(assets)},
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(out)],
        env=lerobot_environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    info = json.loads((out / "meta/info.json").read_text())
    assert (found["frames"], found["episodes"], found["fps"]) == (info["total_frames"], 2, 5)
    assert found["task"] == "pick up the salad dressing and place it in the basket"
    assert (found["action"], found["image"], found["trial"]) == ([2, 7], [3, 64, 64], 1)
    assert 0.1 < found["wrist"] < 0.9
    assert all(0.1 < mean < 0.9 for mean in found["mean"])
    (file,) = (out / "data").rglob("*.parquet")
    states = pyarrow.parquet.read_table(file)["observation.state"]
    assert found["state"] == states[-1].as_py()
