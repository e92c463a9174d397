"""What options of several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from gridseval.cli.sections import Decorator, section_option, several
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


EPISODES, POLICY, MACHINE = "Episodes", "Policy", "Machine"

ERRORS_EXIT_CODE = 6
"""Some episodes ended in a technical error."""

SEED = click.IntRange(0, 2**32 - 1)
"""Seeds that LIBERO takes: up to ``MOST_SEED`` of ``suites``, which help need not import."""


def file_stem(suite: str) -> str:
    """Return what files of a suite are named after, for a name or path that ``--suite`` is given.

    >>> file_stem("libero_goal"), file_stem("tasks/kitchen/"), file_stem("tasks/kitchen.yaml")
    ('libero_goal', 'kitchen', 'kitchen')
    """
    path = Path(suite.removesuffix("/suite.yaml"))
    return path.stem or path.resolve().name or "suite"


def suite_option(several: bool = False) -> Decorator:
    """Return the option ``--suite``.

    Args:
        several: Whether it may name several suites.
    """
    more = "Names, libero, libero_plus, a folder."
    return section_option(EPISODES)(
        "--suite",
        required=True,
        type=Text(),
        metavar="NAME",
        help=more if several else "Name or folder; see gridseval suites.",
    )


def workers_option() -> Decorator:
    """Return the option ``--workers``."""
    return section_option(MACHINE)(
        "--workers",
        type=int,
        metavar="N",
        help="Worker processes; 0: none  [default: one per core]",
    )


def resume_anyway_option() -> Decorator:
    """Return the option ``--resume-anyway``."""
    return section_option(MACHINE)(
        "--resume-anyway",
        is_flag=True,
        help="Resume with other versions, renderer, …; tables say so.",
    )


def tasks_option() -> Decorator:
    """Return the option ``--tasks``, which chooses tasks of any suite."""
    return section_option(EPISODES)(
        "--tasks",
        type=Text(),
        metavar="LIST",
        help="Indices, ranges, names, as in 0,3-5  [default: all]",
    )


def assets_option() -> Decorator:
    """Return the option ``--assets``."""
    return section_option(MACHINE)(
        "--assets",
        type=Text(),
        metavar="DIR",
        help="LIBERO's assets; see gridseval assets list.",
    )


def libero_plus_option() -> Decorator:
    """Return the option ``--libero-plus``."""
    return section_option(MACHINE)(
        "--libero-plus",
        type=Text(),
        metavar="DIR",
        help="LIBERO-Plus's data  [default: GRIDSEVAL_LIBERO_PLUS]",
    )


def selection_options() -> Decorator:
    """Return the options that choose tasks of LIBERO-Plus."""
    option = partial(section_option(EPISODES), type=Text(), metavar="LIST")
    return several(
        option("--dimension", help="LIBERO-Plus: such as camera,light  [default: all]"),
        option("--level", help="LIBERO-Plus: such as 3-5 or none  [default: all]"),
        option(
            "--sample",
            type=int,
            metavar="N",
            help="Draw N tasks, stratified by dimension and level.",
        ),
    )


def policy_options() -> Decorator:
    """Return the options that name a policy and what it is made with."""
    option = section_option(POLICY)
    return several(
        option(
            "--ckpt",
            "checkpoint",
            type=Text(),
            metavar="WHERE",
            help="File, folder, hub id or server address.",
        ),
        option(
            "--policy",
            type=Text(),
            metavar="NAME",
            help="Kind of policy, module:Class or file.py:Class.",
        ),
        option(
            "--policy-arg",
            "policy_arguments",
            multiple=True,
            metavar="K=V",
            help="Give the policy the argument K=V; repeatable.",
        ),
        option(
            "--trust-remote-code", is_flag=True, help="Run code of the checkpoint or the suite."
        ),
    )


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
