"""OpenVLA-OFT's two small networks beside the model, read from their own files.

Source: moojink/openvla-oft; keys and shapes decide, the code is written anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.policies.openvla_kind.folder import raise_vla_adapter
from gridseval.policies.protocol import ACTION_SIZE


class ActionHead(nn.Module):
    """Maps the hidden states of a chunk's action slots to actions (L1 regression).

    ``h = relu(fc1(LN(x)))``, then blocks ``h + relu(fc(LN(h)))``, then ``fc2(LN(h))``.

    Args:
        width: The language model's.
        hidden: The head's.
        blocks: How many residual blocks.
    """

    def __init__(self, width: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.model = _Network(width * ACTION_SIZE, hidden, blocks)

    def predict_action(self, states: Tensor) -> Tensor:
        """Return normalised actions, (B, H, 7), of hidden states (B, H · 7, width)."""
        rows = states.reshape(len(states), -1, ACTION_SIZE * states.shape[2])
        actions: Tensor = self.model(rows)
        return actions


class _Network(nn.Module):
    def __init__(self, width: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.mlp_resnet_blocks = nn.ModuleList(_Block(hidden) for _ in range(blocks))
        self.layer_norm2 = nn.LayerNorm(hidden)
        self.fc2 = nn.Linear(hidden, ACTION_SIZE)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = torch.relu(self.fc1(self.layer_norm1(rows)))
        for block in self.mlp_resnet_blocks:
            hidden = block(hidden)
        actions: Tensor = self.fc2(self.layer_norm2(hidden))
        return actions


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ffn = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())

    def forward(self, hidden: Tensor) -> Tensor:
        added: Tensor = self.ffn(hidden)
        return hidden + added


class ProprioProjector(nn.Module):
    """Maps the normalised state to a token: ``fc2(gelu(fc1(x)))``.

    Args:
        size: Of the state.
        width: The language model's.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(size, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, state: Tensor) -> Tensor:
        """Return (B, width) of (B, size)."""
        token: Tensor = self.fc2(nn.functional.gelu(self.fc1(state)))
        return token


def load_action_head(folder: Path, width: int) -> ActionHead | None:
    """Return the head of ``action_head--*``; ``None`` for a checkpoint of discrete actions.

    Raises:
        PolicyError: The file is damaged, would run code, or is of another head or width.
    """
    state, file = read_parameters(folder, "action_head")
    if state is None:
        return None
    kinds = {key.split(".")[0] for key in state}
    if "noise_predictor" in kinds:
        raise PolicyError(
            f"{file} is a diffusion head, which is not supported",
            "serve it with a class of your own: gridseval serve --policy file.py:Class",
        )
    blocks = {key.split(".")[2] for key in state if key.startswith("model.mlp_resnet_blocks.")}
    other = [key for key in state if ".mlp_resnet_blocks." in key and ".ffn." not in key]
    if other:
        raise_vla_adapter(folder, f"a head with {other[0]}")
    head = ActionHead(width, _rows(state, "model.fc1.weight", file), len(blocks))
    fill(head, state, file)
    return head


def load_proprio_projector(folder: Path, width: int, size: int) -> ProprioProjector | None:
    """Return the network of ``proprio_projector--*``; ``None`` for one that sees no state.

    Raises:
        PolicyError: As :func:`load_action_head` does.
    """
    state, file = read_parameters(folder, "proprio_projector")
    if state is None:
        return None
    projector = ProprioProjector(size, width)
    fill(projector, state, file)
    return projector


def read_parameters(folder: Path, name: str) -> tuple[dict[str, Tensor] | None, Path]:
    """Return the parameters of ``name--*`` and the file; ``None`` and the folder without one.

    Raises:
        PolicyError: There are several, or the file is damaged, would run code or holds no tensors.
    """
    files = sorted(folder.glob(f"{name}--*"))
    if not files:
        return None, folder
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise PolicyError(f"{folder} has several of {name}--*: {names}", "keep one")
    try:
        loaded: Any = torch.load(files[0], map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each have their own
        reason = " ".join(str(error).split())[:200]
        raise PolicyError(f"cannot read {files[0]}: {type(error).__name__}: {reason}") from error
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise PolicyError(f"{files[0]} holds no parameters")
    # Saved from a distributed wrapper, every key begins with "module.".
    return {str(key).removeprefix("module."): value for key, value in loaded.items()}, files[0]


def _rows(state: Mapping[str, Tensor], key: str, file: Path) -> int:
    if key not in state or state[key].ndim != 2:
        raise PolicyError(f"{file}: no matrix {key}", "is it the head of L1 regression?")
    return int(state[key].shape[0])


def fill(network: nn.Module, state: Mapping[str, Tensor], file: Path) -> None:
    """Fill a network with a file's parameters and set it to evaluation mode.

    Raises:
        PolicyError: A parameter is missing, unexpected or of another shape (names the first few).
    """
    own = network.state_dict()
    reshaped = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(value.shape)}"
        for key, value in own.items()
        if key in state and state[key].shape != value.shape
    ]
    check_complete(file, set(own) - set(state), set(state) - set(own), reshaped)
    network.load_state_dict(state, strict=True)
    network.eval()


def check_complete(
    what: Path, missing: Collection[str], unexpected: Collection[str], reshaped: Collection[str]
) -> None:
    """Refuse parameters that did not load: what is not the file's is of the initialisation.

    Raises:
        PolicyError: There are some (names the first few of each).
    """
    parts = [
        f"{len(names)} {word}: {', '.join(sorted(names)[:3])}" + (", …" if len(names) > 3 else "")
        for word, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", reshaped),
        )
        if names
    ]
    if parts:
        raise PolicyError(
            f"{what} does not fit the model's code, parameters {'; '.join(parts)}",
            "is the code beside it that of its training, and was it copied whole?",
        )
