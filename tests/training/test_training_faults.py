"""Everything a user can get wrong ends in one line that names it; what was written stays usable."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch
from training_doubles import Breaks

from gridseval.errors import GridsevalError, OutputError, PolicyError, UsageError
from gridseval.policies.nano import NanoConfig, PrunerChoice
from gridseval.policies.nano.checkpoint import load_nano, save_nano
from gridseval.training import TrainConfig, train
from gridseval.training.dataset import read_dataset
from gridseval.training.provenance import Provenance
from gridseval.training.rounds import frame_steps
from gridseval.training.snapshot import STATE
from gridseval.training.trainer import Trainer

Configure = Callable[..., TrainConfig]
DATA = "data/chunk-000/file-000.parquet"


def refusal(config: TrainConfig, kind: type[GridsevalError] = UsageError) -> str:
    with pytest.raises(kind) as caught:
        train(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit_info(dataset: Path, change: Callable[[Any], Any]) -> None:
    info = json.loads((dataset / "meta/info.json").read_text())
    change(info)
    (dataset / "meta/info.json").write_text(json.dumps(info))


def flip_bit(file: Path) -> None:
    """Change a number of a label, which nothing but a checksum notices."""
    content = bytearray(file.read_bytes())
    label = pyarrow.parquet.ParquetFile(file).metadata.row_group(0)
    places = [label.column(n) for n in range(label.num_columns)]
    (place,) = (each for each in places if each.path_in_schema.startswith("label"))
    start = place.dictionary_page_offset or place.data_page_offset
    content[start + place.total_compressed_size // 2] ^= 1
    file.write_bytes(content)


def edit_column(dataset: Path, name: str, change: Callable[[Any], Any]) -> None:
    table = pyarrow.parquet.read_table(dataset / DATA)
    column = change(table[name])
    table = table.set_column(table.column_names.index(name), name, column)
    pyarrow.parquet.write_table(table, dataset / DATA)


def empty(dataset: Path) -> None:
    """Leave no frame, and say so."""
    table = pyarrow.parquet.read_table(dataset / DATA)
    pyarrow.parquet.write_table(table.slice(0, 0), dataset / DATA)
    edit_info(dataset, lambda info: info.update(total_frames=0))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: shutil.rmtree(path), "is not a dataset: cannot read meta/info.json"),
        (lambda path: (path / "meta/info.json").write_text("{"), "meta/info.json is not JSON"),
        (lambda path: (path / "meta/info.json").write_text("[]"), "does not name features"),
        (
            lambda path: edit_info(path, lambda info: info.update(codebase_version="v2.1")),
            "is a dataset of version 'v2.1'",
        ),
        (lambda path: (path / DATA).unlink(), "it has 0 frames, meta/info.json says 72"),
        (lambda path: (path / DATA).write_bytes(b"PAR1"), "file-000.parquet: "),
        (
            lambda path: (path / DATA).write_bytes((path / DATA).read_bytes()[:5000]),
            "file-000.parquet: ",
        ),
        (lambda path: flip_bit(path / DATA), "CRC"),
        (lambda path: (path / "meta/tasks.parquet").unlink(), "meta/tasks.parquet"),
        (
            lambda path: edit_info(path, lambda info: info.update(total_frames=71)),
            "it has 72 frames, meta/info.json says 71",
        ),
        (
            lambda path: edit_info(path, lambda info: info["features"].pop("label")),
            "has no label",
        ),
        (
            lambda path: edit_info(
                path, lambda info: info["features"].pop("observation.images.wrist")
            ),
            "has no images observation.images.wrist, which nano looks at; it has "
            "observation.images.agentview",
        ),
        (
            lambda path: edit_column(
                path,
                "label",
                lambda old: pyarrow.FixedSizeListArray.from_arrays(
                    pyarrow.array(np.full(56 * len(old), np.nan, np.float32)), 56
                ),
            ),
            "label has values that are not finite",
        ),
        (lambda path: (path / "meta/info.json").write_text("[" * 100_000), "is not JSON"),
        (
            lambda path: edit_info(path, lambda info: info["features"].update(label=[56])),
            "meta/info.json does not describe label",
        ),
        (
            lambda path: edit_info(path, lambda info: info["features"]["label"].update(shape=[28])),
            "label has 56 numbers per frame, meta/info.json says 28",
        ),
        (
            lambda path: edit_info(
                path, lambda info: info["features"]["label"].update(shape=[8, 7])
            ),
            "meta/info.json does not describe label",
        ),
        (
            lambda path: edit_info(
                path, lambda info: info["features"]["observation.state"].update(shape=[16])
            ),
            "observation.state has 16 numbers, not 8",
        ),
        (
            lambda path: edit_column(
                path, "observation.state", lambda old: pyarrow.array(["x"] * len(old))
            ),
            "observation.state has values that are not numbers in a row",
        ),
        (
            lambda path: edit_column(
                path, "episode_index", lambda old: pyarrow.array([0.5] * len(old))
            ),
            "episode_index has values that are not whole numbers",
        ),
        (
            lambda path: edit_column(
                path, "label", lambda old: pyarrow.array([[0.0] * 56] * len(old))
            ),
            "label has values that are not numbers in a row",
        ),
        (
            lambda path: pyarrow.parquet.write_table(
                pyarrow.table({"task_index": [0, 1], "task": ["turn on the stove", None]}),
                path / "meta/tasks.parquet",
            ),
            "meta/tasks.parquet has no task 1",
        ),
        (lambda path: empty(path), "it has 0 frames"),
        (
            lambda path: edit_column(
                path, "observation.images.wrist", lambda old: pyarrow.array([b"x"] * len(old))
            ),
            "file-000.parquet, row 0, wrist: no image",
        ),
        (
            lambda path: edit_column(
                path,
                "observation.images.wrist",
                lambda old: pyarrow.array([{"bytes": b"no png", "path": None}] * len(old)),
            ),
            "file-000.parquet, row 0, wrist: no image",
        ),
    ],
)
def test_damaged_datasets(
    configure: Configure, dataset: Path, damage: Callable[[Path], Any], said: str
) -> None:
    damage(dataset)
    message = refusal(configure())
    assert said in message
    assert str(dataset) in message
    assert not list(dataset.glob("*.part"))


@pytest.mark.parametrize("name", ["meta/info.json", "meta/tasks.parquet", DATA])
def test_damage_anywhere_is_an_error_or_harmless(
    tmp_path: Path, make_dataset: Callable[..., Path], name: str
) -> None:
    """Flipped bits all over a file: never another exception, never other numbers."""
    dataset = make_dataset(tmp_path / "small", px=2)
    file, cameras = dataset / name, ("agentview", "wrist")
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    original, refused = read_dataset(dataset, cameras, 4), 0
    for place in rng.choice(len(whole), 60, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(0, 8))
        file.write_bytes(damaged)
        try:
            read = read_dataset(dataset, cameras, 4)
        except UsageError:
            refused += 1
        else:
            assert np.array_equal(read.labels, original.labels), place
            assert np.array_equal(read.states, original.states), place
    assert refused


def test_poses_are_no_labels_of_nanos(
    configure: Configure, tmp_path: Path, make_dataset: Callable[..., Path]
) -> None:
    poses = make_dataset(tmp_path / "poses", about={"actions": "absolute", "env_seed": 100})
    assert "poses are absolute poses" in refusal(configure(datasets=(poses,)))
    label = {"label": {"name": "oracle"}}
    about = {"actions": "absolute", "collect": label}
    relabelled = make_dataset(tmp_path / "relabelled", about=about)
    train(configure(datasets=(relabelled,)))


def test_images_that_are_too_small(configure: Configure, make_dataset: Any, tmp_path: Path) -> None:
    small = make_dataset(tmp_path / "small", px=16)
    message = refusal(configure(datasets=(small,)))
    assert "the image has 16 x 16 pixels, the model wants 32 x 32" in message
    assert "--image-px 32" in message


def test_a_chunk_that_labels_do_not_fill(configure: Configure, tiny: Any) -> None:
    from dataclasses import replace

    message = refusal(configure(shape=replace(tiny, chunk=9)))
    assert "labels have 8 actions, the model's chunk has 9" in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"datasets": ()}, "no dataset"),
        ({"minutes": 3.0}, "--steps and --minutes"),
        ({"steps": 0}, "--steps must be within 1"),
        ({"steps": None, "minutes": float("nan")}, "--minutes must be within"),
        ({"batch": 0}, "--batch"),
        ({"batch": 10**400}, "--batch must be within 1 and 65536, not a longer number"),
        (
            {"shape": NanoConfig(pruner=PrunerChoice("grids", {"k": 4}))},
            "--shape names the pruner 'grids'",
        ),
        ({"lr": -1.0}, "--lr"),
        ({"holdout": 0.9}, "--holdout"),
        ({"precision": "fp8"}, "--precision 'fp8'"),
        ({"pruner_arguments": {"k": "4"}}, "name it with --pruner"),
    ],
)
def test_arguments_that_do_not_fit(
    configure: Configure, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        configure(**changes)


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"pruner": "grid"}, PolicyError, "unknown pruner 'grid'"),
        ({"pruner": "grids", "pruner_arguments": {"kk": "4"}}, PolicyError, "no argument 'kk'"),
        ({"pruner": "grids", "pruner_arguments": {"k": "99"}}, PolicyError, "99"),
        ({"pruner": "vla_cache", "layers": 8}, UsageError, "remembers earlier queries"),
        ({"device": "tpu"}, PolicyError, "no device 'tpu'"),
        ({"init": Path("nowhere")}, PolicyError, "cannot read nowhere/config.json"),
    ],
)
def test_models_that_cannot_be_trained(
    configure: Configure, tiny: Any, changes: dict[str, Any], kind: Any, said: str
) -> None:
    from dataclasses import replace

    layers = changes.pop("layers", None)
    config = (
        configure(**changes)
        if layers is None
        else configure(**changes, shape=replace(tiny, layers=layers))
    )
    assert said in refusal(config, kind)


def test_a_checkpoint_of_another_shape(configure: Configure, tiny: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    save_nano(tmp_path / "wide", replace(tiny, width=64))
    message = refusal(configure(init=tmp_path / "wide"), PolicyError)
    assert "wide has another shape: its width is 64, --shape says 32" in message


def test_a_loss_that_is_not_finite(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    step = Trainer.step

    def poisoned(self: Trainer, samples: Any, chosen: Any, number: int, share: float) -> float:
        if number == 7:
            with torch.no_grad():
                self.model.head.bias.fill_(float("nan"))
        return step(self, samples, chosen, number, share)

    monkeypatch.setattr(Trainer, "step", poisoned)
    config = configure(save_every_s=0.0)
    for _ in range(2):  # at once, and when the same command goes on
        message = refusal(config, PolicyError)
        assert "step 7: the loss or its gradient is not finite (nan)" in message
        assert f"{config.out} keeps the checkpoint of step 7" in message
        load_nano(config.out)


@pytest.mark.parametrize(
    "name", ["state.pt", "config.json", "model.safetensors", "README.md", "loss.csv", "train.yaml"]
)
def test_a_full_disk(configure: Configure, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    config = configure(save_every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(config, Breaks(6))
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if name in Path(f"/proc/self/fd/{descriptor}").readlink().name:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        message = refusal(config, OutputError)
    assert "No space left on device" in message
    assert "free some space" in message
    load_nano(config.out)
    assert f"{name}: No space" in message
    assert not [path for path in config.out.rglob(".*") if path.name != ".lock"]
    assert train(config).step == 12  # with more space, the same command is all it takes


def test_images_on_a_full_disk(
    configure: Configure, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gridseval.training import image_cache

    def full(*_: Any) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(image_cache, "_decoded", full)
    message = refusal(configure(), OutputError)
    assert "another disk with --cache" in message
    assert not list(dataset.glob("images-*"))


def test_a_damaged_state(configure: Configure) -> None:
    config = configure(save_every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(config, Breaks(6))
    state = config.out / STATE
    state.write_bytes(state.read_bytes()[:1000])
    message = refusal(config, OutputError)
    assert f"{state} is damaged" in message


def test_code_in_a_state_does_not_run(configure: Configure, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    config = configure(save_every_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(config, Breaks(6))
    torch.save({"state": Evil()}, config.out / STATE)
    assert "is damaged" in refusal(config, OutputError)
    assert not (tmp_path / "ran").exists()


def test_two_processes_do_not_write_one_folder(configure: Configure) -> None:
    from filelock import FileLock

    config = configure()
    config.out.mkdir()
    with FileLock(config.out / ".lock"):
        assert "another process trains in" in refusal(config, OutputError)


def test_a_dataset_counts_once(configure: Configure, dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "copy")
    message = refusal(configure(datasets=(dataset, tmp_path / "copy")))
    assert f"{tmp_path / 'copy'} has the same episodes as {dataset}" in message


@pytest.mark.parametrize("changes", [{"dagger": 1}, {"evaluate_every": 1.0}])
def test_what_simulation_needs_is_there_before_the_first_step(
    configure: Configure, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = configure(assets=str(tmp_path / "nowhere"), **changes)
    assert str(tmp_path / "nowhere") in refusal(config, GridsevalError)
    assert not config.out.exists()


def test_a_suite_that_is_not_there(
    configure: Configure, make_dataset: Any, tmp_path: Path, assets: Path
) -> None:
    mine = make_dataset(tmp_path / "mine", suite="my_own")
    config = configure(datasets=(mine,), dagger=1, assets=str(assets))
    assert "my_own" in refusal(config)
    assert train(configure(datasets=(mine,))).step == 12  # without simulation it is no matter


def test_images_larger_than_the_simulators(
    configure: Configure, assets: Path, make_dataset: Any, tmp_path: Path, tiny: Any
) -> None:
    from dataclasses import replace

    large = make_dataset(tmp_path / "large", episodes=1, frames=1, px=512)
    shape = replace(tiny, image_px=512, patch_px=64)
    config = configure(
        datasets=(large,), shape=shape, evaluate_every=1.0, assets=str(assets), holdout=0.0
    )
    assert "the model's images have 512 px, and the simulator's 256" in refusal(config)


@pytest.mark.parametrize(
    ("said", "chunk", "frames"), [(4, 8, 4), (20, 8, 5), (8, 3, 2), (10, 100, 10), (None, 8, 5)]
)
def test_rounds_have_frames_that_a_chunk_fills(
    dataset: Path, said: int | None, chunk: int, frames: int
) -> None:
    """A frame every so many steps as the data have, or fewer; a second divides by them."""
    from dataclasses import replace

    read = read_dataset(dataset, ("agentview", "wrist"), 4)
    data = [replace(read, provenance=Provenance(replan=said))]
    assert frame_steps(data, chunk) == frames


def test_the_simulators_seed_is_not_the_datas(configure: Configure) -> None:
    message = refusal(configure(evaluate_every=1.0, env_seed=100))
    assert "was collected with --env-seed 100" in message
    assert "collected with --env-seed 100" in refusal(configure(dagger=2, env_seed=98))
