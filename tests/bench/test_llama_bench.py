"""The timing of pruners in a small Llama."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from torchvision_operators import define_operators

from gridseval.bench.llama import ROWS, LlamaTime, llama_text, measure_llama
from gridseval.cli.bench import command
from gridseval.errors import UsageError


@pytest.fixture
def transformers_works() -> None:
    """Make transformers' models importable beside a torchvision built for another torch."""
    define_operators()


@pytest.mark.usefixtures("transformers_works")
def test_each_row_keeps_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def once(on_progress: object) -> object:
        return measure_llama(1, on_progress=on_progress)  # type: ignore[arg-type]

    monkeypatch.setattr("gridseval.bench.llama.measure_llama", once)
    path = tmp_path / "llama.json"
    ran = CliRunner().invoke(command, ["--pruners", "--host", "llama", "--json", str(path)])
    assert ran.exit_code == 0, ran.output
    rows = json.loads(path.read_text())["llama"]
    kept = {row["name"]: row["kept"] for row in rows}
    assert list(kept) == list(ROWS)
    assert kept["everything kept"] == 512
    assert kept["fastv 25 %"] == kept["vla_pruner 25 %"] == 128
    assert (kept["grids 16"], kept["random 39"], kept["efficientvla 56"]) == (32, 78, 112)
    assert 60 <= kept["lightvla"] <= 90
    assert 512 - 2 * 150 <= kept["vla_cache at rest"] < 512
    for row in rows:
        assert row["speedup"] == pytest.approx(row["dense_ms"] / row["pruned_ms"])
        assert row["name"] in ran.output


@pytest.mark.parametrize(("pruned_ms", "verdict"), [(102.0, "within 3 %"), (104.0, "more than 3")])
def test_overhead_is_judged(pruned_ms: float, verdict: str) -> None:
    text = llama_text([LlamaTime("everything kept", 512, 100.0, pruned_ms)])
    assert verdict in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "llama"], "give --pruners, too"),
        (["--pruners", "--host", "llama", "--pruner", "fastv"], "leave --pruner out"),
    ],
)
def test_host_goes_with_pruners(arguments: list[str], said: str) -> None:
    ran = CliRunner().invoke(command, arguments)
    assert isinstance(ran.exception, UsageError)
    assert said in f"{ran.exception} {ran.exception.hint}"


def test_transformers_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match="needs the package transformers"):
        measure_llama(1)
