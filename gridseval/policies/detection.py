"""Detects the kind of policy of a checkpoint from its files or its address.

The table of kinds says how each is recognised; nothing is loaded, and no code of the checkpoint
runs.
"""

from __future__ import annotations

import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from gridseval.errors import PolicyError
from gridseval.os_errors import os_errors
from gridseval.policies.elsewhere import FOREIGN
from gridseval.policies.kinds import KINDS
from gridseval.policies.reference import meant_reference
from gridseval.policies.remote.line import (
    SCHEMES,
    UnreachableError,
    checked_address,
    is_loopback,
)
from gridseval.policies.signs import read_config


class Detection(NamedTuple):
    """What a checkpoint is taken for.

    Attributes:
        kind: A registered name.
        why: What was found, to be shown to the user.
    """

    kind: str
    why: str


def detect(checkpoint: str) -> Detection:
    """Return the kind of a checkpoint.

    Args:
        checkpoint: A file, a folder, or the address of a policy server.

    Raises:
        PolicyError: It does not exist, no server answers there, or no sign was found (lists
            what was looked for).
    """
    if checkpoint.partition("://")[0] in SCHEMES:
        return _served(checkpoint)
    path = Path(checkpoint)
    with os_errors(f"cannot look at {path}", PolicyError):
        there = path.exists()
    if not there:
        raise PolicyError(
            f"checkpoint {checkpoint} does not exist",
            meant_reference(checkpoint)
            or "name a file, a folder, a hub id (owner/name) or ws://host:port",
        )
    for family in FOREIGN:
        found = family.sign(path)
        if found is not None:
            raise PolicyError(
                f"{checkpoint} looks like a checkpoint of {family.title} ({found}), which runs in "
                "its authors' own code",
                family.hint,
            )
    for kind in KINDS:
        why = kind.find_sign(path)
        if why is not None:
            return Detection(kind.name, why)
    if (path / _ADAPTER).is_file():
        base = read_config(path, _ADAPTER).get("base_model_name_or_path", "its base model")
        raise PolicyError(
            f"{checkpoint} is an adapter (LoRA) without a model: it holds {_ADAPTER}",
            f"merge it into {str(base)[:200]} (peft: merge_and_unload) and name the merged folder",
        )
    looked = "; ".join(f"{kind.looks_for} ({kind.name})" for kind in KINDS if kind.sign)
    raise PolicyError(
        f"cannot tell what kind of policy {checkpoint} is; looked for {looked}",
        "name the kind with --policy",
    )


_PROBE_S = 5.0
_ADAPTER = "adapter_config.json"


def _served(address: str) -> Detection:
    """Return what is served at an address; both protocols have their own health check."""
    base = "http" + checked_address(address).removeprefix("ws")
    for path, kind in (("/healthz", "openpi"), ("/health", "vla-eval")):
        if _answers(base + path, address):
            return Detection(kind, f"the server answers {path}")
    return Detection("openpi", "the server has no health check; older ones of openpi have none")


def _answers(url: str, address: str) -> bool:
    # In a thread, since the time limit of a connection begins anew with each byte that comes.
    results: queue.SimpleQueue[bool | OSError] = queue.SimpleQueue()
    probe = threading.Thread(target=lambda: results.put(_status_of(url, address)), daemon=True)
    probe.start()
    try:
        found = results.get(timeout=_PROBE_S)
    except queue.Empty:
        found = TimeoutError(f"no whole answer within {_PROBE_S:g} s")
    if isinstance(found, OSError):
        raise UnreachableError(
            f"no server answers at {address}: {getattr(found, 'reason', found)}",
            _unanswered(address),
        ) from found
    return found


def _unanswered(address: str) -> str:
    """Return the next step where no server answered; a proxy may be what did not."""
    scheme = "https" if address.startswith("wss") else "http"
    proxy = None if is_loopback(address) else urllib.request.getproxies().get(scheme)
    asked = "is the server running, and is this its port?"
    host = urllib.parse.urlsplit(address).hostname or ""
    if proxy is None or urllib.request.proxy_bypass(host):
        return asked
    return f"{asked} The proxy {proxy} was asked; no_proxy={host} goes around it"


def _status_of(url: str, address: str) -> bool | OSError:
    """Return whether a page is there, or why that cannot be told."""
    proxies = urllib.request.ProxyHandler({} if is_loopback(address) else None)
    try:
        with urllib.request.build_opener(proxies).open(url, timeout=_PROBE_S) as reply:
            return bool(reply.status == 200)
    except (urllib.error.HTTPError, HTTPException):
        return False
    except OSError as error:
        return error
    except ValueError as error:  # a reply that is not HTTP, or a redirection to no address
        return OSError(str(error))
