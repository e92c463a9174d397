"""The command ``gridseval``: one module per command, imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from gridseval.errors import GridsevalError

_COMMANDS = {
    "bench": "Compare speed with the plain libero loop.",
    "compare": "Show what changed between two runs.",
    "doctor": "Check versions, rendering and models.",
    "gate": "Pass, regression or cannot tell: for a CI.",
    "report": "Write runs as one HTML file.",
    "run": "Evaluate a policy on a suite.",
    "suites": "List suites, or the tasks of one.",
    "table": "Show runs side by side.",
}


class LazyGroup(click.Group):
    """Imports a command's module only when it is called, so that ``--help`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"gridseval.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="gridseval", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Evaluate vision-language-action policies on LIBERO in simulation.

    \b
    Exit codes: 0 done, 2 wrong arguments, 3 this machine lacks something
    (models, OpenGL, a supported version), 4 checkpoint or policy, 5 output
    directory, 6 done but some episodes ended as error, 130 interrupted,
    1 a bug in gridseval. gate: 0 pass, 1 regression, 2 cannot tell.
    """  # noqa: D301
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; the only place that prints errors.

    Args:
        arguments: Without the program's name; default: the process's.
    """
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        sys.exit(_invoke(words))
    except GridsevalError as error:
        if debug:
            raise
        _complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _complain("interrupted", None)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output is gone; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        name = type(error).__name__
        _complain(f"a bug in gridseval: {name}: {error}", "see where with --debug")
        sys.exit(1)


def _invoke(words: list[str]) -> int:
    try:
        # Not group.main(), which ends in its own way when the reader of our output is gone.
        with group.make_context("gridseval", words) as context:
            result: Any = group.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return result if isinstance(result, int) else 0


def _complain(message: str, hint: str | None) -> None:
    click.echo(f"gridseval: {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
