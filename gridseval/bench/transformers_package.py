"""The package transformers, which some models need."""

from __future__ import annotations

from typing import Any

from gridseval.errors import UsageError


def from_transformers(*names: str) -> tuple[Any, ...]:
    """Return classes of the package.

    Args:
        names: Of the classes.

    Raises:
        UsageError: It is not installed, or cannot be imported.
    """
    try:
        import transformers

        return tuple(getattr(transformers, name) for name in names)
    except Exception as error:  # an environment whose packages do not fit raises anything
        raise UsageError(
            f"this host needs the package transformers: {' '.join(str(error).split())[:200]}",
            "pip install transformers, with a torchvision that fits torch if there is one",
        ) from error
