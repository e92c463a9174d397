"""``gridseval solvable``: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gridseval.solvable import read_map
from gridseval.solvable.unsolved_list import read_list


def test_maps_of_two_suites(cli: Any, tmp_path: Path, assets: Path) -> None:
    out, listed = tmp_path / "maps", tmp_path / "list.yaml"
    words = ["solvable", "libero_object", "libero_spatial", "--tasks", "0", "--workers", 0]
    words += ["--assets", assets, "--out", out]
    said = cli(*words, "--write-list", listed)
    assert said.status == 0, said.err
    assert "What the scripted expert solves: libero_object, libero_spatial" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert len(read_map(out / "libero_spatial" / "map.jsonl")) == 1
    assert [each.suite for each in read_list(listed).suites] == ["libero_object", "libero_spatial"]
    again = cli(*words, "--format", "md", "--sheet", 0)
    assert again.status == 0
    assert "| libero_object | 1 | 1 |" in again.out
    other = cli(*words, "--trials", 3)
    assert other.status == 5
    assert "trials: 1 -> 3" in other.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("libero_gaol",), "libero_goal"),
        (("libero_goal", "--tasks", "12"), "0 to 9"),
        (("libero_goal", "--trials", "0"), "--trials must be at least 1"),
        (("libero_goal", "--trials", "51"), "50 initial states"),
        (("libero_goal", "--sheet", "-1"), "--sheet must be at least 0"),
        (("libero_goal", "--sample", "2"), "libero_plus_goal"),
        (("libero_goal", "--out", ""), "--out is given an empty text"),
        ((), "Missing argument"),
    ],
)
def test_wrong_arguments_say_what_is_right(
    cli: Any, words: tuple[str, ...], named: str, assets: Path, tmp_path: Path
) -> None:
    out = () if "--out" in words else ("--out", tmp_path / "map")
    said = cli("solvable", *words, "--assets", assets, *out)
    assert said.status == 2
    assert named in said.err
    assert not (tmp_path / "map").exists()


def test_what_lacks_data_is_told_if_nothing_else_is_asked_for(
    cli: Any, tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRIDSEVAL_LIBERO_PLUS", raising=False)
    words = ("--dimension", "light", "--sample", "5", "--assets", assets, "--out", tmp_path / "m")
    said = cli("solvable", "libero_plus_goal", *words)
    assert said.status == 3
    assert "assets pull libero-plus" in said.err
