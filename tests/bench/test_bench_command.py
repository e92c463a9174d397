from __future__ import annotations

import json
from pathlib import Path

import pytest
from bddl_attacks import MARKER, WORKING
from click.testing import CliRunner
from own_suites import write_suite

from gridseval.bench.episode import Stopwatch
from gridseval.bench.plain import PlainLoop
from gridseval.bench.plain_client import PlainProcess
from gridseval.bench.plan import PlainTask
from gridseval.cli.bench import command
from gridseval.envs.libero_package import import_libero
from gridseval.errors import MachineError, OutputError

LOOP_KEYS = {
    "steps_per_s",
    "episodes_per_hour",
    "episode_s",
    "reset_s",
    "cpu_s",
    "image_ms",
    "shares",
    "ratios",
}


@pytest.mark.slow
def test_tiny_bench(tmp_path: Path, assets: Path) -> None:
    path = tmp_path / "bench.json"
    arguments = ["--trials", "1", "--steps", "16", "--workers", "2"]
    arguments += ["--assets", str(assets), "--json", str(path)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(path.read_text())
    assert report["schema"] == 1
    assert report["arguments"]["steps"] == 16
    assert report["bits_equal"] is True
    assert report["stepping"]["bits_equal"] is True
    names = ["plain libero"]
    names += [f"chunk {c}, {w}" for w in ("1 worker", "2 workers") for c in (1, 8)]
    assert list(report["loops"]) == names
    for name, loop in report["loops"].items():
        check_loop(loop, report["loops"]["plain libero"])
        episodes = report["episodes"][name]
        assert all(episode["steps"] == 16 for episode in episodes)
        assert len({episode["state"] for episode in episodes}) == 1
    check_text(result.stdout)


def check_loop(loop: dict[str, object], plain: dict[str, object]) -> None:
    assert set(loop) == LOOP_KEYS
    ratios, shares = loop["ratios"], loop["shares"]
    assert isinstance(ratios, dict) and isinstance(shares, dict)
    for key, ratio in ratios.items():
        mine, theirs = loop[key], plain[key]
        assert isinstance(mine, float) and isinstance(theirs, float)
        assert ratio == pytest.approx(mine / theirs)
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > -0.01


def check_text(text: str) -> None:
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines), text
    for part in ("plain libero", "chunk 8, 1 worker", "share of time", "MuJoCo alone", "floor"):
        assert part in text
    assert "equal to the bit" in text


@pytest.mark.parametrize("place", ["missing/bench.json", ".", "/proc/bench.json"])
def test_json_that_cannot_be_written_is_found_before_measuring(tmp_path: Path, place: str) -> None:
    result = CliRunner().invoke(command, ["--json", str(tmp_path / place)])
    assert isinstance(result.exception, OutputError)


def test_the_check_of_the_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("earlier")
    for name in ("new.json", "old.json"):
        CliRunner().invoke(command, ["--json", str(tmp_path / name), "--steps", "0"])
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "earlier"


def test_help_says_how_long_it_takes() -> None:
    assert "about three minutes" in CliRunner().invoke(command, ["--help"]).output


def test_unknown_suite_ends_with_its_message() -> None:
    result = CliRunner().invoke(command, ["--suite", "libero_spatail"])
    assert "libero_spatail" in str(result.exception)


def test_plain_loop_that_dies_says_why() -> None:
    process = PlainProcess("egl")
    try:
        with pytest.raises(MachineError, match="ended early"):
            process.load(PlainTask("nowhere.bddl", "nowhere", "nowhere", 7, 1, 1, images=False))
    finally:
        process.close()


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A suite of one's own in whose first BDDL file stands code that libero would run."""
    folder = write_suite(tmp_path / "kitchen")
    file = folder / "bddl_files" / "switch_it_on.bddl"
    lines = file.read_text(encoding="utf8").splitlines()
    line = next(number for number, text in enumerate(lines) if ":yaw_rotation" in text) + 1
    lines[line] = f"({WORKING['comprehension']} 0)"
    file.write_text("\n".join(lines), encoding="utf8")
    return folder


def test_a_suite_of_ones_own_runs_no_code(
    hostile: Path, assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, ["--suite", str(hostile), "--assets", str(assets)])
    assert isinstance(result.exception, MachineError)
    assert "switch_it_on.bddl, line" in result.exception.message
    assert not Path(MARKER).exists()


@pytest.mark.parametrize("images", [False, True])
def test_the_plain_loop_runs_no_code_either(
    hostile: Path, assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    bddl = hostile / "bddl_files" / "switch_it_on.bddl"
    states = hostile / "init_files" / "switch_it_on.pruned_init"
    task = PlainTask(str(bddl), str(states), str(assets), 0, 1, 1, images=images)
    with pytest.raises(MachineError, match=r"switch_it_on\.bddl, line"):
        PlainLoop(task, import_libero(), Stopwatch())
    assert not Path(MARKER).exists()
