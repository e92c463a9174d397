"""What options of several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gridseval.errors import UsageError

# On each command, not only inherited from the group: click keeps a command's help option from its
# first use, which may be without the group.
HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


@dataclass
class Flags:
    """What holds for every command; click hands it on as ``ctx.obj``.

    Attributes:
        debug: Whether errors show their traceback.
    """

    debug: bool = False


class Text(click.types.StringParamType):
    """Text that is not empty, as it is after ``--out "$UNSET"``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text.

        Raises:
            UsageError: It is empty.
        """
        return _filled(value, param)


class FilePath(click.Path):
    """A path that is not empty: ``Path("")`` would be the present folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            UsageError: It is empty.
        """
        return super().convert(_filled(value, param), param, ctx)


def debug_option() -> click.Option:
    """Return the option ``--debug``, which may stand before and after the command's name."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        is_eager=True,  # so that it is known when the value of another option is refused
        expose_value=False,
        callback=_remember,
        help="Show the traceback of an error.",
    )


def _filled(value: Any, param: click.Parameter | None) -> Any:
    if value == "":
        raise UsageError(f"{param.opts[0] if param else 'an option'} is given an empty text")
    return value


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    flags = ctx.find_object(Flags)
    if flags is not None:
        flags.debug = flags.debug or value
