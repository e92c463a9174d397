"""Record what LightVLA's own pruner keeps of bfloat16 tokens: ``lightvla_kept.npz``.

Needs torch and a checkout of LiAutoAD/LightVLA (a4680fd) with what its model's module imports::

    PYTHONPATH=LIGHTVLA:tests/policies/openvla_kind:tests/tokens/pruners \\
        python tests/tokens/pruners/record_lightvla.py lightvla_kept.npz
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import torch
import upstream_stubs
from lightvla_tokens import COUNT, ROWS, SEEDS, WIDTH, lightvla_tokens

upstream_stubs.install()


def main(target: str) -> None:
    from prismatic.extern.hf.modeling_prismatic import TokenPruner

    pruner = TokenPruner(SimpleNamespace(hidden_size=WIDTH), COUNT).eval()
    kept = {}
    for seed in SEEDS:
        visual, text = (torch.from_numpy(part).bfloat16() for part in lightvla_tokens(seed))
        with torch.no_grad():
            score = pruner.get_score(visual, text)
        kept[f"kept/{seed}"] = np.packbits(pruner.score_to_mask(score)[0].numpy())
        kept[f"score/{seed}"] = score[0, :ROWS].float().numpy()
    np.savez_compressed(target, **kept)


if __name__ == "__main__":
    main(sys.argv[1])
