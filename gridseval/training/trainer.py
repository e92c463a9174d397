"""Steps of behaviour cloning: the model's chunk is drawn towards the label's."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from gridseval.errors import OutputError, PolicyError
from gridseval.policies.nano.model import NanoInput, NanoModel
from gridseval.training.averages import rate_at, update_average, weight_groups
from gridseval.training.config import TrainConfig
from gridseval.training.samples import Samples, make_batch

_CLIP_NORM = 1.0
_LONG = 65
"""Tokens per camera from which on fused attention is faster."""
_VALIDATED = 1024
"""Held-out samples that are looked at, at most, evenly chosen."""


class LossError(PolicyError):
    """A loss, or its gradient, is not finite."""


class Trainer:
    """A model, the average of its weights, and their optimiser.

    Every draw follows from seed and step, so that a training that goes on after a break makes
    the same steps.

    Args:
        model: What to train; moved to the device.
        config: How.
        device: Where.
        precision: ``"float32"`` or ``"bf16"``.

    Attributes:
        model: The model.
        average: A model with the averaged weights, in evaluation mode.
    """

    def __init__(self, model: NanoModel, config: TrainConfig, device: str, precision: str) -> None:
        self.model = model.to(device).train()
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self._config, self._device, self._precision = config, device, precision
        groups = weight_groups(self.model, config.weight_decay)
        self._optimiser = torch.optim.AdamW(groups, lr=config.lr)

    def step(self, samples: Samples, chosen: NDArray[np.int64], number: int, share: float) -> float:
        """Make a step; return the loss before it.

        Args:
            samples: All.
            chosen: int64 (B,), those to train on.
            number: The step's, from 0.
            share: Of the training that is done, 0 to 1.

        Raises:
            LossError: The loss or its gradient is not finite.
        """
        seeds = np.random.SeedSequence([self._config.seed, 3, number]).spawn(2)
        torch.manual_seed(int(seeds[0].generate_state(1)[0]))  # of pruners' noise
        rng = np.random.default_rng(seeds[1])
        inputs, labels = make_batch(samples, chosen, self._device, self._config, rng)
        inputs = self._with_generators(inputs, [number] * len(chosen))
        for group in self._optimiser.param_groups:
            group["lr"] = rate_at(share, self._config.lr, self._config.warm_up)
        self.model.pruner.set_progress(share)
        self._optimiser.zero_grad(set_to_none=True)
        with self._computing():
            loss = (self.model(inputs).actions.float() - labels).abs().mean()
        found: float = loss.item()
        if math.isfinite(found):
            loss.backward()
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP_NORM).item()
            found = found if math.isfinite(norm) else norm
        if not math.isfinite(found):
            raise LossError(f"step {number}: the loss or its gradient is not finite ({found})")
        self._optimiser.step()
        update_average(self.average, self.model, self._config.ema, number)
        return found

    def validate(self, samples: Samples, held: NDArray[np.int64]) -> tuple[float, float, float]:
        """Return the averaged weights' L1 of translation, rotation and gripper on samples.

        Args:
            samples: All.
            held: int64 (n,), those to look at; of many, some.
        """
        held = held[np.unique(np.linspace(0, len(held) - 1, _VALIDATED).astype(np.int64))]
        sums = torch.zeros(7, dtype=torch.float64)
        with torch.inference_mode(), self._computing():
            for start in range(0, len(held), self._config.batch):
                chosen = held[start : start + self._config.batch]
                inputs, labels = make_batch(samples, chosen, self._device)
                inputs = self._with_generators(inputs, chosen.tolist())
                errors = (self.average(inputs).actions.float() - labels).abs()
                sums += errors.mean(1).sum(0).double().cpu()
        means = sums / len(held)
        return float(means[:3].mean()), float(means[3:6].mean()), float(means[6])

    def state_dict(self) -> dict[str, Any]:
        """Return model, average and optimiser as state dictionaries."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def load_state_dict(self, tensors: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Raises:
            OutputError: It does not fit.
        """
        try:
            self.model.load_state_dict(tensors["model"])
            self.average.load_state_dict(tensors["average"])
            self._optimiser.load_state_dict(tensors["optimiser"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise OutputError(
                f"{self._config.out}: the training's state does not fit the model: "
                f"{' '.join(str(error).split())[:120]}",
                "remove the folder and start anew",
            ) from error

    def _with_generators(self, inputs: NanoInput, numbers: Sequence[int]) -> NanoInput:
        """Return inputs with what pruners draw from, by a number and the row."""
        if not self.model.pruner.needs.generators:
            return inputs
        seeds = [
            int(np.random.SeedSequence([self._config.seed, 4, number, row]).generate_state(1)[0])
            for row, number in enumerate(numbers)
        ]
        generators = [torch.Generator(self._device).manual_seed(seed) for seed in seeds]
        return dataclasses.replace(inputs, generators=generators)

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        """Choose how products are computed."""
        kind = self._device.partition(":")[0]
        with contextlib.ExitStack() as opened:
            if self._precision == "bf16":
                opened.enter_context(torch.autocast(kind, torch.bfloat16))
            if kind == "cpu" and self.model.config.pruner.arguments.get("k", _LONG) < _LONG:
                # Flash attention's backward pass is slow on the CPU at short sequences.
                opened.enter_context(sdpa_kernel(SDPBackend.MATH))
            yield
