"""All 40 tasks of the four short suites: two trials each equal the plain loop's, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from comparison import Job, compare_trial, finish_plain_loop, make, start_plain_loop, tape


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["libero_spatial", "libero_object", "libero_goal", "libero_10"])
def test_every_task_equals_the_plain_loop(assets: Path, tmp_path: Path, suite: str) -> None:
    jobs = [Job(suite, task, (0, 1), tape(16, 100 + task), (16,)) for task in range(10)]
    started = [start_plain_loop(jobs[k::2], tmp_path / str(k), assets) for k in range(2)]
    found = {}
    for k, process in enumerate(started):
        found |= finish_plain_loop(process, tmp_path / str(k))
    assert len(found) == len(jobs)
    env = make(jobs[0], assets)
    for job in reversed(jobs):
        for trial in reversed(job.trials):
            compare_trial(env, job, trial, found[job.label])
    env.close()


@pytest.mark.slow
def test_tasks_of_libero_90_equal_the_plain_loop(assets: Path, tmp_path: Path) -> None:
    """One task of every tenth: kitchens, living rooms and studies."""
    jobs = [Job("libero_90", task, (0, 1), tape(16, task), (16,)) for task in range(0, 90, 10)]
    started = [start_plain_loop(jobs[k::2], tmp_path / str(k), assets) for k in range(2)]
    found = {}
    for k, process in enumerate(started):
        found |= finish_plain_loop(process, tmp_path / str(k))
    env = make(jobs[0], assets)
    for job in jobs:
        for trial in job.trials:
            compare_trial(env, job, trial, found[job.label])
    env.close()


@pytest.mark.slow
def test_late_trials_start_directly(assets: Path, tmp_path: Path) -> None:
    """Long histories of draws: a late trial of tasks whose resets draw more each time."""
    jobs = [Job("libero_10", task, (3, 20), tape(8, task), (8,)) for task in (8, 9)]
    started = [start_plain_loop([job], tmp_path / str(job.task), assets) for job in jobs]
    for job, process in zip(jobs, started, strict=True):
        reference = finish_plain_loop(process, tmp_path / str(job.task))[job.label]
        env = make(job, assets, action_chunk=8)
        for trial in (20, 3):
            compare_trial(env, job, trial, reference, chunk=8)
        env.close()
