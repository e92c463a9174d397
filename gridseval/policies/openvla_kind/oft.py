"""OpenVLA-OFT and LightVLA."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gridseval.errors import PolicyError
from gridseval.policies.arguments import with_arguments_of
from gridseval.policies.openvla_kind.folder import image_count
from gridseval.policies.openvla_kind.model import is_plain
from gridseval.policies.openvla_kind.normalisation import read_bounds
from gridseval.policies.openvla_kind.policy import OpenVlaPolicy, prompt_of, width_of
from gridseval.policies.protocol import Observations
from gridseval.tokens import TokenTrace

if TYPE_CHECKING:
    from gridseval.policies.hosts.layouts import Roles

_STATE_SIZE = 8


class OpenVlaOftPolicy(OpenVlaPolicy):
    """OpenVLA-OFT: two images, state and instruction in, a chunk of eight actions out.

    Beside the model lie ``action_head--*`` (L1 regression), ``proprio_projector--*``, without which
    the model sees no state, and ``vision_backbone--*``, where the instruction modulates the vision
    (FiLM).

    Args:
        checkpoint: As :class:`OpenVlaPolicy`'s.
        images: 1 for agentview alone, 2 with the wrist camera; default: as the checkpoint's files
            say, else 2.
        shared: The further arguments of :class:`OpenVlaPolicy`.

    Raises:
        PolicyError: As :class:`OpenVlaPolicy`'s, or its language model cannot attend to both sides.
    """

    card_name = "openvla_oft"
    kind = "openvla-oft"
    _heads = True

    @with_arguments_of(OpenVlaPolicy)
    def __init__(self, checkpoint: str, *, images: int | None = None, **shared: Any) -> None:
        self._asked_images = images
        super().__init__(checkpoint, **shared)

    def _complete(self) -> None:
        from gridseval.policies.openvla_kind.attention import attend_to_both_sides
        from gridseval.policies.openvla_kind.film import load_film
        from gridseval.policies.openvla_kind.heads import load_action_head, load_proprio_projector

        self._check_code()
        model, width = self._loaded.model, width_of(self._loaded.model)
        parts = (
            load_action_head(self._folder, width),
            load_proprio_projector(self._folder, width, _STATE_SIZE),
            load_film(self._folder, model.vision_backbone, width),
        )
        self._head, self._proprio, film = (
            part if part is None else part.to(self._loaded.device, self._loaded.dtype)
            for part in parts
        )
        self._film = film is not None
        if film is not None:
            model.vision_backbone = film
        count = image_count(self._folder, self._config, self._asked_images)
        self._card = replace(self._card, cameras=self._card.cameras[:count])
        # LightVLA's model must know it too, for its pruner.
        taker = model if hasattr(model, "set_num_images_in_input") else model.vision_backbone
        taker.set_num_images_in_input(count)
        self.notes = tuple(
            f"{self._folder} has no {pattern}: {meaning}"
            for part, pattern, meaning in (
                (self._head, "action_head--*", "actions are decoded from discrete tokens"),
                (self._proprio, "proprio_projector--*", "the model sees no state"),
            )
            if part is None
        )
        self.details |= {
            "attention": attend_to_both_sides(*self._language_model()),
            "film": self._film,
            "proprio": self._proprio is not None,
        }

    def _check_code(self) -> None:
        """Refuse OpenVLA's code beside OpenVLA-OFT's weights.

        OpenVLA-OFT's training saves no code, and its evaluation copies its own into the folder.
        """
        model = self._loaded.model
        taken = inspect.signature(model.predict_action).parameters
        backbone = getattr(model, "vision_backbone", None)
        if "action_head" not in taken or not hasattr(backbone, "set_num_images_in_input"):
            raise PolicyError(
                f"the code in {self._folder} is not OpenVLA-OFT's: its predict_action takes no "
                "action_head",
                "copy modeling_prismatic.py and configuration_prismatic.py of openvla-oft's "
                "prismatic/extern/hf into the folder, as its own evaluation does",
            )

    def _observed(self) -> tuple[str, ...]:
        cameras = self._card.cameras
        return cameras if self._proprio is None else (*cameras, "state")

    def _roles(self) -> tuple[Roles, bool]:
        from gridseval.policies.hosts.layouts import oft_roles

        state = self._head is not None and self._proprio is not None
        return partial(oft_roles, state=state), True

    def _predict(self, prompt: str, images: Sequence[Any], observations: Observations) -> Any:
        key = self._keys[int(observations["slots"][0])]
        state = None
        if self._head is not None and self._proprio is not None:
            bounds = read_bounds(self._statistics, key, "proprio", _STATE_SIZE)
            state = bounds.normalise(observations["state"][0])
        return self._ask(prompt, images, key, state, self._head)

    def _ask(self, prompt: str, images: Sequence[Any], key: str, state: Any, head: Any) -> Any:
        """Return the model's answer to one query.

        Args:
            prompt: The instruction, in the training's words.
            images: PIL images, one per camera.
            key: Of the statistics.
            state: Normalised, (8,); ``None`` where the model sees none.
            head: The action head; ``None`` for discrete actions, asked for without all that.
        """
        import torch

        inputs = self._loaded.inputs(prompt, images[0])
        wrist = [self._loaded.inputs(prompt, image)["pixel_values"] for image in images[1:]]
        inputs["pixel_values"] = torch.cat([inputs["pixel_values"], *wrist], dim=1)
        more: dict[str, Any] = {}
        if head is not None:
            more = {
                "proprio": state,
                "proprio_projector": self._proprio,
                "action_head": head,
                "use_film": self._film,
            }
        return self._loaded.model.predict_action(**inputs, unnorm_key=key, do_sample=False, **more)


class LightVlaPolicy(OpenVlaOftPolicy):
    """LightVLA: an OpenVLA-OFT whose language model sees the visual tokens that it asks for.

    The pruner has no parameters, so the checkpoint is an OpenVLA-OFT's; ours, or the one that is
    asked for, is put into the language model unless the checkpoint's own code replaces that, which
    then prunes by itself and whose choice is noted.

    Args:
        checkpoint: As :class:`OpenVlaPolicy`'s.
        indexing: Which hidden states the action head reads: ``"lightvla"``, the last 56, as
            LightVLA's published evaluation, or ``"oft"``, the 56 from the last prompt token, as
            OpenVLA-OFT's and as LightVLA's training; default: those that the checkpoint's own code
            reads.
        shared: The further arguments of :class:`OpenVlaOftPolicy`.

    Raises:
        PolicyError: As :class:`OpenVlaOftPolicy`'s, or there is no action head.
    """

    card_name = "lightvla"
    kind = "lightvla"

    @with_arguments_of(OpenVlaOftPolicy)
    def __init__(self, checkpoint: str, *, indexing: str | None = None, **shared: Any) -> None:
        self._asked_indexing = indexing
        super().__init__(checkpoint, **shared)

    def _complete(self) -> None:
        from gridseval.policies.openvla_kind.own_choice import OwnChoice, find_own_pruner

        super()._complete()
        if self._head is None:
            raise PolicyError(f"{self._folder} has no action_head--*, which LightVLA's have")
        self._index()
        plain = is_plain(self._loaded.model)
        own = find_own_pruner(self._loaded.model.language_model)
        self._own = None if own is None else OwnChoice(own, self._card)
        if self._own is None and not plain:
            told = "the checkpoint's own language model prunes; its choice is not traced"
            self.notes = (*self.notes, told)
        self.details["pruning"] = "by gridseval" if plain else "by the checkpoint's code"

    def _own_pruner(self) -> str | None:
        return "lightvla" if is_plain(self._loaded.model) else None

    def _index(self) -> None:
        """Let the action head read the hidden states of the indexing, and say which they are."""
        from gridseval.policies.openvla_kind.indexing import (
            IndexedHead,
            LastStates,
            check_indexing,
            find_indexing,
        )

        language_model = self._loaded.model.language_model
        if self._asked_indexing is None:
            indexing, chosen_by = (
                find_indexing(self._ask_blindly, language_model),
                "the checkpoint's code",
            )
        else:
            indexing, chosen_by = check_indexing(self._asked_indexing), "--policy-arg indexing"
            self._head = IndexedHead(self._head, LastStates(language_model), indexing)
        self.details |= {"indexing": indexing, "indexing_by": chosen_by}

    def _ask_blindly(self, head: Any) -> None:
        """Put a query with black images and a state of zeros to the model's code."""
        import torch

        frame = np.zeros((1, 224, 224, 3), np.uint8)
        blank = Image.fromarray(self._card.image.apply(frame)[0])
        state = None if self._proprio is None else np.zeros(_STATE_SIZE)
        key = self._asked_key or next(iter(self._statistics))
        with torch.inference_mode():
            self._ask(prompt_of("move"), [blank] * len(self._card.cameras), key, state, head)

    def _traces(self) -> tuple[TokenTrace | None, ...] | None:
        if self._pruning is not None:
            return super()._traces()
        return None if self._own is None else (self._own.trace(),)
