"""The samples of all datasets, and which of them a step trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gridseval.policies.nano.config import NanoConfig
from gridseval.policies.nano.model import NanoInput
from gridseval.policies.nano.words import hash_words
from gridseval.training.augmentation import augmented
from gridseval.training.config import TrainConfig
from gridseval.training.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Samples:
    """What a model sees and should do, of several datasets in a row.

    Attributes:
        images: One array per dataset, uint8 (n, cameras, px, px, 3).
        states: float32 (N, 8).
        labels: float32 (N, chunk, 7).
        words: int64 (N, T, 2), padded with zeros.
        episodes: int64 (N,): different in different datasets.
    """

    images: tuple[NDArray[np.uint8], ...]
    states: NDArray[np.float32]
    labels: NDArray[np.float32]
    words: NDArray[np.int64]
    episodes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.states)

    def pixels(self, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images of samples, uint8 (B, cameras, px, px, 3)."""
        ends = np.cumsum([len(part) for part in self.images])
        parts = np.searchsorted(ends, chosen, side="right")
        rows = [
            self.images[part][index - ends[part]] for part, index in zip(parts, chosen, strict=True)
        ]
        return np.stack(rows)


def join_samples(
    datasets: Sequence[Dataset], images: Sequence[NDArray[np.uint8]], config: NanoConfig
) -> Samples:
    """Return the samples of several datasets.

    Args:
        datasets: At least one.
        images: Theirs.
        config: The model's, which says how words are hashed.
    """
    texts = [text for dataset in datasets for text in dataset.instructions]
    hashed = {text: hash_words(text, config.words, config.buckets) for text in set(texts)}
    longest = max(map(len, hashed.values()))
    padded = {
        text: np.pad(each, ((0, longest - len(each)), (0, 0))) for text, each in hashed.items()
    }
    episodes, first = [], 0
    for dataset in datasets:
        episodes.append(dataset.episodes + first)
        first = int(episodes[-1].max()) + 1
    return Samples(
        tuple(images),
        np.concatenate([dataset.states for dataset in datasets]),
        np.concatenate([dataset.labels for dataset in datasets]),
        np.stack([padded[text] for text in texts]),
        np.concatenate(episodes),
    )


def hold_out(
    samples: Samples, given: int, share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return indices of the samples to train on, and of those of held-out episodes.

    Args:
        samples: All.
        given: As many of them are of the datasets that were given; all others are trained on.
        share: Of the given episodes; of four and more, at least one is held out unless this is 0.
        seed: Chooses them.
    """
    episodes = np.unique(samples.episodes[:given])
    count = round(share * len(episodes))
    if share > 0 and len(episodes) >= 4:
        count = max(1, count)
    held = np.random.default_rng([seed, 1]).permutation(episodes)[:count]
    is_held = np.isin(samples.episodes, held)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def order(
    indices: NDArray[np.int64], batch: int, step: int, seed: tuple[int, ...]
) -> NDArray[np.int64]:
    """Return the samples of a step: epoch after epoch, each in another order.

    Args:
        indices: All that there are.
        batch: How many a step takes.
        step: From 0, since there are these samples.
        seed: Of the orders.
    """
    count, chosen, at = len(indices), [], step * batch
    while batch:
        epoch, begin = divmod(at, count)
        take = min(batch, count - begin)
        shuffled = np.random.default_rng([*seed, epoch]).permutation(count)
        chosen.append(indices[shuffled[begin : begin + take]])
        at, batch = at + take, batch - take
    return np.concatenate(chosen)


def make_batch(
    samples: Samples,
    chosen: NDArray[np.int64],
    device: str,
    config: TrainConfig | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[NanoInput, torch.Tensor]:
    """Return what the model is given for some samples, and their labels (B, chunk, 7).

    Args:
        samples: All.
        chosen: int64 (B,), which.
        device: Where tensors lie.
        config: Says how much to augment; ``None`` for not at all.
        rng: Where chance comes from.
    """
    images, states = samples.pixels(chosen), samples.states[chosen]
    if config is not None and rng is not None:
        images = augmented(images, rng, config.shift_px, config.colour)
        spread = config.state_noise * samples.states.std(0)
        states = states + (rng.normal(size=states.shape) * spread).astype(np.float32)
    words = samples.words[chosen]
    longest = int((words[..., 0] > 0).sum(1).max())
    inputs = NanoInput(
        images=torch.from_numpy(images).to(device),
        words=torch.from_numpy(words[:, :longest]).to(device),
        state=torch.from_numpy(states).to(device),
        slots=range(len(chosen)),
    )
    return inputs, torch.from_numpy(samples.labels[chosen]).to(device)
