"""Sweeps: one run per value, whatever becomes of each, and what is said of them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from run_files import MANIFEST, write_run

import gridseval.sweeping.running as sweep_module
from gridseval.errors import GridsevalError, OutputError, PolicyError, UsageError
from gridseval.evaluation import RunConfig
from gridseval.results import EpisodeRecord, read_records, summarise
from gridseval.sweeping import SWEEP, Point, curve_of, expand, read_sweep, sweep
from gridseval.sweeping.curves import front
from gridseval.sweeping.plot import draw_costs, draw_curves
from gridseval.sweeping.plot_files import write_plot
from gridseval.sweeping.text import describe_curves


def record(trial: int, success: bool, steps: int = 100, **extra: Any) -> EpisodeRecord:
    return EpisodeRecord(
        suite="libero_goal",
        task=0,
        task_name="t",
        trial=trial,
        instruction="do it",
        status="success" if success else "failure",
        success=success,
        steps=steps,
        seed=7,
        extra=extra,
    )


@dataclass
class Told:
    """Notes what a sweep says."""

    begun: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def on_point(self, number: int, count: int, point: Point) -> Any:
        self.begun.append(f"{number + 1}/{count} {point.folder}")

    def on_broken(self, point: Point, error: GridsevalError) -> None:
        self.broken.append(f"{point.folder}: {error.message}")


def config_of(point: Point, out: Path) -> RunConfig:
    return RunConfig(suite="libero_goal", out=out, delay=point.values[-1])


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Runs that solve as many of ten trials as is set here for their delay, or raise."""
    outcomes: dict[str, Any] = {}

    def run(config: RunConfig, _: Any, sharing: Any) -> Any:
        assert sharing is not None
        outcome = outcomes[str(config.delay)]
        if isinstance(outcome, BaseException):
            raise outcome
        records = [record(trial, trial < outcome) for trial in range(10)]
        if not config.out.exists():
            write_run(config.out, records, MANIFEST | {"trials": 10})
        return summarise(records, MANIFEST)

    monkeypatch.setattr(sweep_module, "evaluate", run)
    return outcomes


def swept(out: Path, words: Sequence[str], told: Told | None = None) -> Any:
    axes, points = expand(words)
    return sweep(axes, points, config_of, out, "gridseval sweep", told or Told())


def test_every_value_has_a_run_and_the_curve_its_points(
    tmp_path: Path, solved: dict[str, Any]
) -> None:
    solved |= {"0": 10, "4": 8, "16": 3}
    told = Told()
    done = swept(tmp_path, ["--delay", "16,0,4"], told)
    assert [point.state for point in done.points] == ["done"] * 3
    assert told.begun == ["1/3 delay=16", "2/3 delay=0", "3/3 delay=4"]
    (curve,) = curve_of(tmp_path)
    assert (curve.label, curve.axis) == (tmp_path.name, "delay")
    assert [(point.value, point.counts.successes) for point in curve.points] == [
        ("0", 10),
        ("4", 8),
        ("16", 3),
    ]


def test_a_broken_point_does_not_stop_the_others(tmp_path: Path, solved: dict[str, Any]) -> None:
    solved |= {"0": 10, "4": PolicyError("no such checkpoint"), "16": 3}
    told = Told()
    done = swept(tmp_path, ["--delay", "0,4,16"], told)
    assert [point.state for point in done.points] == ["done", "broken", "done"]
    assert told.broken == ["delay=4: no such checkpoint"]
    assert read_sweep(tmp_path).points[1].reason == "no such checkpoint"
    text = describe_curves(curve_of(tmp_path), "x").notes[0]
    assert text == "delay 4: could not be run to its end; sweep.yaml says why"
    solved["4"] = 8
    again = swept(tmp_path, ["--delay", "0,4,16"])
    assert [point.state for point in again.points] == ["done"] * 3
    assert again.points[1].reason is None


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), OutputError("the disk is full")])
def test_an_interrupted_sweep_goes_on(
    tmp_path: Path, solved: dict[str, Any], ending: BaseException
) -> None:
    solved |= {"0": 10, "4": ending, "16": 3}
    with pytest.raises(type(ending)):
        swept(tmp_path, ["--delay", "0,4,16"])
    states = [point.state for point in read_sweep(tmp_path).points]
    assert states == ["done", "waiting", "waiting"]
    assert [point.counts.counted for point in curve_of(tmp_path)[0].points] == [10, 0, 0]
    solved["4"] = 8
    assert {point.state for point in swept(tmp_path, ["--delay", "0,4,16"]).points} == {"done"}


def test_more_values_extend_a_sweep_and_other_options_do_not(
    tmp_path: Path, solved: dict[str, Any]
) -> None:
    solved |= {"0": 10, "4": 8, "8": 5}
    swept(tmp_path, ["--delay", "0,4"])
    done = swept(tmp_path, ["--delay", "4,8"])
    assert [point.values for point in done.points] == [("0",), ("4",), ("8",)]
    with pytest.raises(UsageError, match="is a sweep over delay"):
        swept(tmp_path, ["--replan", "1,2"])
    run = write_run(tmp_path / "a run", [record(0, True)])
    with pytest.raises(UsageError, match="is a run's folder"):
        swept(run, ["--delay", "0,4"])


def test_a_wrong_option_leaves_no_folder(tmp_path: Path) -> None:
    def refuse(point: Point, out: Path) -> RunConfig:
        raise UsageError("wrong")

    axes, points = expand(["--delay", "0,4"])
    with pytest.raises(UsageError, match="wrong"):
        sweep(axes, points, refuse, tmp_path / "new", "", Told())
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "text",
    [
        "axes: []\npoints: [{values: ['1'], run: x}]\n",
        "axes: [{name: d, option: --d}]\npoints: [{values: ['1'], run: ../../etc}]\n",
        "axes: [{name: d, option: --d}]\npoints: [{values: ['1'], run: /etc}]\n",
        "axes: 3\npoints: []\n",
        "schema: 2\naxes: [{name: d, option: --d}]\npoints: []\n",
    ],
)
def test_a_sweeps_file_that_lies_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / SWEEP).write_text(text)
    with pytest.raises(UsageError, match=SWEEP):
        read_sweep(tmp_path)


def written(folder: Path, values: dict[str, tuple[int, float, float]]) -> Path:
    """Write a sweep over k: successes of ten, TFLOPs and ms for each value."""
    folder.mkdir()
    points = []
    for value, (successes, tflops, ms) in values.items():
        records = [
            record(trial, trial < successes, tflops=tflops, latency_ms=ms, completion_s=ms / 4)
            for trial in range(10)
        ]
        write_run(folder / f"k={value}", records, MANIFEST | {"trials": 10})
        points.append({"values": [value], "run": f"k={value}", "state": "done"})
    data = {"axes": [{"name": "k", "option": "--policy-arg"}], "points": points}
    (folder / SWEEP).write_text(yaml.safe_dump(data))
    return folder


def test_the_front_has_what_nothing_dominates(tmp_path: Path) -> None:
    first = written(tmp_path / "a", {"1": (3, 1.0, 9), "4": (8, 2.0, 12), "16": (8, 3.0, 15)})
    second = written(tmp_path / "b", {"1": (3, 1.0, 9), "4": (9, 2.5, 11), "16": (10, 9.0, 50)})
    curves = [*curve_of(first), *curve_of(second)]
    figures = {
        (curve.label, point.value): (point.counts.rate or 0, point.tflops, point.latency_ms)
        for curve in curves
        for point in curve.points
    }
    expected = set()
    for key, (rate, tflops, ms) in figures.items():
        better = [
            other
            for other in figures.values()
            if other != (rate, tflops, ms)
            and other[0] >= rate
            and other[1] <= tflops  # type: ignore[operator]
            and other[2] <= ms  # type: ignore[operator]
        ]
        if not better:
            expected.add(key)
    assert (
        front(curves) == expected == {("a", "1"), ("b", "1"), ("a", "4"), ("b", "4"), ("b", "16")}
    )
    rows = describe_curves(curves, "t").sections[0].rows
    assert [row[-1] for row in rows] == ["★", "★", "", "★", "★", "★"]


def test_drawings_are_svg_with_a_mark_per_point(tmp_path: Path) -> None:
    folder = written(tmp_path / '<b>&"', {"1": (3, 1.0, 9), "4": (8, 2.0, 12), "256": (9, 4.0, 15)})
    curves = [*curve_of(folder), *curve_of(f"other={folder}")]
    for svg in (
        draw_curves(curves),
        draw_costs(curves, "tflops", "TFLOPs"),
        draw_costs(curves, "completion_s", "s"),
    ):
        root = ElementTree.fromstring(svg)
        name = "{http://www.w3.org/2000/svg}"
        assert len(root.findall(f".//{name}circle")) == 6
        assert "<b>" not in svg
        for circle in root.iter(f"{name}circle"):
            assert 0 <= float(circle.attrib["cx"]) <= 640
            assert 0 <= float(circle.attrib["cy"]) <= 340
    assert draw_costs(curves, "tokens", "tokens") == ""
    places = [
        float(each.attrib["cx"])
        for each in ElementTree.fromstring(draw_curves(curves)).iter(f"{name}circle")
    ]
    assert (places[2] - places[0]) / (places[1] - places[0]) == pytest.approx(4.0, rel=1e-2)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_plots_as_files(tmp_path: Path, suffix: str) -> None:
    curves = curve_of(written(tmp_path / "a", {"1": (3, 1.0, 9), "4": (8, 2.0, 12)}))
    path = write_plot(curves, tmp_path / f"plot{suffix}")
    start = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
    with pytest.raises(UsageError, match=r"\.svg, \.png, \.pdf"):
        write_plot(curves, tmp_path / "plot.gif")


def command(*words: str | Path, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gridseval", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_table_and_report_draw_sweeps(tmp_path: Path) -> None:
    first = written(tmp_path / "a", {"1": (3, 1.0, 9), "4": (8, 2.0, 12)})
    second = written(tmp_path / "b", {"1": (3, 1.0, 9), "4": (9, 2.5, 11)})
    said = command("table", f"dense={first}", f"<i>={second}", "--plot", tmp_path / "p.svg")
    assert "dense" in said
    assert max(map(len, said.splitlines())) <= 80 + len(str(tmp_path))
    page = Path(command("report", first, f"<i>={second}", "--out", tmp_path / "r.html").strip())
    html = page.read_text()
    assert html.count("<svg") == 4
    assert "<i>" not in html
    assert "Content-Security-Policy" in html
    assert "is not a sweep" in command("table", first, tmp_path, status=2)
    assert "different options" in command("table", first, _other(tmp_path), status=2)
    assert "text, md or latex" in command("table", first, "--format", "csv", status=2)


@pytest.mark.parametrize("label", ["", "fp32/dense="])
def test_a_report_lies_in_its_sweep_whatever_the_folder_is_called(
    tmp_path: Path, label: str
) -> None:
    folder = written(tmp_path / "delay=0", {"1": (3, 1.0, 9), "4": (8, 2.0, 12)})
    assert command("report", f"{label}{folder}").strip() == str(folder / "report.html")
    assert (folder / "report.html").is_file()


def _other(tmp_path: Path) -> Path:
    folder = written(tmp_path / "other", {"1": (3, 1.0, 9)})
    text = (folder / SWEEP).read_text()
    (folder / SWEEP).write_text(text.replace("name: k", "name: delay"))
    return folder


def test_the_command_sweeps(tmp_path: Path, assets: Path) -> None:
    out = tmp_path / "sweep"
    words = (
        *("sweep", "run", "--suite", "libero_object", "--policy", "zero", "--tasks", "0"),
        *("--trials", "2", "--max-steps", "8", "--workers", "0", "--video", "none"),
        *("--assets", assets, "--out", out),
    )
    said = command(*words, "--delay", "0,3", "--plot", tmp_path / "plot.svg")
    assert "point 2 of 2: delay=3" in said
    assert (tmp_path / "plot.svg").is_file()
    delays = {
        value: [
            each.extra["delays"] for each in read_records(out / f"delay={value}/episodes.jsonl")
        ]
        for value in ("0", "3")
    }
    assert {delay for each in delays["3"] for delay in each} == {3}
    assert len(delays["0"]) == len(delays["3"]) == 2
    command(*words, "--delay", "0,3")
    assert "No such option" in command(*words, "--delay", "0,3", "--nonsense", "1", status=2)
    assert "nothing is swept" in command(*words, "--delay", "3", status=2)
    broken = command(*words, "--delay", "0,soon", status=6)
    assert "'soon' is not a delay" in broken


def outcomes(sweep_folder: Path) -> dict[str, list[Any]]:
    return {
        value: [
            (each.key, each.status, each.steps, each.queries, each.extra["delays"])
            for each in sorted(
                read_records(sweep_folder / f"delay={value}/episodes.jsonl"),
                key=lambda each: each.key,
            )
        ]
        for value in ("0", "2:5")
    }


def test_a_sweep_that_was_killed_goes_on_to_the_same(tmp_path: Path, assets: Path) -> None:
    words = (
        *("sweep", "run", "--suite", "libero_object", "--policy", "random", "--tasks", "0"),
        *("--trials", "3", "--max-steps", "24", "--workers", "1", "--video", "none"),
        *("--assets", assets, "--delay", "0,2:5"),
    )
    command(*words, "--out", tmp_path / "whole")
    line = [sys.executable, "-m", "gridseval", *map(str, words), "--out", str(tmp_path / "killed")]
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        file = tmp_path / "killed/delay=2_5/episodes.jsonl"
        until = time.monotonic() + 200
        while time.monotonic() < until and process.poll() is None:
            if file.is_file() and file.read_bytes().count(b"\n"):
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    command(*words, "--out", tmp_path / "killed")
    for name in ("killed", "whole"):  # a folder's name has no colon everywhere
        (tmp_path / name / "delay=2_5").rename(tmp_path / name / "delay=2:5")
    assert outcomes(tmp_path / "killed") == outcomes(tmp_path / "whole")
    assert len(outcomes(tmp_path / "whole")["2:5"]) == 3
