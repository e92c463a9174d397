"""How many tokens a pruner keeps: a number per camera, or a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.checks import check_count, check_number
from gridseval.tokens.pruners.layout import CameraGrid, count_dense


@dataclass(frozen=True)
class Budget:
    """Tokens to keep; with neither number, all.

    Attributes:
        k: Tokens per camera, at least 1, or ``None``.
        keep: Share of the dense tokens in (0, 1], rounded to whole tokens, at least one; or
            ``None``.

    Raises:
        PolicyError: A value is out of range, or both are given.
    """

    k: int | None = None
    keep: float | None = None

    def __post_init__(self) -> None:
        if self.k is not None:
            check_count("k", self.k)
        if self.keep is not None and check_number("keep", self.keep, 0, 1) == 0:
            raise PolicyError("a pruner's keep must be more than 0: no token would be left")
        if self.k is not None and self.keep is not None:
            raise PolicyError(
                f"a pruner keeps k={self.k} tokens per camera or the share keep={self.keep}",
                "give one of them",
            )

    def or_else(self, default: Budget) -> Budget:
        """Return this budget, or another one if this one names no number."""
        return default if self.k is None and self.keep is None else self

    def count(self, cameras: Sequence[CameraGrid]) -> int:
        """Return the tokens to keep of these cameras together.

        Raises:
            PolicyError: ``k`` is more than a camera has.
        """
        if self.k is None:
            share = 1.0 if self.keep is None else self.keep
            return max(1, round(share * count_dense(cameras)))
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
