"""The report as a file: what it says, that nothing smuggles markup in, and that it is small."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_doubles import MakeRun, line, lines, pruned

from gridseval.errors import OutputError, UsageError
from gridseval.report import read_runs, write_report
from gridseval.report.cautions import cautions
from gridseval.report.episodes import video_address

SCRIPT = "<script>alert(1)</script>"


def written(*runs: Path) -> str:
    return write_report(read_runs(runs)).read_text(encoding="utf-8")


def said(*runs: Path) -> list[str]:
    return [f"{','.join(c.letters)}: {c.sentence}" for c in cautions(read_runs(runs))]


def test_it_is_small_and_asks_for_nothing_else(make_run: MakeRun) -> None:
    text = written(make_run("run", lines(make=pruned)))
    assert len(text.encode()) < 2_000_000
    assert text.count("data-status=") == 500
    addresses = re.findall(r'\b(?:src|href)="([^"]+)"', text)
    assert {address for address in addresses if address[0] != "#"} == {"data:,"}
    assert not re.search(r"https?://|@import|url\(", text)


def test_the_numbers_at_the_top(make_run: MakeRun) -> None:
    records = [line(0, t, status="success" if t < 8 else "failure") for t in range(10)]
    text = written(make_run("run", [*records, line(0, 10, status="error")]))
    assert "80.0\u00a0%</strong>" in text
    assert "95 % interval 49.0–94.3" in text  # Wilson's, as statsmodels has it
    assert "8 of 10" in text


@pytest.mark.parametrize("kind", ["instruction", "error", "policy", "name", "extra"])
def test_text_from_elsewhere_is_escaped(make_run: MakeRun, kind: str, tmp_path: Path) -> None:
    record, changed = line(0, 0, status="error"), {}
    evil = f"{SCRIPT}\"'><img src=x onerror=alert(1)>"
    if kind in ("instruction", "error"):
        record[kind] = evil
    elif kind == "policy":
        changed = {"policy": {"name": evil, evil: evil}, "command": evil}
    elif kind == "extra":
        record["extra"] = {"dimension": evil, "level": 1, f"kept{evil}": [1, 2]}
    run = make_run("run", [record], **changed)
    named = f"{SCRIPT.replace('/', '')}={run}" if kind == "name" else str(run)
    text = write_report(read_runs([named, run]), tmp_path / "x.html").read_text(encoding="utf-8")
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("<script>") == 1


@pytest.mark.parametrize(
    "video", ["../other/x.mp4", "/etc/passwd", "https://x.y/z.mp4", "javascript:alert(1)", "videos"]
)
def test_videos_outside_the_run_are_not_linked(make_run: MakeRun, video: str) -> None:
    run = make_run("run", [line(0, 0, video=video)])
    text = written(run)
    assert "<video" not in text
    assert "video not found" in text
    assert "1 of the videos that records name are not in the run directory" in text


def test_videos_are_addressed_from_where_the_report_lies(make_run: MakeRun, tmp_path: Path) -> None:
    (run,) = read_runs([make_run("run a", [line(0, 0, video="videos/clip 1.mp4")])])
    assert video_address(run, "videos/clip 1.mp4", run.run.paths[0]) == "videos/clip%201.mp4"
    assert video_address(run, "videos/clip 1.mp4", tmp_path) == "run%20a/videos/clip%201.mp4"
    (tmp_path / "else").mkdir()
    address = video_address(run, "videos/clip 1.mp4", tmp_path / "else")
    assert address == "../run%20a/videos/clip%201.mp4"


def test_cautions_of_one_run(make_run: MakeRun) -> None:
    good = [line(task, 0, status="success") for task in range(10)]
    assert said(make_run("good", good)) == []
    bad = [*good[:8], line(8, 0, status="error"), line(9, 0, seed=8, status="success")]
    assets = {"identity": "libero-reduced", "hash": "fedcba"}
    found = "\n".join(said(make_run("bad", bad, assets=assets, episodes=99, max_steps=5)))
    assert "incomplete: 10 of 99 episodes are done" in found
    assert "episodes of 2 seeds are mixed" in found
    assert "libero-reduced" in found
    assert "published rates do not compare: max_steps: 280 in papers, here 5" in found
    assert "1 × error: the worker was silent for 180 s" in found


def test_a_run_that_was_stopped_early_says_so(make_run: MakeRun) -> None:
    note = "stopped early: 20 of 500 episodes decided"
    run = make_run("run", lines(1, 20), episodes=500, stopped={"early": True}, notes=[note])
    assert f"A: {note}" in said(run)
    assert not any("incomplete" in sentence for sentence in said(run))


def test_a_run_without_run_yaml_says_so(make_run: MakeRun) -> None:
    run = make_run("bare", [line(0, 0)])
    (run / "run.yaml").unlink()
    assert any("has no run.yaml" in sentence for sentence in said(run))
    assert "There is no <code>run.yaml</code>" in written(run)


def test_runs_that_do_not_compare(make_run: MakeRun) -> None:
    first = make_run("a", lines(1, 4))
    told_otherwise = [line(0, 0), line(0, 1), line(0, 2, instruction="what?")]
    second = make_run(
        "b", told_otherwise, versions={"mujoco": "3.3.1"}, seed=8, policy={"name": "other"}
    )
    found = said(first, second)
    assert "A,B: not comparable, versions.mujoco: '3.3.2' against '3.3.1'" in found
    assert "A,B: not comparable, seed: 7 against 8" in found
    assert "A,B: not the same episodes: 4 and 3, 3 in common" in found
    assert any("instruction of task 0" in sentence for sentence in found)
    assert not any("policy" in sentence for sentence in found)
    assert "differs</span>" in written(first, second)


def test_several_runs_stand_side_by_side(make_run: MakeRun) -> None:
    first = make_run("first", [line(0, t, status="success") for t in range(8)])
    second = make_run("second", [line(0, t, status="failure") for t in range(8)])
    text = written(first, second)
    assert (first / "report.html").exists()
    assert not (second / "report.html").exists()
    assert "100.0\u00a0%</strong>" in text
    assert "0.0\u00a0%</strong>" in text
    assert "−100.0 (" in text
    assert "8 lost, 0 won of 8" in text
    assert "0.008" in text  # 2 · 2⁻⁸


def test_shards_are_one_run(make_run: MakeRun) -> None:
    halves = [make_run(f"s{n}", [line(n, t) for t in range(4)], episodes=4) for n in range(2)]
    (run,) = read_runs(halves)
    assert len(run.records) == 8


def test_dimension_and_level_and_tokens(make_run: MakeRun) -> None:
    text = written(make_run("run", lines(3, 35, pruned)))
    assert "Success by dimension and level" in text
    assert text.count('<td style="--shade:') == 8 * 6
    assert "kept_tokens: mean 118 at the first query, 73.4 at query 12" in text
    assert "0.125" in text
    assert "Success by dimension" not in written(make_run("plain", lines(1, 2)))


def test_reworded_instructions_stay_in_their_task(make_run: MakeRun) -> None:
    text = written(make_run("run", [line(0, 0), line(0, 1, instruction="fetch the soup")]))
    assert text.count('class="group"') == 1
    assert "<span>fetch the soup</span>" in text


def test_no_episode_yet(make_run: MakeRun) -> None:
    text = written(make_run("run", [], episodes=10))
    assert "No episode has finished yet" in text
    assert "incomplete: 0 of 10 episodes" in text


def test_more_tasks_than_can_be_read(make_run: MakeRun) -> None:
    text = written(make_run("run", lines(200, 1)))
    assert text.count('scope="rowgroup"') == 130
    assert "70 more" in text
    assert text.count("data-status=") == 200
    assert text.count('class="group"') == 2


def test_more_tasks_than_can_be_read_by_dimension(make_run: MakeRun) -> None:
    text = written(make_run("run", lines(140, 1, pruned)))
    assert "Success by task" not in text
    assert text.count('class="group"') == 7
    assert "<span>task 8: put the bbq sauce into basket 8</span>" in text
    assert text.index("background, level 1") < text.index("camera, level 1")


def test_it_replaces_the_old_one_or_leaves_it(make_run: MakeRun, tmp_path: Path) -> None:
    runs = read_runs([make_run("run", lines(1, 2))])
    out = tmp_path / "out.html"
    out.write_text("old")
    write_report(runs, out)
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.html"]
    with pytest.raises(OutputError, match="cannot write"):
        write_report(runs, tmp_path / "absent" / "out.html")


def test_what_is_no_run_is_named(tmp_path: Path, make_run: MakeRun) -> None:
    with pytest.raises(UsageError, match="no run"):
        read_runs([tmp_path / "nothing"])
    run = make_run("torn", [line(0, 0)])
    with (run / "episodes.jsonl").open("a") as file:
        file.write(json.dumps(line(0, 1))[:40])
    (read,) = read_runs([run])
    assert len(read.records) == 1
