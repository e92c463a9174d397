"""The check on what a policy says of its episodes: records hold it, so it must be plain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gridseval.errors import PolicyError

_REMARKS = "ActionChunk(actions, remarks=…): per slot a mapping of plain values or None"


def checked_remarks(remarks: Any, batch: int) -> tuple[Mapping[str, Any] | None, ...]:
    """Return remarks as they came.

    Args:
        remarks: What a policy gave back.
        batch: The number of slots that were asked for.

    Raises:
        PolicyError: They are not one mapping of plain values, or ``None``, per slot.
    """
    if not isinstance(remarks, tuple) or len(remarks) != batch:
        got = f"{len(remarks)} remarks" if isinstance(remarks, tuple) else type(remarks).__name__
        raise PolicyError(f"policy returned {got} for {batch} slots", _REMARKS)
    for position, remark in enumerate(remarks):
        if remark is None:
            continue
        try:
            fits = isinstance(remark, Mapping)
            json.dumps(dict(remark), allow_nan=False)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise PolicyError(
                f"the remark at batch position {position} is not plain values for JSON", _REMARKS
            )
    return remarks
