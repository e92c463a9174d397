"""Policy cards: the shipped ones, and what a broken one says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from gridseval.errors import UsageError
from gridseval.policies.cards import PolicyCard, list_cards, load_card
from gridseval.policies.cost import card_flops, dense_trace
from gridseval.results.run.published import load_published
from gridseval.tokens import CameraTrace, TokenTrace

SHIPPED = [
    "internvla_m1",
    "lerobot",
    "lightvla",
    "nano",
    "nora",
    "openvla",
    "openvla_oft",
    "pi0",
    "pi05",
    "pi05_grids",
    "pi0_fast",
    "smolvla",
    "univla",
    "vla_adapter",
    "vla_eval",
    "worldvla",
]


def test_the_families_of_the_papers_have_cards() -> None:
    assert set(SHIPPED) <= set(list_cards())


@pytest.mark.parametrize("name", list_cards())
def test_a_card_is_valid_and_its_published_rows_exist(name: str) -> None:
    card = load_card(name)
    assert set(card.published) <= {row.family for row in load_published()}
    size = card.image.px or 256
    made = card.image.apply(np.zeros((1, 256, 256, 3), np.uint8))
    assert made.shape == (1, size, size, 3)


# The protocol's table of conventions: image side, crop, gripper, steps per query, state.
@pytest.mark.parametrize(
    ("name", "px", "crop", "gripper", "replan", "state"),
    [
        ("openvla", 224, 0.9, "openvla", 1, "none"),
        ("openvla_oft", 224, 0.9, "openvla", 8, "axis_angle"),
        ("lightvla", 224, 0.9, "openvla", 8, "axis_angle"),
        ("pi0", 224, None, "raw", 5, "axis_angle"),
        ("pi05", 224, None, "raw", 5, "axis_angle"),
        ("pi05_grids", 224, None, "raw", 10, "axis_angle"),
        ("pi0_fast", 224, None, "raw", 5, "axis_angle"),
        ("nora", 224, None, "openvla", 5, "none"),
        ("worldvla", None, None, "raw", 5, "none"),
        ("vla_adapter", 224, 0.9, "openvla", 8, "axis_angle"),
        ("univla", 224, 0.9, "openvla", 1, "none"),
        ("internvla_m1", None, None, "openvla", 1, "none"),
    ],
)
def test_conventions_are_the_familys(
    name: str, px: int | None, crop: float | None, gripper: str, replan: int, state: str
) -> None:
    card = load_card(name)
    found = (card.image.px, card.image.crop_area, card.gripper, card.replan, card.state)
    assert found == (px, crop, gripper, replan, state)


@pytest.mark.parametrize(
    ("card", "given", "expected"),
    [("openvla", [0.0, 0.2, 0.9, 1.0], [1, 1, -1, -1]), ("pi0", [0.3, -0.2], [0.3, -0.2])],
)
def test_the_gripper_follows_the_families_rule(
    card: str, given: list[float], expected: list[float]
) -> None:
    actions = np.zeros((1, len(given), 7), np.float32)
    actions[0, :, 6] = given
    before = actions.copy()
    made = load_card(card).gripped(actions)
    assert np.allclose(made[0, :, 6], expected)
    assert np.array_equal(actions, before)


def test_the_sign_rule_opens_below_zero_and_keeps_nan(tmp_path: Path) -> None:
    card = load_card(write(tmp_path, gripper="sign"))
    actions = np.zeros((1, 4, 7), np.float32)
    actions[0, :, 6] = [-0.1, 0.0, 0.4, np.nan]
    assert np.array_equal(card.gripped(actions)[0, :, 6], [-1, 1, 1, np.nan], equal_nan=True)


def write(folder: Path, **changes: object) -> str:
    path = folder / "mine.yaml"
    text = {
        "name": "mine",
        "title": "Mine",
        "kind": None,
        "cameras": ["agentview"],
        "image": {"px": 224, "resize": "bilinear"},
        "gripper": "raw",
        "state": "none",
        "chunk": 4,
        "replan": 2,
        "normalisation": "none",
        "token_grid": [16, 16],
        "source": "here",
    }
    path.write_text(yaml.safe_dump(text | changes), encoding="utf8")
    return str(path)


def test_a_card_of_ones_own_is_a_file(tmp_path: Path) -> None:
    assert isinstance(load_card(write(tmp_path)), PolicyCard)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"griper": "raw"}, r"mine.yaml: unknown key 'griper'"),
        ({"gripper": "opnvla"}, r"gripper: .*opnvla.* is not a choice"),
        ({"replan": 5}, r"replan must be within 1 and chunk \(4\)"),
        ({"cameras": []}, r"cameras must name at least one"),
        ({"image": {"px": 224}}, r"image: px and resize go together"),
        ({"token_grid": [0, 1]}, r"token_grid"),
        ({"name": "other"}, r"expected 'mine'"),
    ],
)
def test_a_broken_card_names_file_and_key(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_card(write(tmp_path, **changes))
    assert re.search(message, caught.value.message)


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown policy card") as caught:
        load_card("pi05_grid")
    assert "pi05_grids" in (caught.value.hint or "")


@pytest.mark.parametrize("given", ["mine.py:Mine", "mine.py", "my_module:Mine", "grdis"])
def test_a_cards_pruner_is_a_name_so_a_card_runs_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("from pathlib import Path\nPath('ran').touch()\n", encoding="utf8")
    with pytest.raises(UsageError, match=r"mine\.yaml: pruner must be a pruner's name, not"):
        load_card(write(tmp_path, model="pi0", pruner=given))
    assert not Path("ran").exists()


def test_a_cards_pruner_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    card = load_card("pi05_grids")
    flops, dense = card_flops(card), dense_trace(card)
    assert flops is not None
    asked: list[str] = []
    monkeypatch.setattr("gridseval.tokens.accounting.traces.macs_of", asked.append)
    assert flops(dense) > 0
    assert not asked


@pytest.mark.parametrize(
    ("card", "tflops"),
    [("pi0", 4.38), ("pi05_grids", None), ("openvla_oft", None), ("lightvla", None)],
)
def test_a_cards_model_says_what_a_query_costs(card: str, tflops: float | None) -> None:
    loaded = load_card(card)
    flops = card_flops(loaded)
    assert flops is not None
    dense = dense_trace(loaded)
    assert [camera.camera for camera in dense.cameras] == list(loaded.cameras)
    assert dense.kept_count == dense.dense_count == 512
    points = np.full((16, 2), 0.5, np.float32)
    few = TokenTrace(
        tuple(CameraTrace(c, loaded.token_grid, points=points) for c in loaded.cameras)
    )
    assert flops(few) < 0.5 * flops(dense)
    if tflops is not None:  # GridS's table 4, by gridseval's own convention
        assert flops(dense) / 1e12 == pytest.approx(tflops, abs=0.01)
    assert card_flops(loaded, width=32) is None


@pytest.mark.parametrize("name", list_cards())
def test_a_query_has_a_cost_exactly_where_a_card_names_a_model(name: str) -> None:
    card = load_card(name)
    assert (card_flops(card) is None) == (card.model is None)
