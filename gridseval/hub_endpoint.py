"""The address of the Hugging Face hub that the environment names."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from gridseval.errors import MachineError

DEFAULT_ENDPOINT = "https://huggingface.co"
_VARIABLE = "HF_ENDPOINT"


def hub_endpoint() -> str:
    """Return the address, without a slash at its end.

    Raises:
        MachineError: It is not one of a web server; says how to write it.
    """
    named = (os.environ.get(_VARIABLE) or "").strip()
    if not named:
        return DEFAULT_ENDPOINT
    shown = named if len(named) <= 100 else f"{named[:99]}…"
    try:
        parts = urlsplit(named)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise MachineError(f"{_VARIABLE} is {shown!r}, not an address: {error}", _FORM) from error
    if known:
        return named.rstrip("/")
    if "://" in named:
        raise MachineError(f"{_VARIABLE} is {shown!r}, not the address of a web server", _FORM)
    raise MachineError(
        f"{_VARIABLE} is {shown!r}, an address without its scheme",
        f"export {_VARIABLE}=https://{shown.lstrip('/')}",
    )


_FORM = f"write it as in {_VARIABLE}={DEFAULT_ENDPOINT}"
