"""Run beside LeRobot: pruners in its SmolVLA against the same model that masks what they prune.

Usage: python pruners_in_smolvla.py FOLDER. Prints one JSON object per pruner.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lerobot.policies.factory import get_policy_class
from make_policies import smolvla
from pruners_in_pi import WHOLE, apart_at_encoder, encoded, set_speeds
from transformers import AutoConfig

from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.query import QueryContext
from gridseval.policies.hosts.smolvla import SmolVlaHooks
from gridseval.tokens.pruners import CameraGrid, build_pruner

LAYERS, ROWS = 6, 2
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


def model(folder: Path) -> Any:
    config = smolvla(folder, "image", "wrist")
    vlm = AutoConfig.from_pretrained(config.vlm_model_name)
    vlm.text_config.num_hidden_layers = LAYERS
    vlm.save_pretrained(config.vlm_model_name)
    config = replace(config, num_vlm_layers=LAYERS, max_action_dim=7, max_state_dim=8, num_steps=3)
    torch.manual_seed(0)
    policy = get_policy_class("smolvla")(config).float().eval()
    with torch.no_grad():
        for weight in policy.parameters():
            if weight.ndim > 1:
                weight.mul_(4)
    return policy.model


def inputs() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    there = torch.ones(ROWS, 9, dtype=torch.bool)
    there[1, 6:] = False
    return {
        "images": [torch.rand(ROWS, 3, 128, 128, generator=generator) * 2 - 1 for _ in range(2)],
        "img_masks": [torch.ones(ROWS, dtype=torch.bool)] * 2,
        "lang_tokens": torch.randint(5, 30, (ROWS, 9), generator=generator),
        "lang_masks": there,
        "state": torch.randn(ROWS, 8, generator=generator),
        "noise": torch.randn(ROWS, whole_chunk, 7, generator=generator),
    }


whole_chunk = 8


def masked(
    parts: Any, ask: Any, pruned: dict[int, Any], visual: int, at_encoder: bool = False
) -> Any:
    """Return the answer of a model that runs on all places and hides those of pruned tokens."""
    own = {n: getattr(parts, n) for n in ("forward_attn_layer", "forward_cross_attn_layer")}
    columns: dict[int, Any] = {}
    positions: dict[int, Any] = {}
    gone: dict[int, int] = {}

    def wrapped(method: Any) -> Any:
        def layer(
            layers: Any, embeds: Any, number: int, ids: Any, mask: Any, *rest: Any, **more: Any
        ) -> Any:
            if embeds[0] is not None:
                columns[number] = columns.get(
                    number - 1, torch.ones(ROWS, ids.shape[1], dtype=torch.bool)
                )
                positions[number] = positions.get(number - 1, ids.expand(ROWS, -1))
                gone[number] = gone.get(number - 1, 0)
                if number in pruned:
                    made, states = pruned[number], embeds[0].clone()
                    columns[number] = torch.ones_like(columns[number])
                    columns[number][:, :visual] = False
                    gone[number] = visual - made.span
                    positions[number] = ids.expand(ROWS, -1).clone()
                    positions[number][:, visual:] -= gone[number]
                    for row in range(ROWS):
                        count = int(made.mask[row].sum())
                        places = made.position_ids[row, :count]
                        columns[number][row, places] = True
                        if not at_encoder:
                            states[row, places] = made.tokens[row, :count]
                        if made.renumbered or made.points is not None:
                            positions[number][row, places] = torch.arange(count)
                    embeds[0] = states
                ids, mask = positions[number], mask & columns[number][:, None]
            else:
                length = columns[number].shape[1]
                mask = mask.clone()
                mask[..., :length] &= columns[number][:, None]
                ids = ids - gone[number]
            return method(layers, embeds, number, ids, mask, *rest, **more)

        return layer

    for name, method in own.items():
        setattr(parts, name, wrapped(method))
    answer = ask()
    for name in own:
        delattr(parts, name)
    return answer


def cameras_of(parts: Any) -> tuple[CameraGrid, ...]:
    with torch.no_grad():
        count = parts.embed_image(torch.zeros(1, 3, 128, 128)).shape[1]
    side = round(count**0.5)
    return tuple(CameraGrid(name, side, side) for name in ("agentview", "wrist"))


def joined(vlm: Any, image: Any, side: int) -> tuple[Any, Any]:
    """Return what enters the projection of an image, and what the encoder looks at, by token.

    Both patch by patch: a token is a block of patches, row by row.
    """
    (*_, last) = (each for each in vlm.vision_model.modules() if hasattr(each, "q_proj"))
    features, looks = encoded(lambda each: vlm.vision_model(pixel_values=each), image, last)
    size = vlm.connector.scale_factor
    tokens, onto = [], []
    for row in range(side):
        for column in range(side):
            patches = [
                (row * size + y) * side * size + column * size + x
                for y in range(size)
                for x in range(size)
            ]
            tokens.append(features[:, patches].flatten(1))
            onto.append(looks[:, patches].sum(1))
    return torch.stack(tokens, 1), torch.stack(onto, 1)


def expert_attention(parts: Any, ask: Any, layer: int, visual: int) -> Any:
    """Return what the expert's queries look at in a layer of the dense model, mean over steps."""
    found: list[Any] = []

    def attended(mask: Any, rows: int, width: int, queries: Any, keys: Any, values: Any) -> Any:
        if queries.shape[1] == whole_chunk:
            groups = queries.shape[2] // keys.shape[2]
            each = keys.repeat_interleave(groups, dim=2).transpose(1, 2)
            logits = queries.transpose(1, 2) @ each.mT / width**0.5
            found.append(logits.masked_fill(~mask[:, None], -torch.inf).softmax(-1)[..., :visual])
        return type(parts).eager_attention_forward(parts, mask, rows, width, queries, keys, values)

    parts.eager_attention_forward = attended
    ask()
    del parts.eager_attention_forward
    return torch.stack(found[layer::LAYERS]).mean(0)


def looked_at(query: Any, expected: Any) -> dict[str, Any]:
    """Return what of later attention a pruner was given, and how far that is from a reference."""
    told: dict[str, Any] = {"action_rows": [], "finite": True}
    for number in query.pruner.needs.observed:
        made = query.maps[number]
        actions = (made.roles & 8 > 0)[0]
        told["action_rows"].append(int(actions.sum()))
        told["finite"] &= bool(made.weights.isfinite().all())
        if actions.any() and expected is not None:
            apart = made.weights[:, :, actions] - expected
            told["attention_apart"] = float(apart.abs().max() / expected.max())
    return told


def main(folder: Path) -> None:
    whole, given = model(folder), inputs()
    parts = whole.vlm_with_expert
    with torch.no_grad():
        cameras = cameras_of(parts)
        count, side = cameras[0].count, cameras[0].rows
        vlm = parts.get_vlm_model()
        text, projector = vlm.text_model, vlm.connector.modality_projection
        host = host_of(text, cameras, projector, vision=vlm.vision_model)
        encodings = [joined(vlm, image, side) for image in given["images"]]

        def ask() -> Any:
            return whole.sample_actions(**given)

        dense = ask()
        for name, arguments in PRUNERS.items():
            torch.manual_seed(2)
            pruner = build_pruner(name.split()[0], host, **arguments).eval()
            set_speeds(pruner)
            noted: list[Any] = []
            forward = pruner.forward
            pruner.forward = lambda asked, f=forward, n=noted: n.append(f(asked)) or n[-1]
            hooks = SmolVlaHooks(parts, pruner, cameras)
            generator = torch.Generator().manual_seed(0)
            pixels = torch.rand(ROWS, 2, 2 * side, 2 * side, 3, generator=generator)
            looks = []
            for _ in range(2):  # some methods need a history
                noted.clear()
                drawn = [torch.Generator().manual_seed(row) for row in range(ROWS)]
                black = pixels * (name != "sp_vla")  # black images have no edges
                hooks.begin(QueryContext(range(ROWS), drawn, black))
                pixels = 1 - pixels  # nothing is as it was, so that VLA-Cache reuses nothing
                answer = ask()
                traces = hooks.finish()
                looks.append(looked_at(hooks.query, None))
                if name == "vla_pruner" and len(looks) == 1:
                    unpruned = hooks.query
            hooks.remove()
            if name == "vla_pruner":
                expected = expert_attention(parts, ask, arguments["action_layer"], 2 * count)
                looks.append(looked_at(unpruned, expected))
            layers = [place.layer for place in pruner.places]
            encoder = pruner.place.where == "encoder"
            places = dict(zip(layers, noted, strict=True))
            expected = masked(parts, ask, places, 2 * count, encoder)
            row = {
                "name": name,
                "kept": [trace.kept_count for trace in traces],
                "dense": 2 * count,
                "apart": float((answer - expected).abs().max()),
                "from_dense": float((answer - dense).abs().max()),
                "range": float(dense.max() - dense.min()),
                "restored": bool(torch.equal(ask(), dense)),
                **looks[-1],
            }
            if encoder:
                row |= apart_at_encoder(hooks.query.asked, *zip(*encodings, strict=True))
            sys.stdout.write(json.dumps(row) + "\n")
        for name, arguments in WHOLE.items():
            hooks = SmolVlaHooks(
                parts, build_pruner(name, host, keep=1.0, **arguments).eval(), cameras
            )
            for _ in range(2):
                drawn = [torch.Generator().manual_seed(row) for row in range(ROWS)]
                hooks.begin(QueryContext(range(ROWS), drawn))
                answer = ask()
                hooks.finish()
            hooks.remove()
            told = {"whole": name, "from_dense": float((answer - dense).abs().max())}
            sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
