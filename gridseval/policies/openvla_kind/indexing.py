"""Which of a language model's last hidden states a LightVLA's action head reads.

A chunk has 56 of them. LightVLA's ``predict_action`` (LiAutoAD/LightVLA,
``prismatic/extern/hf/modeling_prismatic.py``) reads the last 56; its training and OpenVLA-OFT read
the 56 from the last prompt token on, two places earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError, did_you_mean

Indexing = Literal["lightvla", "oft"]
"""Which hidden states are a chunk's: ``"lightvla"``, the last 56, ``[-56:]``, or ``"oft"``, those
of the last prompt token to action slot 55, ``[-58:-2]``."""

_AFTER: dict[Indexing, int] = {"lightvla": 0, "oft": 2}
"""How many states follow those that are read; two are the last action slot and the stop token."""


def check_indexing(text: str) -> Indexing:
    """Return a name of an indexing.

    Raises:
        PolicyError: There is no such indexing.
    """
    known: tuple[Indexing, ...] = get_args(Indexing)
    for name in known:
        if text == name:
            return name
    raise PolicyError(
        f"indexing {text!r} is neither {' nor '.join(map(repr, known))}", did_you_mean(text, known)
    )


class LastStates:
    """Keeps the last hidden states of a language model's last query, as it gave them.

    Args:
        language_model: A language model of transformers; its ``forward`` is replaced until
            :meth:`stop`.
    """

    def __init__(self, language_model: Any) -> None:
        self._model, self._forward = language_model, language_model.forward
        self._states: Tensor | None = None
        language_model.forward = self._watched

    def take(self) -> Tensor:
        """Return them, (B, T, width); T without what was pruned.

        Raises:
            PolicyError: The model's code asked for none.
        """
        if self._states is None:
            raise PolicyError("the model's code did not ask its language model for hidden states")
        states, self._states = self._states, None
        return states

    def stop(self) -> None:
        """Give the language model its own ``forward`` back."""
        self._model.forward = self._forward

    def _watched(self, *positional: Any, **named: Any) -> Any:
        output = self._forward(*positional, **named)
        if output.get("hidden_states") is not None:
            self._states = output["hidden_states"][-1]
        return output


class IndexedHead(nn.Module):
    """An action head that reads the states of an indexing, not those that the model passes.

    Args:
        head: The checkpoint's.
        states: Those of the language model.
        indexing: Which of them count.
    """

    def __init__(self, head: Any, states: LastStates, indexing: Indexing) -> None:
        super().__init__()
        self._head, self._states, self._indexing = head, states, indexing

    def predict_action(self, states: Tensor) -> Tensor:
        """Return normalised actions, (B, H, 7).

        Args:
            states: (B, H · 7, width), of which only the number counts.
        """
        own = self._states.take()
        actions: Tensor = self._head.predict_action(_read(own, states.shape[1], self._indexing))
        return actions


def find_indexing(ask: Callable[[nn.Module], Any], language_model: Any) -> Indexing:
    """Return which hidden states a checkpoint's own code hands to its action head.

    Args:
        ask: Puts a query to the model's ``predict_action``, with the action head that it is given.
        language_model: The model's.

    Raises:
        PolicyError: The code fails, or reads others than LightVLA's and OpenVLA-OFT's.
    """
    hint = "choose with --policy-arg indexing=lightvla or indexing=oft"
    states, listener = LastStates(language_model), _Listener()
    try:
        ask(listener)
    except _HeardError as heard:
        own = states.take()
        for name in _AFTER:
            if torch.equal(_read(own, heard.states.shape[1], name), heard.states):
                return name
    except Exception as error:  # the checkpoint's own code may raise anything
        raise PolicyError(
            f"cannot find which hidden states the model's code reads: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}",
            hint,
        ) from error
    finally:
        states.stop()
    raise PolicyError("the model's code reads neither LightVLA's nor OpenVLA-OFT's states", hint)


def _read(states: Tensor, count: int, indexing: Indexing) -> Tensor:
    end = states.shape[1] - _AFTER[indexing]
    return states[:, end - count : end]


class _HeardError(Exception):
    """Ends a query whose action head has been called; what follows needs real actions."""

    def __init__(self, states: Tensor) -> None:
        super().__init__("the action head was called")
        self.states = states


class _Listener(nn.Module):
    """Stands for an action head."""

    def predict_action(self, states: Tensor) -> Tensor:
        raise _HeardError(states)
