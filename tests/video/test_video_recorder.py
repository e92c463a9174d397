"""Which episodes get a video, and what becomes of the frames of those that do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridseval.errors import OutputError, UsageError
from gridseval.suites import Episode, list_episodes, load_suite
from gridseval.video import VideoChoice, VideoRecorder

SUITE = load_suite("libero_object")
EPISODES = list_episodes(SUITE, SUITE.tasks[:3], 4)


def test_none_and_zero_record_nothing() -> None:
    for text in ("none", "0"):
        choice = VideoChoice.of(text, EPISODES)
        assert not choice.recorded
        assert {choice.record_every(episode) for episode in EPISODES} == {0}


def test_all_and_failures_record_every_episode() -> None:
    for text in ("all", "failures"):
        choice = VideoChoice.of(text, EPISODES)
        assert choice.recorded == set(EPISODES)
        assert choice.failures_only == (text == "failures")
        assert {choice.record_every(episode) for episode in EPISODES} == {2}


@given(count=st.integers(1, 20), tasks=st.integers(1, 10), trials=st.integers(1, 6))
def test_a_number_is_spread_over_the_tasks(count: int, tasks: int, trials: int) -> None:
    episodes = list_episodes(SUITE, SUITE.tasks[:tasks], trials)
    chosen = VideoChoice.of(str(count), episodes).recorded
    assert chosen <= set(episodes)
    assert len(chosen) == min(count, len(episodes))
    per_task = Counter(episode.task for episode in chosen)
    assert max(per_task.values()) - min(per_task[task] for task in range(tasks)) <= 1
    for task, videos in per_task.items():
        assert {e.trial for e in chosen if e.task == task} == set(range(videos))


@pytest.mark.parametrize("text", ["junk", "-1", "1.5", "", "ALL", "٣", "1e3", "9" * 10, "9" * 5000])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not none, failures, all or a number"):
        VideoChoice.of(text, EPISODES)


def _frames(*steps: int, grey: int = 0) -> list[dict[str, Any]]:
    image = np.full((256, 256, 3), grey, np.uint8)
    return [{"step": step, "agentview": image, "wrist": image} for step in steps]


def _recorder(folder: Path, text: str) -> VideoRecorder:
    return VideoRecorder(SUITE, folder / "videos", VideoChoice.of(text, EPISODES))


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("videos/*"))


def _seconds(path: Path) -> float:
    return float(imageio_ffmpeg.count_frames_and_secs(str(path))[1])


def test_an_episode_is_one_file_named_after_it(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, "all")
    for episode in EPISODES[:2]:
        recorder.on_start(episode)
        recorder.on_frames(episode, _frames(0, 2))
    paths = [recorder.finish(episode, "failure", 4) for episode in EPISODES[:2]]
    names = [f"libero_object-00-00{trial}-{SUITE.tasks[0].name}.mp4" for trial in range(2)]
    assert paths == [tmp_path / "videos" / name for name in names]
    assert _files(tmp_path) == names


def test_an_episode_that_was_not_chosen_has_no_video(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, "1")
    episode = EPISODES[1]
    recorder.on_start(episode)
    recorder.on_frames(episode, _frames(0))
    assert recorder.finish(episode, "failure", 4) is None
    assert not (tmp_path / "videos").exists()


@pytest.mark.parametrize(("status", "kept"), [("success", 0), ("failure", 1), ("error", 1)])
def test_failures_keeps_what_did_not_succeed(tmp_path: Path, status: Any, kept: int) -> None:
    recorder = _recorder(tmp_path, "failures")
    recorder.on_start(EPISODES[0])
    recorder.on_frames(EPISODES[0], _frames(0, 2))
    path = recorder.finish(EPISODES[0], status, 4)
    assert len(_files(tmp_path)) == kept == int(path is not None)


def test_a_success_takes_the_video_of_an_earlier_error_away(tmp_path: Path) -> None:
    for status, kept in (("error", 1), ("success", 0)):
        recorder = _recorder(tmp_path, "failures")
        recorder.on_start(EPISODES[0])
        recorder.on_frames(EPISODES[0], _frames(0))
        recorder.finish(EPISODES[0], status, 2)  # type: ignore[arg-type]
        assert len(list(tmp_path.rglob("*.mp4"))) == kept


def test_a_retry_begins_its_video_anew(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, "all")
    episode = EPISODES[0]
    recorder.on_start(episode)
    recorder.on_frames(episode, _frames(*range(0, 60, 2)))
    recorder.on_start(episode)
    recorder.on_frames(episode, _frames(0, 2, 4))
    path = recorder.finish(episode, "success", 4)
    assert path is not None
    assert _files(tmp_path) == [path.name]
    assert _seconds(path) == pytest.approx(1.3)  # 3 frames at 10 per second, and the outcome's 1 s


def test_closing_leaves_only_what_was_finished(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, "all")
    for episode in EPISODES[:2]:
        recorder.on_start(episode)
        recorder.on_frames(episode, _frames(0, 2))
    path = recorder.finish(EPISODES[1], "success", 2)
    recorder.close()
    assert path is not None
    assert _files(tmp_path) == [path.name]
    recorder.close()


def test_an_episode_without_frames_has_no_video(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, "all")
    recorder.on_start(EPISODES[0])
    assert recorder.finish(EPISODES[0], "error", 0) is None
    assert _files(tmp_path) == []


def test_frames_of_an_episode_that_never_started_go_nowhere(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, "all")
    recorder.on_frames(Episode("libero_object", 0, 0), _frames(0))
    assert recorder.finish(Episode("libero_object", 0, 0), "failure", 1) is None


def test_a_folder_that_cannot_be_made_is_the_user_s_error(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("in the way")
    recorder = _recorder(tmp_path, "all")
    with pytest.raises(OutputError, match=f"cannot create {tmp_path}/videos"):
        recorder.on_start(EPISODES[0])
