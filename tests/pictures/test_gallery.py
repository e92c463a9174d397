"""Which pictures a gallery takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.envs.perturbations import NOTHING, Perturbation
from gridseval.envs.perturbations.kinds.registry import list_perturbations
from gridseval.errors import UsageError
from gridseval.pictures import gallery
from gridseval.pictures.gallery import Gallery, make_sheet
from gridseval.suites import PlusFolder, load_suite
from gridseval.suites.variant import DIMENSIONS
from gridseval.video.gallery_sheet import GalleryCell


class Shots:
    """Stands in for the studio: remembers what it was asked for, and draws black or white."""

    def __init__(self) -> None:
        self.taken: list[tuple[Any, Perturbation, Any, int, int]] = []

    def __enter__(self) -> Shots:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def picture(self, files: Any, perturbation: Perturbation, *rest: Any) -> np.ndarray:
        self.taken.append((files, perturbation, *rest))
        return np.full((256, 256, 3), 0 if perturbation == NOTHING else 255, np.uint8)


@pytest.fixture
def plus() -> str:
    return os.environ["GRIDSEVAL_LIBERO_PLUS"]


@pytest.fixture
def shots(monkeypatch: pytest.MonkeyPatch, assets: Path) -> Shots:
    studio = Shots()
    monkeypatch.setattr(gallery, "Studio", lambda: studio)
    monkeypatch.delenv("GRIDSEVAL_LIBERO_PLUS", raising=False)
    monkeypatch.setattr(gallery, "find_plus", PlusFolder.find)  # never what was pulled here
    return studio


def test_a_cell_per_dimension_and_level(shots: Shots) -> None:
    seen: list[str] = []
    sheet = make_sheet(Gallery("libero_plus_goal"), seen.append)
    assert sheet.columns == (*(f"level {n}" for n in range(1, 6)), "no level")
    assert [name for name, _ in sheet.rows] == list(DIMENSIONS)
    assert len(seen) == 7 * 6
    rows = dict(sheet.rows)
    for dimension in ("camera", "robot", "noise"):
        for cell in rows[dimension][:5]:
            assert cell.before is not None and cell.after is not None
            assert cell.before.max() == 0
            assert cell.after.min() == 255
        assert rows[dimension][5] == GalleryCell(text="no task")
    for level, tasks in zip(range(6), (46, 49, 28, 21, 14, 121), strict=True):
        cell = rows["light"][level]
        assert cell.before is None and cell.after is None
        assert cell.text.startswith(f"all {tasks} tasks unavailable: ")
        assert "gridseval assets pull libero-plus" in cell.text
    kinds = {
        caption.split()[0] for row in rows.values() for caption in (row[0].caption,) if caption
    }
    assert kinds == {"view", "init", "noise"}


def test_one_compiled_model_serves_where_there_is_a_choice(shots: Shots) -> None:
    make_sheet(Gallery("libero_plus_spatial", task="3"))
    preferred = load_suite("libero_spatial").tasks[3].name
    names = [shot[0].bddl.stem for shot in shots.taken]
    assert names.count(preferred) > len(names) / 2
    assert {shot[3] for shot in shots.taken} == {0}
    assert {shot[4] for shot in shots.taken} == {10}


@pytest.mark.libero_plus
def test_a_language_cell_shows_the_instruction(plus: str, shots: Shots) -> None:
    sheet = make_sheet(Gallery("libero_plus_object", libero_plus=plus))
    for cell in dict(sheet.rows)["language"][:5]:
        assert cell.before is not None
        assert cell.after is None
        assert len(cell.text.split()) > 2


def test_kinds_and_strengths_on_other_suites(shots: Shots) -> None:
    sheet = make_sheet(Gallery("libero_10", task="2", kinds=("camera", "noise")))
    assert sheet.columns == tuple(f"strength {n}" for n in range(1, 6))
    assert [name for name, _ in sheet.rows] == ["camera", "noise"]
    perturbed = [shot[1] for shot in shots.taken[1:]]
    assert [p.camera is not None for p in perturbed] == [True] * 5 + [False] * 5
    assert all(p.noise for p in perturbed[5:])
    assert len({shot[0] for shot in shots.taken}) == 1
    assert "azimuth" in sheet.rows[0][1][0].caption
    assert len(make_sheet(Gallery("libero_10")).rows) == len(list_perturbations())


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        (Gallery("libero_plus_spatal"), "libero_plus_spatial"),
        (Gallery("libero_10", kinds=("camra",)), "'camera'"),
        (Gallery("libero_10", task="12"), "12"),
        (Gallery("libero_plus_goal", task="nothing"), "nothing"),
        (Gallery("libero_plus_goal", kinds=("camera",)), "libero_goal"),
    ],
)
def test_what_does_not_exist_is_refused(shots: Shots, wrong: Gallery, names: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_sheet(wrong)
    assert names in str(caught.value)
