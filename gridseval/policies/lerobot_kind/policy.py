"""Acts with a LeRobot policy, so that an episode depends on nothing but itself."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gridseval.errors import PolicyError
from gridseval.policies.arguments import accepted, refuse_arguments
from gridseval.policies.cards import load_card
from gridseval.policies.lerobot_kind.batches import policy_batch
from gridseval.policies.lerobot_kind.checkpoint import (
    Checkpoint,
    checkpoint_flops,
    lerobot_module,
    load_checkpoint,
)
from gridseval.policies.lerobot_kind.description import policy_details, policy_notes
from gridseval.policies.lerobot_kind.frame_sizes import named_sizes
from gridseval.policies.lerobot_kind.grids import GridsHook, embeds_images
from gridseval.policies.lerobot_kind.known_types import APART, CERTAIN, CHUNKED, NOISE
from gridseval.policies.lerobot_kind.memory import changed, recall, remembered
from gridseval.policies.lerobot_kind.places import find_checkpoint
from gridseval.policies.lerobot_kind.pruning import PrunedPolicy
from gridseval.policies.lerobot_kind.sampler_split import split_sampler
from gridseval.policies.lerobot_kind.vision_notes import VisionNotes
from gridseval.policies.protocol import ActionChunk, EnvironmentNeeds, Observations, at_least

if TYPE_CHECKING:
    from gridseval.suites import Episode


class LerobotPolicy:
    """Any LeRobot policy (ACT, diffusion, SmolVLA, π0, π0.5, …), through LeRobot's own processors.

    A policy that sees one observation at a time is asked for chunks and executes its
    ``n_action_steps``. One that sees a history (``n_obs_steps`` > 1, temporal ensembling), adds its
    actions to the state, or is of an unknown kind, is asked at every step, as
    LeRobot's own evaluation does. Random numbers are drawn per episode and step, so that neither
    the batch nor what ran before matters.

    With GridS the checkpoint's image tokens are sampled by a ``GridSampler``: with the checkpoint's
    own sampler if it has one, or that of ``grids``.

    Args:
        checkpoint: A directory, a hub id ``owner/name``, or ``owner/name@revision``.
        seed: Of the random numbers.
        batch: Slots per call, at least 1; default: one, so that outcomes do not depend on company
            (matrix products round differently for different batch sizes).
        device: A torch device, such as ``"cpu"`` or ``"cuda"``.
        replan: Policy steps between queries; default: the checkpoint's ``n_action_steps``.
        cameras: ``feature=agentview,feature=wrist`` where names do not tell; ``none`` leaves one
            unfilled.
        resize: Side to which frames are resized before the policy sees them; default: as they are,
            which is what LeRobot's own evaluation does.
        environment: ``"lerobot"`` runs what LeRobot's own LIBERO environment does for this kind of
            policy (X-VLA: another state, image values, goal poses); ``"libero"`` does not.
        actions: ``"delta"`` or ``"absolute"``, for the environment's controller; default: what
            LeRobot's evaluation needs for this kind of policy.
        grids: A sampler's parameters: a safetensors or npz file, or an orbax directory.
        convention: How that sampler was trained: ``"openpi"``, ``"core_idea"`` or ``"lerobot"``;
            default: what the names of its parameters tell.
        margin: Of ``grid_new.py``'s samplers, which no parameter tells.
        interpolation: ``"nearest"`` samples the nearest tokens (an ablation of GridS's paper).
        embed_coords: ``False`` adds no encoded coordinates (an ablation, too).
        trust_remote_code: Whether code that the checkpoint names may run.
        pruner: Chooses visual tokens inside π0, π0.5 or SmolVLA; one of
            :func:`gridseval.tokens.pruners.list_pruners`. Default: none.
        **arguments: The pruner's, such as ``k`` tokens per camera.

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
        resize: int | None = None,
        environment: str = "lerobot",
        actions: str | None = None,
        grids: str | None = None,
        convention: str | None = None,
        margin: float | None = None,
        interpolation: str | None = None,
        embed_coords: bool | None = None,
        trust_remote_code: bool = False,
        pruner: str | None = None,
        **arguments: Any,
    ) -> None:
        if pruner is None:
            refuse_arguments("lerobot", arguments, tuple(accepted(type(self))))
        self._seed = seed
        self._resize = None if resize is None else at_least(1, "resize", resize)
        lerobot_module("policies.factory")  # nothing is downloaded for nothing
        place = find_checkpoint(checkpoint)
        given = {"margin": margin, "interpolation": interpolation, "embed_coords": embed_coords}
        given = {k: v for k, v in {"convention": convention, **given}.items() if v is not None}
        if pruner is not None:  # a fresh GridS's own
            arguments, given = {**arguments, **given}, {}
        with split_sampler(place.folder, grids, given) as (folder, sampler, vision):
            self._checkpoint: Checkpoint = load_checkpoint(
                folder,
                device,
                cameras,
                environment,
                trust_remote_code,
                None if vision is None else vision.fit,
            )
        self._hook: GridsHook | VisionNotes | None = None
        self._pruned: PrunedPolicy | None = None
        if pruner is not None:
            self._pruned = PrunedPolicy(self._checkpoint, pruner, arguments, seed, sampler)
        elif sampler is not None or embeds_images(self._checkpoint):
            self._hook = GridsHook(self._checkpoint, sampler)
        elif vision is not None:
            self._hook = vision.watch(tuple(self._checkpoint.cameras.values()))
        self.flops = checkpoint_flops(self._checkpoint, sampled=sampler is not None)
        self._steps_at_once = self._chunks()
        self.replan = self._checked_replan(replan)
        self._rows = self._checked_rows(batch)
        self.observation_keys = self._keys()
        self.needs = self._needs(actions)
        self.details = policy_details(self._checkpoint, place.folder, self._resize, self.needs)
        self.notes = policy_notes(self._checkpoint, self._resize, self.needs, self._rows)
        if self._pruned is not None:
            put_in = self._pruned.pruner
            self.flops, self.skipping = put_in.flops, put_in.skipping
            self.details |= put_in.details
            self.notes = (*self.notes, *put_in.notes)
        self._episodes: dict[int, Episode] = {}
        self._memories: dict[int, dict[str, Any]] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin episodes with an empty history.

        Raises:
            PolicyError: Two slots play at once, and the policy's memory cannot be kept apart.
        """
        for slot, episode in zip(slots, episodes, strict=True):
            self._episodes[slot] = episode
            self._checkpoint.policy.reset()
            self._memories[slot] = remembered(self._checkpoint.policy)
        if self._pruned is not None:
            self._pruned.reset(slots, episodes)
        kind = self._checkpoint.config.type
        if len(self._episodes) > 1 and kind not in APART:
            raise PolicyError(
                f"LeRobot's {kind!r} may remember an episode where gridseval cannot keep it apart "
                "from others'",
                "run one environment: --workers 1",
            )

    def act(self, observations: Observations) -> ActionChunk:
        """Return unnormalised actions, float32 (B, H, 7), H = 1 for policies with a history.

        Raises:
            PolicyError: The policy cannot take frames of this size.
        """
        import torch

        slots = [int(slot) for slot in observations["slots"]]
        seeds = [
            self._query_seed(slot, int(step))
            for slot, step in zip(slots, observations["steps"], strict=True)
        ]
        if self._hook is not None:
            self._hook.forget()
        if self._pruned is not None:
            self._pruned.forget()
        with torch.no_grad(), self._precision():
            parts = [
                self._answer(observations, slice(first, first + self._rows), seeds)
                for first in range(0, len(slots), self._rows)
            ]
        actions = torch.cat(parts)
        traces = None if self._hook is None else self._hook.take(len(slots))
        traces = traces if self._pruned is None else self._pruned.take()
        return ActionChunk(actions.float().cpu().numpy(), traces)

    def _chunks(self) -> bool:
        """Return whether the policy is asked for chunks, of one observation each."""
        config = self._checkpoint.config
        if config.type not in CHUNKED or self._checkpoint.absolute_state:
            return False
        ensembles = getattr(config, "temporal_ensemble_coeff", None) is not None
        return not ensembles and getattr(config, "n_obs_steps", 1) == 1

    def _checked_replan(self, replan: int | None) -> int:
        if not self._steps_at_once:
            if replan not in (None, 1):
                raise PolicyError(
                    f"LeRobot's {self._checkpoint.config.type!r} is asked at every step here, not "
                    f"every {replan}",
                    "it decides itself when it plans anew (n_action_steps)",
                )
            return 1
        config = self._checkpoint.config
        steps = config.n_action_steps if replan is None else replan
        if not 1 <= steps <= config.chunk_size:
            raise PolicyError(
                f"replan must be within 1 and the chunk's {config.chunk_size}, not {steps}"
            )
        return int(steps)

    def _checked_rows(self, batch: int | None) -> int:
        kind = self._checkpoint.config.type
        rows = 1 if batch is None else at_least(1, "batch", batch)
        # Without a way to hand it its noise, a policy draws it for one episode at a time.
        if rows > 1 and not (self._steps_at_once and kind in (*NOISE, *CERTAIN)):
            raise PolicyError(f"LeRobot's {kind!r} cannot batch", "leave batch out")
        return rows

    def _keys(self) -> tuple[str, ...]:
        checkpoint = self._checkpoint
        state = () if checkpoint.state is None else ("state",)
        keys = (*checkpoint.cameras.values(), *state, *checkpoint.environment.keys)
        return tuple(dict.fromkeys(keys))

    def _needs(self, actions: str | None) -> EnvironmentNeeds:
        goals = self._checkpoint.environment.absolute or self._checkpoint.absolute_state
        told = actions or ("absolute" if goals else "delta")
        if told not in ("delta", "absolute"):
            raise PolicyError(f"actions must be delta or absolute, not {told!r}")
        protocol = load_card("lerobot").protocol
        return EnvironmentNeeds(
            protocol=protocol, actions="absolute" if told == "absolute" else "delta"
        )

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        """Return what LeRobot's own evaluation runs a policy in."""
        import torch

        config = self._checkpoint.config
        if not config.use_amp:
            return contextlib.nullcontext()
        return torch.autocast(device_type=torch.device(config.device).type)

    def _query_seed(self, slot: int, step: int) -> int:
        episode = self._episodes[slot]
        words = f"{self._seed} {episode.suite} {episode.task} {episode.trial} {step}"
        return zlib.crc32(words.encode())

    def _chunk(self, batch: dict[str, Any], seeds: Sequence[int]) -> Any:
        """Return chunks of a batch, float (B, H, n), as the model gives them."""
        import torch

        config, policy = self._checkpoint.config, self._checkpoint.policy
        policy.reset()
        extra = {}
        if config.type in NOISE:
            shape = [getattr(config, name) for name in NOISE[config.type]]
            drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
            extra["noise"] = torch.stack(drawn).to(config.device)
        if config.type in (*NOISE, *CERTAIN):
            with torch.inference_mode():
                chunk = policy.predict_action_chunk(batch, **extra)
        else:
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(seeds[0])
                chunk = policy.predict_action_chunk(batch)
        return chunk

    def _answer(self, observations: Observations, rows: slice, seeds: Sequence[int]) -> Any:
        """Return the actions of some slots, float (n, H, 7)."""
        some = {key: value[rows] for key, value in observations.items()}
        batch = policy_batch(self._checkpoint, some, self._resize)
        if self._hook is not None:
            self._hook.begin()
        if self._pruned is not None:
            self._pruned.begin(some["slots"], batch)
        with named_sizes(self._checkpoint, observations, self._resize):
            if self._steps_at_once:
                actions = self._chunk(batch, seeds[rows])
            else:
                actions = self._step(batch, int(observations["slots"][rows][0]), seeds[rows][0])
        count, steps = actions.shape[:2]
        if self._pruned is not None:
            self._pruned.end(count)
        # One step a row: that is the shape for which processors are written.
        done = self._checkpoint.after(actions.flatten(0, 1))
        return self._checkpoint.environment.executed(done).view(count, steps, -1)

    def _step(self, batch: dict[str, Any], slot: int, seed: int) -> Any:
        """Return one action of a policy with a history, float (1, 1, n), as the model gives it."""
        import torch

        policy = self._checkpoint.policy
        recall(policy, self._memories[slot])
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            action = policy.select_action(batch)
        self._memories[slot] = changed(policy, self._memories[slot])
        return action[:, None]
