"""The timing of models of full size, tried at a small one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torchvision_operators import define_operators

from gridseval.bench.full import ROWS, full_json, full_text, measure_full
from gridseval.cli.bench import command
from gridseval.errors import UsageError
from gridseval.tokens.accounting import load_model
from gridseval.tokens.accounting.model import ModelDescription
from gridseval.tokens.pruners import list_pruners

LAYERS = {"openvla-7b": 12, "openvla-oft": 6, "pi0": 6}


def small(model: ModelDescription) -> ModelDescription:
    """Return a model of few and narrow layers, with the sequence of the full one."""

    def shape(transformer: Any) -> Any:
        few = {"layers": LAYERS[model.name], "width": 32, "mlp": 48, "heads": 2, "head_dim": 16}
        return replace(transformer, **few, kv_heads=min(2, transformer.kv_heads))

    language = replace(model.language, transformer=shape(model.language.transformer))
    expert = model.expert
    if expert is not None:
        expert = replace(expert, transformer=shape(expert.transformer), steps=2)
    return replace(model, language=language, expert=expert)


@pytest.fixture
def transformers_works() -> None:
    """Make transformers' models importable beside a torchvision built for another torch."""
    define_operators()


@pytest.mark.usefixtures("transformers_works")
def test_every_row_runs_in_the_type_of_full_size() -> None:
    told: list[str] = []
    before = torch.get_default_dtype()
    times = measure_full("cpu", repeats=1, shrink=small, on_progress=told.append)
    assert torch.get_default_dtype() == before
    assert len(times) == len(told) == sum(map(len, ROWS.values()))
    kept = {(row.model, row.pruner): row.kept for row in times}
    for model, visual in (("OpenVLA", 256), ("OpenVLA-OFT", 512), ("π0", 512)):
        assert kept[model, "fastv keep=1.0"] == visual
    assert kept["OpenVLA", "vla_pruner keep=0.125"] == 32
    assert kept["OpenVLA", "efficientvla k=56 drop_layers=10"] == 56
    assert kept["OpenVLA", "flashvla k=160"] == 160
    assert 70 <= kept["OpenVLA-OFT", "lightvla"] <= 90
    assert kept["OpenVLA-OFT", "random k=39"] == 78
    assert (kept["π0", "grids k=16"], kept["π0", "fastv k=100"]) == (32, 200)
    text = full_text(times, "cpu")
    for row, told_row in zip(times, full_json(times), strict=True):
        assert row.dense_ms > 0 and row.pruned_ms > 0
        assert told_row["speedup"] == pytest.approx(row.dense_ms / row.pruned_ms)
        line = next(line for line in text.splitlines() if row.pruner in line and row.model in line)
        assert (row.published or "–") in line


def test_the_rows_are_of_every_pruner_that_needs_no_vision_encoder() -> None:
    rows = {row.pruner for rows in ROWS.values() for row in rows}
    assert rows == {*list_pruners()} - {"dense", "sp_vla"}


def test_what_papers_say_is_there() -> None:
    said = {(name, row.name): row.published for name, rows in ROWS.items() for row in rows}
    assert said["openvla-oft", "lightvla"].startswith(f"{34 / 21:.2f}")
    assert said["openvla-7b", "vla_pruner keep=0.25"].startswith("1.63")
    assert said["pi0", "grids k=16"].startswith(f"{8.17 / 6.05:.2f}")


def test_full_size_is_the_papers() -> None:
    shapes = {name: load_model(name).language.transformer for name in ROWS}
    assert [(each.layers, each.width) for each in shapes.values()] == [
        (32, 4096),
        (32, 4096),
        (18, 2048),
    ]


def test_a_machine_without_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ran = CliRunner().invoke(command, ["--pruners", "--host", "full"])
    assert isinstance(ran.exception, UsageError)
    assert "need a GPU" in str(ran.exception)
    assert "--host llama" in ran.exception.hint
