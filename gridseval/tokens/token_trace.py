"""What a policy looked at when it was queried: the visual tokens that it kept, or sampled.

Numpy only, so that results and videos can be made where no torch is installed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError

MOST_ROWS = 1024
"""Most rows and columns of a token grid: figures and pictures lay out memory for each token."""


@dataclass(frozen=True, eq=False)
class CameraTrace:
    """One camera's tokens in one query.

    Exactly one of ``kept`` and ``points`` is given.

    Attributes:
        camera: ``"agentview"`` or ``"wrist"``.
        grid: Rows and columns of the dense token grid, both 1 to 1,024.
        kept: bool (rows * columns,), row-major: which tokens went on to the language model.
        points: float32 (K, 2), x (column) then y (row), in [0, 1] of the model's input image,
            where 0 and 1 are the image's edges. For GridS under openpi's convention the sampled
            coordinate c lies at (c * (columns - 1) + 0.5) / columns: the centre of a patch.
        weights: float32 (rows * columns,) or ``None``: the score that ranked the tokens, for
            drawing only.

    Raises:
        PolicyError: Shapes or ranges are wrong, or both or neither of kept and points are given.
    """

    camera: str
    grid: tuple[int, int]
    kept: NDArray[np.bool_] | None = None
    points: NDArray[np.float32] | None = None
    weights: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if len(self.grid) != 2 or not all(_is_size(number) for number in self.grid):
            shown = repr(self.grid)
            shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
            raise PolicyError(
                f"a trace's grid must be (rows, columns), each 1 to {MOST_ROWS}, not {shown}"
            )
        if (self.kept is None) == (self.points is None):
            raise PolicyError("a trace has either kept tokens or sampled points")
        if self.kept is not None:
            self._check_flat("kept", self.kept)
            if self.kept.dtype != np.bool_:
                raise PolicyError(f"kept tokens must be bool, not {self.kept.dtype}")
        if self.weights is not None:
            self._check_flat("weights", self.weights)
        if self.points is not None:
            _check_points(self.points)

    @property
    def dense_count(self) -> int:
        """Tokens before pruning: rows * columns."""
        return self.grid[0] * self.grid[1]

    @property
    def kept_count(self) -> int:
        """Tokens that went on to the language model."""
        if self.points is not None:
            return len(self.points)
        assert self.kept is not None
        return int(self.kept.sum())

    def _check_flat(self, name: str, values: NDArray[np.generic]) -> None:
        if values.shape != (self.dense_count,):
            raise PolicyError(
                f"a trace's {name} have shape {values.shape}, expected ({self.dense_count},) "
                f"for a grid of {self.grid[0]} x {self.grid[1]}"
            )


@dataclass(frozen=True)
class TokenTrace:
    """All cameras' tokens in one query of one slot.

    Attributes:
        cameras: One per camera that the policy looks at.
    """

    cameras: tuple[CameraTrace, ...]

    @property
    def dense_count(self) -> int:
        """Visual tokens before pruning, all cameras."""
        return sum(camera.dense_count for camera in self.cameras)

    @property
    def kept_count(self) -> int:
        """Visual tokens kept or sampled, all cameras."""
        return sum(camera.kept_count for camera in self.cameras)


def _is_size(number: object) -> bool:
    return isinstance(number, (int, np.integer)) and 1 <= int(number) <= MOST_ROWS


def _check_points(points: NDArray[np.float32]) -> None:
    if points.ndim != 2 or points.shape[1] != 2:
        raise PolicyError(f"a trace's points have shape {points.shape}, expected (K, 2)")
    if not (np.isfinite(points).all() and (points >= 0).all() and (points <= 1).all()):
        raise PolicyError("a trace's points must lie within 0 and 1")
