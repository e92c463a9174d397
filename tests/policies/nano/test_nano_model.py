"""The model itself: every pruner in its place, and nothing of a row depends on the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import gridseval.policies.nano.model as nano_model
from gridseval.errors import PolicyError
from gridseval.policies.nano import NanoConfig, PrunerChoice
from gridseval.policies.nano.checkpoint import new_nano
from gridseval.policies.nano.cost import nano_flops
from gridseval.policies.nano.model import NanoInput, NanoModel
from gridseval.policies.nano.words import hash_words, pad_words
from gridseval.tokens.accounting import load_model
from gridseval.tokens.pruners import Role, list_pruners, load_pruner
from gridseval.tokens.pruners.registry import argument_names

Small = Callable[..., NanoConfig]
TEXTS = ("turn on the stove", "open the middle drawer", "lift the red mug and put it down again")


def budget(pruner: str, tokens: int = 5) -> dict[str, Any]:
    """Return arguments that keep few tokens, for methods that take a number."""
    return {"k": tokens} if "k" in argument_names(load_pruner(pruner)) else {}


def inputs_of(config: NanoConfig, rows: int = 3, texts: tuple[str, ...] = TEXTS) -> NanoInput:
    rng = np.random.default_rng(5)
    px = config.image_px
    images = rng.integers(0, 256, (rows, len(config.cameras), px, px, 3), np.uint8)
    words = [hash_words(text, config.words, config.buckets) for text in texts[:rows]]
    return NanoInput(
        images=torch.from_numpy(images),
        words=torch.from_numpy(pad_words(words)),
        state=torch.from_numpy(rng.normal(size=(rows, 8)).astype(np.float32)),
        slots=range(rows),
        generators=[torch.Generator().manual_seed(row) for row in range(rows)],
    )


def row_of(inputs: NanoInput, row: int) -> NanoInput:
    """Return one row, without the padding of its words."""
    words = inputs.words[row : row + 1]
    return NanoInput(
        inputs.images[row : row + 1],
        words[:, words[0, :, 0] > 0],
        inputs.state[row : row + 1],
        [row],
        [torch.Generator().manual_seed(row)],
    )


def fresh(config: NanoConfig) -> NanoModel:
    return new_nano(config, seed=3)


def test_the_default_has_two_to_five_million_parameters() -> None:
    count = sum(parameter.numel() for parameter in new_nano().parameters())
    assert 2e6 < count < 5e6


@pytest.mark.parametrize("pruner", list_pruners())
def test_a_row_depends_on_itself_alone(small: Small, pruner: str) -> None:
    config = small(pruner, **budget(pruner))
    inputs = inputs_of(config)
    with torch.inference_mode():
        together = fresh(config)(inputs)
        for row in range(3):
            alone = fresh(config)(row_of(inputs, row))
            assert torch.allclose(together.actions[row], alone.actions[0], atol=1e-5)
            assert torch.equal(together.pruned.kept[row], alone.pruned.kept[0])
            stages = [(layer, kept[row]) for layer, kept in together.stages]
            assert stages == [(layer, kept[0]) for layer, kept in alone.stages]
    counts = {trace.kept_count for trace in together.pruned.traces}
    assert all(0 < count <= 32 for count in counts)
    # SparseVLM keeps recycled tokens on top, VLA-Pruner everything until it has a history.
    if budget(pruner) and pruner not in ("sparsevlm", "vla_pruner"):
        assert counts == {10}


@pytest.mark.parametrize("pruner", list_pruners())
def test_gradients_reach_every_part(small: Small, pruner: str) -> None:
    config = small(pruner, **budget(pruner))
    model = fresh(config).train()
    output = model(inputs_of(config))
    output.actions.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if pruner != "lightvla_star" or "pruner" not in name:
            assert parameter.grad.abs().max() > 0, name


def test_training_lowers_the_loss(small: Small) -> None:
    config = small("grids", k=4)
    model, inputs = fresh(config).train(), inputs_of(config)
    target = torch.linspace(-1, 1, 3 * 3 * 7).view(3, 3, 7)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = (model(inputs).actions - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_keeping_everything_is_the_dense_model(small: Small) -> None:
    inputs = inputs_of(small())
    with torch.inference_mode():
        dense = fresh(small()).forward(inputs).actions
        for pruner in ("uniform", "topk", "random", "fastv"):
            whole = fresh(small(pruner, k=16))(inputs)
            assert torch.allclose(whole.actions, dense, atol=1e-5), pruner


def test_states_are_normalised(small: Small) -> None:
    plain, normalising = fresh(small()), fresh(small())
    normalising.state_mean.fill_(2)
    normalising.state_std.fill_(0.5)
    inputs = inputs_of(small())
    scaled = NanoInput(**{**vars(inputs), "state": inputs.state * 0.5 + 2})
    with torch.inference_mode():
        actions = plain(inputs).actions
        assert torch.allclose(actions, normalising(scaled).actions, atol=1e-5)
        assert not torch.allclose(actions, normalising(inputs).actions, atol=1e-3)


def test_the_instruction_reaches_the_encoder(small: Small) -> None:
    model, inputs = fresh(small()), inputs_of(small())
    other = NanoInput(**{**vars(inputs), "words": inputs.words.roll(1, 0)})
    with torch.inference_mode():
        features, changed = model.encode(inputs), model.encode(other)
    assert features.shape == (3, 32, 24)
    assert (features - changed).abs().amax((1, 2)).min() > 1e-3


def test_every_input_matters(small: Small) -> None:
    config = small()
    model = fresh(config)
    inputs = row_of(inputs_of(config), 2)
    first, second = inputs.images[:, :1], inputs.images[:, 1:]
    changed = {
        "first camera": {"images": torch.cat([first + 1, second], 1)},
        "cameras swapped": {"images": torch.cat([second, first], 1)},
        "state": {"state": inputs.state + 0.5},
        "one word": {"words": inputs.words.clone().index_fill_(1, torch.tensor([3]), 9)},
        "order of words": {"words": inputs.words.flip(1)},
    }
    with torch.inference_mode():
        before = model(inputs).actions
        for name, change in changed.items():
            after = model(NanoInput(**{**vars(inputs), **change})).actions
            assert (after - before).abs().max() > 1e-4, name


def test_attention_maps_when_asked(small: Small) -> None:
    config = small("uniform", k=4)
    model, inputs = fresh(config), inputs_of(config)
    with torch.inference_mode():
        plain, mapped = model(inputs), model(inputs, maps=(0, 5))
    assert plain.maps == {}
    assert sorted(mapped.maps) == [0, 5]
    assert torch.allclose(plain.actions, mapped.actions, atol=1e-5)
    others = inputs.words.shape[1] + 1 + config.chunk
    for attention in mapped.maps.values():
        assert attention.weights.shape == (3, 4, 8 + others, 8)
        assert attention.roles.shape == (3, 8 + others)
        assert (attention.roles[:, :8] == Role.VISUAL).all()
        assert (attention.roles[:, -3:] == Role.ACTION).all()
        shares = attention.weights.sum(-1)
        assert (shares > 0).all()
        assert (shares < 1).all()  # the rest goes to words, state and actions
    with pytest.raises(PolicyError, match="no decoder layer 6, only 0 to 5"):
        model(inputs, maps=(6,))


def test_entropy_is_of_the_whole_row_and_only_when_asked(small: Small) -> None:
    config = small("vla_cache")
    model, inputs = fresh(config), inputs_of(config)
    plain = fresh(small("uniform", k=4))
    with torch.inference_mode():
        mapped, silent = model(inputs, maps=(2,)).maps[2], plain(inputs, maps=(2,)).maps[2]
    assert silent.entropy is None
    assert mapped.entropy is not None and mapped.entropy.shape == mapped.roles.shape
    share = mapped.weights.mean(1)
    of_visual = -(share * torch.log(share)).sum(-1)
    rest = 1 - share.sum(-1)
    others = (inputs.words[..., 0] > 0).sum(1, keepdim=True) + 1 + config.chunk
    # The other keys add between nothing more than their sum as one key and as equal ones.
    assert (mapped.entropy >= of_visual - rest * torch.log(rest) - 1e-4).all()
    assert (mapped.entropy <= of_visual - rest * torch.log(rest / others) + 1e-4).all()


@pytest.mark.parametrize(("recycle", "moved"), [(0.3, True), (0, False)])
def test_tokens_after_renumbered_ones_move_up(
    small: Small, monkeypatch: pytest.MonkeyPatch, recycle: float, moved: bool
) -> None:
    config = small("sparsevlm", k=4, recycle=recycle)
    model, inputs = fresh(config), inputs_of(config)
    seen: list[torch.Tensor] = []
    whole = nano_model.rotation_of

    def spy(positions: torch.Tensor, head_dim: int) -> torch.Tensor:
        seen.append(positions)
        return whole(positions, head_dim)

    monkeypatch.setattr(nano_model, "rotation_of", spy)
    with torch.inference_mode():
        given = model(inputs)
    visual = len(config.cameras) * config.grid**2
    others = inputs.words.shape[1] + 1 + config.chunk
    counts = [visual, *(int(count[0]) for _, count in given.stages)]
    assert len(seen) == len(counts) > 1
    for positions, count in zip(seen, counts, strict=True):
        assert positions.shape[1] == count + others
        assert positions[0, count] == (count if moved else visual)


@pytest.mark.parametrize(
    ("pruner", "arguments", "tolerance"),
    [
        ("dense", {}, 0),
        ("uniform", {"k": 16}, 0),
        ("fastv", {"k": 16, "layer": 3}, 0),
        ("random", {"k": 4}, 0),
        ("lightvla_star", {}, 0),
        ("lightvla_star", {"layer": 2}, 0),
        ("lightvla", {}, 0),
        ("grids", {"k": 16}, 1e-3),  # the four weights of a point are not products of matrices
        ("sparsevlm", {"k": 16}, 0.03),
        ("efficientvla", {"k": 16}, 0.03),
    ],
)
def test_counted_operations_are_those_that_run(
    pruner: str, arguments: dict[str, Any], tolerance: float
) -> None:
    """The description says what torch itself counts: what is pruned is really not computed."""
    config = NanoConfig(pruner=PrunerChoice(pruner, arguments))
    model = new_nano(config)
    inputs = inputs_of(config, 1, ("pick up the red mug and put it down again",))
    meter = FlopCounterMode(display=False)
    # The plain form of attention, of which torch counts every product.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), meter:
        output = model(inputs)
    stages = tuple((layer, int(kept[0])) for layer, kept in output.stages)
    pruner = model.pruner
    counted = nano_flops(config, pruner.macs, stages, pruner.place.where)
    if tolerance == 0:
        # An average of attention over queries is a product with one row to torch.
        sequence = 512 + inputs.words.shape[1] + 1 + config.chunk
        counted += sum(2 * sequence * 512 for layers in pruner.needs.attention for _ in layers)
    assert meter.get_total_flops() == pytest.approx(counted, rel=tolerance, abs=0)


def test_the_shipped_description_is_that_of_the_default() -> None:
    assert NanoConfig().describe() == load_model("nano")


def test_pruners_that_do_not_fit_are_refused(small: Small) -> None:
    with pytest.raises(PolicyError, match="layer"):
        fresh(small("fastv", k=4, layer=6))
    with pytest.raises(PolicyError, match="no argument 'kk'") as caught:
        fresh(small("grids", kk=4))
    assert "'k'" in str(caught.value.hint)
    with pytest.raises(PolicyError, match="unknown pruner 'grid'") as caught:
        fresh(small("grid"))
    assert "'grids'" in str(caught.value.hint)


def test_words() -> None:
    assert np.array_equal(hash_words("Turn ON, the stove!", 9, 64), hash_words(TEXTS[0], 9, 64))
    assert hash_words(TEXTS[2], 4, 64).shape == (4, 2)
    assert hash_words("", 4, 64).shape == (1, 2)
    every = " ".join(f"word{number}" for number in range(500))
    hashed = hash_words(every, 500, 1024)
    assert hashed.min() >= 1
    assert hashed.max() <= 1024
    assert len(np.unique(hashed, axis=0)) == 500
