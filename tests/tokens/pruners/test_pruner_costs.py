"""What choosing costs stands on the pruner's class, and none is forgotten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pruner_doubles import CAMERAS

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import (
    Choice,
    Host,
    build_pruner,
    load_pruner,
    pruner_macs,
)
from gridseval.tokens.pruners.products import FORMULAS, REUSING
from gridseval.tokens.pruners.registry import argument_names

CHOICE = Choice(cameras=2, visual=512, kept=32, width=64, text=40)

OWN = """
import torch
from gridseval.tokens.pruners.interface import Pruner
from gridseval.tokens.pruners.selection import select

class Half(Pruner):
    name = "half"

    def prune(self, inputs):
        chosen = torch.arange(inputs.tokens.shape[1]) % 2 == 0
        return select(inputs, chosen.expand(len(inputs.tokens), -1))

class Counted(Half):
    @staticmethod
    def macs(choice):
        return choice.visual * choice.width
"""


@pytest.mark.parametrize("name", FORMULAS)
def test_what_is_counted_without_torch_is_what_the_class_says(name: str) -> None:
    assert load_pruner(name).macs is FORMULAS[name]


@pytest.mark.parametrize("name", FORMULAS)
def test_what_reuses_entries_is_known_without_torch(name: str) -> None:
    host = Host(dim=16, layers=32, cameras=CAMERAS, encoder_dim=16)
    given = {"k": 2} if "k" in argument_names(load_pruner(name)) else {}
    assert (build_pruner(name, host, **given).entries is not None) == (name in REUSING)


def test_a_pruner_that_forgets_its_cost_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "half.py"
    file.write_text(OWN, encoding="utf8")
    host = Host(dim=16, layers=8, cameras=CAMERAS, encoder_dim=16)
    with pytest.raises(PolicyError, match=r"half.py:Half has no method macs\(\)"):
        build_pruner(f"{file}:Half", host)
    with pytest.raises(PolicyError, match=r"half.py:Half has no method macs\(\)"):
        pruner_macs(f"{file}:Half", CHOICE)
    assert build_pruner(f"{file}:Counted", host).macs(CHOICE) == 512 * 64
    assert pruner_macs(f"{file}:Counted", CHOICE) == 512 * 64


OF_ANOTHER = """
from gridseval.tokens.pruners.baselines import PerCamera, TopTokens, UniformTokens
from gridseval.tokens.pruners.dense import Dense
from gridseval.tokens.pruners.fastv import FastV

class OfScores(PerCamera):
    name = "of_scores"

    def score(self, inputs):
        return (inputs.tokens @ inputs.tokens.mT).sum(-1)

class OfDense(Dense):
    def prune(self, inputs):
        return super().prune(inputs)

class OfFastV(FastV):
    def prune(self, inputs):
        return super().prune(inputs)

class OfTop(TopTokens):
    def score(self, inputs):
        return super().score(inputs) * 2

class Counted(OfScores):
    @staticmethod
    def macs(choice):
        return choice.visual ** 2 * choice.width

class Renamed(UniformTokens):
    name = "renamed"

class OfCounted(Counted):
    name = "of_counted"
"""


@pytest.mark.parametrize("name", ["OfScores", "OfDense", "OfFastV", "OfTop"])
def test_a_subclass_that_chooses_otherwise_counts_its_own_cost(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OF_ANOTHER, encoding="utf8")
    with pytest.raises(PolicyError, match=rf"mine.py:{name} has no method macs\(\)"):
        load_pruner(f"{file}:{name}")


def test_a_subclass_that_chooses_as_its_base_has_its_cost(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OF_ANOTHER, encoding="utf8")
    host = Host(dim=16, layers=8, cameras=CAMERAS, encoder_dim=16)
    for name, macs in (("Counted", 512**2 * 64), ("OfCounted", 512**2 * 64), ("Renamed", 0)):
        assert build_pruner(f"{file}:{name}", host, k=4).macs(CHOICE) == macs


def test_queries_of_lightvla_star_are_counted_as_given() -> None:
    assert pruner_macs("lightvla_star", CHOICE) == 128 * 512 * 64
    few = Choice(cameras=2, visual=512, kept=32, width=64, text=40, arguments={"queries": 3})
    assert pruner_macs("lightvla_star", few) == 3 * 512 * 64


def test_counting_gridsevals_own_needs_no_torch() -> None:
    code = (
        "import sys; from gridseval.tokens.pruners import Choice, pruner_macs\n"
        "choice = Choice(cameras=1, visual=4, kept=2, width=8, text=3)\n"
        f"print(sum(pruner_macs(name, choice) > 0 for name in {list(FORMULAS)}))\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "8"
