"""The harness itself: it refuses what the promise forbids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import harness
import pytest
from harness import MOST_FILES, patched_tree

NEW_FILE = """\
diff --git a/{name} b/{name}
new file mode 100644
--- /dev/null
+++ b/{name}
@@ -0,0 +1,1 @@
+# nothing
"""
EDIT = """\
--- a/gridseval/__main__.py
+++ b/gridseval/__main__.py
@@ -9,9 +9,9 @@
 from gridseval.cli import main

-main()
+main() or print("patched")
"""


@pytest.fixture
def write_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.setattr(harness, "PAGES", tmp_path)

    def write(*patches: str) -> Path:
        (tmp_path / "page.md").write_text(f"# Page\n\n```diff\n{''.join(patches)}```\n", "utf8")
        return tmp_path / "copy"

    return write


def test_the_copy_runs_as_patched(write_page: Callable[..., Path]) -> None:
    new = NEW_FILE.format(name="gridseval/new.py")
    test = NEW_FILE.format(name="tests/test_new.py")
    tree = patched_tree("page.md", write_page(EDIT, new, test))
    assert tree.product_files == ("gridseval/__main__.py", "gridseval/new.py")
    assert "suites" in tree.gridseval("--help").stdout
    assert "there is no suite 'x'" in tree.gridseval("suites", "x", status=2).stderr
    assert tree.python("-c", "import gridseval.new").stdout == ""


def test_more_files_than_promised(write_page: Callable[..., Path]) -> None:
    names = [f"gridseval/new_{number}.py" for number in range(MOST_FILES + 1)]
    folder = write_page(*(NEW_FILE.format(name=name) for name in names))
    with pytest.raises(AssertionError, match="touches 3 product files"):
        patched_tree("page.md", folder)


def test_a_page_that_the_code_has_left_behind(write_page: Callable[..., Path]) -> None:
    with pytest.raises(AssertionError, match="patch does not apply"):
        patched_tree("page.md", write_page(EDIT.replace("-main()", "-start()")))


def test_a_page_without_a_patch(write_page: Callable[..., Path], tmp_path: Path) -> None:
    folder = write_page()
    (tmp_path / "page.md").write_text("# Page\n", "utf8")
    with pytest.raises(AssertionError, match="0 diff blocks"):
        patched_tree("page.md", folder)
