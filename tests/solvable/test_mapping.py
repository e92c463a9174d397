"""Maps that are really made: what is run, resumed after a kill, drawn and written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from gridseval.errors import OutputError, UsageError
from gridseval.results.run.jsonl import read_records
from gridseval.solvable import SolvableConfig, make_map, plans_of, read_map
from gridseval.solvable.contact_sheet import write_sheets
from gridseval.solvable.plan import plan_of
from gridseval.solvable.strips import Strip, draw


def config(out: Path, assets: Path, *suites: str, **changed: Any) -> SolvableConfig:
    return SolvableConfig(suites, out, assets=str(assets), workers=0, **changed)


def test_libero_plus_stands_for_its_four_suites() -> None:
    asked = SolvableConfig(("libero_goal", "libero_plus", "libero_plus_10"), Path())
    assert asked.all_suites == (
        "libero_goal",
        *(f"libero_plus_{part}" for part in ("spatial", "object", "goal", "10")),
    )
    for changed in ({"trials": 0}, {"sheet": -1}):
        with pytest.raises(UsageError, match="must be at least"):
            SolvableConfig(("libero_goal",), Path(), **changed)  # type: ignore[arg-type]


def test_a_map_of_one_task(tmp_path: Path, assets: Path) -> None:
    asked = config(tmp_path, assets, "libero_object", tasks="0")
    mapped = make_map(asked, *plans_of(asked))
    (row,) = mapped.rows
    (record,) = read_records(tmp_path / "libero_object" / "episodes.jsonl")
    assert (row.state, row.attempts, row.steps) == ("solved", 1, record.steps)
    assert set(record.extra["remark"]) == {
        *("goal", "phase", "attempts", "missing", "held_at_start", "reason"),
    }
    assert record.extra["remark"]["held_at_start"] is False
    manifest = yaml.safe_load((tmp_path / "libero_object" / "run.yaml").read_text())
    assert mapped.expert == manifest["policy"]["expert"]
    assert read_map(tmp_path / "libero_object" / "map.jsonl") == mapped.rows
    assert "## By suite" in (tmp_path / "libero_object" / "map.md").read_text()
    # The same again runs nothing; other trials are another run.
    before = (tmp_path / "libero_object" / "episodes.jsonl").read_bytes()
    assert make_map(asked, *plans_of(asked)) == mapped
    assert (tmp_path / "libero_object" / "episodes.jsonl").read_bytes() == before
    more = replace(asked, trials=2)
    with pytest.raises(OutputError, match="trials"):
        make_map(more, *plans_of(more))
    # So are other problems under the same names, as after an edit of LIBERO-Plus's files.
    edited = [replace(plan, problems_sha256="0" * 64) for plan in plans_of(asked)]
    with pytest.raises(OutputError, match="problems_sha256"):
        make_map(asked, *edited)
    # Nothing is unsolved, so nothing is drawn, and what an earlier map drew is gone.
    (tmp_path / "libero_object" / "unsolved-1.png").touch()
    assert list(write_sheets(mapped, 5, str(assets))) == []
    assert not (tmp_path / "libero_object" / "unsolved-1.png").exists()
    # The frames come from the recorded actions.
    unsolved = replace(mapped, rows=(replace(row, unsolved=(0,), solved=0),))
    (sheet,) = write_sheets(unsolved, 5, str(assets))
    with Image.open(sheet) as image:
        colours = image.getcolors(maxcolors=2**24)
        assert colours is not None and len(colours) > 2000
    assert list(write_sheets(unsolved, 0, str(assets))) == []


@pytest.mark.libero_plus
def test_tasks_that_are_the_same_are_run_once_or_all(tmp_path: Path, assets: Path) -> None:
    asked = config(tmp_path, assets, "libero_plus_goal", sample=60)
    plan = plan_of(asked, "libero_plus_goal")
    every = plan_of(replace(asked, every_task=True), "libero_plus_goal")
    assert len(plan.tasks) == 60 == len(every.tasks)
    assert len(every.run) + len(every.lacking) == 60
    assert len(plan.run) < len(every.run)
    assert set(plan.first) == set(every.first)
    assert {plan.suite.tasks[i].variant.dimension for i in plan.lacking} <= {  # type: ignore[union-attr]
        *("light", "background", "layout"),
    }


def test_a_sheet_has_a_row_per_episode() -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    strips = [Strip("t", "name_of_it", "why " * 90, ((0, grey), (9, grey), (18, grey)))] * 3
    image: Image.Image = draw(strips)
    one = draw(strips[:1])
    assert image.height == 3 * one.height
    assert np.asarray(image)[one.height // 2, 80].tolist() == [128, 128, 128]


@pytest.mark.slow
def test_a_killed_map_goes_on_where_it_was(tmp_path: Path, assets: Path) -> None:
    words = ["libero_object", "--tasks", "0,1", "--trials", "2", "--workers", "1"]
    out = tmp_path / "map"
    command = [sys.executable, "-m", "gridseval", "solvable", *words, "--out", str(out)]
    env = {**os.environ, "GRIDSEVAL_ASSETS": str(assets)}
    episodes = out / "libero_object" / "episodes.jsonl"
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 300
        while time.monotonic() < until and not (episodes.exists() and episodes.read_bytes()):
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    before = episodes.read_bytes()
    assert 1 <= before.count(b"\n") < 4
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    after = episodes.read_bytes()
    assert after.startswith(before[: before.rfind(b"\n") + 1]), "no episode was run twice"
    lines = [json.loads(line) for line in after.splitlines()]
    assert sorted((line["task"], line["trial"]) for line in lines) == [
        *((0, 0), (0, 1), (1, 0), (1, 1)),
    ]
    assert [row.attempts for row in read_map(out / "libero_object" / "map.jsonl")] == [2, 2]
