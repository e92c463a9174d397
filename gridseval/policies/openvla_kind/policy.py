"""OpenVLA, OpenVLA-OFT and LightVLA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gridseval.errors import PolicyError
from gridseval.policies.cards import load_card
from gridseval.policies.cost import card_flops, dense_trace
from gridseval.policies.openvla_kind.model import LoadedModel, is_plain, load_model
from gridseval.policies.openvla_kind.statistics import (
    choose_key,
    read_bounds,
    read_statistics,
)
from gridseval.policies.protocol import ACTION_SIZE, ActionChunk, Observations
from gridseval.tokens import TokenTrace
from gridseval.versions import versions_of

if TYPE_CHECKING:
    from gridseval.suites import Episode

_STATE_SIZE = 8


class OpenVlaPolicy:
    """OpenVLA: one image and the instruction in, one action out.

    Args:
        checkpoint: A directory with the model's code, safetensors and ``dataset_statistics.json``.
        trust_remote_code: Whether the model's code, which is the checkpoint's, may run.
        device: A torch device.
        dtype: ``"bfloat16"``, ``"float16"`` or ``"float32"``.
        unnorm_key: Key of the statistics; default: the suite's.

    Raises:
        PolicyError: The code may not run, or the checkpoint cannot be loaded.
    """

    card_name = "openvla"
    batches = False

    def __init__(
        self,
        checkpoint: str,
        trust_remote_code: bool = False,
        device: str = "cpu",
        dtype: str = "bfloat16",
        unnorm_key: str | None = None,
    ) -> None:
        self._folder = Path(checkpoint)
        self._card = load_card(self.card_name)
        self._asked_key = unnorm_key
        self._statistics = read_statistics(self._folder)
        if unnorm_key is not None:
            choose_key(self._statistics, "", unnorm_key)
        self._loaded: LoadedModel = load_model(self._folder, trust_remote_code, device, dtype)
        # OpenVLA's own evaluation overwrites what the model's configuration says.
        self._loaded.model.norm_stats = self._statistics
        self._keys: dict[int, str] = {}  # a server may have clients of several suites
        self._dense = dense_trace(self._card)
        self.observation_keys: tuple[str, ...] = self._card.cameras
        self.replan: int | None = self._card.replan
        self.image_mapping = self._card.image.mapping()
        self.flops = card_flops(self._card, _width(self._loaded.model))
        self.details = {
            "card": self._card.conventions(),
            "packages": versions_of("transformers", "timm"),
        }
        self._complete()

    def _complete(self) -> None:
        """Add what a later member of the family has beside the model."""

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Choose the statistics of the episodes' suite.

        Raises:
            PolicyError: The checkpoint has none (lists its keys).
        """
        for slot, episode in zip(slots, episodes, strict=True):
            key = choose_key(self._statistics, episode.suite, self._asked_key)
            self._keys[int(slot)] = key

    def act(self, observations: Observations) -> ActionChunk:
        """Return one slot's actions, float32 (1, H, 7)."""
        import torch

        images = [
            Image.fromarray(self._card.image.apply(observations[camera])[0])
            for camera in self._card.cameras
        ]
        # The prompt of the training data.
        task = observations["instruction"][0].lower()
        prompt = f"In: What action should the robot take to {task}?\nOut:"
        with torch.inference_mode():
            actions = self._predict(prompt, images, observations)
        if actions.ndim != 2 or actions.shape[1] != ACTION_SIZE:
            raise PolicyError(f"the model's predict_action gave shape {actions.shape}, not (H, 7)")
        return ActionChunk(self._card.gripped(actions[None].astype(np.float32)), self._traces())

    def _predict(
        self,
        prompt: str,
        images: Sequence[Any],
        observations: Observations,
    ) -> NDArray[Any]:
        """Return unnormalised actions, (H, 7)."""
        key = self._keys[int(observations["slots"][0])]
        inputs = self._loaded.inputs(prompt, images[0])
        answer = self._loaded.model.predict_action(**inputs, unnorm_key=key, do_sample=False)
        return np.atleast_2d(np.asarray(answer))

    def _traces(self) -> tuple[TokenTrace | None, ...] | None:
        # Of a language model that is the checkpoint's own nobody knows what it keeps.
        return (self._dense,) if is_plain(self._loaded.model) else None


class OpenVlaOftPolicy(OpenVlaPolicy):
    """OpenVLA-OFT: two images, state and instruction in, a chunk of eight actions out.

    Beside the model lie ``action_head--*`` (L1 regression) and ``proprio_projector--*``; without
    the second the model sees no state.

    Arguments and errors are :class:`OpenVlaPolicy`'s.
    """

    card_name = "openvla_oft"

    def _complete(self) -> None:
        from gridseval.policies.openvla_kind.heads import load_action_head, load_proprio_projector

        model = self._loaded.model
        width = _width(model)
        head = load_action_head(self._folder, width)
        proprio = load_proprio_projector(self._folder, width, _STATE_SIZE)
        self._head, self._proprio = (
            part if part is None else part.to(self._loaded.device, self._loaded.dtype)
            for part in (head, proprio)
        )
        backbone: Any = getattr(model, "vision_backbone", None)
        if hasattr(backbone, "set_num_images_in_input"):
            backbone.set_num_images_in_input(len(self._card.cameras))
        if self._proprio is not None:
            self.observation_keys = (*self._card.cameras, "state")

    def _predict(
        self, prompt: str, images: Sequence[Any], observations: Observations
    ) -> NDArray[Any]:
        import torch

        key = self._keys[int(observations["slots"][0])]
        inputs = self._loaded.inputs(prompt, images[0])
        wrist = [self._loaded.inputs(prompt, image)["pixel_values"] for image in images[1:]]
        inputs["pixel_values"] = torch.cat([inputs["pixel_values"], *wrist], dim=1)
        state = None
        if self._proprio is not None:
            bounds = read_bounds(self._statistics, key, "proprio", _STATE_SIZE)
            state = bounds.normalise(observations["state"][0])
        answer = self._loaded.model.predict_action(
            **inputs,
            unnorm_key=key,
            do_sample=False,
            proprio=state,
            proprio_projector=self._proprio,
            action_head=self._head,
            use_film=False,
        )
        # The hidden states come second.
        actions = answer[0] if isinstance(answer, tuple) else answer
        return np.atleast_2d(np.asarray(actions))


class LightVlaPolicy(OpenVlaOftPolicy):
    """LightVLA: an OpenVLA-OFT whose language model sees the visual tokens that it asks for.

    The pruner has no parameters, so the checkpoint is an OpenVLA-OFT's; ours is put before the
    language model unless the checkpoint's own code replaces that, which then prunes by itself and
    tells nobody what it kept.

    Arguments and errors are :class:`OpenVlaPolicy`'s.
    """

    card_name = "lightvla"

    def _complete(self) -> None:
        super()._complete()
        from gridseval.policies.openvla_kind.lightvla import LightVlaHook

        self._hook: LightVlaHook | None = None
        self.notes: tuple[str, ...] = ()
        if is_plain(self._loaded.model):
            self._hook = LightVlaHook(self._loaded.model.language_model, self._card)
        else:
            self.notes = ("the checkpoint's own language model prunes; its choice is not traced",)

    def _traces(self) -> tuple[TokenTrace | None, ...] | None:
        return None if self._hook is None else (self._hook.trace(),)


def _width(model: Any) -> int:
    """Return the language model's width."""
    return int(getattr(model, "llm_dim", 0) or model.config.text_config.hidden_size)
