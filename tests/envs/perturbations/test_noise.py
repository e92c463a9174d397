"""The noises, against slow implementations of what upstream's libraries do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from gridseval.envs.perturbations.noise import (
    NOISES,
    apply_noise,
    noise_number,
    noise_rng,
)
from gridseval.envs.perturbations.noise.fog import height_map

Image = NDArray[np.uint8]

# From LIBERO-Plus's source, severity 1 to 10.
MOTION = [
    *((5, 2), (8, 3), (10, 4), (12, 5), (15, 6), (18, 8), (20, 10), (25, 12), (30, 15), (35, 20)),
]
ZOOMS = [
    *((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    *((1.36, 0.01), (1.41, 0.01), (1.46, 0.02), (1.51, 0.02), (1.56, 0.03)),
]
FOG_DENSITY = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
FOG_DECAY = [3, 2.8, 2.5, 2.2, 2, 1.8, 1.6, 1.5, 1.4, 1.3]
GLASS = [
    *((0.5, 1, 3), (0.7, 1, 3), (0.9, 2, 3), (1.0, 2, 2), (1.1, 3, 2)),
    *((1.3, 3, 2), (1.5, 4, 2), (1.8, 4, 2), (2.2, 5, 1), (2.5, 5, 1)),
]


def picture(height: int, width: int, seed: int = 0) -> Image:
    """Return an image with both smooth and sharp parts."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.uniform(0, 255, (height, width, 3)), (3, 3, 0))
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min()) * 255
    smooth[height // 3 : height // 2, width // 4 : width // 2] = (255, 30, 0)
    return smooth.astype(np.uint8)


def noisy_upright(image: Image, number: int, seed: int = 0, true_swap: bool = False) -> Image:
    """Apply a noise to an image in LIBERO's own orientation."""
    rng = np.random.default_rng(seed)
    return apply_noise(image[::-1, ::-1], number, rng, true_swap)[::-1, ::-1]


def slow_motion_blur(image: Image, radius: int, sigma: float, angle_deg: float) -> Image:
    """ImageMagick's MotionBlurImage: a half Gaussian of taps along a line from each pixel."""
    height, width, _ = image.shape
    weights = [math.exp(-(tap**2) / (2 * sigma**2)) for tap in range(2 * radius + 1)]
    angle = math.radians(angle_deg)
    out = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            total = np.zeros(3)
            for tap, weight in enumerate(weights):
                row = y + math.ceil(tap * math.sin(angle) - 0.5)
                column = x + math.ceil(tap * math.cos(angle) - 0.5)
                nearest = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
                total += weight * image[nearest]
            out[y, x] = np.floor(total / sum(weights) + 0.5)
    return out


@pytest.mark.parametrize("severity", range(1, 11))
def test_motion_blur_is_imagemagicks(severity: int) -> None:
    image = picture(20, 26)
    angle = np.random.default_rng(severity).uniform(-45, 45)
    expected = slow_motion_blur(image, *MOTION[severity - 1], angle)
    got = noisy_upright(image, noise_number("motion", severity), seed=severity)
    difference = np.abs(expected.astype(int) - got)
    assert difference.max() <= 1  # float32 may round a half the other way
    assert (difference > 0).mean() < 0.01


def test_motion_blur_draws_angles_of_the_whole_range() -> None:
    dot = np.zeros((31, 31, 3), np.uint8)
    dot[15, 15] = 255
    steepest = []
    for seed in range(200):
        rows, columns = np.nonzero(noisy_upright(dot, 1, seed)[..., 0])
        assert columns.max() == 15  # smeared to one side only
        far = columns.argmin()
        steepest.append((15 - rows[far]) / (15 - columns[far]))
    assert -1 <= min(steepest) < -0.7
    assert 0.7 < max(steepest) <= 1
    assert abs(np.mean(steepest)) < 0.15


@pytest.mark.parametrize("severity", range(1, 11))
def test_gaussian_blur_is_skimages(severity: int) -> None:
    image = picture(70, 90)
    # skimage.filters.gaussian: scipy's filter on the image in [0, 1], mode nearest.
    blurred = ndimage.gaussian_filter(image / 255, (severity, severity, 0), mode="nearest")
    expected = (np.clip(blurred, 0, 1) * 255).astype(np.uint8)
    got = noisy_upright(image, noise_number("gaussian", severity))
    difference = np.abs(expected.astype(int) - got)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


def slow_zoom_blur(image: Image, severity: int) -> Image:
    values = (image / 255).astype(np.float32)
    end, step = ZOOMS[severity - 1]
    zooms = np.arange(1, end, step)
    total = values.copy()
    for zoom in zooms:
        cropped = values
        for axis in (0, 1):
            size = values.shape[axis]
            crop = math.ceil(size / zoom)
            start = (size - crop) // 2
            cropped = np.take(cropped, range(start, start + crop), axis=axis)
        large = ndimage.zoom(cropped, (zoom, zoom, 1), order=1)
        for axis in (0, 1):
            size = values.shape[axis]
            start = (large.shape[axis] - size) // 2
            large = np.take(large, range(start, start + size), axis=axis)
        total += large
    return (np.clip(total / (len(zooms) + 1), 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("severity", range(1, 11))
@pytest.mark.parametrize("shape", [(64, 64), (50, 81)])
def test_zoom_blur_is_scipys(severity: int, shape: tuple[int, int]) -> None:
    image = picture(*shape)
    expected = slow_zoom_blur(image, severity)
    got = noisy_upright(image, noise_number("zoom", severity))
    difference = np.abs(expected.astype(int) - got)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


def slow_height_map(size: int, decay: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Diamond-square, point by point."""
    heights = np.zeros((size, size))

    def mean(points: list[tuple[int, int]]) -> float:
        return sum(heights[row % size, column % size] for row, column in points) / 4

    step, width = size, 100.0
    while step >= 2:
        half, count = step // 2, size // step
        rough = rng.uniform(-(width**2), width**2, (3, count, count))
        corners = [(row, column) for row in range(count) for column in range(count)]
        for i, j in corners:
            y, x = i * step, j * step
            square = [(y, x), (y + step, x), (y, x + step), (y + step, x + step)]
            heights[y + half, x + half] = mean(square) + rough[0, i, j]
        for shift, (dy, dx) in ((1, (0, half)), (2, (half, 0))):
            for i, j in corners:
                y, x = i * step + dy, j * step + dx
                diamond = [(y - half, x), (y + half, x), (y, x - half), (y, x + half)]
                heights[y, x] = mean(diamond) + rough[shift, i, j]
        step, width = half, width / decay
    heights -= heights.min()
    return heights / heights.max()


@pytest.mark.parametrize("decay", [1.3, 3.0])
def test_height_map_is_diamond_square(decay: float) -> None:
    expected = slow_height_map(32, decay, np.random.default_rng(3))
    got = height_map(32, decay, np.random.default_rng(3))
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert got.min() == 0
    assert got.max() == 1


@pytest.mark.parametrize("severity", [1, 5, 10])
def test_fog_follows_its_formula(severity: int) -> None:
    image = picture(40, 60)
    density, decay = FOG_DENSITY[severity - 1], FOG_DECAY[severity - 1]
    heights = height_map(256, decay, np.random.default_rng(4))[:40, :60, None]
    brightest = (image / 255).max()
    foggy = (image / 255 + density * heights) * brightest / (brightest + density)
    expected = (np.clip(foggy, 0, 1) * 255).astype(np.uint8)
    got = noisy_upright(image, noise_number("fog", severity), seed=4)
    assert np.abs(expected.astype(int) - got).max() <= 1


def test_fog_statistics() -> None:
    """Roughness falls with the decay: neighbours differ less in severity 1 than in 10."""
    grey = np.full((256, 256, 3), 100, np.uint8)
    steps = []
    for severity in (1, 10):
        frames = [noisy_upright(grey, noise_number("fog", severity), seed) for seed in range(20)]
        steps.append(
            np.mean([np.abs(np.diff(f[..., 0].astype(int), axis=1)).mean() for f in frames])
        )
        density = FOG_DENSITY[severity - 1]
        expected = (100 / 255 + density / 2) * 100 / (100 / 255 + density)  # maps average a half
        assert np.mean(frames) == pytest.approx(expected, rel=0.15)
        assert len({frame.tobytes() for frame in frames}) == 20
    assert steps[0] * 2 < steps[1]


def slow_glass_blur(image: Image, severity: int, seed: int, true_swap: bool) -> Image:
    sigma, reach, passes = GLASS[severity - 1]
    height, width, _ = image.shape
    blurred = ndimage.gaussian_filter(image / 255, (sigma, sigma, 0), mode="nearest")
    x = (np.clip(blurred, 0, 1) * 255 + 1e-3).astype(np.uint8)
    shape = (passes, height - 2 * reach, width - 2 * reach, 2)
    draws = iter(
        np.random.default_rng(seed).integers(-reach, reach, shape, dtype=np.int8).reshape(-1, 2)
    )
    for _ in range(passes):
        for h in range(height - reach, reach, -1):
            for w in range(width - reach, reach, -1):
                dx, dy = next(draws)
                there = h + dy, w + dx
                if true_swap:
                    x[h, w], x[there] = x[there].copy(), x[h, w].copy()
                else:
                    x[h, w], x[there] = x[there], x[h, w]  # views: upstream's way
    blurred = ndimage.gaussian_filter(x / 255, (sigma, sigma, 0), mode="nearest")
    return (np.clip(blurred, 0, 1) * 255 + 1e-3).astype(np.uint8)


@pytest.mark.parametrize("severity", range(1, 11))
@pytest.mark.parametrize("true_swap", [False, True])
def test_glass_blur_visits_pixels_as_upstream(severity: int, true_swap: bool) -> None:
    image = picture(34, 27)
    expected = slow_glass_blur(image, severity, 5, true_swap)
    got = noisy_upright(image, noise_number("glass", severity), 5, true_swap)
    difference = np.abs(expected.astype(int) - got)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.02


def test_the_two_swaps_differ() -> None:
    image = picture(64, 64)
    assert (noisy_upright(image, 50) != noisy_upright(image, 50, true_swap=True)).any()


@pytest.mark.parametrize("number", range(1, NOISES + 1))
def test_every_noise_on_any_size(number: int) -> None:
    for height, width in ((256, 256), (300, 420), (1, 1), (7, 3), (2, 40)):
        image = picture(max(height, 4), max(width, 4))[:height, :width]
        before = image.copy()
        noisy = apply_noise(image, number, np.random.default_rng(1))
        assert noisy.dtype == np.uint8
        assert noisy.shape == image.shape
        assert (image == before).all()
        assert (noisy == apply_noise(image, number, np.random.default_rng(1))).all()
        if height > 100:
            assert (noisy != image).mean() > 0.2


@pytest.mark.parametrize("number", range(1, NOISES + 1))
def test_flat_images_stay_flat_under_blurs(number: int) -> None:
    for value in (0, 1, 128, 254, 255):
        flat = np.full((24, 24, 3), value, np.uint8)
        if number <= noise_number("zoom", 10) or number >= noise_number("glass", 1):
            assert (apply_noise(flat, number, np.random.default_rng(0)) == value).all()


def test_a_frame_has_its_own_randomness() -> None:
    image = picture(64, 64)
    base = apply_noise(image, 50, noise_rng(7, "libero_10", 3, 0, 5))
    assert (base == apply_noise(image, 50, noise_rng(7, "libero_10", 3, 0, 5))).all()
    for other in (
        noise_rng(8, "libero_10", 3, 0, 5),
        noise_rng(7, "libero_goal", 3, 0, 5),
        noise_rng(7, "libero_10", 4, 0, 5),
        noise_rng(7, "libero_10", 3, 1, 5),
        noise_rng(7, "libero_10", 3, 0, 6),
    ):
        assert (base != apply_noise(image, 50, other)).any()


def test_bad_arguments_are_refused() -> None:
    rng, image = np.random.default_rng(0), picture(8, 8)
    for number in (0, 51, -1):
        with pytest.raises(ValueError, match="1 to 50"):
            apply_noise(image, number, rng)
    for bad in (image.astype(np.float32), image[..., 0], image[:0]):
        with pytest.raises(ValueError, match="uint8"):
            apply_noise(bad, 1, rng)
