"""What the recipes of this folder share; see one of them, such as nora.py, for how they are used.

A recipe puts a model behind gridseval's ``Policy`` in the model's own environment. It calls the
functions that the model's authors call in their LIBERO evaluation and adds what stands between
them there. It does not import the model before its class is made.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError


def imported(module: str, where: str) -> ModuleType:
    """Import a module of the model's repository.

    Args:
        module: Its name.
        where: What to put on PYTHONPATH, for the error.

    Raises:
        PolicyError: It, or something that it imports, is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise PolicyError(
            f"cannot import {module}: {error}",
            f"serve in the model's own environment, with {where} on PYTHONPATH",
        ) from error


def check_trust(trusted: bool, family: str, what: str) -> None:
    """Refuse to let a loader run code that lies beside weights unless the user allowed it.

    Raises:
        PolicyError: The user did not.
    """
    if not trusted:
        raise PolicyError(
            f"{family}'s own loader runs {what}",
            "if you trust that, give --trust-remote-code",
        )


def closed_at_zero(actions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return actions whose gripper is 1 (closes) where it is exactly 0."""
    mended = actions.copy()
    mended[..., 6] = np.where(actions[..., 6] == 0, 1, actions[..., 6])
    return mended
