"""Record what LightVLA's own pruner does in training and in its ablation: ``lightvla_forward.npz``.

Needs torch (2.13), transformers (4.44) and two checkouts of LiAutoAD/LightVLA with what its model's
module imports: a4680fd for training, and 22b7abe^ for the ablation that drops 10 % of the tokens,
which 22b7abe took out. Recorded on 28 November 2026::

    PYTHONPATH=CHECKOUT:tests/policies/openvla_kind:tests/tokens/pruners \\
        python tests/tokens/pruners/record_lightvla_forward.py train|drop lightvla_forward.npz
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import upstream_stubs
from lightvla_tokens import COUNT, WIDTH, lightvla_tokens

upstream_stubs.install()


def main(what: str, target: Path) -> None:
    from prismatic.extern.hf.modeling_prismatic import TokenPruner

    recorded: dict[str, Any] = dict(np.load(target)) if target.exists() else {}
    pruner = TokenPruner(SimpleNamespace(hidden_size=WIDTH), COUNT)
    visual, text = (torch.from_numpy(part) for part in lightvla_tokens(0))
    if what == "train":
        tokens = torch.cat([torch.zeros(1, 1, WIDTH), visual, text], 1)
        # The first token's place is 0, the visual ones' 1 to COUNT.
        places = torch.arange(tokens.shape[1])[None]
        for noise in (0.0, 0.1, 1.0):
            pruner.set_noise_scale(noise)
            torch.manual_seed(5)
            _, given, _ = pruner.train()(tokens, places, None)
            recorded[f"positions/{noise}"] = (given[0, 1 : COUNT + 1] - 1).numpy().astype(np.int16)
        whole = pruner.eval().score_to_mask(pruner.get_score(visual, text))
        recorded["whole"] = np.packbits(whole[0].numpy())
    else:
        torch.manual_seed(5)
        kept = pruner.eval().score_to_mask(pruner.get_score(visual, text))
        recorded["dropped"] = np.packbits(kept[0].numpy())
    np.savez_compressed(target, **recorded)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
