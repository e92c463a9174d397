"""Help, pages and code avoid idioms that readers stumble over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
CODE = [
    file
    for folder in ("gridseval", "examples")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in (".py", ".html", ".js", ".css")
]

IDIOMS = {
    "is no": r"(?<!there )\b(is|are|was|were|be|been) no\b(?! (longer|more|less))",
    "whoever": r"\bwhoever\b",
    "somebody, nobody, anybody": r"\b(some|no|any)body\b",
    "so many": r"\bso many\b",
    "ended so": r"\b(end|ends|ended|decided|meant|named) so\b",
    "of a query, of its trace": r"\bof an? \w+, of its\b",
    "of nothing": r"\bof (none|nothing)\b",
    "whatever follows": r"\bwhatever (is|was|were|the|it|they|an?|runs?|ran|size|comes)\b",
    "as it stands": r"\bas (it|they) stands?\b",
    "what there is": r"\bwhat there is\b",
    "for ever": r"\bfor ever\b",
    "that lie": r"\bthat lies? (in|on|at)\b",
    "of one's own": r"\bof (one's|its|their|our) own\b|\bone's own\b",
    "is told": r"\b(is|are|was|were|policies|process) told\b|\btold (apart|from|by|how|of|the)\b",
    "nothing of": r"\bnothing of\b",
    "likewise": r"\b(likewise|lest|hence|thereof|for want of|counts not)\b",
    "is none": r"(?<!there )\b(it is|are) (?-i:none)\b(?! of)|, or no whole number\b",
}


def found_in(text: str) -> list[str]:
    """Return the idioms in a text, each with the words around it."""
    plain = " ".join(re.sub(r"^\s*#*", "", line).strip() for line in text.splitlines())
    return [
        f"{name}: …{plain[max(0, hit.start() - 40) : hit.end() + 30]}…"
        for name, pattern in IDIOMS.items()
        for hit in re.finditer(pattern, plain, flags=re.IGNORECASE)
    ]


@pytest.mark.parametrize("name", IDIOMS)
def test_each_idiom_is_found(name: str) -> None:
    examples = {
        "is no": "This is no run.",
        "whoever": "Whoever asks.",
        "somebody, nobody, anybody": "Nobody asked.",
        "so many": "So many tasks.",
        "ended so": "Episodes that ended so.",
        "of a query, of its trace": "Notes of a query, of its trace.",
        "of nothing": "None of nothing.",
        "whatever follows": "Whatever size it has.",
        "as it stands": "As it stands.",
        "what there is": "Says what there is.",
        "for ever": "It hangs for\n# ever.",
        "that lie": "Code that lies in it.",
        "of one's own": "A suite of one's own.",
        "is told": "What the policies are told.",
        "nothing of": "It says nothing of the policy.",
        "likewise": "Likewise.",
        "is none": "It is none.",
    }
    assert [text.partition(":")[0] for text in found_in(examples[name])] == [name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_are_plain_english(page: Path) -> None:
    assert not found_in(page.read_text(encoding="utf8"))


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_code_is_plain_english(file: Path) -> None:
    assert not found_in(file.read_text(encoding="utf8"))


def commands(command: click.Command, words: list[str]) -> Iterator[list[str]]:
    """Yield the words that call a command, and those of its own commands."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, [*words, name])


def help_of(words: list[str]) -> str:
    from gridseval.cli import group

    result = CliRunner().invoke(group, [*words, "--help"], terminal_width=80, prog_name="gridseval")
    assert result.exit_code == 0
    return result.output


def all_commands() -> list[list[str]]:
    from gridseval.cli import group

    return list(commands(group, []))


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_help_is_plain_english_and_fits_80_columns(words: list[str]) -> None:
    said = help_of(words)
    assert not found_in(said)
    assert max(map(len, said.splitlines())) <= 80
    # No option without a text, and a text of a sentence or two: two lines.
    options = said.rpartition("Options:\n")[2] if "Options:" in said else said
    for line in re.findall(r"^  -.*$", options, flags=re.MULTILINE):
        assert len(line.split()) > 2, line


def test_help_of_run_has_sections_and_fits_one_reading() -> None:
    said = help_of(["run"])
    sections = re.findall(r"^(\S.*):$", said, flags=re.MULTILINE)
    assert sections == [
        "Episodes",
        "Policy",
        "Real time",
        "Perturbation",
        "Early stopping",
        "Output",
        "Machine",
        "Other options",
    ]
    assert len(said.splitlines()) <= 67
    # Each option has one line, and all texts begin in one column.
    lines = [line for line in said.splitlines() if line.startswith("  -")]
    assert len({re.match(r"  -(?:\S| \S)+ {2,}", line).end() for line in lines}) == 1  # type: ignore[union-attr]
    assert not [line for line in said.splitlines() if line.startswith("   ")]


def test_every_option_of_run_is_in_a_section() -> None:
    from gridseval.cli.run import command

    assert {getattr(option, "section", None) for option in command.params} == {
        "Episodes",
        "Policy",
        "Real time",
        "Perturbation",
        "Early stopping",
        "Output",
        "Machine",
    }
