"""``--policy nano``: an episode's actions are its own, whoever runs beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.policies.arguments import convert_arguments
from gridseval.policies.nano.checkpoint import save_nano
from gridseval.policies.nano.config import NanoConfig, PrunerChoice
from gridseval.policies.nano.policy import NanoPolicy
from gridseval.suites import Episode
from gridseval.tokens import ImageMapping
from gridseval.tokens.pruners import list_pruners, load_pruner

Observe = Callable[..., dict[str, Any]]
HISTORY = {"vla_pruner": 5, "vla_cache": 2}
"""Queries until methods that remember have something to remember."""

# Wide enough for all that matters here, and a tenth of the default's time.
FAST: dict[str, Any] = {
    "cameras": ("agentview",),
    "encoder_layers": 1,
    "encoder_width": 48,
    "stem_width": 16,
    "layers": 6,
    "width": 64,
    "mlp": 64,
}


def fast(pruner: str, **arguments: Any) -> NanoConfig:
    return NanoConfig(**FAST, pruner=PrunerChoice(pruner, arguments))


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Any]:
    """Return a function from a pruner and arguments to a policy."""

    def make(pruner: str = "dense", **arguments: str) -> Any:
        folder = tmp_path / pruner
        save_nano(folder, fast(pruner), seed=2)
        return load_policy("nano", str(folder), arguments, seed=7).policy

    return make


def run(policy: Any, observe: Observe, slots: dict[int, Episode], queries: int) -> Any:
    """Return actions and kept tokens of every episode, query after query."""
    policy.reset(list(slots), list(slots.values()))
    done: dict[Episode, list[Any]] = {episode: [] for episode in slots.values()}
    for query in range(queries):
        chunk = policy.act(observe(slots, query))
        for row, episode in enumerate(slots.values()):
            looks = [
                camera.kept if camera.points is None else camera.points
                for camera in chunk.traces[row].cameras
            ]
            done[episode].append((chunk.actions[row], np.concatenate(looks)))
    return done


@pytest.mark.parametrize("pruner", list_pruners())
def test_an_episode_is_its_own(load: Any, observe: Observe, pruner: str) -> None:
    queries = HISTORY.get(pruner, 2)
    first, second, third = (Episode("libero_object", task, 1) for task in range(3))
    policy = load(pruner)
    together = run(policy, observe, {0: first, 4: second, 2: third}, queries)
    later = run(policy, observe, {2: second, 0: third}, queries)  # other slots, used ones
    alone = run(load(pruner), observe, {1: second}, queries)
    for query in range(queries):
        for other in (together, later):
            actions, looks = other[second][query]
            assert np.array_equal(actions, alone[second][query][0])
            assert np.array_equal(looks, alone[second][query][1])
    assert not np.array_equal(together[first][0][0], together[second][0][0])


@pytest.mark.parametrize("pruner", ["lightvla", "vla_pruner", "grids"])
def test_batches_differ_in_the_last_bits_only(load: Any, observe: Observe, pruner: str) -> None:
    slots = {slot: Episode("libero_object", slot, 1) for slot in range(3)}
    queries = HISTORY.get(pruner, 1)
    one, three = (run(load(pruner, batch=n), observe, slots, queries) for n in ("1", "3"))
    for episode in slots.values():
        assert np.allclose(one[episode][-1][0], three[episode][-1][0], atol=1e-4)


def test_a_method_that_remembers_forgets_with_reset(load: Any, observe: Observe) -> None:
    policy, slots = load("vla_pruner"), {0: Episode("libero_object", 0, 0)}
    counts = [int(kept.sum()) for _, kept in run(policy, observe, slots, 5)[slots[0]]]
    assert counts[0] == 256  # it has no history yet
    assert counts[-1] < 256
    again = [int(kept.sum()) for _, kept in run(policy, observe, slots, 5)[slots[0]]]
    assert again == counts


def test_random_tokens_follow_from_seed_episode_and_query(observe: Observe) -> None:
    def kept(seed: int, episode: Episode) -> list[Any]:
        policy: Any = load_policy("nano", None, {"pruner": "random", "k": "4"}, seed).policy
        return [looks for _, looks in run(policy, observe, {0: episode}, 2)[episode]]

    episode = Episode("libero_object", 0, 0)
    reference = kept(7, episode)
    assert np.array_equal(reference, kept(7, episode))
    assert not np.array_equal(reference[0], reference[1])
    assert not np.array_equal(reference[0], kept(7, Episode("libero_object", 0, 1))[0])
    assert not np.array_equal(reference[0], kept(7, Episode("libero_goal", 0, 0))[0])
    assert not np.array_equal(reference[0], kept(8, episode)[0])


def test_a_fresh_model_follows_from_the_runs_seed(observe: Observe) -> None:
    slots = {0: Episode("libero_object", 0, 0)}
    actions = [
        run(load_policy("nano", None, {}, seed).policy, observe, slots, 1)[slots[0]][0][0]
        for seed in (7, 7, 8)
    ]
    assert actions[0].shape == (8, 7)
    assert np.array_equal(actions[0], actions[1])
    assert not np.allclose(actions[0], actions[2], atol=0.01)


@pytest.mark.parametrize("name", list_pruners())
def test_every_argument_of_a_pruner_can_be_given_as_text(name: str) -> None:
    """A text such as 2.0 is read as a number before the pruner gets it."""
    made: Any = load_pruner(name)
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(made).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not None
    }
    texts = {
        key: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for key, value in defaults.items()
    }
    given, whole = made(**convert_arguments(NanoPolicy, texts, "nano")), made()
    assert (given.places, given.needs) == (whole.places, whole.needs)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_both_versions_of_sparsevlm_are_within_reach(version: str) -> None:
    arguments = {"pruner": "sparsevlm", "version": version, "k": "16"}
    policy: Any = load_policy("nano", None, arguments, seed=7).policy
    assert policy.model.pruner.version == version
    assert bool(policy.model.pruner.recycle) == (version == "1.0")
    with pytest.raises(PolicyError, match=r"version must be 1\.0 or 2\.0, not '3\.0'"):
        load_policy("nano", None, {**arguments, "version": "3.0"}, seed=7)


def test_traces_and_costs(load: Any, observe: Observe) -> None:
    slots = {0: Episode("libero_object", 0, 0), 1: Episode("libero_object", 1, 0)}
    costs = {}
    for pruner, arguments in {
        "dense": {},
        "uniform": {"k": "16"},
        "grids": {"k": "4"},
        "sparsevlm": {"k": "16"},
    }.items():
        loaded = load_policy("nano", None, {"pruner": pruner, **arguments}, seed=7)
        loaded.policy.reset(list(slots), list(slots.values()))
        chunk = loaded.policy.act(observe(slots))
        assert chunk.traces is not None
        for trace in chunk.traces:
            assert trace is not None
            assert [camera.camera for camera in trace.cameras] == ["agentview", "wrist"]
            assert all(camera.grid == (16, 16) for camera in trace.cameras)
        costs[pruner] = loaded.flops(chunk.traces[0]) if loaded.flops else None
        assert loaded.mapping == ImageMapping()
    assert costs["grids"] < costs["uniform"] < costs["sparsevlm"] < costs["dense"]
    assert costs["dense"] == pytest.approx(2.69e9, rel=0.01)


def test_a_slot_that_began_no_episode_is_refused(load: Any, observe: Observe) -> None:
    with pytest.raises(PolicyError, match="slot 3 asks before an episode began") as caught:
        load().act(observe({3: Episode("libero_object", 0, 0)}))
    assert "reset" in str(caught.value.hint)


def test_torchs_threads_are_as_before(load: Any, observe: Observe) -> None:
    policy, before = load(threads="3"), torch.get_num_threads()
    run(policy, observe, {0: Episode("libero_object", 0, 0)}, 1)
    assert torch.get_num_threads() == before


def test_the_checkpoints_pruner_is_kept_unless_another_is_named(tmp_path: Path) -> None:
    save_nano(tmp_path, fast("grids", k=4), seed=2)

    def pruner(**arguments: str) -> Any:
        policy: Any = load_policy("nano", str(tmp_path), arguments, seed=7).policy
        return policy.model.pruner

    own = pruner()
    assert (own.name, own.k) == ("grids", 4)
    named = pruner(pruner="grids")
    assert torch.equal(named.scout_mlp[0].weight, own.scout_mlp[0].weight)
    other = pruner(pruner="uniform", k="9")
    assert other.name == "uniform"
    convention = pruner(convention="lerobot")
    assert torch.equal(convention.scout_mlp[0].weight, own.scout_mlp[0].weight)
    with pytest.raises(PolicyError, match="weights of other shapes") as caught:
        pruner(pruner="grids", k="8")
    assert "'k': 4" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        ({"pruner": "grid"}, "unknown pruner 'grid'", "grids"),
        ({"pruner": "grids", "kk": "4"}, "pruner 'grids' has no argument 'kk'", "k"),
        ({"pruner": "grids", "k": "257"}, "257", None),
        ({"pruner": "topk", "k": "0"}, "0", None),
        ({"k": "4"}, "'nano' has no argument 'k'", "--policy-arg pruner=NAME"),
        ({"prunr": "grids"}, "'nano' has no argument 'prunr'", "'pruner'"),
        ({"batch": "0"}, "batch must be at least 1", None),
        ({"threads": "0"}, "threads must be at least 1", None),
        ({"device": "cuda:99"}, "device 'cuda:99' is not available", None),
        ({"device": "tpu"}, "no device 'tpu'", None),
        ({"seed": "3"}, "'seed' of policy 'nano' is an option", "--seed"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, str], said: str, hint: str | None) -> None:
    with pytest.raises(PolicyError, match=said) as caught:
        load_policy("nano", None, arguments, seed=7)
    assert hint is None or hint in str(caught.value.hint)
