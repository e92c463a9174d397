"""``gridseval suites``: counts, availability and lists of LIBERO-Plus."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("GRIDSEVAL_LIBERO_PLUS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_counts_and_availability_need_no_download(cli: Any) -> None:
    said = cli("suites", "libero_plus_goal")
    assert (said.status, said.err) == (0, "")
    rows = {words[0]: words[1:] for words in map(str.split, said.out.splitlines()) if words}
    assert rows["light"] == ["46", "49", "28", "21", "14", "121", "279", "0"]
    assert rows["robot"] == ["44", "76", "109", "69", "111", "–", "409", "409"]
    assert rows["all"][-2:] == ["2591", "1196"]
    assert "gridseval assets pull libero-plus" in " ".join(said.out.split())
    assert "git clone https://github.com/sylvestf/LIBERO-plus" in " ".join(said.out.split())
    assert "initstate" not in said.out  # 2,591 names are listed on demand only
    # Paths are kept in one piece, so that they can be copied.
    assert all(
        len(line) <= 80 or line.startswith("    bddl_files/") for line in said.out.splitlines()
    )


def test_a_selection_is_listed(cli: Any) -> None:
    said = cli("suites", "libero_plus_goal", "--list", "--dimension", "light", "--level", "none")
    assert said.status == 0
    assert "121 of 2591 tasks" in said.out
    listed = [line for line in said.out.splitlines() if line.endswith("_light_3  (unavailable)")]
    assert len(listed) >= 1
    assert all(int(line.split()[0]) < 2591 for line in listed)
    drawn = cli("suites", "libero_plus_goal", "--list", "--sample", 5)
    assert drawn.out.count("“") == 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--dimension", "camra"), "did you mean 'camera'?"),
        (("--level", "9"), "LIBERO-Plus has no level 9"),
        (("--libero-plus", "/nowhere"), "/nowhere does not exist"),
        (("--tasks", "2591"), "its 2591 tasks are numbered 0 to 2590"),
    ],
)
def test_wrong_arguments_are_refused(cli: Any, words: tuple[str, ...], expected: str) -> None:
    said = cli("suites", "libero_plus_goal", *words)
    assert (said.status, said.out) == (2, "")
    assert expected in said.err
