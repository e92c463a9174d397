"""Every page of docs/developing/extend/ is a patch that a test applies."""

from __future__ import annotations

import re
from pathlib import Path

from harness import PAGES, patch_of


def test_every_page_is_tried() -> None:
    pages = {page.name for page in PAGES.glob("*.md")} - {"index.md"}
    assert len(pages) == 6
    modules = (path.read_text(encoding="utf8") for path in Path(__file__).parent.glob("test_*.py"))
    named = (re.search(r'^PAGE = "(.*)"$', text, flags=re.MULTILINE) for text in modules)
    assert {found[1] for found in named if found} == pages
    assert all("+++ b/" in patch_of(page) for page in pages)
