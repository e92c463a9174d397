"""``gridseval policies``."""

from __future__ import annotations

import pytest

from gridseval.cli import main
from gridseval.policies.cards import list_cards
from gridseval.policies.families import Comparison, Family, families_markdown, load_families
from gridseval.policies.registry import POLICIES


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["policies", *words])
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_it_lists_every_family_kind_and_card_within_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = run(capsys)
    assert status == 0
    first_words = {line.split()[0] for line in out.splitlines() if line}
    assert set(POLICIES.names()) | set(list_cards()) <= first_words
    listed = out.partition("\n\n")[0].splitlines()
    for family in load_families():
        (line,) = (it for it in listed if it.startswith(f"{family.family}  "))
        assert f"  {family.reached}  " in line
    assert max(map(len, out.splitlines())) <= 80


def test_a_family_says_what_ran_and_what_was_only_read(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys)
    row = " ".join(out[out.index("π0-FAST") : out.index("π0.5 + GridS")].split())
    assert " openpi " in row
    assert row.index("ran openpi-client") < row.index("read openpi")


def test_a_long_row_goes_on_below_its_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import gridseval.policies.families as room

    compared = [Comparison(f"release {n}", "all", "upstream", "2026-11-28") for n in range(9)]
    mine = Family("Mine", "openpi", "gridseval run", tuple(compared))
    monkeypatch.setattr(room, "load_families", lambda: (mine,))
    _, out, _ = run(capsys)
    head, first, second, *_ = out.splitlines()
    column = head.index("upstream's code")
    assert first[column:].startswith("ran release 0, ran release 1")
    assert second[:column].isspace()
    assert second[column:].startswith("ran release")


def test_the_docs_table_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--markdown")
    assert (status, out) == (0, families_markdown())


def test_a_card_says_its_protocol_and_how_its_families_are_reached(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = run(capsys, "show", "lightvla")  # whose file leaves the default out
    assert status == 0
    assert "\nprotocol openvla: " in out
    _, out, _ = run(capsys, "show", "nora")
    (nora,) = (family for family in load_families() if family.family == "NORA")
    assert f"in the model's environment:  {nora.serve}" in out
    assert f"in gridseval's:  {nora.run}" in out
    assert nora.compared[0].version in out
    assert "WorldVLA" not in out


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
