"""Figures that papers print, from the shapes of their models and each with its convention.

Expected numbers are the papers' own, or follow from them; none is computed by the code under test.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gridseval.errors import UsageError
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.accounting import (
    CONVENTIONS,
    Choice,
    ModelDescription,
    Schedule,
    load_model,
    pruner_macs,
    trace_flops,
)


def grids(model: ModelDescription, tokens: int) -> tuple[Schedule | None, int]:
    """Return schedule and cost of GridS with so many tokens per image; all 256 is without it."""
    if tokens == 256:
        return None, 0
    kept, width = tokens * model.images, model.language.transformer.width
    text = model.language.tokens
    choice = Choice(model.images, model.visual_tokens, kept, width, text)
    return Schedule(((0, kept),)), pruner_macs("grids", choice)


def test_vla_pruner_counts_macs_of_the_language_model_alone() -> None:
    model = load_model("openvla-7b")
    assert model.visual_tokens + model.language.tokens == 291
    dense = CONVENTIONS["llm-macs"].operations(model)
    assert round(dense / 1e12, 3) == 1.907  # the paper cuts 1.9067 off to 1.906
    assert dense / 1e12 == pytest.approx(1.906, rel=1e-3)


@pytest.mark.parametrize(("kept", "published"), [(128, 1.139), (64, 0.758), (32, 0.571)])
def test_vla_pruner_at_layer_3_of_openvla(kept: int, published: float) -> None:
    counted = CONVENTIONS["llm-macs"].operations(load_model("openvla-7b"), Schedule(((3, kept),)))
    assert counted / 1e12 == pytest.approx(published, rel=6e-3)


@pytest.mark.parametrize(("kept", "published"), [(256, 0.62), (128, 0.44), (64, 0.35)])
def test_ratios_of_four_full_layers_of_openvla_oft(kept: int, published: float) -> None:
    model, convention = load_model("openvla-oft"), CONVENTIONS["llm-macs"]
    ratio = convention.operations(model, Schedule(((4, kept),))) / convention.operations(model)
    assert round(ratio, 2) == published


def test_lightvla_counts_two_flops_per_mac_and_vision() -> None:
    model = load_model("openvla-oft")
    assert abs(model.visual_tokens + model.language.tokens - 602) <= 1
    counted = CONVENTIONS["vision-llm"].operations(model)
    assert round(counted / 1e12, 1) == 8.8


def test_lightvlas_pruned_figure_is_that_of_120_tokens() -> None:
    """The paper prints 3.6 TFLOPs beside 78 tokens, from which 3.04 follow."""
    model, convention = load_model("openvla-oft"), CONVENTIONS["vision-llm"]
    at_78, at_120 = (convention.operations(model, Schedule(((0, n),))) / 1e12 for n in (78, 120))
    assert (round(at_78, 2), round(at_120, 1)) == (3.04, 3.6)


@pytest.mark.parametrize(
    ("name", "tokens", "single_gflops", "full_tflops"),
    [
        ("pi0", 256, 216.55, 4.38),
        ("pi0", 16, 52.38, 1.37),
        ("pi0", 4, 44.35, 1.23),
        ("pi0.5", 256, None, 4.71),
        ("pi0.5", 16, None, 1.72),
        ("pi0.5", 4, None, 1.57),
    ],
)
def test_grids_counts_single_layers(
    name: str, tokens: int, single_gflops: float | None, full_tflops: float
) -> None:
    model = load_model(name)
    schedule, choosing = grids(model, tokens)
    if single_gflops is not None:
        single = CONVENTIONS["single-layer"].operations(model, schedule, choosing)
        assert single / 1e9 == pytest.approx(single_gflops, abs=0.011)
    full = CONVENTIONS["full"].operations(model, schedule, choosing)
    assert full / 1e12 == pytest.approx(full_tflops, abs=0.0055)


@pytest.mark.parametrize(
    ("name", "tokens", "published_gflops"),
    [
        *[("pi0", 256, 216.01), ("pi0", 16, 51.65), ("pi0", 4, 43.61)],
        *[("pi0.5", 256, 249.76), ("pi0.5", 16, 83.84), ("pi0.5", 4, 75.73)],
    ],
)
def test_grids_table_within_two_percent(name: str, tokens: int, published_gflops: float) -> None:
    model = load_model(name)
    counted = CONVENTIONS["single-layer"].operations(model, *grids(model, tokens))
    assert counted / 1e9 == pytest.approx(published_gflops, rel=0.02)


@pytest.mark.parametrize("layer", [0, 2, 9, 17])
def test_a_single_layer_is_the_mean_of_the_layers(layer: int) -> None:
    """FastV in π0: the decoder's 18 layers run on 816 tokens up to its layer, then on 348."""
    model, convention = load_model("pi0"), CONVENTIONS["single-layer"]
    dense = convention.operations(model)
    before = convention.operations(model, Schedule(((0, 300),)))
    counted = convention.operations(model, Schedule(((layer, 300),)))
    expected = (layer * dense + (18 - layer) * before) / 18
    assert counted == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("published", "layers"), [(143.59, (5, 6)), (150.30, (6, 7))])
def test_rows_of_other_pruners_in_grids_table_fit_no_layer(
    published: float, layers: tuple[int, int]
) -> None:
    """π0 + FastV and + SparseVLM at 100 tokens per image lie between layers that no paper names."""
    model, convention = load_model("pi0"), CONVENTIONS["single-layer"]
    low, high = (convention.operations(model, Schedule(((at, 300),))) / 1e9 for at in layers)
    assert low * 1.002 < published < high * 0.998
    early = convention.operations(model, Schedule(((2, 300),))) / 1e9
    assert published / early > 1.18


def test_a_trace_of_two_cameras_counts_for_three_images() -> None:
    """LIBERO's two cameras are in the trace; π0 encodes a third image, and samples from it."""
    sampled = tuple(
        CameraTrace(name, (16, 16), points=np.full((16, 2), 0.5, np.float32))
        for name in ("agentview", "wrist")
    )
    counted = trace_flops(load_model("pi0"), TokenTrace(sampled), pruner="grids")
    assert round(counted / 1e12, 2) == 1.37
    dense = tuple(CameraTrace(c.camera, (16, 16), kept=np.ones(256, bool)) for c in sampled)
    assert round(trace_flops(load_model("pi0"), TokenTrace(dense)) / 1e12, 2) == 4.38
    half = TokenTrace((CameraTrace("agentview", (16, 16), kept=np.arange(256) < 128),))
    layers = [trace_flops(load_model("openvla-7b"), half, layer) for layer in (0, 3, 31)]
    assert layers == sorted(layers)
    crowd = TokenTrace((CameraTrace("wrist", (1, 1), points=np.zeros((2, 2), np.float32)),))
    with pytest.raises(UsageError, match="of 1 tokens keeps 2"):
        trace_flops(load_model("pi0"), crowd)


def test_conventions_differ_by_more_than_rounding() -> None:
    """Two of them in one column would be a wrong table, so no two may agree by accident."""
    for name in ("openvla-7b", "pi0", "smolvla"):
        counted = [convention.operations(load_model(name)) for convention in CONVENTIONS.values()]
        assert len({round(value, -10) for value in counted}) == len(CONVENTIONS)


def test_fastv_form_and_swiglu_form() -> None:
    """4nd² + 2n²d + 2ndm, and 3ndm with a gate: the two forms that papers write."""
    n, d, m = 291, 4096, 11008
    gated = load_model("openvla-7b").language.transformer
    assert gated.layer_macs(n) == 4 * n * d * d + 2 * n * n * d + 3 * n * d * m
    plain = dataclasses.replace(gated, gated=False)
    assert plain.layer_macs(n) == 4 * n * d * d + 2 * n * n * d + 2 * n * d * m
