"""``gridseval video``: a finished run's videos, made again from its actions and traces."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import Said
from command_line import cli as cli
from PIL import Image

from gridseval.cli import main
from gridseval.evaluation.missing import missing_files
from gridseval.pictures.redraw import Redrawing, redraw
from gridseval.results.run.jsonl import read_records
from gridseval.tokens.trace_file import read_traces
from gridseval.video.decoder import open_clip
from gridseval.video.sheet import FOOTER_HEIGHT_PX, LABEL_HEIGHT_PX

DOUBLES = Path(__file__).with_name("redraw_doubles.py")
STEPS = 12


@pytest.fixture(scope="session")
def runs(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two runs: ``looking`` with traces, ``plain`` without and perturbed."""
    folder = tmp_path_factory.mktemp("redraw")
    run = ["run", "--suite", "libero_object", "--tasks", "1", "--assets", str(assets)]
    short = ["--max-steps", str(STEPS), "--workers", "0", "--video", "all"]
    for name, policy in (("looking", f"{DOUBLES}:Looking"), ("plain", "oracle")):
        more = (
            ["--trials", "2"]
            if name == "looking"
            else ["--trials", "1", "--record-actions", "--perturb", "camera:3"]
        )
        with pytest.raises(SystemExit) as ended:
            main([*run, *short, *more, "--policy", policy, "--out", str(folder / name)])
        assert ended.value.code == 0
    return folder


@pytest.fixture
def looking(runs: Path, tmp_path: Path) -> Path:
    """Return a copy of the run with traces, to be damaged."""
    return Path(shutil.copytree(runs / "looking", tmp_path / "looking"))


def test_a_run_with_traces_keeps_what_a_video_needs(runs: Path) -> None:
    run = runs / "looking"
    for record in read_records(run / "episodes.jsonl"):
        name = f"libero_object-1-{record.trial}"
        traces = read_traces(run / "traces" / f"{name}.jsonl")
        assert len(traces.queries) == record.queries
        assert all(trace is not None for _, trace in traces.queries)
        assert traces.mapping.scale == (-1.0, -1.0)
        assert np.load(run / "actions" / f"{name}.npy").shape == (STEPS, 7)
    assert not (runs / "plain" / "traces").exists()


@pytest.mark.parametrize("name", ["looking", "plain"])
def test_the_same_video_comes_out_to_the_byte(
    runs: Path, tmp_path: Path, cli: Callable[..., Said], assets: Path, name: str
) -> None:
    said = cli("video", runs / name, "--trials", "2", "--out", tmp_path, "--assets", assets)
    assert said.status == 0, said.err
    drawn = [Path(line) for line in said.out.splitlines()]
    assert sorted(drawn) == sorted(tmp_path.iterdir())
    assert len(drawn) == (2 if name == "looking" else 1)
    for path in drawn:
        assert path.read_bytes() == (runs / name / "videos" / path.name).read_bytes()


def test_one_episode_as_gif_with_a_sheet(
    runs: Path, tmp_path: Path, cli: Callable[..., Said], assets: Path
) -> None:
    words = ["--episode", "1:1", "--format", "gif", "--sheet", "--out", tmp_path / "new"]
    said = cli("video", runs / "looking", *words, "--assets", assets)
    assert said.status == 0, said.err
    gif, sheet = (Path(line) for line in said.out.splitlines())
    assert gif.name.startswith("libero_object-01-001-") and gif.suffix == ".gif"
    assert sheet.name == f"{gif.stem}-sheet.png"
    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == sorted(
        [gif.name, sheet.name]
    )
    with Image.open(gif) as image:
        assert image.size == (520, 584) and image.n_frames > 2  # type: ignore[attr-defined]
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (LABEL_HEIGHT_PX + 520 + FOOTER_HEIGHT_PX, 4 * 536 + 16, 3)
    for tile, happened in enumerate((True, False, True, True)):  # nothing was touched
        # Below, of the wrist: the trace's point (0, 0), turned, is the last corner.
        corner = pixels[LABEL_HEIGHT_PX + 519, 16 + 536 * tile + 519]
        assert (np.abs(corner - (255, 194, 10)).max() < 12) == happened


def test_a_first_query_without_a_trace_leaves_room_for_later_ones(
    looking: Path, assets: Path, tmp_path: Path
) -> None:
    path = looking / "traces" / "libero_object-1-0.jsonl"
    head, first, *others = path.read_text().splitlines()
    silent = json.dumps({"step": json.loads(first)["step"], "cameras": None})
    path.write_text("\n".join([head, silent, *others]))
    seen: list[tuple[int, int]] = []
    asked = Redrawing(looking, ("1:0",), out=tmp_path, assets=str(assets))
    (drawn,) = redraw(asked, lambda done, total: seen.append((done, total)))
    with open_clip(drawn) as clip:
        assert (clip.width, clip.height) == (520, 584)
    assert seen[-1] == (STEPS, STEPS) and seen == sorted(seen)


@pytest.mark.parametrize(
    ("words", "reason", "hint"),
    [
        (["--episode", "1:7"], "no trial 7 of task 1", "it has trials 0-1"),
        (["--episode", "0:0"], "no trial 0 of task 0", "it has tasks 1"),
        (["--episode", "12:0"], "no task 12 in libero_object", ""),
        (["--episode", "pick_up_the_cream:0"], "pick_up_the_cream", "did you mean"),
        (["--episode", "1"], "TASK:TRIAL", "0:3"),
        (["--episode", "1:1", "--tasks", "1"], "--episode", ""),
        (["--tasks", "0"], "has no episode of the tasks 0", "it has tasks 1"),
        (["--trials", "0"], "at least 1", ""),
    ],
)
def test_episodes_that_are_not_there(
    runs: Path, cli: Callable[..., Said], words: list[str], reason: str, hint: str
) -> None:
    said = cli("video", runs / "looking", *words)
    assert said.status == 2 and not said.out
    assert reason in said.err and hint in said.err


def test_a_run_that_is_not_there(runs: Path, cli: Callable[..., Said]) -> None:
    said = cli("video", runs / "lookin")
    assert said.status == 2 and "did you mean 'looking'" in said.err


def test_what_the_run_lacks_is_named(looking: Path, cli: Callable[..., Said]) -> None:
    (looking / "traces" / "libero_object-1-1.jsonl").unlink()
    said = cli("video", looking, "--episode", "1:1")
    assert said.status == 5
    assert "traces of task 1 trial 1 of libero_object are missing" in said.err
    (looking / "actions" / "libero_object-1-1.npy").unlink()
    said = cli("video", looking, "--episode", "1:1")
    assert said.status == 5
    assert "no recorded actions of task 1 trial 1" in said.err
    assert "--record-actions" in said.err
    (looking / "run.yaml").unlink()
    assert "no run.yaml" in cli("video", looking).err


def test_resuming_warns_of_traces_that_are_gone(looking: Path) -> None:
    records = read_records(looking / "episodes.jsonl")
    assert not list(missing_files(looking, records, record_actions=True))
    (looking / "traces" / "libero_object-1-1.jsonl").unlink()
    (warning,) = missing_files(looking, records, record_actions=True)
    assert warning.startswith("traces of 1 of 2 episodes are missing")


def test_damaged_files_are_named(
    looking: Path, cli: Callable[..., Said], assets: Path, tmp_path: Path
) -> None:
    def drawn() -> Said:
        return cli("video", looking, "--out", tmp_path / "new", "--assets", assets)

    traces, other = (looking / "traces" / f"libero_object-1-{trial}.jsonl" for trial in (0, 1))
    whole = traces.read_bytes()
    traces.write_bytes(whole[:-20])
    said = drawn()
    assert said.status == 5 and str(traces) in said.err
    shutil.copy(other, traces)
    assert "is of another episode" in drawn().err
    traces.write_bytes(whole)
    actions = looking / "actions" / "libero_object-1-0.npy"
    np.save(actions, np.load(actions)[:-1])
    said = drawn()
    assert said.status == 5 and "does not hold the 12 actions of task 1 trial 0" in said.err
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize(
    ("key", "value", "reason", "hint"),
    [
        (("assets", "hash"), "0" * 64, "made with other models", "--assets"),
        (("versions", "mujoco"), "3.2.1", "MuJoCo 3.2.1", "pip install mujoco==3.2.1"),
    ],
)
def test_other_models_or_another_mujoco_are_refused(
    looking: Path,
    cli: Callable[..., Said],
    assets: Path,
    key: tuple[str, str],
    value: str,
    reason: str,
    hint: str,
) -> None:
    manifest = yaml.safe_load((looking / "run.yaml").read_text())
    manifest[key[0]][key[1]] = value
    (looking / "run.yaml").write_text(yaml.safe_dump(manifest))
    said = cli("video", looking, "--assets", assets, "--out", looking / "new")
    assert said.status == 3 and reason in said.err and hint in said.err
    assert not (looking / "new").exists()


def test_an_episode_that_ends_otherwise_is_refused(
    looking: Path, cli: Callable[..., Said], assets: Path
) -> None:
    log = looking / "episodes.jsonl"
    text = log.read_text().replace('"failure"', '"success"')
    log.write_text(text.replace('"success": false', '"success": true'))
    said = cli("video", looking, "--assets", assets, "--out", looking / "new")
    assert said.status == 3
    assert "recorded as success after 12 steps, ended otherwise" in said.err
    assert not list((looking / "new").iterdir())
