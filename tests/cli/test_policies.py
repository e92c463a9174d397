"""``gridseval policies``."""

from __future__ import annotations

import pytest

from gridseval.cli import main
from gridseval.policies.cards import list_cards
from gridseval.policies.registry import POLICIES


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["policies", *words])
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_it_lists_every_kind_and_card_within_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = run(capsys)
    assert status == 0
    first_words = {line.split()[0] for line in out.splitlines() if line}
    assert set(POLICIES.names()) | set(list_cards()) <= first_words
    assert max(map(len, out.splitlines())) <= 80


def test_it_shows_a_card_with_its_published_scores(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "show", "pi05_grids")
    assert status == 0
    assert "replan: 10" in out
    row = next(line for line in out.splitlines() if line.startswith("π0.5 + GridS 16"))
    assert row.split()[-4:] == ["98.6", "98.8", "98.4", "95.2"]
    assert "2605.11817" in out


def test_a_misspelt_card_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "show", "pi05_grid")
    assert status == 2
    assert "did you mean 'pi05_grids'" in err


def test_it_says_which_package_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    _, out, _ = run(capsys)
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert "transformers (not installed)" in rows["openvla-oft"]
    assert "installed" not in rows["oracle"]
