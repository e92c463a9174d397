"""Run beside LeRobot: VLA-Cache in its SmolVLA against overwriting keys and values.

Usage: python reuse_in_smolvla.py FOLDER. Prints one JSON object per query.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import torch
from pruners_in_smolvla import ROWS, cameras_of, inputs, model
from reuse_in_pi import overwritten

from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.query import QueryContext
from gridseval.policies.hosts.smolvla import SmolVlaHooks
from gridseval.tokens.pruners import build_pruner

QUERIES = 3
ARGUMENTS = {"locations": "1,3", "relevance_layer": 2, "relevant": 10, "growth": 1.0}


def main(folder: Path) -> None:
    whole, given = model(folder), inputs()
    parts = whole.vlm_with_expert
    text, cameras = parts.get_vlm_model().text_model, cameras_of(parts)
    count, side = cameras[0].count, cameras[0].rows
    arguments = {**ARGUMENTS, "static": 3 * count // 4}
    pruner = build_pruner("vla_cache", host_of(text, cameras), **arguments).eval()
    generator = torch.Generator().manual_seed(3)
    pixels = torch.rand(ROWS, 2, 2 * side, 2 * side, 3, generator=generator)
    before: dict[object, object] = {}
    with torch.no_grad():
        for _ in range(QUERIES):
            images = [
                image + 0.3 * torch.randn(image.shape, generator=generator)
                for image in given["images"]
            ]
            ask = partial(whole.sample_actions, **{**given, "images": images})
            dense = ask()
            hooks = SmolVlaHooks(parts, pruner, cameras)
            hooks.begin(QueryContext([4, 2], pixels=pixels.clone()))
            answer = ask()
            traces = hooks.finish()
            hooks.remove()
            assert hooks.query.pruned is not None
            reuse = hooks.query.pruned.reuse
            assert reuse is not None
            expected = overwritten(text.layers, ask, reuse, before)
            told = {
                "reused": reuse.counts[:, -1].tolist(),
                "kept": [trace.kept_count for trace in traces],
                "dense": 2 * count,
                "ran": [ran.tolist() for _, ran in hooks.query.counts],
                "apart": float((answer - expected).abs().max()),
                "from_dense": float((answer - dense).abs().max()),
                "range": float(dense.max() - dense.min()),
                "restored": bool(torch.equal(ask(), dense)),
            }
            sys.stdout.write(json.dumps(told) + "\n")
            pixels[1, :, : side // 2] = torch.rand(2, side // 2, 2 * side, 3, generator=generator)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
