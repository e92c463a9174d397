"""OpenVLA, and what its family has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gridseval.errors import PolicyError
from gridseval.policies.arguments import accepted, refuse_arguments
from gridseval.policies.cards import load_card
from gridseval.policies.cost import card_flops, dense_trace, described_model
from gridseval.policies.openvla_kind.folder import check_folder, read_config
from gridseval.policies.openvla_kind.model import LoadedModel, is_plain, load_model
from gridseval.policies.openvla_kind.normalisation import choose_key, read_statistics
from gridseval.policies.protocol import (
    ACTION_SIZE,
    ActionChunk,
    EnvironmentNeeds,
    Observations,
)
from gridseval.tokens import TokenTrace
from gridseval.versions import versions_of

if TYPE_CHECKING:
    from gridseval.policies.hosts.layouts import Roles
    from gridseval.policies.hosts.policy_pruner import PolicyPruner
    from gridseval.suites import Episode
    from gridseval.tokens.skipping import Skipping


class OpenVlaPolicy:
    """OpenVLA: one image and the instruction in, one action out.

    Args:
        checkpoint: A directory with the model's code, safetensors and ``dataset_statistics.json``.
        trust_remote_code: Whether the model's code, which is the checkpoint's, may run.
        device: A torch device.
        dtype: ``"bfloat16"``, ``"float16"`` or ``"float32"``.
        unnorm_key: Key of the statistics; default: the suite's.
        center_crop: Whether images are cropped, as models trained with random crops need it: all
            published ones.
        pruner: Chooses visual tokens inside the language model, or before it; one of
            :func:`gridseval.tokens.pruners.list_pruners`. Default: none.
        seed: Of a fresh pruner's weights, and of pruners that draw tokens.
        **arguments: The pruner's, such as ``k`` tokens per camera.

    Raises:
        PolicyError: The code may not run, or the checkpoint cannot be loaded, is another family's,
            or would act with a parameter that is not its own; there is no such pruner or argument,
            or it does not fit the model.
    """

    card_name = "openvla"
    kind = "openvla"
    batches = False
    _heads = False
    """Whether the kind reads what lies beside the model."""

    def __init__(
        self,
        checkpoint: str,
        trust_remote_code: bool = False,
        device: str = "cpu",
        dtype: str = "bfloat16",
        unnorm_key: str | None = None,
        center_crop: bool = True,
        pruner: str | None = None,
        seed: int = 0,
        **arguments: Any,
    ) -> None:
        if pruner is None:
            refuse_arguments(self.kind, arguments, tuple(accepted(type(self))))
        self._folder = Path(checkpoint)
        self._config = read_config(self._folder)
        check_folder(self._folder, self._config, self._heads)
        self._card = load_card(self.card_name)
        if not center_crop:
            self._card = replace(self._card, image=replace(self._card.image, crop_area=None))
        self._asked_key = unnorm_key
        self._statistics = read_statistics(self._folder, self._config)
        if unnorm_key is not None:
            choose_key(self._statistics, "", unnorm_key)
        self._loaded: LoadedModel = load_model(
            self._folder, self._config, trust_remote_code, device, dtype
        )
        # OpenVLA's own evaluation overwrites what the model's configuration says.
        self._loaded.model.norm_stats = self._statistics
        self._keys: dict[int, str] = {}  # a server may have clients of several suites
        self.details: dict[str, Any] = {"packages": versions_of("transformers", "timm")}
        self.notes: tuple[str, ...] = ()
        self._complete()
        self._dense = dense_trace(self._card)
        self.observation_keys: tuple[str, ...] = self._observed()
        self.replan: int | None = self._card.replan
        self.image_mapping = self._card.image.mapping()
        self.flops = card_flops(self._card, width_of(self._loaded.model))
        self._pruning: PolicyPruner | None = None
        self.skipping: Skipping | None = None
        name = pruner or self._own_pruner()
        if name is not None:
            self._put_in(name, arguments, seed)
        self.needs = EnvironmentNeeds(protocol=self._card.protocol)
        self.details |= {"card": self._card.conventions(), "images": len(self._card.cameras)}

    def _complete(self) -> None:
        """Add what a member of the family has beside the model, and check how it attends."""
        from gridseval.policies.openvla_kind.attention import attend_to_the_left

        self.details["attention"] = attend_to_the_left(*self._language_model())

    def _observed(self) -> tuple[str, ...]:
        return self._card.cameras

    def _own_pruner(self) -> str | None:
        """Return the name of the pruner that the family has without being asked."""
        return None

    def _roles(self) -> tuple[Roles, bool]:
        """Return the roles of what follows the visual tokens, and whether tokens see both sides."""
        from gridseval.policies.hosts.layouts import openvla_roles

        return openvla_roles, False

    def _put_in(self, name: str, arguments: dict[str, Any], seed: int) -> None:
        """Put a pruner into the language model."""
        from gridseval.policies.hosts.host import host_of
        from gridseval.policies.hosts.llama import LlamaHooks
        from gridseval.policies.hosts.policy_pruner import PolicyPruner
        from gridseval.tokens.pruners.layout import CameraGrid

        model = self._loaded.model
        if not is_plain(model):
            raise PolicyError(
                f"pruner {name!r} works in a language model of transformers, and the one of "
                f"{self._folder} is its own code's, which may prune by itself",
                "leave pruner out",
            )
        cameras = tuple(CameraGrid(each, *self._card.token_grid) for each in self._card.cameras)
        roles, both_sides = self._roles()
        projector = getattr(model, "projector", None)
        vision = getattr(model, "vision_backbone", None)
        self._pruning = PolicyPruner(
            name,
            arguments,
            host_of(model.language_model, cameras, projector, self.kind, vision),
            lambda pruner: LlamaHooks(
                model.language_model,
                pruner,
                cameras,
                roles,
                bidirectional=both_sides,
                projector=projector,
                vision=vision,
            ),
            seed=seed,
            model=described_model(self._card, width_of(model), len(cameras)),
            device=self._loaded.device,
            dtype=self._loaded.dtype,
        )
        self.flops = self._pruning.flops
        self.skipping = self._pruning.skipping
        self.notes = (*self.notes, *self._pruning.notes)
        self.details |= self._pruning.details

    def _language_model(self) -> tuple[Any, int]:
        """Return the language model, and how many of its tokens it may prune by itself."""
        model = self._loaded.model
        if not hasattr(model, "language_model"):
            raise PolicyError(f"{self._folder}: its model has no language_model, as OpenVLA's has")
        rows, columns = self._card.token_grid
        own = 0 if is_plain(model) else rows * columns * len(self._card.cameras)
        return model.language_model, own

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Choose the statistics of the episodes' suite.

        Raises:
            PolicyError: The checkpoint has none (lists its keys).
        """
        for slot, episode in zip(slots, episodes, strict=True):
            key = choose_key(self._statistics, episode.suite, self._asked_key)
            self._keys[int(slot)] = key
        if self._pruning is not None:
            self._pruning.reset(slots, episodes)

    def act(self, observations: Observations) -> ActionChunk:
        """Return one slot's actions, float32 (1, H, 7).

        Raises:
            PolicyError: The model's code answers with another chunk than the family's.
        """
        import torch

        frames = [self._card.image.apply(observations[camera]) for camera in self._card.cameras]
        images = [Image.fromarray(frame[0]) for frame in frames]
        prompt = prompt_of(observations["instruction"][0])
        with torch.inference_mode():
            if self._pruning is not None:
                self._pruning.begin(
                    observations["slots"],
                    lambda: torch.from_numpy(np.stack(frames, axis=1)).float(),
                )
            answer = self._predict(prompt, images, observations)
            traces = self._traces()
        # OpenVLA-OFT's code gives hidden states second.
        actions = np.atleast_2d(np.asarray(answer[0] if isinstance(answer, tuple) else answer))
        if actions.shape != (self._card.chunk, ACTION_SIZE):
            raise PolicyError(
                f"the model's predict_action gave shape {actions.shape}, and "
                f"{self._card.title}'s is ({self._card.chunk}, {ACTION_SIZE})",
                "if its code is OpenVLA-OFT's, give --policy openvla-oft; that code "
                "(prismatic.vla.constants) chooses its constants by words of the command line: "
                "leave aloha and bridge out of it",
            )
        return ActionChunk(self._card.gripped(actions[None].astype(np.float32)), traces)

    def _predict(
        self,
        prompt: str,
        images: Sequence[Any],
        observations: Observations,
    ) -> Any:
        """Return the model's answer: unnormalised actions, (H, 7), or a pair with them."""
        key = self._keys[int(observations["slots"][0])]
        inputs = self._loaded.inputs(prompt, images[0])
        return self._loaded.model.predict_action(**inputs, unnorm_key=key, do_sample=False)

    def _traces(self) -> tuple[TokenTrace | None, ...] | None:
        """End a query, and return what it kept."""
        if self._pruning is not None:
            return self._pruning.finish()
        # What a checkpoint's own language model keeps is unknown.
        return (self._dense,) if is_plain(self._loaded.model) else None


def prompt_of(instruction: str) -> str:
    """Return the prompt of the training data."""
    return f"In: What action should the robot take to {instruction.lower()}?\nOut:"


def width_of(model: Any) -> int:
    """Return the language model's width."""
    return int(getattr(model, "llm_dim", 0) or model.config.text_config.hidden_size)
