"""What a dataset is to be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation import RunConfig

KEEPS = ("successes", "all")


@dataclass(frozen=True)
class CollectConfig:
    """The arguments of ``gridseval collect``.

    Attributes:
        run: Which episodes, who acts in them, and where everything is written.
        label: Policy whose chunks are recorded as labels: a registered name, ``module:Class`` or
            ``file.py:Class``; ``None`` for the acting one, or the kind of ``label_checkpoint``.
        label_checkpoint: The labelling policy's checkpoint, or ``None``.
        label_arguments: Its constructor arguments, as text.
        noise: Standard deviation of the noise on executed translations, in units of actions;
            rotations get a third of it. Labels have none.
        noise_share: Share of the queries that get noise, 0 to 1.
        image_px: Side of the recorded images, which are averaged down; ``None`` keeps the
            protocol's.
        keep: ``"successes"``, or ``"all"`` episodes.

    Raises:
        UsageError: A number is out of range.
    """

    run: RunConfig
    label: str | None = None
    label_checkpoint: str | None = None
    label_arguments: Mapping[str, str] = field(default_factory=dict)
    noise: float = 0.0
    noise_share: float = 0.4
    image_px: int | None = None
    keep: str = "successes"

    def __post_init__(self) -> None:
        """Check numbers before anything is loaded."""
        if not 0 <= self.noise <= 10:  # false for nan, too
            raise UsageError(f"--noise must be within 0 and 10, not {self.noise:g}")
        if not 0 <= self.noise_share <= 1:
            raise UsageError(f"--noise-share must be within 0 and 1, not {self.noise_share:g}")
        if self.keep not in KEEPS:
            raise UsageError(f"--keep {self.keep!r} is none of {', '.join(KEEPS)}")
        if self.label_arguments and not self.labels:
            raise UsageError(
                "--label-arg is for the policy of --label or --label-ckpt, and neither is given"
            )

    @property
    def labels(self) -> bool:
        """Whether another policy than the acting one labels."""
        return self.label is not None or self.label_checkpoint is not None

    def manifest(self) -> dict[str, Any]:
        """Return what ``run.yaml`` says about it, of plain values."""
        return {
            "noise": self.noise,
            "noise_share": self.noise_share,
            "image_px": self.image_px,
            "keep": self.keep,
        }
