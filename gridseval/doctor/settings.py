"""Settings of other programs that people stumble over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from gridseval.doctor.finding import Finding


def check_libero_config(environment: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Report a configuration file of ``libero``, which gridseval does not use.

    Docs: protocol and traps, no. 5.

    Args:
        environment: Default: the process's.
    """
    variables = os.environ if environment is None else environment
    folder = Path(variables.get("LIBERO_CONFIG_PATH", Path.home() / ".libero"))
    path = folder / "config.yaml"
    if path.is_file():
        hint = f"plain libero reads models and tasks from where {path} points"
        yield Finding("config", "ok", "libero has a config.yaml; gridseval ignores it", hint)
