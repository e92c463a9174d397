"""Print, as JSON, the names of one version of gridseval that a user may have used.

Options by command; names of built-in things; and each ``gridseval.*`` name of README and docs. It
runs on old trees, too, with their folder as argument, so it imports little from gridseval.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

_DOTTED = re.compile(r"\bgridseval(?:\.[A-Za-z_]\w*)+")
_IMPORT = re.compile(r"^\s*from (gridseval[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)


def options(command: click.Command, words: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Return the options of a command and of those below it, by the words that call it."""
    context = click.Context(command)
    told = {" ".join(words): sorted(_spellings(command, context))}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            told |= options(found, (*words, name))
    return told


def _spellings(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option):
            yield from (*parameter.opts, *parameter.secondary_opts)


def names_in_docs(tree: Path) -> list[str]:
    """Return each dotted name that README, docs or examples tell a reader of."""
    found = set()
    for path in (tree / "README.md", *tree.glob("docs/**/*.md"), *tree.glob("examples/*.py")):
        text = path.read_text(encoding="utf-8")
        found |= set(_DOTTED.findall(text))
        for module, imported in _IMPORT.findall(text):
            words = re.findall(r"[A-Za-z_]\w*", re.sub(r" as \w+|#.*", "", imported))
            found |= {f"{module}.{word}" for word in words}
    return sorted(found)


def public(tree: Path) -> dict[str, Any]:
    """Return all that a test compares."""
    from gridseval.cli import group
    from gridseval.policies.cards import list_cards
    from gridseval.policies.registry import list_policies
    from gridseval.suites import list_suites
    from gridseval.tokens.pruners.registry import list_pruners

    return {
        "options": options(group),
        "policies": sorted(list_policies()),
        "cards": sorted(list_cards()),
        "suites": sorted(list_suites()),
        "pruners": sorted(list_pruners()),
        "names": names_in_docs(tree),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(public(Path(sys.argv[1])), indent=1) + "\n")
