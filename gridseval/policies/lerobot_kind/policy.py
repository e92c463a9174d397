"""Acts with a LeRobot policy, so that an episode depends on nothing but itself."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gridseval.errors import PolicyError
from gridseval.policies.images import ImagePipeline
from gridseval.policies.lerobot_kind.checkpoint import Checkpoint, checkpoint_flops, load_checkpoint
from gridseval.policies.lerobot_kind.grids import GridsHook, embeds_images, split_sampler
from gridseval.policies.protocol import ActionChunk, Observations, at_least
from gridseval.versions import versions_of

if TYPE_CHECKING:
    from gridseval.suites import Episode

# What a policy remembers of an episode, by the names that LeRobot's classes use.
_MEMORY = ("_queues", "_action_queue", "temporal_ensembler", "_prev_mean")

# Kinds that take their noise as an argument: (chunk, action width) of the configuration.
_NOISE = dict.fromkeys(("pi0", "pi05", "smolvla"), ("chunk_size", "max_action_dim"))

# Kinds that draw no random numbers when they act.
_CERTAIN = ("act",)


class LerobotPolicy:
    """Any LeRobot policy (ACT, diffusion, SmolVLA, π0, π0.5, …), through LeRobot's own processors.

    A policy that sees one observation at a time is asked for chunks and executes its
    ``n_action_steps``. One that sees a history (``n_obs_steps`` > 1, temporal ensembling) is asked
    at every step, as LeRobot's own evaluation does. Random numbers are drawn per episode and step,
    so that neither the batch nor what ran before matters.

    With GridS the checkpoint's image tokens are sampled by a ``GridSampler``: of its own parameters
    ``active_token_sampler.*`` if it has some, or of the file ``grids``.

    Args:
        checkpoint: A directory.
        seed: Of the random numbers.
        batch: Slots per call, at least 1; default: one, so that outcomes do not depend on company
            (matrix products round differently for different batch sizes).
        device: A torch device, such as ``"cpu"`` or ``"cuda"``.
        replan: Policy steps between queries; default: the checkpoint's ``n_action_steps``.
        cameras: ``feature=agentview,feature=wrist`` where names do not tell.
        grids: A file with a sampler's parameters, safetensors or npz.
        convention: How that sampler was trained: ``"openpi"``, ``"core_idea"`` or ``"lerobot"``.

    Raises:
        PolicyError: LeRobot is missing, or the checkpoint or an argument does not fit.
    """

    def __init__(
        self,
        checkpoint: str,
        seed: int = 7,
        batch: int | None = None,
        device: str = "cpu",
        replan: int | None = None,
        cameras: str | None = None,
        grids: str | None = None,
        convention: str = "lerobot",
    ) -> None:
        self._seed = seed
        with split_sampler(checkpoint, grids, convention) as (folder, sampler):
            self._checkpoint: Checkpoint = load_checkpoint(folder, device, cameras)
        self._hook: GridsHook | None = None
        if sampler is not None or embeds_images(self._checkpoint):
            self._hook = GridsHook(self._checkpoint, sampler)
        self.flops = checkpoint_flops(self._checkpoint, sampled=sampler is not None)
        config = self._checkpoint.config
        self._steps_at_once = self._chunks()
        self.replan = self._checked_replan(replan)
        wanted = (*self._checkpoint.cameras.values(), *(["state"] * self._checkpoint.has_state))
        self.observation_keys: tuple[str, ...] = wanted
        self._rows = 1 if batch is None else at_least(1, "batch", batch)
        # Without a way to hand it its noise, a policy draws it for one episode at a time.
        able = self._steps_at_once and config.type in (*_NOISE, *_CERTAIN)
        if self._rows > 1 and not able:
            raise PolicyError(f"LeRobot's {config.type!r} cannot batch", "leave batch out")
        self.details = {
            "type": config.type,
            "cameras": dict(self._checkpoint.cameras),
            "packages": versions_of("lerobot", "transformers"),
        }
        self.notes: tuple[str, ...] = ()
        if self._rows == 1:
            self.notes = ("LeRobot's policy is asked for one environment at a time",)
        self._episodes: dict[int, Episode] = {}
        self._memories: dict[int, dict[str, Any]] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin episodes with an empty history."""
        for slot, episode in zip(slots, episodes, strict=True):
            self._episodes[slot] = episode
            self._checkpoint.policy.reset()
            self._memories[slot] = self._memory()

    def act(self, observations: Observations) -> ActionChunk:
        """Return unnormalised actions, float32 (B, H, 7), H = 1 for policies with a history."""
        import torch

        slots = [int(slot) for slot in observations["slots"]]
        seeds = [
            self._query_seed(slot, int(step))
            for slot, step in zip(slots, observations["steps"], strict=True)
        ]
        if self._hook is not None:
            self._hook.forget()
        with torch.inference_mode():
            parts = [
                self._answer(observations, slice(first, first + self._rows), seeds)
                for first in range(0, len(slots), self._rows)
            ]
        actions = torch.cat(parts)
        traces = None if self._hook is None else self._hook.take(len(slots))
        return ActionChunk(actions.float().cpu().numpy(), traces)

    def _chunks(self) -> bool:
        """Return whether the policy is asked for chunks, of one observation each."""
        config = self._checkpoint.config
        ensembles = getattr(config, "temporal_ensemble_coeff", None) is not None
        has_chunks = hasattr(self._checkpoint.policy, "predict_action_chunk")
        return has_chunks and not ensembles and getattr(config, "n_obs_steps", 1) == 1

    def _checked_replan(self, replan: int | None) -> int:
        if not self._steps_at_once:
            if replan not in (None, 1):
                raise PolicyError(f"a policy with a history is asked at every step, not {replan}")
            return 1
        config = self._checkpoint.config
        steps = getattr(config, "n_action_steps", 1) if replan is None else replan
        most = getattr(config, "chunk_size", None) or getattr(config, "horizon", None) or steps
        if not 1 <= steps <= most:
            raise PolicyError(f"replan must be within 1 and the chunk's {most}, not {steps}")
        return int(steps)

    def _memory(self) -> dict[str, Any]:
        """Return what the policy remembers now, as a copy of its own."""
        policy = self._checkpoint.policy
        return {
            name: copy.deepcopy(getattr(policy, name)) for name in _MEMORY if hasattr(policy, name)
        }

    def _query_seed(self, slot: int, step: int) -> int:
        episode = self._episodes[slot]
        words = f"{self._seed} {episode.suite} {episode.task} {episode.trial} {step}"
        return zlib.crc32(words.encode())

    def _batch(self, observations: Observations) -> dict[str, Any]:
        """Return a batch as LeRobot's environments give it, run through its processors."""
        import torch

        batch: dict[str, Any] = {"task": list(observations["instruction"])}
        for feature, camera in self._checkpoint.cameras.items():
            height = self._checkpoint.config.image_features[feature].shape[1]
            resized = ImagePipeline(height, resize="bilinear_pad").apply(observations[camera])
            image = torch.from_numpy(np.ascontiguousarray(resized))
            batch[feature] = image.permute(0, 3, 1, 2).float() / 255
        if self._checkpoint.has_state:
            batch["observation.state"] = torch.from_numpy(observations["state"].astype(np.float32))
        processed: dict[str, Any] = self._checkpoint.before(batch)
        return processed

    def _chunk(self, batch: dict[str, Any], seeds: Sequence[int]) -> Any:
        """Return chunks of a batch, float (B, H, 7)."""
        import torch

        config, policy = self._checkpoint.config, self._checkpoint.policy
        policy.reset()
        extra = {}
        if config.type in _NOISE:
            shape = [getattr(config, name) for name in _NOISE[config.type]]
            drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
            extra["noise"] = torch.stack(drawn).to(config.device)
        if config.type in (*_NOISE, *_CERTAIN):
            chunk = policy.predict_action_chunk(batch, **extra)
        else:
            with torch.random.fork_rng():
                torch.manual_seed(seeds[0])
                chunk = policy.predict_action_chunk(batch)
        count, steps = chunk.shape[:2]
        # One step a row: that is the shape for which processors are written.
        return self._checkpoint.after(chunk.flatten(0, 1)).view(count, steps, -1)

    def _answer(self, observations: Observations, rows: slice, seeds: Sequence[int]) -> Any:
        """Return the actions of some slots, float (n, H, 7)."""
        batch = self._batch({key: value[rows] for key, value in observations.items()})
        if self._steps_at_once:
            return self._chunk(batch, seeds[rows])
        return self._step(batch, int(observations["slots"][rows][0]), seeds[rows][0])

    def _step(self, batch: dict[str, Any], slot: int, seed: int) -> Any:
        """Return one action of a policy with a history, float (1, 1, 7)."""
        import torch

        policy = self._checkpoint.policy
        for name, value in self._memories[slot].items():
            setattr(policy, name, value)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            action = policy.select_action(batch)
        self._memories[slot] = {name: getattr(policy, name) for name in self._memories[slot]}
        return self._checkpoint.after(action)[:, None]
