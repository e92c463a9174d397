"""Run beside LeRobot: EfficientVLA's saved denoising steps in its π0 and π0.5.

Usage: python head_in_pi.py pi0|pi05. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import torch
from pruners_in_pi import CAMERAS, ROWS, inputs, model

from gridseval.policies.hosts.host import host_of
from gridseval.policies.hosts.paligemma import PaliGemmaHooks
from gridseval.policies.hosts.query import QueryContext
from gridseval.tokens.pruners import build_pruner

INTERVAL, STEPS = 2, 3


def repeated(expert: Any, ask: Callable[[], Any]) -> Any:
    """Return the answer where attention and MLPs of step 1 are those of step 0; all compute."""
    handles = []
    for layer in expert.layers:
        for module in (layer.self_attn, layer.mlp):
            made: list[Any] = []

            def put(_: Any, __: Any, own: Any, made: list[Any] = made) -> Any:
                made.append(own)
                return made[len(made) - 1 - (len(made) - 1) % INTERVAL]

            handles.append(module.register_forward_hook(put))
    answer = ask()
    for handle in handles:
        handle.remove()
    return answer


def main(kind: str) -> None:
    whole, given = model(kind), inputs(kind)
    parts = whole.paligemma_with_expert
    language, expert = parts.paligemma.model.language_model, parts.gemma_expert.model
    host = host_of(language, CAMERAS, parts=("head",))
    ran: list[int] = []

    def ask() -> Any:
        return whole.sample_actions(**given)

    with torch.no_grad():
        dense, expected = ask(), repeated(expert, ask)
        arguments = {"layer": 2, "keep": 1.0, "head_interval": INTERVAL}
        pruner = build_pruner("efficientvla", host, **arguments).eval()
        hooks = PaliGemmaHooks(language, expert, pruner, CAMERAS, state_tokens=int(kind == "pi0"))
        counting = expert.layers[1].mlp.act_fn.register_forward_hook(lambda *_: ran.append(1))
        answers = []
        for _ in range(2):
            ran.clear()
            hooks.begin(QueryContext(range(ROWS)))
            answers.append(ask())
            hooks.finish()
        hooks.remove()
        counting.remove()
        told = {
            "apart": float((answers[0] - expected).abs().max()),
            "repeats": bool(torch.equal(*answers)),
            "from_dense": float((answers[0] - dense).abs().max()),
            "range": float(dense.max() - dense.min()),
            "ran": len(ran),
            "steps": STEPS,
            "restored": bool(torch.equal(ask(), dense)),
        }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
