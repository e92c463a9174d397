"""The command ``gridseval``: one module per command, imported when it is called."""

from __future__ import annotations

import copy
import importlib
import sys
import traceback
from typing import Any

import click

from gridseval import __version__
from gridseval.cli.options import HELP, Flags, debug_option
from gridseval.cli.signals import Terminated, signals_raise
from gridseval.cli.streams import patient_streams
from gridseval.cli.words import check_words, shown_message
from gridseval.errors import GridsevalError, MachineError, OutputError
from gridseval.importing import import_fault
from gridseval.os_errors import unforeseen
from gridseval.versions import SERVE_PACKAGE, serves_only

_COMMANDS = {
    "assets": "Get LIBERO's meshes and textures.",
    "bench": "Measure speed against the plain LIBERO loop.",
    "collect": "Make a dataset of a policy's episodes.",
    "compare": "Show what changed between two runs.",
    "dataset": "Look at demonstrations.",
    "doctor": "Check this machine: versions, rendering, assets.",
    "flops": "Count the operations of one query.",
    "gallery": "Draw perturbations as one picture.",
    "gate": "Decide whether a run is worse: for a CI.",
    "merge": "Make one run of its shards.",
    "policies": "List policy kinds and cards.",
    "report": "Write one HTML file about runs.",
    "run": "Evaluate a policy on a suite.",
    "serve": "Serve a policy to other processes.",
    "solvable": "Map what the scripted expert solves.",
    "suites": "List the suites, or the tasks of one.",
    "sweep": "Run over values of an option.",
    "table": "Print runs side by side.",
    "train": "Train a small policy on datasets.",
    "video": "Make videos of a run's episodes.",
}
_KEEPS_RESULTS = {
    "collect",
    "dataset",
    "merge",
    "report",
    "run",
    "solvable",
    "sweep",
    "train",
    "video",
}
"""Commands whose results are in files: what they print is not all there is."""
_BUG, _INTERRUPTED = 1, 130
_WHERE = "--debug shows the traceback"


class LazyGroup(click.Group):
    """Imports a command's module only when it is called, which keeps ``--help`` fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, with the options that all have."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"gridseval.cli.{cmd_name}")
        command: click.Command = copy.copy(module.command)
        command.params = [*command.params, debug_option()]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings=HELP)
@click.version_option(__version__, message="%(prog)s %(version)s")
def group() -> None:
    """Evaluate vision-language-action policies on LIBERO in simulation.

    \b
    Exit codes: 0 done, 2 wrong arguments, 3 this machine lacks something
    (assets, OpenGL, a supported version), 4 checkpoint or policy, 5 output
    directory, 6 done, but some episodes ended in an error, 130 interrupted,
    143 terminated, 128 + n ended by another signal n, 1 a bug in gridseval.
    gate: 0 pass, 1 regression, 2 cannot tell.
    """  # noqa: D301


group.params.append(debug_option())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; the only place that prints errors.

    Args:
        arguments: Without the program's name; default: the process's.
    """
    words = sys.argv[1:] if arguments is None else arguments
    with patient_streams() as output:
        status = _status(words, Flags())
        output.flush()
        if output.lost is not None:
            _complain(f"standard output is not whole: {output.lost.strerror or output.lost}")
            if status == 0 and not _KEEPS_RESULTS.intersection(words):
                status = OutputError.exit_code
    sys.exit(status)


def _status(words: list[str], flags: Flags) -> int:
    """Run the command line and return its exit code."""
    try:
        check_words(words)
        with signals_raise():
            return _invoke(words, flags)
    except KeyboardInterrupt as error:
        ended = error if isinstance(error, Terminated) else None
        how = "interrupted" if ended is None else ended.how
        _complain("; ".join([how, *map(str, error.args)]))
        return _INTERRUPTED if ended is None else ended.exit_code
    except GridsevalError as error:
        _show_traceback(flags)
        _complain(error.message, error.hint)
        return error.exit_code
    except SystemExit as error:
        # gridseval never exits like this. A policy's code may, and the run must not look done.
        _show_traceback(flags)
        _complain(f"something ended the process: sys.exit({error.code!r})", _WHERE)
        return _BUG
    except Exception as error:
        _show_traceback(flags)
        fault = _fault(error) or unforeseen(error)
        if fault is not None:
            _complain(fault.message, fault.hint)
            return fault.exit_code
        _complain(f"a bug in gridseval: {type(error).__name__}: {error}", _WHERE)
        return _BUG


def _fault(error: Exception) -> MachineError | None:
    """Return what to tell of a package that is missing or cannot be imported."""
    if isinstance(error, ModuleNotFoundError) and serves_only():
        return MachineError(
            f"this is {SERVE_PACKAGE}, which has no package {error.name!r}",
            "it serves policies; to evaluate, install gridseval itself in another environment",
        )
    return import_fault(error)


def _invoke(words: list[str], flags: Flags) -> int:
    try:
        # Not group.main(), which ends in its own way when the reader of our output is gone.
        with group.make_context("gridseval", words, obj=flags) as context:
            result: Any = group.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        vars(error)["message"] = shown_message(error.message)
        error.show()
        return error.exit_code
    return result if isinstance(result, int) else 0


def _show_traceback(flags: Flags) -> None:
    if flags.debug:
        traceback.print_exc()


def _complain(message: str, hint: str | None = None) -> None:
    click.echo(f"gridseval: {shown_message(message)}", err=True)
    if hint:
        click.echo(f"  {shown_message(hint)}", err=True)
