"""The check on what a policy says of its episodes: records hold it, so it must be plain."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from gridseval.errors import PolicyError

_LONGEST = 16_000
_MOST_NESTED = 500
_REMARKS = "ActionChunk(actions, remarks=…): per slot a mapping of plain values or None"


def checked_remarks(remarks: Any, batch: int) -> tuple[Mapping[str, Any] | None, ...]:
    """Return copies of the remarks: a policy may go on filling the same mapping.

    Args:
        remarks: What a policy gave back.
        batch: The number of slots that were asked for.

    Raises:
        PolicyError: They are not one mapping of plain values, or ``None``, per slot, or one is
            longer than 16,000 characters of JSON.
    """
    if not isinstance(remarks, tuple) or len(remarks) != batch:
        got = f"{len(remarks)} remarks" if isinstance(remarks, tuple) else type(remarks).__name__
        raise PolicyError(f"policy returned {got} for {batch} slots", _REMARKS)
    return tuple(None if each is None else _copy(each, at) for at, each in enumerate(remarks))


def _copy(remark: Any, position: int) -> Mapping[str, Any]:
    text = ""
    # A mapping of the policy's may do anything when it is read.
    with contextlib.suppress(Exception):
        text = json.dumps(dict(remark), allow_nan=False) if isinstance(remark, Mapping) else ""
    if not text or text.count("{") + text.count("[") > _MOST_NESTED:
        raise PolicyError(
            f"the remark at batch position {position} is not plain values for JSON", _REMARKS
        )
    if len(text) > _LONGEST:
        raise PolicyError(
            f"the remark at batch position {position} has {len(text)} characters of JSON, more "
            f"than {_LONGEST}",
            "keep it short: every record holds one",
        )
    copied: Mapping[str, Any] = json.loads(text)
    return copied
