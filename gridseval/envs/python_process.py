"""Command lines that start Python with the imports of this process.

``python -m`` and ``python -c`` put the working directory first on ``sys.path``, so a ``numpy.py``
in a user's folder would be imported there though not here.
"""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module as ``python -m`` would, but for its imports.

    Args:
        module: Its full name.
        arguments: What it finds in ``sys.argv``.
    """
    code = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return code_command(code, *arguments)


def code_command(code: str, *arguments: str) -> list[str]:
    """Return the command that runs code as ``python -c`` would, but for its imports.

    Args:
        code: Python source.
        arguments: What it finds in ``sys.argv``.
    """
    # The path comes as a literal: reading it from anywhere else would take an import.
    return [sys.executable, "-c", f"import sys; sys.path[:] = {_path()!r}\n{code}", *arguments]


def _path() -> list[str]:
    """Return ``sys.path`` without the empty entry, which means the working directory.

    Where only that entry led to gridseval, gridseval's own folder goes last.
    """
    path = [entry for entry in sys.path if isinstance(entry, str) and entry]
    return path if str(_ROOT) in path else [*path, str(_ROOT)]
