"""Links, paths, pictures and pages of README and docs."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs_pages import DOCS, PAGES, ROOT, blocks, read


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_anchors_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    """Return a heading's anchor, which mkdocs and GitHub make in the same way of plain ones."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def test_every_path_named_exists() -> None:
    folders = "gridseval|suites|policies|tests|docs|examples|serve"
    named = [
        (page.name, path)
        for page in PAGES
        for path in re.findall(rf"`((?:{folders})/[\w./-]*\w)`", page.read_text(encoding="utf8"))
    ]
    assert len(named) > 80
    placeholder = re.compile("NAME|MINE")
    missing = {
        (page, path)
        for page, path in named
        if not placeholder.search(path) and not (ROOT / path).exists()
    }
    assert missing == set()


def test_every_room_is_on_the_architecture_page_and_in_its_drawing() -> None:
    page, drawing = read("docs/developing/architecture.md"), read("docs/images/rooms.svg")
    rooms = [path.parent.name for path in (ROOT / "gridseval").glob("*/__init__.py")]
    assert len(rooms) > 10
    for room in rooms:
        assert f"`{room}`" in page, room
        assert re.search(rf">(\w+, )?{room}(, \w+)?<", drawing), room


def test_the_drawing_is_what_its_program_draws() -> None:
    namespace: dict[str, Any] = {"__name__": "figures", "__file__": str(DOCS / "figures.py")}
    exec(compile(read("docs/figures.py"), "figures.py", "exec"), namespace)
    assert read("docs/images/rooms.svg") == namespace["draw"]()


def test_every_page_is_in_the_navigation() -> None:
    settings = yaml.safe_load(read("mkdocs.yml"))

    def leaves(nav: Any) -> Iterator[str]:
        if isinstance(nav, str):
            yield nav
        else:
            for item in nav.values() if isinstance(nav, dict) else nav:
                yield from leaves(item)

    listed = sorted(leaves(settings["nav"]))
    assert listed == sorted(page.relative_to(DOCS).as_posix() for page in PAGES[1:])
    assert settings["strict"] is True


def test_nothing_is_loaded_from_elsewhere() -> None:
    settings = yaml.safe_load(read("mkdocs.yml"))
    assert settings["theme"]["font"] is False
    assert "http" not in json.dumps([settings["extra_css"], settings.get("extra_javascript", [])])
    assert not [block.page for block in blocks("mermaid")]
