"""Run beside LeRobot: VLA-Cache in its π0 and π0.5 against overwriting keys and values.

Usage: python reuse_in_pi.py pi0|pi05. Prints one JSON object per query.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

import numpy as np
import torch
from pruners_in_pi import CAMERAS, ROWS, VISUAL, inputs, model

from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.paligemma import PaliGemmaHooks
from gridseval.policies.hosts.query import QueryContext
from gridseval.tokens.pruners import build_pruner

QUERIES = 3
ARGUMENTS = {"locations": "1,3", "relevance_layer": 2, "static": 13, "relevant": 2, "growth": 1.0}


def films(kind: str) -> list[tuple[dict[str, Any], Any]]:
    """Return each query's inputs and pixels; some patches change, the second row's more."""
    rng, given, made = np.random.default_rng(3), inputs(kind), []
    pixels = rng.uniform(0, 1, (ROWS, 2, 8, 8, 3)).astype(np.float32)
    for _ in range(QUERIES):
        noise = [torch.randn(image.shape) * 0.3 for image in given["images"]]
        images = [image + more for image, more in zip(given["images"], noise, strict=True)]
        made.append(({**given, "images": images}, torch.tensor(pixels)))
        for row in range(ROWS):
            for _ in range(2 + 12 * row):
                camera, y, x = rng.integers(0, (2, 4, 4))
                pixels[row, camera, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2] = rng.uniform()
    return made


def overwritten(layers: Any, ask: Any, reuse: Any, before: dict[Any, Any]) -> Any:
    """Return the answer of a model whose projections of reused tokens are those of ``before``."""
    handles, visual_tokens = [], reuse.order.shape[1]
    for number, layer in enumerate(layers):
        for name in ("k_proj", "v_proj"):

            def put(_: Any, __: Any, made: Any, number: int = number, name: str = name) -> Any:
                made = made.clone()
                visual = made[:, :visual_tokens]
                if (number, name) in before:
                    old = before[number, name]
                    visual[:] = torch.where(reuse.entries(number)[..., None], old, visual)
                before[number, name] = visual.clone()
                return made

            handles.append(getattr(layer.self_attn, name).register_forward_hook(put))
    answer = ask()
    for handle in handles:
        handle.remove()
    return answer


def main(kind: str) -> None:
    whole = model(kind)
    parts = whole.paligemma_with_expert
    language, expert = parts.paligemma.model.language_model, parts.gemma_expert.model
    pruner = build_pruner("vla_cache", host_of(language, CAMERAS), **ARGUMENTS).eval()
    before: dict[Any, Any] = {}
    with torch.no_grad():
        for given, pixels in films(kind):
            dense = whole.sample_actions(**given)
            hooks = PaliGemmaHooks(
                language, expert, pruner, CAMERAS, state_tokens=int(kind == "pi0")
            )
            hooks.begin(QueryContext([4, 2], pixels=pixels))
            answer = whole.sample_actions(**given)
            traces = hooks.finish()
            hooks.remove()
            assert hooks.query.pruned is not None
            reuse = hooks.query.pruned.reuse
            assert reuse is not None
            expected = overwritten(
                language.layers, partial(whole.sample_actions, **given), reuse, before
            )
            told = {
                "reused": reuse.counts[:, -1].tolist(),
                "dense": VISUAL,
                "kept": [trace.kept_count for trace in traces],
                "ran": [count.tolist() for _, count in hooks.query.counts],
                "apart": float((answer - expected).abs().max()),
                "from_dense": float((answer - dense).abs().max()),
                "range": float(dense.max() - dense.min()),
                "restored": bool(torch.equal(whole.sample_actions(**given), dense)),
            }
            sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
