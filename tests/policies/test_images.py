"""Image chains of policy families, against their arithmetic written out pixel by pixel."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from openvla_frames import ROW_STEP, made_frames
from PIL import Image

from gridseval.policies.images import ImagePipeline
from gridseval.tokens import ImageMapping

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
STEEP = np.where(np.indices((64, 64)).sum(0)[..., None] % 9 < 4, 255, 0).astype(np.uint8)
STEEP = np.repeat(STEEP, 3, axis=2)


def lanczos3(x: float) -> float:
    if x == 0:
        return 1.0
    return 3 * math.sin(math.pi * x) * math.sin(math.pi * x / 3) / (math.pi * x) ** 2


def lanczos_matrix(source: int, px: int) -> NDArray[np.float64]:
    """TensorFlow's spans: centres at half pixels, a kernel widened by the shrinkage."""
    weights = np.zeros((px, source))
    stretch = max(1.0, source / px)
    for i in range(px):
        centre = (i + 0.5) * source / px
        for j in range(source):
            distance = (j + 0.5 - centre) / stretch
            if abs(distance) < 3:
                weights[i, j] = lanczos3(distance)
        weights[i] /= weights[i].sum()
    return weights


def lanczos(frame: NDArray[np.uint8], px: int) -> NDArray[np.float64]:
    rows = lanczos_matrix(frame.shape[0], px)
    columns = lanczos_matrix(frame.shape[1], px)
    values = np.einsum("ij,jkc->ikc", rows, frame.astype(float), optimize=True)
    values = np.einsum("lk,ikc->ilc", columns, values, optimize=True)
    return np.clip(np.round(values), 0, 255)


def crop_and_resize(frame: NDArray[np.uint8], area: float) -> NDArray[np.float64]:
    """TensorFlow's: box corners fall on pixel centres; then the cut of a float to uint8."""
    length = len(frame)
    side = math.sqrt(area)
    made = np.zeros(frame.shape)
    places = [(1 - side) / 2 * (length - 1) + i * side for i in range(length)]
    for i, y in enumerate(places):
        for j, x in enumerate(places):
            top, left = int(y), int(x)
            bottom, right = min(top + 1, length - 1), min(left + 1, length - 1)
            above = frame[top, left] * (1 - (x - left)) + frame[top, right] * (x - left)
            below = frame[bottom, left] * (1 - (x - left)) + frame[bottom, right] * (x - left)
            made[i, j] = above * (1 - (y - top)) + below * (y - top)
    return np.floor(np.clip(made / 255 * 255.5, 0, 255))


def furthest(ours: NDArray[np.uint8], theirs: NDArray[np.floating]) -> float:
    return float(np.abs(ours.astype(float) - theirs).max())


@pytest.mark.parametrize(("frame", "px"), [(FRAMES[0], 224), (STEEP, 56), (STEEP, 100)])
def test_lanczos_is_the_familys_to_a_grey_level(frame: NDArray[np.uint8], px: int) -> None:
    made = ImagePipeline(px=px, resize="lanczos3").apply(frame[None])[0]
    assert made.shape == (px, px, 3)
    assert furthest(made, lanczos(frame, px)) <= 1


@pytest.mark.parametrize("area", [0.9, 0.5, 1.0])
def test_the_centre_crop_is_the_familys_to_a_grey_level(area: float) -> None:
    frame = FRAMES[0, :64, :64]
    made = ImagePipeline(px=64, resize="bilinear", crop_area=area).apply(frame[None])[0]
    assert furthest(made, crop_and_resize(frame, area)) <= 1


OPENVLA = ImagePipeline(px=224, jpeg_quality=95, resize="lanczos3", crop_area=0.9)
RECORDED = np.load(Path(__file__).parent / "recorded" / "openvla_images.npz")
MADE = made_frames()
SEEN = [name.removeprefix("frame/") for name in RECORDED if name.startswith("frame/")]


def picture(name: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(RECORDED[name].tobytes())))


@pytest.mark.parametrize("stage", ["resized", "cropped"])
@pytest.mark.parametrize("name", [*SEEN, *MADE])
def test_the_chain_of_openvla_is_tensorflows(name: str, stage: str) -> None:
    """The references are upstream's own functions; ``record_openvla_images.py`` says how."""
    frame = MADE[name] if name in MADE else picture(f"frame/{name}")
    pipeline = OPENVLA if stage == "cropped" else replace(OPENVLA, crop_area=None)
    made = pipeline.apply(frame[None])[0]
    whole = stage == "cropped" and name in SEEN
    theirs = picture(f"cropped/{name}") if whole else RECORDED[f"{stage}/{name}"]
    made = made if whole else made[::ROW_STEP]
    assert theirs.shape == made.shape
    assert furthest(made, theirs) <= 1
    assert np.abs(made.astype(float) - theirs).mean() <= 0.001


def padded_bilinear(frame: NDArray[np.uint8], px: int) -> NDArray[np.float64]:
    """openpi's resize_with_pad: a triangle kernel, widened when shrinking, and black borders."""
    height, width = frame.shape[:2]
    ratio = max(height, width) / px
    inner = int(height / ratio), int(width / ratio)
    matrices = []
    for source, made in zip((height, width), inner, strict=True):
        stretch = max(1.0, source / made)
        distance = np.arange(source) + 0.5 - ((np.arange(made) + 0.5) * source / made)[:, None]
        weights = np.clip(1 - np.abs(distance) / stretch, 0, None)
        matrices.append(weights / weights.sum(1, keepdims=True))
    values = np.tensordot(matrices[0], frame.astype(float), 1)
    values = np.round(np.einsum("ikc,lk->ilc", values, matrices[1], optimize=True))
    canvas = np.zeros((px, px, 3))
    top, left = (px - inner[0]) // 2, (px - inner[1]) // 2
    canvas[top : top + inner[0], left : left + inner[1]] = values
    return canvas


@pytest.mark.parametrize("shape", [(256, 256), (240, 320), (320, 200), (97, 131)])
def test_resize_with_padding_is_openpis_to_a_grey_level(shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    made = ImagePipeline(px=224, resize="bilinear_pad").apply(frame[None])[0]
    assert furthest(made, padded_bilinear(frame, 224)) <= 1


def test_a_rotated_family_gets_its_images_rotated() -> None:
    made = ImagePipeline(px=None, rotated=True).apply(FRAMES)
    assert np.array_equal(made, FRAMES[:, ::-1, ::-1])
    assert np.array_equal(ImagePipeline(px=None).apply(FRAMES), FRAMES)


@settings(max_examples=40, deadline=None)
@given(
    x=st.integers(20, 235),
    y=st.integers(20, 235),
    rotated=st.booleans(),
    resize=st.sampled_from(["lanczos3", "bilinear", "bilinear_pad"]),
    crop=st.sampled_from([None, 0.9]),
)
def test_the_mapping_leads_back_to_where_a_pixel_was(
    x: int, y: int, rotated: bool, resize: str, crop: float | None
) -> None:
    frame = np.zeros((1, 256, 256, 3), np.uint8)
    frame[0, y - 2 : y + 3, x - 2 : x + 3] = 255
    pipeline = ImagePipeline(px=224, rotated=rotated, resize=resize, crop_area=crop)  # type: ignore[arg-type]
    made = pipeline.apply(frame)[0, ..., 0].astype(float)
    rows, columns = np.indices(made.shape)
    centre = np.array([(columns * made).sum(), (rows * made).sum()]) / made.sum()
    place = pipeline.mapping().to_frame((centre + 0.5) / 224) * 256
    assert np.abs(place - (np.array([x, y]) + 0.5)).max() < 0.15


@pytest.mark.parametrize(
    "wrong",
    [
        {"px": 0, "resize": "bilinear"},
        {"px": 5000, "resize": "bilinear"},
        {"px": 224},
        {"px": None, "resize": "lanczos3"},
        {"px": None, "jpeg_quality": 101},
        {"px": None, "crop_area": 0.0},
        {"px": None, "crop_area": float("nan")},
    ],
)
def test_wrong_numbers_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"px|jpeg_quality|crop_area"):
        ImagePipeline(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(256, 256), (128, 128), (128, 256)])
def test_areas_are_means(shape: tuple[int, int]) -> None:
    """As ``gridseval collect --image-px`` writes them, so that training and acting see the same."""
    frame = np.random.default_rng(3).integers(0, 256, (*shape, 3)).astype(np.uint8)
    pipeline = ImagePipeline(px=128, resize="area")
    rows, columns = shape[0] // 128, shape[1] // 128
    means = frame.reshape(128, rows, 128, columns, 3).mean((1, 3))
    assert np.abs(pipeline.apply(frame[None])[0] - means).max() <= 1  # each axis is rounded
    assert pipeline.mapping(shape[::-1]) == ImageMapping()
