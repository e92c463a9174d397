"""README's and docs' pages, and the blocks of code in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    language: str
    text: str
    fragment: bool


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf8")


def blocks(*languages: str) -> list[Block]:
    """Return all blocks in these languages, of all pages."""
    return [block for page in PAGES for block in page_blocks(page) if block.language in languages]


def page_blocks(page: Path) -> Iterator[Block]:
    name, text = page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf8")
    fences = re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, flags=re.DOTALL | re.MULTILINE)
    for found in fences:
        before = text[: found.start()].rstrip().rpartition("\n")[2]
        fragment = before.strip().startswith("<!-- fragment: ")
        yield Block(name, found[2], textwrap.dedent(found[3]), fragment)


# Commands.
