"""A training from its arguments to a checkpoint: what it learns, writes and repeats."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from training_doubles import Breaks

from gridseval.errors import OutputError
from gridseval.policies.nano.checkpoint import load_nano
from gridseval.tokens.pruners.interface import Pruner
from gridseval.training import TrainConfig, train
from gridseval.training.progress import Quiet
from gridseval.training.snapshot import STATE

Configure = Callable[..., TrainConfig]
WEIGHTS = "model.safetensors"


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "loss.csv").read_text().splitlines()))


def test_the_loss_falls_and_the_checkpoint_holds_what_was_learnt(
    configure: Configure, dataset: Path
) -> None:
    config = configure(steps=250, lr=3e-3, validate_every=50, ema=0.95)
    state = train(config)
    losses = [row["loss"] for row in state.rows if row["loss"] is not None]
    held = [row["validation"] for row in state.rows if row["validation"] is not None]
    assert losses[-1] < 0.5 * losses[0]
    assert held[-1] < 0.5 * losses[0]
    model = load_nano(config.out)
    assert model.state_std.min() > 0.05
    assert model.state_mean == pytest.approx(torch.full((8,), 0.5), abs=0.05)
    assert (config.out / WEIGHTS).stat().st_size < 3 * sum(p.numel() for p in model.parameters())


def test_what_it_writes(configure: Configure, dataset: Path) -> None:
    config = configure(command="gridseval train nano data")
    before = torch.get_rng_state()
    state = train(config)
    assert torch.equal(torch.get_rng_state(), before)
    names = {path.name for path in config.out.iterdir()} - {".lock"}
    assert names == {"config.json", WEIGHTS, "README.md", "train.yaml", "loss.csv", "loss.svg"}
    record = yaml.safe_load((config.out / "train.yaml").read_text())
    assert (record["steps"], record["samples"], record["finished"]) == (12, 96, True)
    assert record["data"][0]["frames"] == 72
    assert (record["data"][0]["env_seed"], record["data"][0]["assets"]) == (100, "abc")
    assert record["data"][0]["tasks"] == ["libero_object:0", "libero_object:1"]
    assert record["arguments"]["lr"] == config.lr
    assert record["versions"]["torch"] == torch.__version__
    rows = rows_of(config.out)
    assert [row["step"] for row in rows] == ["5", "10", "12"]
    assert all(0 < float(row["validation"]) < 2 for row in rows)
    parts = [float(rows[-1][name]) for name in ("translation", "rotation", "gripper")]
    assert float(rows[-1]["validation"]) == pytest.approx(np.dot(parts, [3, 3, 1]) / 7)
    drawn = ElementTree.parse(config.out / "loss.svg")
    assert len(drawn.findall(".//{*}polyline")) == 2
    card = (config.out / "README.md").read_text()
    assert "12 of 8 samples" in card
    assert record["data"][0]["sha256"][:16] in card
    again = train(config)  # finished: nothing to do
    assert again.step == state.step == 12
    assert not (config.out / STATE).exists()


def test_one_seed_gives_the_same_weights(configure: Configure, tmp_path: Path) -> None:
    files = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(configure(out=tmp_path / name, seed=seed))
        files.append((tmp_path / name / WEIGHTS).read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


@pytest.mark.parametrize(
    ("pruner", "arguments"), [("grids", {"k": "2"}), ("lightvla", {}), ("random", {"k": "4"})]
)
@pytest.mark.parametrize("at", [1, 7, 10])
def test_interrupted_it_comes_to_the_same_weights(
    configure: Configure, tmp_path: Path, pruner: str, arguments: dict[str, str], at: int
) -> None:
    given = {"pruner": pruner, "pruner_arguments": arguments, "save_every_s": 0.0}
    train(configure(out=tmp_path / "whole", **given))
    config = configure(**given)
    with pytest.raises(KeyboardInterrupt):
        train(config, Breaks(at))
    train(config)
    for name in (WEIGHTS, "config.json"):
        assert (config.out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    rows = [rows_of(folder) for folder in (config.out, tmp_path / "whole")]
    for row in (*rows[0], *rows[1]):
        del row["minutes"]
    assert rows[0] == rows[1]


KILLED = """
import sys
from pathlib import Path
from gridseval.policies.nano.config import read_config
from gridseval.training import TrainConfig, train
data, out, shape = map(Path, sys.argv[1:4])
train(TrainConfig((data,), out, read_config(shape), steps=int(sys.argv[4]), batch=8, device="cpu",
                  save_every_s=0.0, validate_every=5))
"""


def test_killed_it_comes_to_the_same_weights(
    configure: Configure, dataset: Path, tmp_path: Path, tiny: Any
) -> None:
    whole = configure(out=tmp_path / "whole", steps=40)
    train(whole)
    command = [sys.executable, "-c", KILLED, str(dataset), str(tmp_path / "killed")]
    command += [str(whole.out / "config.json"), "40"]
    with subprocess.Popen(command) as process:
        until = time.monotonic() + 120
        while not (tmp_path / "killed" / STATE).is_file() and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -9
    assert (tmp_path / "killed" / STATE).is_file()
    subprocess.run(command, check=True)
    assert (tmp_path / "killed" / WEIGHTS).read_bytes() == (whole.out / WEIGHTS).read_bytes()


@pytest.mark.parametrize("at", [5, 9])
def test_rounds_add_samples_and_are_not_repeated(
    configure: Configure,
    tmp_path: Path,
    make_dataset: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    at: int,
) -> None:
    """Rounds of DAgger after a third and two thirds; the simulator is played."""
    asked: list[tuple[int, int]] = []

    def play(config: TrainConfig, datasets: Any, number: int, shape: Any, *_: Any) -> Any:
        load_nano(config.out)  # it is this checkpoint that acts
        asked.append((number, len(datasets)))
        path = f"dagger/round-{number}"
        if not (config.out / path).exists():
            make_dataset(config.out / path, episodes=2, px=shape.image_px, seed=number)
        return [{"round": number, "suite": "x", "path": path, "successes": 1, "episodes": 2}]

    monkeypatch.setattr("gridseval.training.session.collect_round", play)
    monkeypatch.setattr("gridseval.training.session.check_simulation", lambda *_: None)
    whole = configure(out=tmp_path / "whole", dagger=2)
    train(whole)
    assert asked == [(1, 1), (2, 2)]
    record = yaml.safe_load((whole.out / "train.yaml").read_text())
    assert [each["round"] for each in record["dagger"]] == [1, 2]
    assert "DAgger round 2 on x: 1 of 2 solved" in (whole.out / "README.md").read_text()
    asked.clear()
    config = configure(dagger=2, save_every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(config, Breaks(at))
    # The folder may be moved meanwhile.
    config = replace(config, out=config.out.rename(tmp_path / "moved"))
    train(config)
    # A break between rounds repeats none; each round's samples were there at once.
    assert asked == [(1, 1), (2, 2)]
    assert (config.out / WEIGHTS).read_bytes() == (whole.out / WEIGHTS).read_bytes()
    train(configure(out=tmp_path / "without"))
    assert (config.out / WEIGHTS).read_bytes() != (tmp_path / "without" / WEIGHTS).read_bytes()


def test_an_interrupted_evaluation_is_gone_on_with(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an hour of simulation is not thrown away: the same step is evaluated again."""
    asked: list[tuple[int, bytes]] = []

    def play(config: TrainConfig, datasets: Any, step: int, *_: Any) -> Any:
        asked.append((step, (config.out / WEIGHTS).read_bytes()))
        if len(asked) == 2:
            raise KeyboardInterrupt
        result = {"suite": "x", "successes": 1, "episodes": 4, "errors": 2, "interval": None}
        return [{"step": step, **result}]

    monkeypatch.setattr("gridseval.training.session.evaluate_model", play)
    monkeypatch.setattr("gridseval.training.session.check_simulation", lambda *_: None)
    config = configure(evaluate_every=0.0011, minutes=0.005, steps=None)
    with pytest.raises(KeyboardInterrupt):
        train(config)
    train(config)
    assert asked[1] == asked[2], "the same weights"
    steps = [step for step, _ in asked]
    assert steps == sorted(steps) and len(set(steps)) == len(steps) - 1
    record = yaml.safe_load((config.out / "train.yaml").read_text())
    assert [each["step"] for each in record["evaluations"]] == sorted(set(steps))
    assert record["steps"] == steps[-1]
    assert "1/4, 2 ended in an error" in (config.out / "README.md").read_text()


@pytest.mark.parametrize("torn", [1, 2, 3])
def test_a_state_never_goes_on_under_other_arguments(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, torn: int
) -> None:
    """Killed between any two files of the first checkpoint."""
    from gridseval.training import output

    written = 0

    def stop(*given: Any, real: Callable[..., Any], **named: Any) -> Any:
        nonlocal written
        written += 1
        if written == torn:
            raise KeyboardInterrupt
        return real(*given, **named)

    with monkeypatch.context() as patch:
        for name in ("save_state", "save_model", "write_atomically"):
            patch.setattr(output, name, partial(stop, real=getattr(output, name)))
        with pytest.raises(KeyboardInterrupt):
            train(configure(save_every_s=0.0))
    has_state = (configure().out / STATE).exists()
    if has_state:
        with pytest.raises(OutputError, match="another training"):
            train(configure(lr=1e-3))
    assert has_state == (torn == 3)
    assert train(configure()).step == 12


def test_from_dense_to_pruned(configure: Configure, tmp_path: Path) -> None:
    dense = configure(out=tmp_path / "dense")
    train(dense)
    given = {"shape": None, "pruner": "grids", "pruner_arguments": {"k": "2"}}
    pruned = configure(init=dense.out, steps=1, lr=1e-9, **given)
    train(pruned)
    model, first = load_nano(pruned.out), load_file(dense.out / WEIGHTS)
    assert (model.config.pruner.name, model.config.pruner.arguments) == ("grids", {"k": 2})
    # One tiny step: all that was learnt is there.
    for key, value in first.items():
        assert torch.allclose(model.state_dict()[key], value.float(), atol=1e-3), key
    record = yaml.safe_load((pruned.out / "train.yaml").read_text())
    assert len(record["init"]["sha256"]) == 64


@pytest.mark.parametrize("pruner", ["dense", "grids", "lightvla"])
def test_half_precision_leaves_choices_exact(
    configure: Configure, pruner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[torch.dtype] = set()
    forward = Pruner.forward

    def watched(self: Pruner, inputs: Any) -> Any:
        assert not torch.is_autocast_enabled("cpu")
        pruned = forward(self, inputs)
        seen.update({inputs.tokens.dtype, pruned.tokens.dtype})
        if pruned.points is not None:
            seen.add(self.place_points(inputs.tokens.view(-1, 4, 4, 32)).dtype)
        return pruned

    monkeypatch.setattr(Pruner, "forward", watched)
    given = {} if pruner != "grids" else {"pruner_arguments": {"k": "2"}}
    config = configure(precision="bf16", pruner=pruner, steps=40, lr=3e-3, **given)
    state = train(config)
    assert seen == {torch.float32}
    assert state.rows[-1]["loss"] < 0.8 * state.rows[0]["loss"]
    assert all(p.dtype == torch.float32 for p in load_nano(config.out).parameters())


def test_lightvlas_noise_falls(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    from gridseval.tokens.pruners.lightvla import LightVla

    alphas: list[float] = []
    prune = LightVla.prune

    def watched(self: LightVla, inputs: Any) -> Any:
        if self.training:
            alphas.append(self.alpha)
        return prune(self, inputs)

    monkeypatch.setattr(LightVla, "prune", watched)
    train(configure(pruner="lightvla", steps=4))
    assert alphas == [1.0, 0.75, 0.5, 0.25]


def test_minutes_end_it(configure: Configure) -> None:
    state = train(configure(steps=None, minutes=0.02))
    assert 1.2 <= state.seconds < 5
    assert state.rows[-1]["rate"] < 1e-4


def test_several_datasets(
    configure: Configure, dataset: Path, tmp_path: Path, make_dataset: Callable[..., Path]
) -> None:
    other = make_dataset(tmp_path / "other", episodes=3, px=32, seed=1)
    config = configure(datasets=(dataset, other), cache=tmp_path / "cache")
    train(config)
    record = yaml.safe_load((config.out / "train.yaml").read_text())
    assert [each["frames"] for each in record["data"]] == [72, 36]
    assert len(list((tmp_path / "cache").glob("*.u8"))) == 2
    assert not list(dataset.glob("*.u8"))


def test_other_arguments_do_not_continue_a_training(configure: Configure, tmp_path: Path) -> None:
    train(configure())
    with pytest.raises(OutputError, match=r"another training: its arguments\.lr is 0\.0006"):
        train(configure(lr=1e-3))
    train(configure(threads=2, save_every_s=5.0))  # these may differ


@pytest.mark.parametrize("names", [("thesis.tex",), (".lock", "run.yaml"), ("config.json",)])
def test_a_folder_of_something_else_is_left_alone(
    configure: Configure, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Run directories and datasets have a lock file, too."""
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / "out" / name).write_text("x")
    with pytest.raises(OutputError, match="is not empty, and holds no training"):
        train(configure())
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(names)


def test_a_training_killed_before_its_first_checkpoint_begins_again(
    configure: Configure, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").write_text("")
    assert train(configure()).step == 12


class Notes(Quiet):
    """Keeps what a training says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_note(self, text: str) -> None:
        self.said.append(text)


def test_what_changes_the_last_bits_is_said(configure: Configure) -> None:
    config = configure(save_every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(config, Breaks(6))
    notes = Notes()
    train(replace(config, threads=2), notes)
    assert "goes on at step 5" in notes.said
    assert any("began with --threads 1, goes on with 2" in each for each in notes.said)


def test_what_is_odd_about_data_is_said(
    configure: Configure, tmp_path: Path, make_dataset: Callable[..., Path]
) -> None:
    notes = Notes()
    about = {"suite": "libero_object", "image_px": 360}
    stored = make_dataset(tmp_path / "stored", about=about)
    fresh = make_dataset(tmp_path / "fresh", seed=1, about={**about, "starts": "fresh"})
    config = configure(datasets=(stored, fresh))
    train(config, notes)
    assert [each.split(" was")[0] for each in notes.said] == [str(stored), str(stored), str(fresh)]
    assert "collected on stored starts" in notes.said[0]
    assert "seen at 360 px" in notes.said[1]
    record = yaml.safe_load((config.out / "train.yaml").read_text())
    assert [each["starts"] for each in record["data"]] == ["stored", "fresh"]
