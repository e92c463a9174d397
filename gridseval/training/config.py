"""What a training is to be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gridseval.errors import UsageError
from gridseval.policies.nano.config import NanoConfig

DEFAULT_MINUTES = 60.0
PRECISIONS = ("auto", "float32", "bf16")
MOST_SHIFT_PX = 32

_RANGES: Mapping[str, tuple[float, float]] = {
    "steps": (1, 10**8),
    "minutes": (0.001, 10**6),
    "batch": (1, 65_536),
    "lr": (1e-9, 1.0),
    "weight_decay": (0.0, 10.0),
    "ema": (0.0, 0.999999),
    "warm_up": (0.0, 0.9),
    "shift_px": (0, MOST_SHIFT_PX),
    "colour": (0.0, 0.9),
    "state_noise": (0.0, 10.0),
    "holdout": (0.0, 0.5),
    "seed": (0, 2**32 - 1),
    "threads": (1, 1024),
    "validate_every": (1, 10**8),
    "save_every_s": (0.0, 10**6),
    "evaluate_every": (0.001, 10**6),
    "evaluate_starts": (1, 10_000),
    "dagger": (0, 100),
    "dagger_starts": (1, 10_000),
    "env_seed": (0, 2**32 - 1 - 1000),
}
_ELSEWHERE = (
    *("datasets", "out", "shape", "init", "device", "threads", "workers", "assets", "libero_plus"),
    *("cache", "command", "save_every_s", "evaluate_every", "evaluate_starts"),
)
"""Fields that do not decide what the weights become, or that ``train.yaml`` says elsewhere."""


@dataclass(frozen=True)
class TrainConfig:
    """The arguments of ``gridseval train``.

    Attributes:
        datasets: Folders of ``gridseval collect``, at least one.
        out: The folder of the checkpoint, and of all that the training writes.
        shape: The model's, without its pruner; ``None`` for ``init``'s, or the default.
        pruner: What chooses visual tokens in training and in the checkpoint; ``None`` for
            ``init``'s, or ``dense``.
        pruner_arguments: Its constructor arguments, as text.
        init: Checkpoint to start from, or ``None`` to start from fresh weights.
        steps: Optimiser steps; ``None`` to train by time.
        minutes: Minutes of training, evaluations not counted; ``None`` with ``steps``, else 60.
        batch: Samples per step.
        lr: Highest learning rate, after the warm-up.
        weight_decay: Of matrices and convolutions.
        ema: Decay of the moving average of the weights, which is what the checkpoint holds.
        warm_up: Share of the training in which the learning rate rises.
        shift_px: Images are shifted by up to as many pixels, each camera by itself.
        colour: How much brightness, contrast and tint vary, as a share.
        state_noise: Standard deviation of noise on states, in standard deviations of the data.
        holdout: Share of the episodes that only validate.
        seed: Of fresh weights, the order of samples, augmentation and noise.
        precision: ``"float32"``, ``"bf16"``, or ``"auto"``: bf16 where the machine computes in it.
        device: ``cpu``, ``cuda``, ``cuda:INDEX``, or ``None`` for a GPU if there is one.
        threads: torch's on the CPU.
        validate_every: Steps between validations.
        save_every_s: Seconds of training between checkpoints.
        evaluate_every: Minutes of training between evaluations in the simulator; ``None`` for none.
        evaluate_starts: Fresh starts per task of an evaluation.
        dagger: Rounds in which the model acts, the expert labels, and the samples are added.
        dagger_starts: Fresh starts per task and round.
        env_seed: The simulator's, of evaluations; round r of DAgger has ``env_seed`` + r.
        label: The policy that labels DAgger's rounds.
        workers: Worker processes of evaluations and rounds; ``None`` for one per core.
        assets: Folder of LIBERO's assets, or ``None`` to look for them.
        libero_plus: Folder of LIBERO-Plus's data, or ``None`` to look for it.
        cache: Folder of decoded images; ``None`` for each dataset's own.
        command: The command line, for the record.

    Raises:
        UsageError: A number is out of range, or two arguments contradict each other.
    """

    datasets: tuple[Path, ...]
    out: Path
    shape: NanoConfig | None = None
    pruner: str | None = None
    pruner_arguments: Mapping[str, str] = field(default_factory=dict)
    init: Path | None = None
    steps: int | None = None
    minutes: float | None = None
    batch: int = 64
    lr: float = 6e-4
    weight_decay: float = 0.02
    ema: float = 0.999
    warm_up: float = 0.03
    shift_px: int = 4
    colour: float = 0.15
    state_noise: float = 0.02
    holdout: float = 0.05
    seed: int = 0
    precision: str = "auto"
    device: str | None = None
    threads: int = 1
    validate_every: int = 200
    save_every_s: float = 120.0
    evaluate_every: float | None = None
    evaluate_starts: int = 3
    dagger: int = 0
    dagger_starts: int = 5
    env_seed: int = 300
    label: str = "oracle"
    workers: int | None = None
    assets: str | None = None
    libero_plus: str | None = None
    cache: Path | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Check numbers before anything is loaded."""
        if not self.datasets:
            raise UsageError("there is no dataset to train on", "make one with gridseval collect")
        if self.steps is not None and self.minutes is not None:
            raise UsageError("--steps and --minutes contradict each other", "give one of them")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:  # true for nan, too
                option = "--" + name.removesuffix("_s").replace("_", "-")
                raise UsageError(
                    f"{option} must be within {least:g} and {most:g}, not {_shown(value)}"
                )
        if self.precision not in PRECISIONS:
            raise UsageError(f"--precision {self.precision!r} is none of {', '.join(PRECISIONS)}")
        if self.shape is not None and self.pruner is None and self.init is None:
            named = self.shape.pruner.name
            if named != "dense":
                raise UsageError(
                    f"--shape names the pruner {named!r}, and only its numbers are taken",
                    f"--pruner {named} with its --policy-arg, or --pruner dense",
                )
        if self.pruner_arguments and self.pruner is None:
            key = next(iter(self.pruner_arguments))
            raise UsageError(f"--policy-arg {key}=… is a pruner's", "name it with --pruner")

    @property
    def most_minutes(self) -> float | None:
        """Minutes of training; ``None`` where steps decide."""
        if self.steps is not None:
            return None
        return DEFAULT_MINUTES if self.minutes is None else self.minutes

    def deciding(self) -> dict[str, Any]:
        """Return the arguments that decide what the weights become, of plain values."""
        values = {key: value for key, value in asdict(self).items() if key not in _ELSEWHERE}
        values["minutes"] = self.most_minutes
        values["pruner_arguments"] = dict(self.pruner_arguments)
        return values


def _shown(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) or abs(value) < 2**63 else "a longer number"
