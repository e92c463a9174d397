"""The YAML loader: what it accepts, and that each error names file, key path and nearest key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridseval.config import build, load_yaml
from gridseval.errors import UsageError


@dataclass(frozen=True)
class Crop:
    area: float
    centred: bool = True


@dataclass(frozen=True)
class Card:
    name: str
    image_px: int
    gripper: Literal["raw", "binary"]
    crops: tuple[Crop, ...] = ()
    offset: tuple[int, int] = (0, 0)
    replan: int | None = None
    scale: int | float | str = 1
    scores: Mapping[str, float] = field(default_factory=dict)
    extra: Any = None

    def __post_init__(self) -> None:
        if self.image_px < 1:
            raise ValueError("image_px must be at least 1")


GOOD = """
name: small
image_px: 224
gripper: raw
crops: [{area: 0.9}, {area: 1, centred: false}]
offset: [1, -2]
replan: 8
scale: 1.5
scores: {libero_goal: 97.1, libero_10: 94}
extra: {anything: [1, two]}
"""


def test_reads_every_supported_type(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(GOOD)
    assert load_yaml(tmp_path / "card.yaml", Card) == Card(
        name="small",
        image_px=224,
        gripper="raw",
        crops=(Crop(0.9), Crop(1.0, centred=False)),
        offset=(1, -2),
        replan=8,
        scale=1.5,
        scores={"libero_goal": 97.1, "libero_10": 94.0},
        extra={"anything": [1, "two"]},
    )


def test_a_whole_number_becomes_a_float_only_where_a_float_is_due() -> None:
    crop = build(Crop, {"area": 1}, "x")
    assert type(crop.area) is float
    least = {"name": "a", "image_px": 1, "gripper": "raw"}
    assert type(build(Card, least | {"scale": 2}, "x").scale) is int
    assert build(Card, least | {"scale": "auto"}, "x").scale == "auto"


MINIMAL = {"name": "a", "image_px": "1", "gripper": "raw"}


def _text(**changed: str) -> str:
    return "".join(f"{key}: {value}\n" for key, value in (MINIMAL | changed).items())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_text(image_pix="2"), ["unknown key 'image_pix'", "did you mean 'image_px'?"]),
        (_text(crops="[{area: 1, centered: true}]"), ["crops[0]", "'centered'", "'centred'"]),
        ("name: a\nimage_px: 1\n", ["missing key 'gripper'"]),
        (_text(image_px="big"), ["image_px: expected a whole number, got the text 'big'"]),
        (_text(image_px="1.5"), ["image_px: expected a whole number, got 1.5"]),
        (_text(image_px="true"), ["image_px: expected a whole number, got True"]),
        (_text(image_px="0"), ["image_px must be at least 1"]),
        (_text(name="7"), ["name: expected text, got 7", "put it in quotes"]),
        (_text(name=""), ["name: expected text, got nothing"]),
        (_text(gripper="row"), ["gripper", "'row'", "did you mean 'raw'?"]),
        (_text(crops="3"), ["crops: expected a list, got 3"]),
        (_text(crops="[3]"), ["crops[0]: expected a mapping"]),
        (_text(crops="[{area: 1e-6}]"), ["crops[0].area: expected a number", "write 1.0e-6"]),
        (_text(offset="[1, 2, 3]"), ["offset: expected 2 values, got 3"]),
        (_text(scale="[1]"), ["scale: expected int or float or str, got a list"]),
        (_text(scores="{goal: high}"), ["scores.goal: expected a number"]),
        (_text(scores="{10: 1}"), ["scores: expected text as key, got 10"]),
        (_text(crops="[{area: 1" + "0" * 400 + "}]"), ["crops[0].area: the number is too large"]),
        ("- a\n- b\n", ["expected a mapping of keys to values, got a list"]),
        ("", ["expected a mapping of keys to values, got nothing"]),
        ("name: a\nname: b\n", ["not valid YAML", "key 'name' is given twice", "line 2"]),
        ("name: [a", ["not valid YAML"]),
        ("{[a]: b}", ["not valid YAML"]),
        ("name: !!python/object:os.system x\n", ["not valid YAML"]),
        ("name: 2026-13-45", ["not valid YAML"]),
    ],
)
def test_errors_name_file_key_and_reason(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_yaml(path, Card)
    assert str(caught.value).startswith(str(path))
    for part in expected:
        assert part in str(caught.value)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*absent\.yaml: No such file"):
        load_yaml(tmp_path / "absent.yaml", Card)
    with pytest.raises(UsageError, match="cannot read"):
        load_yaml(tmp_path, Card)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_yaml(tmp_path / "latin.yaml", Card)


def test_a_type_the_loader_does_not_know_is_the_programmers_error() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: complex

    with pytest.raises(TypeError, match="value"):
        build(Odd, {"value": 1}, "x")


_yaml_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*MINIMAL, "crops", "scale", "area", ""]), inner)
    ),
    max_leaves=12,
)


@given(_yaml_like)
def test_any_plain_value_is_built_or_refused(data: object) -> None:
    try:
        assert isinstance(build(Card, data, "file"), Card)
    except UsageError as error:
        assert str(error).startswith("file: ")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60) | st.text(alphabet="a:-[]{}&*!<>|'\"\n #?,1e.", max_size=40))
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(UsageError):
        load_yaml(path, Card)
