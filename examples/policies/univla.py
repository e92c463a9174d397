r"""UniVLA (OpenDriveLab/UniVLA, read at commit 0ab9e9d), served from its own environment.

The environment: upstream's README (torch with flash-attn, TensorFlow) and
``pip install gridseval/serve``; LIBERO is not needed there::

    PYTHONPATH=UniVLA gridseval serve --policy examples/policies/univla.py:UniVla \
        --ckpt FOLDER --trust-remote-code

    gridseval run --suite libero_object --ckpt ws://127.0.0.1:8000

As ``experiments/robot/libero/run_libero_eval.py`` does: agentview alone, JPEG and Lanczos to
224 px, upstream's function for crop, prompt and four sampled latent tokens; those of the step
before are in the next prompt. ``action_decoder.pt`` makes 12 actions of them; what is executed is
the mean over the last 12 queries of what each says of this step, where a query that is k steps old
weighs exp(−0.1 k). Then the statistics' 1st and 99th percentiles scale it.

What differs: upstream draws all samples from one generator, seeded once. Here every query has a
seed of its own, of the run's seed, suite, task, trial and step, so that an episode does not depend
on those before it.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from recipe_parts import check_trust, imported

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, EnvironmentNeeds, Observations
from gridseval.policies.cards import load_card
from gridseval.policies.openvla_kind.normalisation import choose_key, read_bounds

if TYPE_CHECKING:
    from gridseval.suites import Episode

FIRST_LATENT = 32001  # the token of <ACT_0>
WIDTHS = {"vis_dim": 4096, "embed_dim": 512, "n_heads": 8}  # of the decoder's two attention pools


class UniVla:
    """UniVLA: one image, the instruction and the last latent action in, one action out.

    Args:
        checkpoint: A folder with the model and ``dataset_statistics.json``.
        trust_remote_code: Upstream's loader runs code that lies in the folder.
        decoder: The action decoder's file; by default the one ``action_decoder*.pt`` in the
            folder.
        window: Actions that the decoder makes per query.
        unnorm_key: Key of the statistics; by default the suite's.
        seed: The run's seed.

    Raises:
        PolicyError: Upstream's code cannot be imported or may not run the folder's, or there is no
            decoder that fits.
    """

    batches = False
    observation_keys = ("agentview",)
    replan = 1

    def __init__(
        self,
        checkpoint: str,
        trust_remote_code: bool = False,
        decoder: str | None = None,
        window: int = 12,
        unnorm_key: str | None = None,
        seed: int = 7,
    ) -> None:
        check_trust(trust_remote_code, "UniVLA", f"code of {checkpoint}")
        self._robot = imported("experiments.robot.robot_utils", "UniVLA")
        parts = imported("experiments.robot.openvla_utils", "UniVLA")
        self._settings = SimpleNamespace(
            model_family="openvla",
            pretrained_checkpoint=checkpoint,
            load_in_8bit=False,
            load_in_4bit=False,
            center_crop=True,
            task_suite_name="libero",  # upstream's loader takes a device where it reads this
            unnorm_key="",
        )
        file = _decoder_file(Path(checkpoint)) if decoder is None else Path(decoder)
        self._decoder = _load_decoder(file, window)
        self._model = self._robot.get_model(self._settings)
        self._decoder.to(self._model.device)
        self._processor = parts.get_processor(self._settings)
        self._card = load_card("univla")
        self._image = replace(self._card.image, crop_area=None)  # upstream's own function crops
        self._window, self._seed, self._asked_key = window, seed, unnorm_key
        if unnorm_key is not None:
            choose_key(self._model.norm_stats, "", unnorm_key)
        self._episodes: dict[int, _Progress] = {}
        self.needs = EnvironmentNeeds(protocol=self._card.protocol)
        self.image_mapping = self._card.image.mapping()
        self.details = {"card": self._card.conventions(), "window": window}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Choose the statistics of the episodes' suite, and forget the slots' history.

        Raises:
            PolicyError: The checkpoint has none.
        """
        for slot, episode in zip(slots, episodes, strict=True):
            key = choose_key(self._model.norm_stats, episode.suite, self._asked_key)
            self._episodes[slot] = _Progress(episode, key, self._window)

    def act(self, observations: Observations) -> ActionChunk:
        """Return one slot's next action, float32 (1, 1, 7)."""
        progress = self._episodes[int(observations["slots"][0])]
        self._seed_torch(progress.episode, int(observations["steps"][0]))
        self._settings.unnorm_key = progress.key
        latent, visual, tokens = self._robot.get_latent_action(
            self._settings,
            self._model,
            {"full_image": self._image.apply(observations["agentview"])[0]},
            observations["instruction"][0],
            processor=self._processor,
            hist_action=progress.latent,
        )
        progress.latent = "".join(f"<ACT_{int(token) - FIRST_LATENT}>" for token in tokens[0])
        progress.remember(self._decoded(latent, visual))
        bounds = read_bounds(self._model.norm_stats, progress.key, "action", 7)
        mean = progress.mean()
        scaled = 0.5 * (mean + 1) * (bounds.high - bounds.low) + bounds.low
        action = np.where(bounds.mask, scaled, mean).astype(np.float32)
        return ActionChunk(self._card.gripped(action[None, None]))

    def _decoded(self, latent: Any, visual: Any) -> NDArray[np.float64]:
        import torch

        with torch.no_grad():
            actions = self._decoder(latent.float(), visual.float()).reshape(self._window, 7)
        return np.asarray(actions.cpu().numpy(), np.float64)

    def _seed_torch(self, episode: Episode, step: int) -> None:
        import torch

        words = f"{self._seed} {episode.suite} {episode.task} {episode.trial} {step}"
        torch.manual_seed(zlib.crc32(words.encode()))


class _Progress:
    """What one episode did so far.

    Attributes:
        episode: The episode.
        key: Of its statistics.
        latent: The last query's latent action, as the prompt names it; empty at the beginning.
    """

    def __init__(self, episode: Episode, key: str, window: int) -> None:
        self.episode, self.key, self.latent = episode, key, ""
        self._chunks: deque[NDArray[np.float64]] = deque(maxlen=window)

    def remember(self, chunk: NDArray[np.float64]) -> None:
        """Add the newest query's actions, (window, 7)."""
        self._chunks.appendleft(chunk)

    def mean(self) -> NDArray[np.float64]:
        """Return the weighted mean of what the queries say of the present step, (7,)."""
        said = np.stack([chunk[age] for age, chunk in enumerate(self._chunks)])
        weights = np.exp(-0.1 * np.arange(len(said)))[:, None]
        mean: NDArray[np.float64] = (said * weights).sum(0) / weights.sum()
        return mean


def _decoder_file(folder: Path) -> Path:
    found = sorted(folder.glob("action_decoder*.pt"))
    if len(found) != 1:
        many = ", ".join(file.name for file in found) or "none"
        raise PolicyError(
            f"{folder} must hold one action_decoder*.pt, found {many}",
            "name it with --policy-arg decoder=FILE",
        )
    return found[0]


def _load_decoder(file: Path, window: int) -> Any:
    """Return the action decoder with its weights, every one of them.

    Raises:
        PolicyError: The file is no such decoder's, or one for another number of actions.
    """
    import torch

    decoder = _new_decoder(window)
    try:
        decoder.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise PolicyError(
            f"{file} is no action decoder of {window} steps: {reason}",
            "give the number that it was trained with: --policy-arg window=STEPS",
        ) from error
    decoder.eval()
    return decoder


def _new_decoder(window: int) -> Any:
    """Return upstream's decoder without weights.

    The last four tokens are pooled by a query that the pooled image tokens begin; one layer with
    tanh makes the actions of it.
    """
    from torch import Tensor, nn

    pool = imported("prismatic.models.policy.transformer_utils", "UniVLA").MAPBlock

    class ActionDecoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.latent_action_pool = pool(n_latents=1, **WIDTHS)
            self.visual_pool = pool(n_latents=1, **WIDTHS)
            self.proj = nn.Sequential(nn.Linear(WIDTHS["embed_dim"], 7 * window), nn.Tanh())

        def forward(self, latent: Tensor, visual: Tensor) -> Tensor:
            begun = self.visual_pool(visual)
            actions: Tensor = self.proj(self.latent_action_pool(latent[:, -4:], init_embed=begun))
            return actions

    return ActionDecoder()
