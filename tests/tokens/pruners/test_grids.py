"""GridS: sampling conventions, coordinates, gradients, traces."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pruner_doubles import DTYPES, Floats, plain, some_inputs
from torch.nn import functional

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import CameraGrid, Host
from gridseval.tokens.pruners.grids import GridSampler
from gridseval.tokens.pruners.grids_sampling import CONVENTIONS, place_on_image, sample
from gridseval.tokens.pruners.interface import PrunerInput

BORDER = [0.0, 1e-3, 0.02, 0.5, 0.98, 1 - 1e-3, 1.0]
EDGES = torch.tensor([[x, y] for x in BORDER for y in BORDER], dtype=torch.float64)


def reference_sample(grid: Floats, x: float, y: float, convention: str) -> Floats:
    """Sum of tokens weighed by tents: max(0, 1 − distance) along each axis."""
    rows, columns, width = grid.shape
    on_the_last = x * (columns - 1) == columns - 1 or y * (rows - 1) == rows - 1
    if convention == "core_idea" and on_the_last:
        return np.zeros(width)
    total = np.zeros(width)
    for row in range(rows):
        for column in range(columns):
            if convention == "lerobot":
                far = abs(x * columns - 0.5 - column), abs(y * rows - 0.5 - row)
            else:
                far = abs(x * (columns - 1) - column), abs(y * (rows - 1) - row)
            total += max(0.0, 1 - far[0]) * max(0.0, 1 - far[1]) * grid[row, column]
    return total


def reference_tokens(sampler: GridSampler, tokens: Floats, camera: CameraGrid) -> Floats:
    """One camera's output (K, D), and its coordinates."""
    state = {name: plain(value) for name, value in sampler.state_dict().items()}
    mean = tokens.mean(0)
    if "norm.weight" in state:
        mean = (mean - mean.mean()) / np.sqrt(mean.var() + 1e-6)  # flax's
        mean = mean * state["norm.weight"] + state["norm.bias"]
    hidden = state["scout_mlp.0.weight"] @ mean + state["scout_mlp.0.bias"]
    logits = state["scout_mlp.2.weight"] @ np.maximum(hidden, 0) + state["scout_mlp.2.bias"]
    grid = tokens.reshape(camera.rows, camera.columns, -1)
    out = []
    for k in range(sampler.k):
        x, y = (1 / (1 + math.exp(-logit)) for logit in logits[2 * k : 2 * k + 2])
        x, y = (sampler.margin + (1 - 2 * sampler.margin) * c for c in (x, y))
        inner = state["coord_encoder.0.weight"] @ [x, y] + state["coord_encoder.0.bias"]
        extra = state["coord_encoder.2.weight"] @ np.maximum(inner, 0)
        sampled = reference_sample(grid, x, y, sampler.convention)
        out.append(sampled + extra + state["coord_encoder.2.bias"])
    return np.array(out)


def some_sampler(seed: int = 0, **arguments: object) -> GridSampler:
    """Return a sampler whose points are spread over the grid."""
    torch.manual_seed(seed)
    given = {"k": 3, "dim": 16, "hidden": 24, "coordinate_hidden": 10, **arguments}
    sampler = GridSampler(**given)  # type: ignore[arg-type]
    with torch.no_grad():
        sampler.scout_mlp[2].weight.mul_(20)
    return sampler


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("shape", [(4, 5), (1, 3), (16, 16)])
def test_sampling_at_borders_corners_and_outside_patch_centres(
    convention: str, shape: tuple[int, int]
) -> None:
    grid = torch.tensor(np.random.default_rng(1).normal(size=(1, *shape, 3)))
    sampled = plain(sample(grid, EDGES[None], convention)[0])
    for (x, y), got in zip(EDGES.tolist(), sampled, strict=True):
        assert got == pytest.approx(reference_sample(plain(grid[0]), x, y, convention), abs=1e-12)


@pytest.mark.parametrize(
    ("convention", "align_corners", "padding"),
    [("openpi", True, "border"), ("lerobot", False, "zeros")],
)
def test_sampling_equals_torchs_grid_sample(
    convention: str, align_corners: bool, padding: str
) -> None:
    rng = np.random.default_rng(2)
    grid = torch.tensor(rng.normal(size=(2, 6, 9, 4)))
    points = torch.cat([EDGES.expand(2, -1, -1), torch.tensor(rng.random((2, 50, 2)))], 1)
    expected = functional.grid_sample(
        grid.permute(0, 3, 1, 2),
        2 * points[:, :, None] - 1,
        align_corners=align_corners,
        padding_mode=padding,
    )
    assert torch.allclose(sample(grid, points, convention), expected[..., 0].mT, atol=1e-12)


def test_core_idea_loses_the_last_row_and_column_only_at_exactly_1() -> None:
    grid = torch.ones(1, 4, 4, 2)
    points = torch.tensor([[[1.0, 0.5], [0.5, 1.0], [1.0, 1.0], [0.999, 0.999], [0.0, 0.0]]])
    sums = sample(grid, points, "core_idea")[0, :, 0]
    assert sums.tolist() == pytest.approx([0, 0, 0, 1, 1], abs=1e-4)
    assert sample(grid, points, "openpi")[0, :, 0].tolist() == pytest.approx([1] * 5)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_sampler(convention: str, batch: int, dtype: torch.dtype) -> None:
    sampler = some_sampler(1, convention=convention).to(dtype)
    inputs = some_inputs(1, batch, dtype=dtype)
    pruned = sampler(inputs)
    assert pruned.tokens.dtype == dtype
    assert pruned.mask.all() and pruned.mask.shape == (batch, 6)
    assert pruned.position_ids.tolist() == [list(range(6))] * batch
    # In bfloat16 a coordinate near 1 is off by up to 1/512, the tokens' own rounding by 2^-8.
    tolerance = 1e-4 if dtype is torch.float32 else 0.12
    for row in range(batch):
        tokens = plain(inputs.tokens[row])
        expected = [
            reference_tokens(sampler, tokens[part], camera)
            for camera, part in zip(inputs.cameras, (slice(0, 20), slice(20, 32)), strict=True)
        ]
        assert plain(pruned.tokens[row]) == pytest.approx(np.concatenate(expected), abs=tolerance)


def test_normalised_variant_with_a_margin() -> None:
    sampler = some_sampler(2, convention="core_idea", layer_norm=True, margin=0.1)
    inputs = some_inputs(2, 2)
    pruned = sampler(inputs)
    expected = reference_tokens(sampler, plain(inputs.tokens[1, :20]), inputs.cameras[0])
    assert plain(pruned.tokens[1, :3]) == pytest.approx(expected, abs=1e-4)
    with torch.no_grad():
        sampler.scout_mlp[2].bias.copy_(torch.tensor([100.0, -100.0] * 3))
    points = sampler.place_points(inputs.tokens[:, :20].reshape(2, 4, 5, 16))
    assert points[0, 0].tolist() == pytest.approx([0.9, 0.1])


def test_cameras_of_one_grid_are_sampled_as_each_alone() -> None:
    cameras = (CameraGrid("agentview", 4, 4), CameraGrid("wrist", 4, 4))
    inputs = some_inputs(3, 2, cameras=cameras)
    sampler = some_sampler(3)
    both = sampler(inputs)
    for number, camera in enumerate(cameras):
        part = inputs.tokens[:, 16 * number : 16 * number + 16]
        alone = sampler(PrunerInput(part, (camera,)))
        assert torch.allclose(both.tokens[:, 3 * number : 3 * number + 3], alone.tokens, atol=1e-6)
        assert torch.allclose(both.points[:, number], alone.points[:, 0], atol=1e-6)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gradients_reach_the_coordinates(convention: str) -> None:
    """Central differences in float64, of points away from the kinks between two tokens."""
    rng = np.random.default_rng(4)
    grid = torch.tensor(rng.normal(size=(1, 4, 5, 3)))
    points = torch.tensor([[[0.13, 0.4], [0.62, 0.9], [0.03, 0.56]]], requires_grad=True)
    points = points.detach().double().requires_grad_()
    direction = torch.tensor(rng.normal(size=(1, 3, 3)))
    (sample(grid, points, convention) * direction).sum().backward()
    assert points.grad is not None
    for k in range(3):
        for axis in range(2):
            losses = []
            for step in (1e-6, -1e-6):
                moved = plain(points)[0].copy()
                moved[k, axis] += step
                rows = [reference_sample(plain(grid[0]), *moved[n], convention) for n in range(3)]
                losses.append(float((np.array(rows) * plain(direction[0])).sum()))
            slope = (losses[0] - losses[1]) / 2e-6
            assert float(points.grad[0, k, axis]) == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_gradients_of_the_whole_sampler_equal_finite_differences() -> None:
    sampler = some_sampler(5, margin=0.05).double()
    inputs = some_inputs(5, 2, dtype=torch.float64)
    inputs.tokens.requires_grad_()
    direction = torch.tensor(np.random.default_rng(5).normal(size=(2, 6, 16)))

    def loss() -> torch.Tensor:
        return (sampler(inputs).tokens * direction).sum()

    loss().backward()  # type: ignore[no-untyped-call]
    for value in (*sampler.parameters(), inputs.tokens):
        assert value.grad is not None and bool(value.grad.any())
        flat = value.data.view(-1)
        for place in {0, flat.numel() // 2, flat.numel() - 1}:
            before = float(flat[place])
            ends = []
            for step in (1e-6, -1e-6):
                flat[place] = before + step
                ends.append(float(loss().detach()))
            flat[place] = before
            slope = (ends[0] - ends[1]) / 2e-6
            assert float(value.grad.view(-1)[place]) == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_points_of_a_trace_lie_where_the_convention_samples() -> None:
    assert place_on_image(torch.tensor([0.0, 1.0]), 16, 16, "openpi").tolist() == pytest.approx(
        [7 / 224, 217 / 224]
    )
    assert place_on_image(torch.tensor([0.0, 1.0]), 16, 16, "core_idea").tolist() == pytest.approx(
        [7 / 224, 217 / 224]
    )
    assert place_on_image(torch.tensor([0.0, 1.0]), 16, 16, "lerobot").tolist() == [0, 1]
    x, y = place_on_image(torch.tensor([0.5, 0.25]), 3, 5, "openpi").tolist()
    assert (x, y) == pytest.approx((2.5 / 5, (0.25 * 2 + 0.5) / 3))


def test_a_trace_holds_the_points_of_each_camera() -> None:
    sampler = some_sampler(6)
    inputs = some_inputs(6, 2)
    trace = sampler(inputs).traces[1]
    assert [camera.camera for camera in trace.cameras] == ["agentview", "wrist"]
    assert trace.kept_count == 6
    with torch.no_grad():
        c = sampler.place_points(inputs.tokens[1:, 20:].reshape(1, 3, 4, 16))[0]
    points = trace.cameras[1].points
    assert points is not None and points.dtype == np.float32
    assert points[:, 0] == pytest.approx((plain(c[:, 0]) * 3 + 0.5) / 4, abs=1e-6)
    assert points[:, 1] == pytest.approx((plain(c[:, 1]) * 2 + 0.5) / 3, abs=1e-6)


def test_bfloat16_rounds_a_large_logit_to_the_border() -> None:
    for convention, expected in [("openpi", 1.0), ("core_idea", 0.0)]:
        sampler = some_sampler(7, k=1, convention=convention).bfloat16()
        with torch.no_grad():
            for parameter in sampler.parameters():
                parameter.zero_()
            sampler.scout_mlp[2].bias.fill_(6.25)
        inputs = PrunerInput(
            torch.ones(1, 16, 16, dtype=torch.bfloat16), (CameraGrid("wrist", 4, 4),)
        )
        pruned = sampler(inputs)
        assert pruned.tokens[0, 0, 0].item() == expected
        points = pruned.traces[0].cameras[0].points
        assert points is not None and points.tolist() == [[0.875, 0.875]]


def test_the_papers_size() -> None:
    sampler = GridSampler()
    assert sum(parameter.numel() for parameter in sampler.parameters()) == pytest.approx(
        1.59e6, rel=0.01
    )


def test_faults() -> None:
    host = Host(dim=16, layers=4, cameras=(CameraGrid("wrist", 3, 3),), encoder_dim=8)
    with pytest.raises(PolicyError, match="k=10 is more than the 3 x 3 = 9 tokens"):
        some_sampler(k=10).check_host(host)
    with pytest.raises(PolicyError, match="tokens of width 8, not 16"):
        some_sampler(dim=8).check_host(host)
    with pytest.raises(PolicyError, match="did you mean 'lerobot'"):
        GridSampler(convention="le_robot")
    with pytest.raises(PolicyError, match=r"less than 0\.5"):
        GridSampler(margin=0.5)
    with pytest.raises(PolicyError, match="k=13 is more than the 3 x 4 = 12 tokens of camera 'wr"):
        some_sampler(k=13)(some_inputs(8))
    broken = some_inputs(8)
    broken.tokens[0, 3, 3] = math.nan
    with pytest.raises(PolicyError, match="not finite"):
        some_sampler()(broken)
