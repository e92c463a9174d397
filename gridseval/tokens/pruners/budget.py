"""How many tokens a method may keep, given as a number per camera or as a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.checks import check_count, check_number
from gridseval.tokens.pruners.layout import CameraGrid, count_dense


@dataclass(frozen=True)
class Budget:
    """Tokens to keep; ``k`` wins over ``keep``.

    Attributes:
        k: Tokens per camera, at least 1, or ``None``.
        keep: Share of the dense tokens in (0, 1], rounded to whole tokens, at least one.

    Raises:
        PolicyError: A value is out of range.
    """

    k: int | None = None
    keep: float = 1.0

    def __post_init__(self) -> None:
        if self.k is not None:
            check_count("k", self.k)
        if check_number("share to keep", self.keep, 0, 1) == 0:
            raise PolicyError("a pruner's share to keep must be more than 0")

    def count(self, cameras: Sequence[CameraGrid]) -> int:
        """Return the tokens to keep of these cameras together.

        Raises:
            PolicyError: ``k`` is more than a camera has.
        """
        if self.k is None:
            return max(1, round(self.keep * count_dense(cameras)))
        for camera in cameras:
            check_fits(self.k, camera)
        return self.k * len(cameras)


def check_fits(k: int, camera: CameraGrid) -> None:
    """Refuse a number of tokens that a camera's grid does not have.

    Raises:
        PolicyError: ``k`` is more than rows * columns.
    """
    if k > camera.count:
        raise PolicyError(
            f"k={k} is more than the {camera.rows} x {camera.columns} = {camera.count} tokens of "
            f"camera {camera.camera!r}"
        )
