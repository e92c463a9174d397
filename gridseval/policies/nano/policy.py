"""``--policy nano``: a small model to run pruners in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gridseval.policies.arguments import refuse_arguments
from gridseval.policies.cards import load_card
from gridseval.policies.hosts.draws import EpisodeDraws
from gridseval.policies.hosts.stages import Stages
from gridseval.policies.identity import source_sha256
from gridseval.policies.nano.checkpoint import load_nano, new_nano
from gridseval.policies.nano.config import NanoConfig, PrunerChoice
from gridseval.policies.nano.cost import nano_flops
from gridseval.policies.nano.model import NanoInput, NanoModel, NanoOutput
from gridseval.policies.nano.pruning import replace_pruner
from gridseval.policies.nano.words import hash_words, pad_words
from gridseval.policies.protocol import ActionChunk, Observations, at_least
from gridseval.policies.torch_file import check_device
from gridseval.tokens import TokenTrace

if TYPE_CHECKING:
    from gridseval.suites import Episode

_CARD = "nano"


class _Rows(NamedTuple):
    """The part of a batch that goes through the model at once."""

    images: NDArray[np.uint8]
    words: Sequence[NDArray[np.int64]]
    state: NDArray[np.float32]
    slots: Sequence[int]
    generators: Sequence[torch.Generator] | None

    def part(self, start: int, end: int) -> _Rows:
        """Return the rows from ``start`` to before ``end``."""
        chosen = slice(start, end)
        return _Rows(
            self.images[chosen],
            self.words[chosen],
            self.state[chosen],
            self.slots[chosen],
            None if self.generators is None else self.generators[chosen],
        )


class NanoPolicy:
    """Runs a ``nano`` checkpoint, or a freshly initialised one, with any pruner.

    Matrix products round differently for different batch sizes. So, by default, every
    slot is a separate pass, and an episode's actions do not depend on how many others run beside
    it, not even in the last bit.

    Args:
        checkpoint: A folder with ``config.json`` and ``model.safetensors``; ``None`` for a fresh
            model, drawn from ``seed``.
        seed: Of a fresh model, of a fresh pruner's weights, and of pruners that draw tokens.
        pruner: Chooses visual tokens; one of :func:`gridseval.tokens.pruners.list_pruners`. Default
            is the checkpoint's own, ``dense`` for a fresh model.
        batch: Slots per pass, at least 1; faster than ``None``, one slot per pass, but then
            outcomes may depend on the number of workers in the last bit.
        device: ``cpu``, ``cuda`` or ``cuda:INDEX``.
        threads: For torch on the CPU while it is asked, at least 1. More than 1 help on an idle
            machine only: environments step on the other cores, and waiting threads keep them busy.
        **arguments: The pruner's, such as ``k`` tokens per camera.

    Raises:
        PolicyError: The checkpoint is damaged, there is no such pruner, argument or device, or a
            value does not fit.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        seed: int = 0,
        pruner: str | None = None,
        batch: int | None = None,
        device: str = "cpu",
        threads: int = 1,
        **arguments: Any,
    ) -> None:
        self._seed = at_least(0, "seed", seed)
        self._rows = 1 if batch is None else at_least(1, "batch", batch)
        self._threads = at_least(1, "threads", threads)
        self._device = check_device(device)
        self.model = self._load(checkpoint, pruner, arguments).to(self._device)
        config = self.model.config
        card = load_card(_CARD)
        self._image = replace(card.image, px=config.image_px)
        self.observation_keys = (*config.cameras, "state", "instruction")
        self.replan = min(card.replan, config.chunk)
        self.image_mapping = self._image.mapping()
        self.notes = tuple(
            f"{part} is untrained: its weights are drawn from seed {seed}"
            for part in self._untrained
        )
        own = source_sha256(type(self.model.pruner))
        self.details = {
            "architecture": config.version,
            **({"untrained": list(self._untrained)} if self._untrained else {}),
            **({} if own is None else {"pruner_sha256": own}),
        }
        self.skipping = self.model.pruner.skipping
        self._draws = EpisodeDraws(self._seed, self._device)
        self._stages = Stages()

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Forget what pruners remember of these slots."""
        numbers = [int(slot) for slot in slots]
        self.model.pruner.reset(numbers)
        self._draws.reset(numbers, episodes)

    def act(self, observations: Observations) -> ActionChunk:
        """Return float32 (B, chunk, 7), and what was looked at.

        Raises:
            PolicyError: The pruner refuses its input.
        """
        rows = self._rows_of(observations)
        starts = range(0, len(rows.slots), self._rows)
        parts = [rows.part(start, start + self._rows) for start in starts]
        with threads_set_to(self._threads), torch.inference_mode():
            outputs = [self._run(part) for part in parts]
        self._draws.advance(rows.slots)
        actions = [output.actions.float().cpu().numpy() for output in outputs]
        noted = (self._stages.note(each.pruned.traces, each.stages) for each in outputs)
        traces = tuple(trace for batch in noted for trace in batch)
        return ActionChunk(np.concatenate(actions), traces)

    def flops(self, trace: TokenTrace) -> float:
        """Return the floating-point operations of a query, by the convention ``full``.

        Args:
            trace: What :meth:`act` returned. Of another one, only the final number of tokens is
                known, and taken to hold from the pruner's first place on.
        """
        pruner = self.model.pruner
        stages = self._stages.of(trace, pruner)
        reuses = pruner.entries is not None
        return nano_flops(self.model.config, pruner.macs, stages, pruner.place.where, reuses)

    def _load(
        self, checkpoint: str | None, pruner: str | None, arguments: dict[str, Any]
    ) -> NanoModel:
        self._untrained: tuple[str, ...] = ()
        if checkpoint is not None:
            model = load_nano(checkpoint)
            own = model.config.pruner.name
            model = replace_pruner(model, pruner, arguments, self._seed)
            if pruner not in (None, own) and model.pruner.state_dict():
                self._untrained = (f"the pruner {pruner}",)
            return model
        if pruner is None:
            refuse_arguments("nano", arguments, ("pruner", "batch", "device", "threads"))
        config = NanoConfig(pruner=PrunerChoice(pruner or "dense", arguments))
        self._untrained = ("the whole model nano",)
        return new_nano(config, self._seed)

    def _rows_of(self, observations: Observations) -> _Rows:
        config = self.model.config
        images = [self._image.apply(np.asarray(observations[name])) for name in config.cameras]
        slots = [int(slot) for slot in observations["slots"]]
        needed = self.model.pruner.needs.generators
        return _Rows(
            images=np.stack(images, axis=1),
            words=[
                hash_words(text, config.words, config.buckets)
                for text in observations["instruction"]
            ],
            state=np.asarray(observations["state"], np.float32),
            slots=slots,
            generators=[self._draws.generator(slot) for slot in slots] if needed else None,
        )

    def _run(self, rows: _Rows) -> NanoOutput:
        device = self._device
        output: NanoOutput = self.model(
            NanoInput(
                images=torch.from_numpy(rows.images).to(device),
                words=torch.from_numpy(pad_words(rows.words)).to(device),
                state=torch.from_numpy(rows.state.copy()).to(device),
                slots=rows.slots,
                generators=rows.generators,
            )
        )
        return output


@contextmanager
def threads_set_to(number: int) -> Iterator[None]:
    """Let torch use this number of threads, then the number from before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
