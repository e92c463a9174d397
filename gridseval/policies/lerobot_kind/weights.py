"""Checks that every weight of a LeRobot policy came from its file.

LeRobot's π0, π0.5 and π0-FAST catch every error of loading, print it, and return the untrained
model, even with ``strict=True``; other types ignore what does not fit. So the loading is watched
from outside: before it every weight is made NaN, and after it none may be one.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError
from gridseval.plain_files import check_regular

_NAMED = 3


@dataclass
class _Loading:
    """What was seen of a policy's loading.

    Attributes:
        missing: Names that LeRobot was given no weight for.
        unexpected: Names in the file, after LeRobot's own renaming, that the model has not.
        reshaped: Names with another shape, and the two shapes.
        said: What LeRobot printed.
    """

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    reshaped: dict[str, str] = field(default_factory=dict)
    said: io.StringIO = field(default_factory=io.StringIO)

    def reason(self) -> str:
        """Return the last complaint that LeRobot printed, in brackets, or nothing."""
        lines = self.said.getvalue().splitlines()
        said = [line for line in lines if line.startswith(("Warning:", "Could not load"))]
        return f" ({' '.join(said[0].split())[:200]})" if said else ""


def load_whole(
    kind: type[Any], where: str, config: Any, fit: Callable[[Any], None] | None = None
) -> Any:
    """Return a policy, loaded by LeRobot's own ``from_pretrained``, if its weights are all there.

    Args:
        kind: LeRobot's class of the policy.
        where: A folder with ``model.safetensors``.
        config: The policy's configuration.
        fit: Called with the new policy before weights are loaded, to put further layers into it.

    Raises:
        PolicyError: A weight is missing from the file, unexpected in it, or of another shape, or
            the file cannot be read; the first few are named.
        Exception: Any other one that LeRobot raises.
    """
    _check_readable(Path(where) / "model.safetensors")
    loading = _Loading()
    watched = _watched(kind, loading, fit)
    try:
        with contextlib.redirect_stdout(loading.said):
            policy = watched.from_pretrained(where, config=config, strict=False)
    except Exception:
        # What does not fit may end LeRobot's loading; what was seen until then says it better.
        _refuse(where, loading)
        raise
    policy.__class__ = kind
    loading.missing = list(dict.fromkeys([*loading.missing, *_poisoned(policy)]))
    _refuse(where, loading)
    return policy


def _watched(kind: type[Any], loading: _Loading, fit: Callable[[Any], None] | None) -> type[Any]:
    """Return a class that spoils its initial weights, and notes what it is given to load."""

    class Watched(kind):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            if fit is not None:
                fit(self)
            _poison(self)

        def load_state_dict(self, state_dict: Mapping[str, Any], *rest: Any, **named: Any) -> Any:
            _compare(loading, self.state_dict(), state_dict)
            return super().load_state_dict(state_dict, *rest, **named)

    Watched.__module__, Watched.__qualname__ = kind.__module__, kind.__qualname__
    return Watched


def _compare(loading: _Loading, own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Note how what is given differs from the model's own weights."""
    for name, value in given.items():
        if name not in own:
            loading.unexpected.append(name)
        elif value.shape != own[name].shape:
            shapes = tuple(value.shape), tuple(own[name].shape)
            loading.reshaped[name] = f"{name} is {shapes[0]}, the model's {shapes[1]}"
    # Weights that the model ties need no separate entry.
    filled = {own[name].data_ptr() for name in given if name in own}
    loading.missing += [
        name
        for name, value in own.items()
        if name not in given and not (value.numel() and value.data_ptr() in filled)
    ]


def _poison(policy: Any) -> None:
    import torch

    with torch.no_grad():
        for value in _weights(policy).values():
            value.fill_(_poison_value(value))


def _poisoned(policy: Any) -> tuple[str, ...]:
    """Return the names of weights that nothing was loaded into."""
    return tuple(
        name
        for name, value in _weights(policy).items()
        # One element costs nothing, and of most weights it tells.
        if bool(_is_poison(value.flatten()[:1]).all()) and bool(_is_poison(value).all())
    )


def _is_poison(value: Any) -> Any:
    return value.isnan() if value.is_floating_point() else value == _poison_value(value)


def _weights(policy: Any) -> dict[str, Any]:
    """Return parameters and persistent buffers that can be spoilt."""
    return {
        name: value
        for name, value in policy.state_dict().items()
        if value.numel() and (value.is_floating_point() or value.dtype.itemsize == 8)
    }


def _poison_value(value: Any) -> float | int:
    return float("nan") if value.is_floating_point() else -(2**62)


def _refuse(where: str, loading: _Loading) -> None:
    """Raise if anything is wrong."""
    lacking = [name for name in loading.missing if name not in loading.reshaped]
    wrong = [
        _counted("missing", lacking),
        _counted("unexpected", loading.unexpected),
        _counted("of another shape", list(loading.reshaped.values())),
    ]
    if any(wrong):
        raise PolicyError(
            f"{where}: weights do not fit LeRobot's model: {'; '.join(filter(None, wrong))}"
            f"{loading.reason()}",
            "is the file whole, and of this type and version of LeRobot? A parameter that is not "
            "loaded keeps its random initial value",
        )


def _counted(what: str, names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{len(names)} {what} ({shown})" if names else ""


def _check_readable(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        check_regular(file)
        with safe_open(file, framework="pt") as tensors:
            tensors.keys()
    except (OSError, ValueError, MemoryError, SafetensorError) as error:
        raise PolicyError(f"cannot read {file}: {error}") from error
