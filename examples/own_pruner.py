"""A token pruner of your own in ``nano``: ``python examples/own_pruner.py``.

On the command line, with this folder on Python's path:
``PYTHONPATH=examples gridseval run --suite libero_object --policy nano
--policy-arg pruner=own_pruner:CentreTokens --policy-arg side=4 --tasks 0 --trials 1``.
"""

from __future__ import annotations

import numpy as np
import torch

from gridseval import Episode, load_policy
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.selection import select


class CentreTokens(Pruner):
    """Keeps the square of ``side`` × ``side`` tokens in the middle of each camera's grid."""

    name = "centre"
    macs = staticmethod(products.none)

    def __init__(self, *, side: int = 6) -> None:
        super().__init__()
        self.side = side

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return the tokens in the middle, (B, cameras × side², D)."""
        masks = []
        for camera in inputs.cameras:
            mask = torch.zeros(camera.rows, camera.columns, dtype=torch.bool)
            top, left = (camera.rows - self.side) // 2, (camera.columns - self.side) // 2
            mask[top : top + self.side, left : left + self.side] = True
            masks.append(mask.flatten())
        chosen = torch.cat(masks).to(inputs.tokens.device)
        return select(inputs, chosen.expand(len(inputs.tokens), -1))


def main() -> None:
    """Ask a fresh ``nano`` with this pruner once, and print what it kept."""
    arguments = {"pruner": f"{__name__}:CentreTokens", "side": "4"}
    policy = load_policy("nano", None, arguments, seed=7).policy
    policy.reset([0], [Episode("libero_object", task=0, trial=0)])
    image = np.zeros((1, 256, 256, 3), np.uint8)
    chunk = policy.act(
        {
            "slots": np.array([0]),
            "steps": np.array([0]),
            "instruction": ("pick up the milk",),
            "agentview": image,
            "wrist": image,
            "state": np.zeros((1, 8), np.float32),
        }
    )
    trace = chunk.traces[0]
    print(f"{trace.kept_count} of {trace.dense_count} tokens kept")
    print(trace.cameras[0].kept.reshape(trace.cameras[0].grid).astype(int))


if __name__ == "__main__":
    main()
