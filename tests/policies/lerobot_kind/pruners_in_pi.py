"""Run beside LeRobot: pruners in its π0 and π0.5 against the same model that masks what they prune.

Usage: python pruners_in_pi.py pi0|pi05. Prints one JSON object per pruner.
"""

from __future__ import annotations

import json
import sys
import types
from functools import partial
from typing import Any

import numpy as np
import tiny_models
import torch

tiny_models.SIDE = 56

from lerobot.policies.factory import get_policy_class  # noqa: E402
from lerobot.policies.pi0.configuration_pi0 import PI0Config  # noqa: E402
from lerobot.policies.pi05.configuration_pi05 import PI05Config  # noqa: E402
from make_policies import features  # noqa: E402

from gridseval.policies.hosts.host import host_of  # noqa: E402
from gridseval.policies.hosts.paligemma import PaliGemmaHooks  # noqa: E402
from gridseval.policies.hosts.query import QueryContext  # noqa: E402
from gridseval.tokens.pruners import CameraGrid, build_pruner  # noqa: E402

LAYERS, ROWS = 6, 2
CAMERAS = (CameraGrid("agentview", 4, 4), CameraGrid("wrist", 4, 4))
VISUAL = 32
PRUNERS: dict[str, dict[str, Any]] = {
    "dense": {},
    "efficientvla": {"k": 5, "layer": 2},
    "fastv": {"k": 4, "layer": 2},
    "flashvla": {"k": 5, "layer": 2},
    "grids": {"k": 4},
    "lightvla": {},
    "lightvla_star": {"layer": 1, "queries": 9},
    "lightvla_star encoder": {"queries": 9},
    "random": {"k": 5},
    "sp_vla": {},
    "sparsevlm": {"layers": "2,3,5", "k": 3},
    "topk": {"k": 5},
    "uniform": {"k": 4},
    "vla_cache": {"layers": 6, "locations": "1,3", "relevance_layer": 4},
    "vla_pruner": {"layer": 2, "action_layer": 4, "k": 4, "window": 1},
}
"""By a pruner's name, and a word where it has several places."""
WHOLE: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("efficientvla", "fastv", "flashvla", "random", "topk", "uniform")},
    "sparsevlm": {"layers": "2,3", "recycle": 0},
    "vla_pruner": {"layer": 2, "action_layer": 4, "window": 1},
}
"""Pruners that can keep everything, and arguments besides ``keep``."""
SPEEDS = (0.8, 1.0)
"""Of each row's last action, for SP-VLA."""


def model(kind: str) -> Any:
    tiny_models.shrink()
    for name in ("pi0", "pi05"):
        module = sys.modules[f"lerobot.policies.{name}.modeling_{name}"]
        module.get_gemma_config = lambda _: types.SimpleNamespace(  # type: ignore[attr-defined]
            width=16, depth=LAYERS, mlp_dim=32, num_heads=8, num_kv_heads=1, head_dim=8
        )
    made = {"pi0": PI0Config, "pi05": PI05Config}[kind]
    config = made(
        **features(56, "image", "image2"),
        chunk_size=8,
        n_action_steps=4,
        device="cpu",
        max_action_dim=7,
        max_state_dim=8,
        num_inference_steps=3,
        empty_cameras=1,
        dtype="float32",
    )
    torch.manual_seed(0)
    policy = get_policy_class(kind)(config).float().eval()
    with torch.no_grad():
        for weight in policy.parameters():
            if weight.ndim > 1:
                weight.mul_(3)
    return policy.model


def inputs(kind: str) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(ROWS, 3, 56, 56, generator=generator) * 2 - 1 for _ in range(3)]
    masks = [torch.ones(ROWS, dtype=torch.bool)] * 2 + [torch.zeros(ROWS, dtype=torch.bool)]
    words = torch.randint(5, 90, (ROWS, 9), generator=generator)
    there = torch.ones(ROWS, 9, dtype=torch.bool)
    there[1, 6:] = False
    made = {"images": images, "img_masks": masks, "noise": torch.randn(ROWS, 8, 7)}
    if kind == "pi0":
        made |= {"lang_tokens": words, "lang_masks": there}
        made["state"] = torch.randn(ROWS, 8, generator=generator)
    else:
        made |= {"tokens": words, "masks": there}
    return made


def set_speeds(pruner: Any) -> None:
    """Let SP-VLA know an action of each row."""
    if pruner.name == "sp_vla":
        for row, speed in enumerate(SPEEDS):
            pruner.rule.execute(row, np.array([[0, 0, speed, 0, 0, 0, 1]], np.float32))


def encoded(tower: Any, image: Any, attention: Any) -> tuple[Any, Any]:
    """Return a SigLIP's features of an image, and what its last attention looks at, head by head.

    Args:
        tower: Of transformers.
        image: (B, 3, height, width).
        attention: The tower's last attention.
    """
    seen: list[Any] = []
    handle = attention.register_forward_pre_hook(
        lambda _, given, named: seen.append(given[0] if given else named["hidden_states"]),
        with_kwargs=True,
    )
    features = tower(image).last_hidden_state
    handle.remove()
    q, k = attention.q_proj(seen[0]), attention.k_proj(seen[0])
    size = attention.head_dim
    looks = [
        (q[..., at : at + size] @ k[..., at : at + size].mT / size**0.5).softmax(-1).mean(1)
        for at in range(0, q.shape[2], size)
    ]
    return features, torch.stack(looks).mean(0)


def apart_at_encoder(asked: Any, features: Any, looks: Any) -> dict[str, float]:
    """Return how far what a pruner at the encoder was given is from a plain computation.

    Args:
        asked: What it was given.
        features: What should enter the projector, image by image.
        looks: What the encoder looks at, image by image; each is made 1 in sum.
    """
    told = {"features_apart": float((asked.tokens - torch.cat(features, 1)).abs().max())}
    if asked.encoder_attention is not None:
        shares = torch.cat([each / each.sum(1, keepdim=True) for each in looks], 1)
        told["looks_apart"] = float((asked.encoder_attention / shares - 1).abs().max())
    return told


def masked(
    whole: Any, given: dict[str, Any], pruned: dict[int, Any], at_encoder: bool = False
) -> Any:
    """Return the answer of a model that runs on all places and hides those of pruned tokens."""
    language = whole.paligemma_with_expert.paligemma.model.language_model
    expert = whole.paligemma_with_expert.gemma_expert.model
    state: dict[str, Any] = {"columns": {}, "gone": {}}

    def enter(number: int, layer: Any, positional: Any, named: dict[str, Any]) -> Any:
        states = positional[0] if positional else named["hidden_states"]
        length = named["attention_mask"].shape[3]
        before = state["columns"].get(number - 1)
        columns = torch.ones(ROWS, length, dtype=torch.bool) if before is None else before
        gone = state["gone"].get(number - 1, 0)
        positions = state.get("positions")
        if number == 0:
            state["whole"] = named["position_ids"]
        if number in pruned:
            made = pruned[number]
            states, columns = states.clone(), torch.ones_like(columns)
            columns[:, :VISUAL] = False
            gone = VISUAL - made.span
            positions = state["whole"].clone()
            positions[:, VISUAL:] -= gone
            for row in range(ROWS):
                count = int(made.mask[row].sum())
                places = made.position_ids[row, :count]
                columns[row, places] = True
                if not at_encoder:
                    states[row, places] = made.tokens[row, :count]
                if made.renumbered or made.points is not None:
                    positions[row, places] = torch.arange(count)
        state["columns"][number], state["gone"][number] = columns, gone
        state["positions"] = positions
        mask = named["attention_mask"].masked_fill(
            ~columns[:, None, None], torch.finfo(torch.float32).min
        )
        made_named = {**named, "attention_mask": mask}
        if positions is not None:
            made_named["position_ids"] = positions
            made_named["position_embeddings"] = language.rotary_emb(states, positions)
        if positional:
            return (states, *positional[1:]), made_named
        return positional, {**made_named, "hidden_states": states}

    def follow(number: int, layer: Any, positional: Any, named: dict[str, Any]) -> Any:
        states = positional[0] if positional else named["hidden_states"]
        columns, mask = state["columns"][number], named["attention_mask"].clone()
        mask[..., : columns.shape[1]] = mask[..., : columns.shape[1]].masked_fill(
            ~columns[:, None, None], torch.finfo(torch.float32).min
        )
        positions = named["position_ids"] - state["gone"][number]
        more = {"attention_mask": mask, "position_ids": positions}
        more["position_embeddings"] = expert.rotary_emb(states, positions)
        return positional, {**named, **more}

    handles = [
        layer.register_forward_pre_hook(partial(how, number), with_kwargs=True)
        for decoder, how in ((language, enter), (expert, follow))
        for number, layer in enumerate(decoder.layers)
    ]
    answer = whole.sample_actions(**given)
    for handle in handles:
        handle.remove()
    return answer


def main(kind: str) -> None:
    whole, given = model(kind), inputs(kind)
    parts = whole.paligemma_with_expert
    language, expert = parts.paligemma.model.language_model, parts.gemma_expert.model
    tower, projector = (
        parts.paligemma.model.vision_tower,
        parts.paligemma.model.multi_modal_projector,
    )
    host = host_of(language, CAMERAS, projector, vision=tower)

    def hooked(pruner: Any) -> PaliGemmaHooks:
        return PaliGemmaHooks(
            *(language, expert, pruner, CAMERAS),
            state_tokens=int(kind == "pi0"),
            projector=projector,
            vision=tower,
        )

    with torch.no_grad():
        dense = whole.sample_actions(**given)
        (*_, last) = (each for each in tower.modules() if hasattr(each, "q_proj"))
        encodings = [encoded(tower, image, last) for image in given["images"][:2]]
        for name, arguments in PRUNERS.items():
            torch.manual_seed(2)
            pruner = build_pruner(name.split()[0], host, **arguments).eval()
            set_speeds(pruner)
            noted: list[Any] = []
            forward = pruner.forward
            pruner.forward = lambda asked, f=forward, n=noted: n.append(f(asked)) or n[-1]
            hooks = hooked(pruner)
            for _ in range(2):
                noted.clear()
                drawn = [torch.Generator().manual_seed(row) for row in range(ROWS)]
                pixels = torch.rand(ROWS, 2, 8, 8, 3, generator=torch.Generator().manual_seed(0))
                pixels = pixels * (name != "sp_vla")  # black images have no edges
                hooks.begin(QueryContext(range(ROWS), drawn, pixels))
                answer = whole.sample_actions(**given)
                traces = hooks.finish()
            observed = [hooks.query.maps[number] for number in pruner.needs.observed]
            hooks.remove()
            layers = [place.layer for place in pruner.places]
            encoder = pruner.place.where == "encoder"
            expected = masked(whole, given, dict(zip(layers, noted, strict=True)), encoder)
            sys.stdout.write(
                json.dumps(
                    {
                        "name": name,
                        "kept": [trace.kept_count for trace in traces],
                        "apart": float((answer - expected).abs().max()),
                        "from_dense": float((answer - dense).abs().max()),
                        "range": float(dense.max() - dense.min()),
                        "restored": bool(torch.equal(whole.sample_actions(**given), dense)),
                        "action_rows": [int((each.roles & 8 > 0).sum(1)[0]) for each in observed],
                        "finite": all(bool(each.weights.isfinite().all()) for each in observed),
                        **(
                            apart_at_encoder(hooks.query.asked, *zip(*encodings, strict=True))
                            if encoder
                            else {}
                        ),
                    }
                )
                + "\n"
            )
        for name, arguments in WHOLE.items():
            hooks = hooked(build_pruner(name, host, keep=1.0, **arguments).eval())
            for _ in range(2):
                drawn = [torch.Generator().manual_seed(row) for row in range(ROWS)]
                hooks.begin(QueryContext(range(ROWS), drawn))
                answer = whole.sample_actions(**given)
                hooks.finish()
            hooks.remove()
            told = {"whole": name, "from_dense": float((answer - dense).abs().max())}
            sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
