"""When the gate of a CI fires."""

from __future__ import annotations

from dataclasses import dataclass

from gridseval.errors import UsageError


@dataclass(frozen=True)
class GateRules:
    """When the gate fires.

    Args:
        max_drop: Measured drop that is tolerated even if it is real, in [0, 1).
        alpha: Probability of a false alarm, within (0, 0.5).
        max_errors: Episodes that may have ended as error: a number, or a share below 1.
        detect: A pass must have been able to show a drop of this, within (0, 1) …
        power: … with this probability, within (0, 1).
        force: Compare runs that differ in what decides outcomes, or are incomplete.

    Raises:
        UsageError: A number is out of its range.
    """

    max_drop: float = 0.02
    alpha: float = 0.05
    max_errors: float = 0.01
    detect: float = 0.1
    power: float = 0.8
    force: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_drop < 1:
            raise UsageError(f"--max-drop must be at least 0 and below 1, not {self.max_drop:g}")
        if not 0 < self.alpha < 0.5:
            raise UsageError(f"--alpha must be above 0 and below 0.5, not {self.alpha:g}")
        if not 0 <= self.max_errors < float("inf"):
            raise UsageError(
                f"--max-errors must be a number of at least 0, not {self.max_errors:g}"
            )
        for name in ("detect", "power"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise UsageError(f"--{name} must be above 0 and below 1, not {value:g}")
