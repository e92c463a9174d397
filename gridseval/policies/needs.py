"""What a policy, or the server behind it, asks of its environments, checked before a run."""

from __future__ import annotations

from typing import Any

from gridseval.errors import PolicyError, did_you_mean
from gridseval.policies.protocol import EnvironmentNeeds
from gridseval.suites import BOUNDS, list_protocols


def checked_needs(needs: EnvironmentNeeds, who: str, hint: str | None = None) -> EnvironmentNeeds:
    """Return needs that can be met.

    A protocol is one that gridseval has: a path would have a server choose which file of this
    machine is read. A recording has its own values, and its protocol's name is a mere name.

    Args:
        needs: The needs.
        who: Who asks, for errors.
        hint: What to do about a protocol that is unknown.

    Raises:
        PolicyError: There is no such protocol, or a number is out of its range.
    """
    name = needs.protocol
    if not (name is None or name in list_protocols() or (needs.strict and _is_name(name))):
        raise PolicyError(
            f"{who} asks for protocol {_shown(name)}, which gridseval does not have",
            hint or did_you_mean(str(name)[:60], list_protocols()),
        )
    for key in ("env_seed", "image_px", "settle_steps"):
        (least, most), value = BOUNDS[key], getattr(needs, key)
        if value is not None and not (type(value) is int and least <= value <= most):
            raise PolicyError(
                f"{who} asks for {key} {_shown(value)}, not a whole number within {least} and "
                f"{most}"
            )
    return needs


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and not name.endswith(".yaml") and len(name) <= 100


def _shown(value: Any) -> str:
    return repr(value)[:60]  # it may be a server's word
