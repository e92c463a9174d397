"""What mkdocs does with gridseval's pages beyond its own: pictures, figures, the command line.

Pages are written so that they also read well where the repository is browsed: pictures lie in
``videos/`` and are linked from there, drawings are linked as SVG files. When the site is built,
pictures are copied into it, drawings are put into the page (so that they follow its colours), and
the mark ``<!-- command line -->`` becomes a section for each command, ``<!-- columns -->`` a table
of the figures that ``table.csv`` and ``summary.json`` have.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
_COMMAND_LINE = "<!-- command line -->"
_COLUMNS = "<!-- columns -->"
_PICTURE = re.compile(r"\((?:\.\./)+(videos/[\w.-]+)")
_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):<code>(~?)([\w.]+)</code>")
_DRAWING = re.compile(r"!\[([^\]]*)\]\((?:\.\./)*(images/[\w.-]+\.svg)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pictures of ``videos/`` to the site."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "videos").iterdir()):
        if path.suffix in (".png", ".jpg", ".gif", ".mp4"):
            files.append(File.generated(config, f"videos/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001 - mkdocs gives it
    """Return a page's text with drawings inside and links that hold on the site."""
    up = "../" * page.file.src_uri.count("/")
    markdown = _PICTURE.sub(lambda found: f"({up}{found[1]}", markdown)
    markdown = _DRAWING.sub(_drawing, markdown)
    if _COMMAND_LINE in markdown:
        markdown = markdown.replace(_COMMAND_LINE, "\n\n".join(_commands()))
    return markdown.replace(_COLUMNS, columns_table()) if _COLUMNS in markdown else markdown


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Return a page with the names that docstrings mark by Sphinx's roles as plain code."""
    return _ROLE.sub(
        lambda found: f"<code>{found[2].rpartition('.')[2] if found[1] else found[2]}</code>", html
    )


def columns_table() -> str:
    """Return the figures of records, as a Markdown table of key, unit, meaning and heading."""
    from gridseval.results import COLUMNS

    rows = (
        f"| `{column.name}` | {column.unit} | {column.description} | {column.header or ''} |"
        for column in COLUMNS
    )
    return "\n".join(["| key | unit | meaning | heading |", "|---|---|---|---|", *rows])


def _drawing(found: re.Match[str]) -> str:
    title, text = found[1], (ROOT / "docs" / found[2]).read_text(encoding="utf8")
    svg = text[text.index("<svg") :].replace("\n", "")
    return f'<figure class="drawing" role="img" aria-label="{title}">{svg}</figure>'


def _commands() -> Iterator[str]:
    """Yield the reference of every command, as Markdown."""
    from gridseval.cli import group

    context = click.Context(group, info_name="gridseval")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from _command(command, f"gridseval {name}", 2, context)


def _command(command: click.Command, name: str, depth: int, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    yield f"{'#' * depth} {name}"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    yield _help(command.help or "")
    rows = [row for each in command.get_params(context) if (row := _row(each, context))]
    if rows:
        yield "\n".join(["| option | meaning |", "|---|---|", *rows])
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _command(found, f"{name} {child}", depth + 1, context)


def _help(text: str) -> str:
    """Return a command's help: paragraphs as text, what click leaves alone as it is."""
    parts = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            parts.append(f"```text\n{paragraph[1:].strip(chr(10))}\n```")
        else:
            parts.append(" ".join(paragraph.split()).replace("<", "&lt;"))
    return "\n\n".join(parts)


def _row(parameter: click.Parameter, context: click.Context) -> str:
    record = parameter.get_help_record(context)
    if record is None or "--help" in parameter.opts:
        return ""
    option, meaning = (" ".join(text.split()) for text in record)
    return f"| `{option}` | {_cell(meaning)} |".replace("`|`", "`\\|`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("[", "\\[").replace("*", "\\*").replace("<", "&lt;")
