"""What in a LeRobot checkpoint would run code, found before LeRobot reads it.

LeRobot imports and calls any ``class`` that a processor's file names, before it looks whether that
is a processor, so a prepared file starts any program. Some of its policies and processor steps load
models or tokenizers with ``trust_remote_code=True`` from names that the checkpoint chooses.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError
from gridseval.plain_files import read_json

FILES = ("policy_preprocessor.json", "policy_postprocessor.json")

_CLASS = re.compile(r"(lerobot\.(?:processor|policies)(?:\.[a-z_0-9]+)*)\.([A-Za-z_0-9]+)")
_REMOTE = ("gaussian_actor", "groot", "pi0_fast", "sac", "wall_x")
"""Types whose own code sets ``trust_remote_code=True`` (read in LeRobot 0.4.4 and 0.6.1)."""

_HINT = "read what it names, then allow it with --trust-remote-code"


def check_trust(folder: Path, kind: str, trusted: bool) -> None:
    """Refuse a checkpoint that would run code, unless the user allows it.

    Args:
        folder: With the files of its processors, if it has some.
        kind: LeRobot's type of the policy.
        trusted: Whether code that the checkpoint names may run.

    Raises:
        PolicyError: A processor step is of no class of LeRobot's, or loads code by a name; or the
            type does; or a file cannot be read.
    """
    if trusted:
        return
    if kind in _REMOTE:
        raise PolicyError(
            f"LeRobot's {kind!r} runs code of models and tokenizers that the checkpoint names",
            _HINT,
        )
    for name in FILES:
        if (folder / name).is_file():
            for step in _steps(folder / name):
                _check_step(folder / name, step)


def _steps(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        stored = read_json(file)
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(f"cannot read {file}: {error}") from error
    steps = stored.get("steps") if isinstance(stored, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise PolicyError(f"{file} lists no processor steps")
    yield from steps


def _check_step(file: Path, step: Mapping[str, Any]) -> None:
    loaded = _step_class(file, step)
    names = {field.name for field in dataclasses.fields(loaded)} if _is_data(loaded) else set()
    config = step.get("config")
    given = config if isinstance(config, dict) else {}
    remote = given.get("trust_remote_code", "trust_remote_code" in names)
    if remote is not False:
        raise PolicyError(
            f"{file}: the step {_named(step)} runs code of the tokenizer that it names", _HINT
        )


def _step_class(file: Path, step: Mapping[str, Any]) -> type[Any]:
    """Return the class that LeRobot would call.

    Raises:
        PolicyError: It is not one of LeRobot's processor steps.
    """
    processor: Any = importlib.import_module("lerobot.processor")
    loaded: Any = None
    if "registry_name" in step:
        registry: Any = importlib.import_module("lerobot.processor.pipeline").ProcessorStepRegistry
        try:
            loaded = registry.get(step["registry_name"])
        except (KeyError, TypeError) as error:
            raise PolicyError(
                f"{file}: LeRobot has no processor step {_named(step)}",
                "a newer LeRobot may have it",
            ) from error
    else:
        found = _CLASS.fullmatch(str(step.get("class")))
        if found is not None:
            with contextlib.suppress(ImportError):
                loaded = getattr(importlib.import_module(found[1]), found[2], None)
    if not (isinstance(loaded, type) and issubclass(loaded, processor.ProcessorStep)):
        what = f"{file}: the step {_named(step)} is not a processor step of LeRobot"
        raise PolicyError(what, _HINT)
    return loaded


def _is_data(loaded: type[Any]) -> bool:
    return dataclasses.is_dataclass(loaded)


def _named(step: Mapping[str, Any]) -> str:
    return repr(str(step.get("registry_name", step.get("class", "without a name")))[:100])
