"""docs/developing/extend/pruner.md: one module and one line, seen in every output."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from harness import PatchedTree

PAGE = "pruner.md"


def test_the_patch_touches_a_module_and_a_line(patched: PatchedTree) -> None:
    assert patched.product_files == (
        "gridseval/tokens/pruners/every_other.py",
        "gridseval/tokens/pruners/registry.py",
    )


def test_it_prunes(patched: PatchedTree) -> None:
    code = (
        "import torch\n"
        "from gridseval.tokens.pruners import CameraGrid, Host, build_pruner\n"
        "from gridseval.tokens.pruners.interface import PrunerInput\n"
        "cameras = (CameraGrid('agentview', 4, 4),)\n"
        "pruner = build_pruner('every_other', Host(8, 4, cameras, 8))\n"
        "pruned = pruner(PrunerInput(tokens=torch.zeros(2, 16, 8), cameras=cameras))\n"
        "assert pruned.indices.tolist() == [list(range(0, 16, 2))] * 2\n"
    )
    patched.python("-c", code)


def test_its_cost_is_counted(patched: PatchedTree) -> None:
    said = patched.gridseval("flops", "pi0", "--tokens", "128", "--pruner", "every_other").stdout
    (line,) = (line for line in said.splitlines() if line.startswith("pruner"))
    assert line.split() == ["pruner", "0.00", "1.21"]  # 768 x 768 tokens of pi0, 2048 wide
    code = (
        "from gridseval.tokens.pruners import Choice, pruner_macs\n"
        "print(pruner_macs('every_other', Choice(2, 512, 256, 64, 40)))"
    )
    assert patched.python("-c", code).stdout.strip() == str(512 * 512 * 64)


COST = """
from gridseval.policies.nano.config import NanoConfig, PrunerChoice
from gridseval.policies.nano.cost import nano_flops
from gridseval.tokens.pruners import load_pruner, products
config = NanoConfig(pruner=PrunerChoice("every_other", {}))
for macs in (load_pruner("every_other").macs, products.none):
    print(nano_flops(config, macs, ((0, 256),)))
print(config.width)
"""
"""Prints the operations of a query of nano with this pruner, without its own, and the width."""


def test_a_run_shows_what_it_kept(patched: PatchedTree, assets: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("--suite", "libero_object", "--tasks", "0", "--trials", "1", "--max-steps", "16")
    patched.gridseval(
        *("run", *words, "--assets", assets, "--workers", "0", "--out", run, "--video", "1"),
        *("--policy", "nano", "--policy-arg", "pruner=every_other"),
    )
    record = json.loads((run / "episodes.jsonl").read_text(encoding="utf8"))
    assert record["extra"]["kept_tokens"] == [256, 256]
    spent = [float(word) for word in patched.python("-c", COST).stdout.split()]
    assert spent[0] - spent[1] == 2 * 512**2 * spent[2] > 0.01 * spent[0]
    tflops = pytest.approx(spent[0] / 1e12, rel=1e-5)  # six digits are stored
    assert record["extra"]["tflops"] == tflops
    assert "every_other" in (run / "run.yaml").read_text(encoding="utf8")
    with (run / "table.csv").open(encoding="utf8") as file:
        (suite,) = (row for row in csv.DictReader(file) if row["level"] == "suite")
    assert (suite["kept_tokens_mean"], float(suite["tflops_mean"])) == ("256.0", tflops)
    (summary,) = json.loads((run / "summary.json").read_text(encoding="utf8"))["suites"]
    assert summary["tflops_mean"] == tflops
    assert "256" in (run / "table.md").read_text(encoding="utf8")
    assert list((run / "videos").glob("*.mp4"))


@pytest.mark.slow
def test_the_bench_times_it(patched: PatchedTree, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    patched.gridseval("bench", "--pruners", "--pruner", "every_other", "--json", path)
    written = json.loads(path.read_text(encoding="utf8"))
    assert [row["name"] for row in written["pruners"]] == ["every_other"]
    assert [row["kept"] for row in written["nano"]] == [256]
    listed = "from gridseval.tokens.pruners import usable_pruners; print(*usable_pruners()[0])"
    assert "every_other" in patched.python("-c", listed).stdout.split()


def test_the_documentation_asks_for_a_row_that_the_patch_has(patched: PatchedTree) -> None:
    page = (patched.root / "docs" / "reference" / "pruners.md").read_text(encoding="utf8")
    assert "| `every_other` |" in page


def test_tests_that_try_everything_by_themselves_pass(patched: PatchedTree) -> None:
    patched.pytest(
        "tests/tokens/pruners/test_pruner_interface.py",
        "tests/tokens/pruners/test_pruner_costs.py",
        "tests/policies/nano/test_nano_model.py",
        *("-k", "every_other or listing or torch"),
    )
