"""``gridseval flops``: counted operations, and what each convention counts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gridseval.tokens.accounting import CONVENTIONS, list_models


def cells(text: str, first: str) -> list[str]:
    """Return the cells of the line that begins with a word, in a table of text."""
    (line,) = (line for line in text.splitlines() if re.match(rf"{re.escape(first)}  ", line))
    return re.split(r"  +", line.strip())


def test_one_model_pruned(cli: Any) -> None:
    said = cli("flops", "pi0", "--tokens", "16", "--pruner", "grids")
    assert said.status == 0
    assert said.out.splitlines()[0] == "π0: 768 visual tokens, 48 kept before the decoder"
    assert cells(said.out, "full") == ["full", "TFLOPs", "4.379", "1.374", "0.314"]
    assert cells(said.out, "single-layer")[2:4] == ["0.2165", "0.05238"]
    parts = ["vision", "pruner", "language model", "generated tokens", "action head"]
    sums = [sum(float(cells(said.out, part)[i].replace(",", "")) for part in parts) for i in (1, 2)]
    for total, column in zip(sums, (1, 2), strict=True):
        assert float(cells(said.out, "all")[column].replace(",", "")) == pytest.approx(total, 1e-4)
    for convention in CONVENTIONS.values():
        assert f"{convention.name}: {convention.counts[:40]}" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_at_a_layer_by_one_convention(cli: Any) -> None:
    options = ("--tokens", "128", "--layer", "3", "--convention", "llm-macs")
    said = cli("flops", "openvla-7b", *options)
    assert "128 kept at decoder layer 3" in said.out.splitlines()[0]
    assert cells(said.out, "llm-macs") == ["llm-macs", "TMACs", "1.907", "1.142", "0.599"]
    assert "single-layer" not in said.out


def test_all_models(cli: Any) -> None:
    said = cli("flops", "--convention", "full")
    assert said.status == 0
    for name in list_models():
        assert len(cells(said.out, name)) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pi1", "unknown model 'pi1'"),
        ("pi0 --tokens 300", "pi0 has 256 visual tokens per image; cannot keep 300"),
        ("pi0 --tokens 0", "cannot keep 0"),
        ("pi0 --tokens 4 --layer 18", "layer 18 is beyond the model's 18 layers"),
        ("pi0 --tokens 4 --layer -1", "no decoder layer -1"),
        ("pi0 --convention most", "unknown convention 'most'"),
        ("pi0 --tokens 4 --pruner grid", "unknown pruner 'grid'"),
        ("pi0 --layer 3", "--layer and --pruner need --tokens"),
        ("--tokens 3", "--tokens and --pruner need a model"),
    ],
)
def test_words_that_fit_no_model(cli: Any, words: str, said: str) -> None:
    told = cli("flops", *words.split())
    assert told.status == 2
    assert said in told.err
