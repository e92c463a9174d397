"""Run directories made of records alone, and a real browser to look at their reports with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, sync_playwright
from report_doubles import Line, MakeRun

CLIP = Path(__file__).parents[2] / "videos" / "libero_spatial-drawer.mp4"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that makes a run directory with a playable clip in ``videos/``."""

    def make_run(name: str, records: Sequence[Line], **changed: Any) -> Path:
        run = tmp_path / name
        (run / "videos").mkdir(parents=True)
        shutil.copy(CLIP, run / "videos" / "clip 1.mp4")
        manifest = {
            "suite": "libero_object",
            "episodes": len(records),
            "seed": 7,
            "env_seed": 0,
            "max_steps": 280,
            "settle_steps": 10,
            "policy": {"name": "pi05", "arguments": {}},
            "assets": {"identity": "libero", "hash": "0123456789abcdef"},
            "versions": {"mujoco": "3.3.2"},
            "command": "gridseval run --suite libero_object",
        }
        (run / "run.yaml").write_text(yaml.safe_dump(manifest | changed, sort_keys=False))
        text = "".join(json.dumps(record) + "\n" for record in records)
        (run / "episodes.jsonl").write_text(text)
        return run

    return make_run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a real Chromium; without one tests fail, for nothing is skipped."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()
