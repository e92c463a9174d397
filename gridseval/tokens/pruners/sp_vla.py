"""SP-VLA: tokens that the vision encoder attends to, and edges, more of them where the arm is slow.

Source: "SP-VLA: A Joint Model Scheduling and Token Pruning Approach for VLA Model Acceleration",
arXiv 2506.12723, section 3, and its code (ChildTang/SP-VLA), as others describe it. Where paper and
code differ, the class follows the code.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.checks import (
    check_choice,
    check_count,
    check_finite,
    check_flag,
    check_number,
)
from gridseval.tokens.pruners.edges import canny
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Host, Needs, Place
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.selection import camera_slices, select
from gridseval.tokens.skipping import Regression

_SCORES = ("attention", "similarity")
_LOW, _HIGH = 100, 200
"""Thresholds of the code's Canny edges, of images from 0 to 255."""


class SpVla(Pruner):
    """Keeps, before the projector, a share of the encoder's attention and every patch with an edge.

    With s the attention within the vision encoder's last layer (mean over heads, then over
    queries; 1 in sum per camera), a camera keeps its highest tokens until their sum reaches θ, and
    one more, and besides every patch with an edge of Canny(100, 200)::

        θ = 1 if v < z_thre, else 1 − (min(v, 1) − z_thre) · z_min / (1 − z_thre)

    where v = |z| of the last executed action, and θ = 1 before the first one. Easy steps need no
    model: :class:`~gridseval.tokens.skipping.Regression`. The code has other numbers for each
    suite; (step_skip, z_xy_rate, z_max, z_thre, z_min) are::

        libero_spatial  1, 0.4, 0.3, 0.5, 0.9
        libero_object   2, 0.6, 0.5, 0.5, 0.9
        libero_goal     2, 1.2, 0.3, 0.3, 0.7
        libero_10       2, 1.0, 0.3, 0.3, 0.85

    Args:
        scores: ``"attention"``, or ``"similarity"`` for encoders without any (``nano``'s, which has
            convolutions): that of softmax(F Fᵀ / √D) of the features F. It is not the paper's.
        step_skip: How many of the last actions must be slow and level, 1 to 6.
        z_xy_rate: Most |z| / max(|x|, |y|) of those, more than 0.
        z_max: Most |z| of those, more than 0.
        z_thre: Speed from which on fewer tokens are kept, in [0, 1).
        z_min: By how much θ falls at most, in [0, 1].
        generated: How many of the last 6 actions must be the model's, 1 to 6.
        reuse: Whether easy steps are answered without the model.

    Raises:
        PolicyError: A number is out of range; at the call, pixels or attention are missing.
    """

    name = "sp_vla"
    places = (Place("encoder"),)
    macs = staticmethod(products.none)

    def __init__(
        self,
        *,
        scores: str = "attention",
        step_skip: int = 1,
        z_xy_rate: float = 0.4,
        z_max: float = 0.3,
        z_thre: float = 0.5,
        z_min: float = 0.9,
        generated: int = 4,
        reuse: bool = True,
    ) -> None:
        super().__init__()
        self.by_attention = check_choice("scores", scores, _SCORES) == "attention"
        self.needs = Needs(pixels=True, slots=True, encoder_attention=self.by_attention)
        self.z_thre = check_number("z_thre", z_thre, 0, 1)
        self.z_min = check_number("z_min", z_min, 0, 1)
        if self.z_thre == 1:
            raise PolicyError("a pruner's z_thre must be less than 1")
        for name, value in (("step_skip", step_skip), ("generated", generated)):
            if check_count(name, value) > Regression.LENGTH:
                raise PolicyError(f"a pruner's {name} must be at most {Regression.LENGTH}")
        self.rule = Regression(
            step_skip,
            check_number("z_xy_rate", z_xy_rate, 0),
            check_number("z_max", z_max, 0),
            generated,
        )
        self.rule.active = check_flag("reuse", reuse)
        self.skipping = self.rule

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:
        """Return scores by similarity where the encoder has no attention."""
        return {} if host.encoder_attends else {"scores": "similarity"}

    def check_host(self, host: Host) -> None:
        """Refuse a model whose encoder gives no features, or no attention where it is needed."""
        super().check_host(host)
        if self.by_attention and not host.encoder_attends:
            raise PolicyError(
                f"pruner {self.name!r} needs the attention within the vision encoder, which this "
                "model's has not or does not show",
                "scores=similarity ranks by its features instead, which is not the paper's",
            )

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D), K the most tokens that a row keeps."""
        assert inputs.slots is not None and inputs.pixels is not None
        scores = check_finite(self.name, self._scores(inputs))
        chosen = torch.zeros_like(scores, dtype=torch.bool)
        for row, slot in enumerate(inputs.slots):
            share = self.share(self.rule.speed(slot))
            for number, (camera, part) in enumerate(camera_slices(inputs.cameras)):
                edges = patches_with_edges(inputs.pixels[row, number], camera)
                best = until(scores[row, part], share)
                chosen[row, part] = best | edges.to(best.device)
        return select(inputs, chosen, scores)

    def share(self, speed: float | None) -> float:
        """Return θ in [0, 1] for |z| of the last action; ``None``: there was none."""
        if speed is None or speed < self.z_thre:
            return 1.0
        return 1 - (min(speed, 1.0) - self.z_thre) * self.z_min / (1 - self.z_thre)

    def _scores(self, inputs: PrunerInput) -> Tensor:
        """Return s, float (B, P)."""
        if self.by_attention:
            found = inputs.encoder_attention
            if found is None or found.shape != inputs.tokens.shape[:2]:
                raise PolicyError(
                    f"pruner {self.name!r} needs the encoder's attention onto each of the "
                    f"{inputs.tokens.shape[1]} visual tokens",
                    "give PrunerInput.encoder_attention, float (B, P)",
                )
            return found.float()
        parts = []
        for _, part in camera_slices(inputs.cameras):
            features = widen(inputs.tokens[:, part].detach())
            logits = features @ features.mT / math.sqrt(features.shape[2])
            parts.append(logits.softmax(-1).mean(1))
        return torch.cat(parts, 1)


def until(scores: Tensor, share: float) -> Tensor:
    """Return bool (P,): the highest scores until their sum reaches a share, and one more.

    Args:
        scores: float (P,), at least 0, 1 in sum.
        share: In [0, 1]; at 1, all.
    """
    if share >= 1:
        return torch.ones_like(scores, dtype=torch.bool)
    order = torch.sort(scores, descending=True, stable=True)
    before = order.values.double().cumsum(0) < share
    count = min(len(scores), int(before.sum()) + 2)
    chosen = torch.zeros_like(scores, dtype=torch.bool)
    chosen[order.indices[:count]] = True
    return chosen


def patches_with_edges(image: Tensor, camera: CameraGrid) -> Tensor:
    """Return bool (P,): the tokens whose patch has an edge.

    Args:
        image: (height, width, 3), from 0 to 255, or from 0 to 1 or −1 to 1, which are stretched; a
            patch is height / rows by width / columns pixels.
        camera: The token grid.

    Raises:
        PolicyError: Values are outside these, or the image cannot be cut into the grid.
    """
    pixels = image.detach().float().cpu().numpy()
    height, width = pixels.shape[:2]
    if height % camera.rows or width % camera.columns:
        raise PolicyError(
            f"an image of {height} x {width} pixels cannot be cut into the {camera.rows} x "
            f"{camera.columns} patches of camera {camera.camera!r}"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 255) and not -1 <= low <= high <= 1:
        raise PolicyError(
            f"edges need pixels from 0 to 255 (or 0 to 1, −1 to 1), and these are from {low:g} to "
            f"{high:g}"
        )
    if high <= 1:
        pixels = 127.5 * (pixels + 1) if low < 0 else 255 * pixels
    edges = canny(np.rint(pixels).astype(np.uint8), _LOW, _HIGH)
    cells = edges.reshape(
        camera.rows, height // camera.rows, camera.columns, width // camera.columns
    )
    return torch.from_numpy(cells.any((1, 3)).reshape(-1))
