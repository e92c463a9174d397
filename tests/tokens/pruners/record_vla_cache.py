"""Record what VLA-Cache's own functions choose: ``vla_cache_chosen.npz``.

Needs torch and ``src/openvla/experiments/robot/vla_cache_utils.py`` and the file of the same name
of ``src/openvla-oft`` of siyuhsu/vla-cache (a490988), as ``openvla.py`` and ``oft.py`` in one
folder::

    PYTHONPATH=.:tests/tokens/pruners python tests/tokens/pruners/record_vla_cache.py \\
        FOLDER vla_cache_chosen.npz

Their functions run as they are, but without drawing; OpenCV resizes 16 × 16 to 16 × 16, which is
left out, and scikit-image's blocks are cut by numpy.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from authors_frames import CAMERAS, KINDS, attention_of_all, frames, frames_at_rest, text_range
from numpy.typing import NDArray


def _blocks(image: NDArray[Any], block_shape: tuple[int, int, int]) -> NDArray[Any]:
    size, _, channels = block_shape
    count = image.shape[0] // size
    cells = image.reshape(count, size, count, size, channels)
    return cells.transpose(0, 2, 1, 3, 4)[:, :, None]


def functions_of(file: Path) -> dict[str, Any]:
    """Return the functions of a file; ``draw_patches_overlay`` draws nothing."""
    tree = ast.parse(file.read_text(encoding="utf8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    scope: dict[str, Any] = {"np": np, "torch": torch, "view_as_blocks": _blocks}
    scope["cv2"] = SimpleNamespace(resize=lambda scores, _: scores)
    exec(compile(tree, str(file), "exec"), scope)
    scope["draw_patches_overlay"] = lambda image, *_, **__: image
    return scope


def main(folder: Path, target: str) -> None:
    recorded = {}
    for kind in KINDS:
        theirs = functions_of(folder / f"{'openvla' if kind == 'openvla' else 'oft'}.py")
        start, stop = text_range(kind)
        maps = attention_of_all(kind)
        positions = torch.arange(maps[0].shape[2])
        assert stop <= len(positions) and start == 1 + 256 * CAMERAS[kind]
        seen = [*maps, positions]
        recorded[f"{kind}/shares"] = theirs["get_layer_mask_schedule"](seen).numpy()
        remaining: list[int] = []
        resting: list[int] = []
        before, now = frames(kind)
        earlier, later = frames_at_rest(kind)
        for camera in range(CAMERAS[kind]):
            most = 130 if kind == "openvla" else 150
            static = theirs["find_static_patches"](now[camera], before[camera], top_k=most)
            options = {} if kind == "openvla" else {"primary": camera == 0}
            remaining += theirs["task_relevant_selection"](seen, now[camera], static, **options)[1]
            same = theirs["find_static_patches"](later[camera], earlier[camera], top_k=most)
            resting += sorted(256 * camera + patch for patch in same)
        recorded[f"{kind}/resting"] = np.array(resting)
        recorded[f"{kind}/reusable"] = np.array(remaining) - 1
    np.savez_compressed(target, **recorded)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
