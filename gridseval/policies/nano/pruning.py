"""Another pruner for a model that is loaded already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from gridseval.errors import PolicyError
from gridseval.policies.nano.config import PrunerChoice
from gridseval.policies.nano.model import NanoModel
from gridseval.tokens.pruners import build_pruner


def replace_pruner(
    model: NanoModel, name: str | None, arguments: dict[str, Any], seed: int
) -> NanoModel:
    """Give a model the pruner that the user asks for; return the model.

    A pruner of the checkpoint's own kind keeps its weights; one of another kind has fresh ones.

    Args:
        model: The model, which is changed.
        name: The pruner's, or ``None`` for the checkpoint's own.
        arguments: What the user says; they win over the checkpoint's where the kind is the same.
        seed: Of fresh weights.

    Raises:
        PolicyError: There is no such pruner or argument, or the checkpoint's weights don't fit it.
    """
    own = model.config.pruner
    same = name is None or name == own.name
    if same and not arguments:
        return model
    made = {**own.arguments, **arguments} if same else arguments
    choice = PrunerChoice(own.name if name is None else name, made)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pruner = build_pruner(choice.name, model.config.host, **choice.arguments)
    if same and pruner.state_dict():
        try:
            pruner.load_state_dict(model.pruner.state_dict())
        except RuntimeError as error:
            raise PolicyError(
                f"the checkpoint's {own.name!r} pruner has weights of other shapes: "
                f"{' '.join(str(error).split())}",
                f"it was made with {dict(own.arguments)}",
            ) from error
    model.pruner = pruner.eval()
    model.config = replace(model.config, pruner=choice)
    return model
