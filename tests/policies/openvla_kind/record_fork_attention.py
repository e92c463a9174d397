"""Record what OpenVLA-OFT's fork of transformers makes of embeddings: ``fork_attention.npz``.

Needs torch, numpy and moojink/transformers-openvla-oft (bc339d9, transformers 4.40.1) on the path::

    PYTHONPATH=FORK/src python record_fork_attention.py fork_attention.npz
"""

from __future__ import annotations

import sys

import numpy as np
import torch
import transformers
from tiny_llama import CASES, filled, tiny_llama


def main(target: str) -> None:
    assert transformers.__version__ == "4.40.1", transformers.__version__
    model = tiny_llama("sdpa")
    recorded = {}
    for name, case in CASES.items():
        with torch.no_grad():
            output = model(
                **filled(case), output_hidden_states=True, return_dict=True, use_cache=False
            )
        recorded[name] = output.hidden_states[-1].numpy()
    np.savez_compressed(target, **recorded)


if __name__ == "__main__":
    main(sys.argv[1])
