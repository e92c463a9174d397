"""What options of several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from gridseval.errors import UsageError

# On each command, not only inherited from the group: click keeps a command's help option from its
# first use, which may be without the group.
HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


_Command = TypeVar("_Command", bound="Callable[..., Any] | click.Command")


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


def file_stem(suite: str) -> str:
    """Return what files of a suite are named after, for a name or path that ``--suite`` is given.

    >>> file_stem("libero_goal"), file_stem("tasks/kitchen/"), file_stem("tasks/kitchen.yaml")
    ('libero_goal', 'kitchen', 'kitchen')
    """
    path = Path(suite.removesuffix("/suite.yaml"))
    return path.stem or path.resolve().name or "suite"


def selection_options(command: _Command) -> _Command:
    """Add the options that choose tasks of LIBERO-Plus, and name its data."""
    options = (
        click.option("--dimension", type=Text(), help="LIBERO-Plus: camera,light  [default: all]"),
        click.option("--level", type=Text(), help="LIBERO-Plus: 3-5, none  [default: all]"),
        click.option("--sample", type=int, help="So many tasks, by dimension and level."),
        click.option(
            "--libero-plus",
            type=Text(),
            help="Folder of LIBERO-Plus's data  [default: GRIDSEVAL_LIBERO_PLUS]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


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


def parsed_policy_arguments(pairs: Sequence[str]) -> dict[str, str]:
    """Return the texts of ``--policy-arg key=value`` by key.

    Raises:
        UsageError: One is not of that form, or a key is given twice.
    """
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise UsageError(f"--policy-arg {pair!r} is not of the form key=value")
        if key in parsed:
            raise UsageError(f"--policy-arg {key} is given twice")
        parsed[key] = value
    return parsed


def _filled(value: Any, param: click.Parameter | None) -> Any:
    if value == "":
        raise UsageError(f"{param.opts[0] if param else 'an option'} is given an empty text")
    return value


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    flags = ctx.find_object(Flags)
    if flags is not None:
        flags.debug = flags.debug or value
