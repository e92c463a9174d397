"""Counting itself: against products that are really carried out, and at its edges."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from gridseval.errors import UsageError
from gridseval.tokens.accounting import (
    Choice,
    Convolution,
    Expert,
    Language,
    Linear,
    ModelDescription,
    Schedule,
    Tower,
    Transformer,
    count_macs,
    find_convention,
    list_models,
    load_model,
    pruner_macs,
    stage_flops,
)

SMALL = Transformer(layers=3, width=6, mlp=10, heads=4, kv_heads=2, head_dim=5, gated=True)


class Meter:
    """Multiplies matrices and counts the multiplications."""

    def __init__(self) -> None:
        self.macs = 0

    def matmul(self, a: Any, b: Any) -> Any:
        out = a @ b
        self.macs += out.size * a.shape[-1]
        return out


def run_layer(shape: Transformer, tokens: int, context: int) -> int:
    """Carry a layer out, head by head, and return how many multiplications that took."""
    meter, ones = Meter(), np.ones
    x = ones((tokens, shape.width))
    q = meter.matmul(x, ones((shape.width, shape.heads * shape.head_dim)))
    meter.matmul(x, ones((shape.width, shape.kv_heads * shape.head_dim)))  # k
    meter.matmul(x, ones((shape.width, shape.kv_heads * shape.head_dim)))  # v
    for head in np.split(q, shape.heads, axis=1):
        keys = ones((tokens + context, shape.head_dim))
        weights = meter.matmul(head, keys.T)
        meter.matmul(weights, keys)
    meter.matmul(q, ones((shape.heads * shape.head_dim, shape.width)))
    for _ in range(2 if shape.gated else 1):
        inner = meter.matmul(x, ones((shape.width, shape.mlp)))
    meter.matmul(inner, ones((shape.mlp, shape.width)))
    return meter.macs


@settings(max_examples=30)
@given(
    tokens=st.integers(1, 9),
    context=st.integers(0, 9),
    groups=st.integers(1, 3),
    shared=st.integers(1, 3),
    gated=st.booleans(),
)
def test_a_layer_counts_what_running_it_multiplies(
    tokens: int, context: int, groups: int, shared: int, gated: bool
) -> None:
    shape = Transformer(1, 6, 11, groups * shared, groups, 4, gated)
    assert shape.layer_macs(tokens, context) == run_layer(shape, tokens, context)


def describe(**changes: Any) -> ModelDescription:
    model = ModelDescription(
        name="m",
        title="m",
        source="a test",
        images=2,
        tokens_per_image=4,
        towers=(Tower(Transformer(2, 4, 8, 1, 1, 4), 5, (Linear(3, 4, 4),)),),
        projector=(Linear(4, 6, 4),),
        language=Language(SMALL, text_tokens=3),
    )
    return dataclasses.replace(model, **changes)


def test_parts_of_a_query() -> None:
    cost = count_macs(describe(head=(Linear(6, 7, 2),)), pruner=11)
    tower = 2 * run_layer(Transformer(1, 4, 8, 1, 1, 4), 5, 0) + 3 * 4 * 4
    assert cost.vision == 2 * (tower + 4 * 6 * 4)
    assert cost.prefill == 3 * run_layer(SMALL, 8 + 3, 0)
    assert (cost.pruner, cost.decode, cost.head) == (11, 0, 6 * 7 * 2)
    assert cost.total == cost.vision + cost.prefill + 11 + 84


def test_pruning_at_a_layer_leaves_the_layers_before_it_alone() -> None:
    cost = count_macs(describe(), Schedule(((1, 6), (2, 2))))
    layers = [run_layer(SMALL, visual + 3, 0) for visual in (8, 6, 2)]
    assert cost.prefill == sum(layers)
    assert count_macs(describe(), Schedule(((0, 8),))) == count_macs(describe())


def test_generated_tokens_attend_to_what_was_kept() -> None:
    language = Language(SMALL, text_tokens=3, generated=3, vocabulary=50)
    cost = count_macs(describe(language=language), Schedule(((2, 2),)))
    prefix = [8 + 3, 8 + 3, 2 + 3]
    steps = sum(run_layer(SMALL, 1, context + step) for step in range(2) for context in prefix)
    assert cost.decode == steps + 3 * 6 * 50


def test_denoising_steps_attend_to_the_prefix_of_their_layer() -> None:
    inner = Transformer(3, 5, 7, 4, 2, 5)
    expert = Expert(inner, tokens=4, steps=10, linears=(Linear(2, 5, 4),))
    cost = count_macs(describe(expert=expert), Schedule(((1, 2),)))
    step = sum(run_layer(inner, 4, visual + 3) for visual in (8, 2, 2)) + 2 * 5 * 4
    assert cost.head == 10 * step


def test_entries_that_are_reused_are_looked_at_but_not_computed() -> None:
    language = Language(SMALL, text_tokens=3, generated=3, vocabulary=50)
    expert = Expert(Transformer(3, 5, 7, 4, 2, 5), tokens=4, steps=10)
    model = describe(language=language, expert=expert)
    schedule = Schedule(((1, 6), (2, 2)), reuses=True)
    cost, dense = count_macs(model, schedule), count_macs(model)
    runs = [run_layer(SMALL, ran + 3, 8 - ran) for ran in (8, 6, 2)]
    assert cost.prefill == sum(runs) < dense.prefill
    assert (cost.decode, cost.head) == (dense.decode, dense.head)


def test_a_projector_that_runs_before_the_choice_is_counted_whole() -> None:
    """LeRobot's models project each image before a pruner at the encoder can choose."""
    pi0 = load_model("pi0")
    (linear,) = pi0.projector
    costs = [
        stage_flops(pi0, [(0, 192)], 768, at_encoder=True, projects_all=projects_all)
        for projects_all in (False, True)
    ]
    assert costs[1] - costs[0] == 2 * linear.macs * 3 * 3 // 4  # a quarter of three images is left


def test_a_query_that_reuses_entries_costs_more_than_one_that_deletes_tokens() -> None:
    model = load_model("openvla-7b")
    stages = ((0, 256), (2, 200), (6, 150))
    deletes, reuses, dense = (
        stage_flops(model, given, 256, reuses=flag)
        for given, flag in ((stages, False), (stages, True), (stages[:1], False))
    )
    assert deletes < reuses < dense


@given(kept=st.integers(1, 256), layer=st.integers(0, 17))
def test_fewer_tokens_never_cost_more(kept: int, layer: int) -> None:
    model = load_model("pi0")
    cost = count_macs(model, Schedule(((layer, 3 * kept),))).total
    assert cost <= count_macs(model).total
    assert count_macs(model, Schedule(((layer, 3 * kept - 1),))).total < cost


@pytest.mark.parametrize("name", list_models())
def test_shipped_models_load_and_have_their_files_name(name: str) -> None:
    model = load_model(name)
    assert model.name == name
    assert count_macs(model).total > 1e9


PARAMETERS = {"openvla-7b": 6.48e9, "pi0": 1.98e9, "smolvla": 0.157e9}


@pytest.mark.parametrize("name", PARAMETERS)
def test_decoders_have_the_size_that_is_published(name: str) -> None:
    """Parameters of the decoder's layers, from the models' cards: no shape is mistyped."""
    shape = load_model(name).language.transformer
    assert shape.layers * shape.token_macs == pytest.approx(PARAMETERS[name], rel=0.01)


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (((3, 2),), "layer 3 is beyond the model's 3 layers"),
        (((0, 9),), "has 8 visual tokens, not 9"),
        (((1, 2), (0, 2)), "no schedule"),
        (((0, 4), (0, 2)), "no schedule"),
        (((0, -1),), "no schedule"),
    ],
)
def test_schedules_that_fit_no_model(stages: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        count_macs(describe(), Schedule(stages))


def test_names_that_nobody_knows() -> None:
    with pytest.raises(UsageError, match="pi00") as caught:
        load_model("pi00")
    assert "'pi0'" in str(caught.value.hint)
    with pytest.raises(UsageError, match="unknown convention 'Full'") as caught:
        find_convention("Full")
    assert "'full'" in str(caught.value.hint)


def test_a_description_of_ones_own(tmp_path: Any) -> None:
    from gridseval.data import data_dir

    text = (data_dir("policies") / "models" / "nano.yaml").read_text(encoding="utf8")
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("name: nano", "name: own"), encoding="utf8")
    assert count_macs(load_model(str(own))) == count_macs(load_model("nano"))
    own.write_text(text, encoding="utf8")
    with pytest.raises(UsageError, match="expected 'own'"):
        load_model(str(own))
    own.write_text(text.replace("kernel: 4", "kernels: 4"), encoding="utf8")
    with pytest.raises(UsageError, match=r"convolutions\[0\]: unknown key 'kernels'"):
        load_model(str(own))
    own.write_text(text.replace("kv_heads: 2", "kv_heads: 3"), encoding="utf8")
    with pytest.raises(UsageError, match="cannot share"):
        load_model(str(own))


def test_choosing_costs_what_its_products_cost() -> None:
    """GridS: paper's 1.59 M parameters at C = 2048, K = 16, each used once per camera or point."""
    choice = Choice(cameras=1, visual=256, kept=16, width=2048, text=48)
    scout, coordinates = 2048 * 512 + 512 * 32, 2 * 256 + 256 * 2048
    assert pruner_macs("grids", choice) == scout + 16 * (coordinates + 4 * 2048)
    meter, d = Meter(), 2048
    v, t = np.ones((256, d)), np.ones((48, d))
    q = meter.matmul(meter.matmul(v, t.T), t)
    meter.matmul(q, v.T)
    assert pruner_macs("lightvla", choice) == meter.macs
    assert pruner_macs("fastv", choice) == pruner_macs("dense", choice) == 0


@pytest.mark.parametrize(("kernel", "stride"), [(4, 4), (3, 2), (3, 1)])
def test_a_convolution_counts_what_torch_counts(kernel: int, stride: int) -> None:
    layer = torch.nn.Conv2d(5, 7, kernel, stride, kernel // 2 if kernel == 3 else 0)
    meter = FlopCounterMode(display=False)
    with torch.inference_mode(), meter:
        made = layer(torch.zeros(1, 5, 16, 16))
    counted = Convolution(5, 7, kernel, made.shape[2] * made.shape[3])
    assert 2 * counted.macs == meter.get_total_flops()
    with pytest.raises(ValueError, match="kernel must be at least 1"):
        Convolution(5, 7, 0, 4)
