"""A machine without OpenGL or without models."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridseval.results.run.jsonl import read_records

Words = Callable[..., list[object]]
NO_EGL = {"MUJOCO_GL": "egl", "__EGL_VENDOR_LIBRARY_FILENAMES": "/no/such/vendor.json"}


def test_an_image_policy_without_opengl(command: Any, run_words: Words, tmp_path: Path) -> None:
    said = command(*run_words("Seeing"), **NO_EGL)
    assert (said.status, said.out) == (3, "")
    assert said.err.startswith("gridseval: no OpenGL back end works on this machine (egl: ")
    assert "apt-get install libegl1" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "run").exists()


def test_videos_that_were_asked_for_without_opengl(
    command: Any, run_words: Words, tmp_path: Path
) -> None:
    said = command(*run_words("zero", "--video", 1), **NO_EGL)
    assert said.status == 3
    assert "no OpenGL back end works" in said.err
    assert not (tmp_path / "run").exists()


def test_a_state_only_policy_needs_no_opengl(
    command: Any, run_words: Words, tmp_path: Path
) -> None:
    for workers in (0, 1):
        out = tmp_path / str(workers)
        said = command(
            *run_words("zero", "--trials", 1, "--workers", workers, "--out", out), **NO_EGL
        )
        assert said.status == 0, said.err
        (record,) = read_records(out / "episodes.jsonl")
        assert (record.status, record.steps, record.video) == ("failure", 8, None)
        assert not (out / "videos").exists()
        assert "video: default" in (out / "run.yaml").read_text()
        assert said.err.count("no videos are made: no OpenGL back end works") == 1


def test_a_run_goes_on_where_videos_can_be_drawn(
    command: Any, run_words: Words, tmp_path: Path
) -> None:
    words = run_words("zero")
    assert command(*words, **NO_EGL).status == 0
    log = tmp_path / "run" / "episodes.jsonl"
    log.write_bytes(log.read_bytes().partition(b"\n")[2])  # as if trial 0 had not been run
    said = command(*words)
    assert said.status == 0, said.err
    assert "no videos" not in said.err
    assert [record.video is None for record in read_records(log)] == [True, False]


def test_without_models_and_hub_a_run_uses_stand_ins_and_says_so(
    command: Any, run_words: Words, tmp_path: Path
) -> None:
    words = run_words("zero")
    at = words.index("--assets")
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    nowhere = {**home, "GRIDSEVAL_ASSETS": None, "HF_HUB_OFFLINE": "1"}
    said = command(*words[:at], *words[at + 2 :], "--video", "none", **nowhere)
    assert said.status == 0, said.err
    (warning,) = [line for line in said.err.splitlines() if "stand-ins" in line]
    assert "HF_HUB_OFFLINE is set" in warning and "do not compare" in warning
    assert "models: stand-ins (" in said.out
    assert "identity: stand-ins" in (tmp_path / "run" / "run.yaml").read_text()
    assert [each.name for each in tmp_path.glob("cache/gridseval/stand-ins-*")]


def test_no_models_and_no_place_for_any(command: Any, run_words: Words, tmp_path: Path) -> None:
    words = run_words("zero")
    at = words.index("--assets")
    (tmp_path / "file").touch()
    # Where the cache cannot be written, a folder of this name would take its place.
    (tmp_path / f"gridseval-{os.getuid()}").touch()
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "file")}
    home["TMPDIR"] = str(tmp_path)
    nowhere = {**home, "GRIDSEVAL_ASSETS": None, "HF_HUB_OFFLINE": "1"}
    said = command(*words[:at], *words[at + 2 :], **nowhere)
    assert (said.status, said.out) == (3, "")
    assert "stand-in assets cannot be built" in said.err and "--assets PATH" in said.err
    assert "Traceback" not in said.err
    assert all(path.is_file() for path in tmp_path.iterdir())
