"""Code of a suite of the user's own: objects, fixtures and problems that LIBERO does not have."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from types import ModuleType

from gridseval.envs.libero_package import import_libero
from gridseval.errors import MachineError, UsageError
from gridseval.importing import import_named

_PREFIX = "gridseval_suite_"


def check_trusted(code: Path | None, trusted: bool) -> None:
    """Refuse a suite's code that the user has not allowed to run.

    Raises:
        UsageError: There is code, and it is not trusted.
    """
    if code is not None and not trusted:
        raise UsageError(
            f"the suite has code, {code}, which is not run unasked",
            "read it, and add --trust-remote-code (in Python: trust_remote_code=True)",
        )


def import_libero_with(code: Path | None) -> ModuleType:
    """Import ``libero.libero.envs``, and after it a suite's file, once per process.

    The file registers what the suite's problems name.

    Args:
        code: The file, which the user trusts; ``None`` without.

    Raises:
        MachineError: The file is missing, or raises.
    """
    libero_envs = import_libero()
    if code is None:
        return libero_envs
    mark = f"{_PREFIX}{zlib.crc32(str(code).encode()):08x}_done"
    if mark in sys.modules:
        return libero_envs  # which refuses a class that is registered twice
    if not code.is_file():
        raise MachineError(f"the suite's code {code} is missing", "put it back")
    try:
        module = import_named(str(code), _PREFIX)
    except (Exception, SystemExit) as error:
        raise MachineError(
            f"the suite's code {code} cannot be run: {type(error).__name__}: {error}"
        ) from error
    sys.modules[mark] = module
    return libero_envs
