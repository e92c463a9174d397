"""Help in sections: options of a command under titles, for commands with many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

Decorator = Callable[[Any], Any]
"""Adds options to a command, or to the function that becomes one."""

_NO_SECTION = "Other options"


class SectionOption(click.Option):
    """An option that help lists in a named section.

    Args:
        words: What ``click.Option`` takes.
        section: The section's title.
        settings: What ``click.Option`` takes.
    """

    def __init__(self, *words: Any, section: str, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help groups its options by section; the others come last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of options per section, with all their texts in one column."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                title = getattr(parameter, "section", _NO_SECTION)
                sections.setdefault(title, []).append(record)
        width = max(len(option) for records in sections.values() for option, _ in records)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl([(option.ljust(width), text) for option, text in records])


def section_option(title: str) -> Callable[..., Decorator]:
    """Return what makes options of one section, and takes what ``click.option`` takes."""
    return partial(click.option, cls=SectionOption, section=title)


def several(*options: Decorator) -> Decorator:
    """Return a decorator that adds options in the order given."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
