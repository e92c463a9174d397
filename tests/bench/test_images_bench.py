"""``gridseval bench --images``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gridseval.cli import main
from gridseval.policies.cards import list_cards


def test_it_says_what_every_cards_chain_costs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", "--images", "--json", str(tmp_path / "images.json")])
    assert left.value.code == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(list_cards()) <= set(rows)
    told = json.loads((tmp_path / "images.json").read_text())["cards"]
    assert set(told) == set(list_cards())
    assert 0 < told["openvla_oft"]["ms"] < told["openvla_oft"]["with_jpeg_ms"]
    assert f"{told['pi05']['ms']:.2f}" in rows["pi05"]


def test_it_is_a_bench_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", "--images", "--noise"])
    assert left.value.code == 2
    assert "give one" in capsys.readouterr().err
