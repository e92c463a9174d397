"""Record what OpenVLA's own code makes of frames: ``recorded/openvla_images.npz``.

Needs Python 3.11 with tensorflow-cpu 2.15, torch, timm 0.9.10, transformers 4.40.1, pillow and
imageio, a checkout of openvla/openvla (c8f03f4) or moojink/openvla-oft (213c5ff), and an npz with
observed frames, uint8 (height, width, 3) by name::

    PYTHONPATH=CHECKOUT:tests/policies:tests/policies/openvla_kind \\
        python tests/policies/record_openvla_images.py frames.npz recorded.npz

Both repositories gave equal images on 2026-11-28. The frames recorded are those of
``gridseval/libero_spatial-v0``, task 0, trial 1, after 12 steps.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import upstream_stubs
from numpy.typing import NDArray
from openvla_frames import ROW_STEP, made_frames
from PIL import Image

PX = 224

upstream_stubs.install()


class _CaughtError(Exception):
    """Ends upstream's function where the model's input image is complete."""


def resized(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return upstream's image before the crop."""
    from experiments.robot.libero import libero_utils

    if hasattr(libero_utils, "resize_image"):
        return libero_utils.resize_image(frame, (PX, PX))
    from experiments.robot import openvla_utils

    return openvla_utils.resize_image_for_policy(frame, PX)


def cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return upstream's image after the crop; OpenVLA's code crops inside of its query."""
    from experiments.robot import openvla_utils

    if hasattr(openvla_utils, "center_crop_image"):
        return np.asarray(openvla_utils.center_crop_image(image))
    seen: list[Any] = []

    def processor(prompt: str, image: Any) -> Any:
        seen.append(np.asarray(image))
        raise _CaughtError

    try:
        observation = {"full_image": image}
        openvla_utils.get_vla_action(None, processor, "", observation, "", "", center_crop=True)
    except _CaughtError:
        return seen[0]
    raise RuntimeError("get_vla_action made no image")


def png(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", optimize=True)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def main(source: str, target: str) -> None:
    made: dict[str, NDArray[np.uint8]] = {}
    for name, frame in np.load(source).items():
        image = resized(frame)
        made |= {f"frame/{name}": png(frame), f"cropped/{name}": png(cropped(image))}
        made[f"resized/{name}"] = image[::ROW_STEP]
    for name, frame in made_frames().items():
        image = resized(frame)
        made[f"resized/{name}"] = image[::ROW_STEP]
        made[f"cropped/{name}"] = cropped(image)[::ROW_STEP]
    np.savez_compressed(target, **made)


if __name__ == "__main__":
    main(*sys.argv[1:])
