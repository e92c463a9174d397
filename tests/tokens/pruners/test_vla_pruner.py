"""VLA-Pruner over the queries of episodes, against a plain simulation of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from pruner_doubles import (
    CAMERAS,
    DENSE,
    DTYPES,
    Floats,
    assert_consistent,
    assert_highest,
    assert_unchanged,
    kept_of,
    mean_attention,
    plain,
    some_attention,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import CameraGrid, Place, Role
from gridseval.tokens.pruners.diversity import choose_diverse
from gridseval.tokens.pruners.interface import AttentionMap, Pruned, PrunerInput
from gridseval.tokens.pruners.vla_pruner import VlaPruner

PREFILL = (Role.VISUAL, Role.INSTRUCTION, Role.STATE, Role.OTHER)


def reference_diverse(tokens: Floats, candidates: list[int], count: int) -> list[int]:
    def apart(i: int, j: int) -> float:
        a, b = tokens[i], tokens[j]
        return float(1 - a @ b / np.sqrt((a @ a) * (b @ b)))

    if len(candidates) <= count:
        return candidates
    alone = {i: min(apart(i, j) for j in candidates if j != i) for i in candidates}
    chosen = [max(candidates, key=lambda i: alone[i])]
    while len(chosen) < count:
        rest = [i for i in candidates if i not in chosen]
        chosen.append(max(rest, key=lambda i: min(apart(i, j) for j in chosen)))
    return sorted(chosen)


@dataclasses.dataclass
class Plain:
    """One slot's episode."""

    count: int
    gamma: float = 0.8
    window: int = 3
    reverse: bool = False
    groups: tuple[range, ...] = (range(DENSE),)
    seen: list[Floats] = dataclasses.field(default_factory=list)

    def keep(self, tokens: Floats, language: Floats) -> list[int]:
        if len(self.seen) < self.window:
            return list(range(DENSE))
        recent = self.seen[-self.window :]
        action = np.zeros(DENSE)
        for age in range(1, self.window + 1):
            action += self.gamma**age * recent[age - 1 if self.reverse else -age]
        kept: list[int] = []
        for group in self.groups:
            best = {
                j
                for scores in (language, action)
                for j in sorted(group, key=lambda j: -scores[j])[: self.count]
            }
            kept += reference_diverse(tokens, sorted(best), self.count)
        return sorted(kept)

    def look(self, kept: list[int], scores: Floats) -> None:
        dense = np.zeros(DENSE)
        dense[kept] = scores[: len(kept)]
        self.seen.append(dense)


def embedded_inputs(seed: int = 0, batch: int = 1, **others: Any) -> PrunerInput:
    """Return inputs whose embeddings are unlike their hidden states."""
    inputs = some_inputs(seed, batch, **others)
    assert inputs.text is not None
    embedded = some_inputs(500 + seed, batch, **others).tokens
    return dataclasses.replace(inputs, embedded=(embedded, inputs.text))


def query(
    pruner: VlaPruner, seed: int, slots: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> tuple[PrunerInput, Pruned, AttentionMap]:
    """Run one query with random tokens; return what went in, what came out and what was seen."""
    inputs = embedded_inputs(seed, len(slots), dtype=dtype, layers=(2,), slots=slots)
    pruned = pruner(inputs)
    assert inputs.text_roles is not None
    columns = pruned.mask.shape[1]
    seen = some_attention(np.random.default_rng(900 + seed), inputs.text_roles, columns)
    pruner.observe(inputs, pruned, {15: seen})
    return inputs, pruned, seen


CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"keep": 0.25}, {"count": 8}),
    ({"k": 3, "gamma": 0.5, "window": 2}, {"count": 6, "gamma": 0.5, "window": 2}),
    ({"k": 4, "heaviest": "oldest", "gamma": 0.3}, {"count": 8, "reverse": True, "gamma": 0.3}),
    (
        {"k": 4, "per_camera": True},
        {"count": 4, "groups": (range(20), range(20, DENSE))},
    ),
]


@pytest.mark.parametrize(("arguments", "plainly"), CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_episodes_of_different_ages(
    arguments: dict[str, Any], plainly: dict[str, Any], dtype: torch.dtype
) -> None:
    pruner = VlaPruner(**arguments)
    episodes = {slot: Plain(**plainly) for slot in (7, 2, 5)}
    # Slot 5 joins late, and slot 2 starts again.
    batches = [(7, 2)] * 3 + [(7, 2, 5)] * 2 + [(2, 7, 5)] * 4
    uneven = False
    for number, slots in enumerate(batches):
        if number == 5:
            pruner.reset([2])
            episodes[2] = Plain(**plainly)
        inputs, pruned, seen = query(pruner, number, slots, dtype)
        assert_consistent(pruned, inputs)
        assert_unchanged(pruned, inputs)
        uneven |= len(set(pruned.counts.tolist())) > 1
        for row, slot in enumerate(slots):
            language = mean_attention(inputs.attention[2], row, *PREFILL)
            assert inputs.embedded is not None
            kept = episodes[slot].keep(plain(inputs.embedded[0][row]), language)
            assert kept_of(pruned, row) == kept
            episodes[slot].look(kept, mean_attention(seen, row, Role.ACTION))
    assert uneven, "slots of different ages keep different numbers"
    assert pruned.counts.tolist() == [pruned.counts[0]] * 3


def test_budgets_of_each_camera() -> None:
    pruner = VlaPruner(k=5, per_camera=True)
    for number in range(4):
        pruned = query(pruner, number, (0,))[1]
    assert [camera.kept_count for camera in pruned.traces[0].cameras] == [5, 5]


def test_dense_attention_of_an_unpruned_layer_may_be_observed() -> None:
    by_columns, by_tokens = VlaPruner(k=4, window=1), VlaPruner(k=4, window=1)
    first = embedded_inputs(1, layers=(2,))
    assert first.text_roles is not None
    seen = some_attention(np.random.default_rng(1), first.text_roles, DENSE)
    for pruner in (by_columns, by_tokens):
        pruner.observe(first, pruner(first), {15: seen})
    second = embedded_inputs(2, layers=(2,))
    pruned = by_columns(second)
    kept = kept_of(pruned, 0)
    others = np.setdiff1d(np.arange(DENSE), kept)
    dense = some_attention(np.random.default_rng(2), first.text_roles, DENSE)
    dense.weights[..., others] = 0
    by_columns.observe(
        second, pruned, {15: AttentionMap(dense.weights[..., kept].contiguous(), dense.roles)}
    )
    by_tokens.observe(second, by_tokens(second), {15: dense})
    third = embedded_inputs(3, layers=(2,))
    assert kept_of(by_columns(third), 0) == kept_of(by_tokens(third), 0)


def test_defaults_are_the_papers() -> None:
    pruner = VlaPruner()
    assert pruner.place == Place("layer", 3)
    assert pruner.needs.attention == ((2,),)
    assert pruner.needs.observed == (15,)
    assert (pruner.window, pruner.gamma) == (3, 0.8)


def test_refuses_to_guess_what_the_action_looked_at() -> None:
    pruner = VlaPruner()
    inputs = embedded_inputs(layers=(2,))
    pruned = pruner(inputs)
    with pytest.raises(PolicyError, match="attention of decoder layer 15"):
        pruner.observe(inputs, pruned, {14: inputs.attention[2]})
    silent = AttentionMap(
        inputs.attention[2].weights, torch.full_like(inputs.attention[2].roles, 2)
    )
    with pytest.raises(PolicyError, match="a row of an attention map has no query"):
        pruner.observe(inputs, pruned, {15: silent})
    narrow = AttentionMap(inputs.attention[2].weights[..., :7], inputs.attention[2].roles)
    with pytest.raises(PolicyError, match=r"expected \(1, heads, queries, 32 or 32\)"):
        pruner.observe(inputs, pruned, {15: narrow})
    with pytest.raises(PolicyError, match="one slot number per row"):
        pruner(dataclasses.replace(inputs, slots=None))


def test_greedy_choice_starts_with_the_loneliest_token() -> None:
    angles = np.deg2rad([0, 2, 4, 90, 92, 200])
    tokens = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1))[None].float()
    everyone = torch.ones(1, 6, dtype=torch.bool)
    assert choose_diverse(tokens, everyone, 1).nonzero()[:, 1].tolist() == [5]
    chosen = choose_diverse(tokens, everyone, 3).nonzero()[:, 1].tolist()
    assert chosen == reference_diverse(plain(tokens[0]), list(range(6)), 3)
    same = choose_diverse(torch.ones(1, 6, 3), everyone, 4)
    assert int(same.sum()) == 4, "equal tokens are no reason to keep fewer"
    few = torch.tensor([[True, False, False, True, False, False]])
    assert choose_diverse(tokens, few, 3).nonzero()[:, 1].tolist() == [0, 3]
    assert_highest([0], np.array([1.0, 0.5]), 1)
    assert sum(camera.count for camera in CAMERAS) == DENSE == CameraGrid("x", 4, 8).count
