"""The test of the promise: a page of ``docs/developing/extend/`` is a patch that works.

Each page shows its extension as one ```` ```diff ```` block. A test applies that block to a copy of
the tree, as a reader would with ``git apply``, and runs the copy. So a page cannot ask for more
files than it says, and what it promises to work by itself is seen to work.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "developing" / "extend"

PRODUCT = ("gridseval/", "suites/", "policies/")
"""What users get. Tests, docs and examples are not part of the promise of two files."""

MOST_FILES = 2

_COPIED = ("gridseval", "suites", "policies", "docs", "pyproject.toml")


@dataclass(frozen=True)
class PatchedTree:
    """A copy of the tree with the patch of a page applied.

    Attributes:
        root: The copy's top folder.
        touched: Files that the patch writes, relative to it, sorted.
    """

    root: Path
    touched: tuple[str, ...]

    @property
    def product_files(self) -> tuple[str, ...]:
        """The touched files that users get."""
        return tuple(name for name in self.touched if name.startswith(PRODUCT))

    def gridseval(self, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run ``python -m gridseval`` of the copy.

        Args:
            words: Its arguments.
            status: The exit status to expect.
        """
        return self.python("-m", "gridseval", *words, status=status)

    def python(self, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run Python with the copy's package in place of the installed one; ``-c``, ``-m``, …."""
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=self.root.parent,
            env={**_environment(), "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def pytest(self, *words: str) -> None:
        """Run tests that try every registered thing by themselves, on the copy."""
        _copy(ROOT / "tests", self.root / "tests")
        chosen = [str(self.root / word) if word.startswith("tests/") else word for word in words]
        self.python("-m", "pytest", "-q", "-n", "0", f"--rootdir={self.root}", *chosen)


def patched_tree(page: str, folder: Path) -> PatchedTree:
    """Copy the tree and apply the patch of a page.

    Args:
        page: A file of ``docs/developing/extend/``, such as ``"suite.md"``.
        folder: An empty folder, outside any git repository; the copy is ``folder / "tree"``.
    """
    root = folder / "tree"
    for name in _COPIED:
        _copy(ROOT / name, root / name)
    patch = folder / "page.diff"
    patch.write_text(patch_of(page), encoding="utf8")
    # --recount: a page's hunks need no right line counts, only lines that are there.
    apply = ("apply", "--recount", "--whitespace=error-all")
    names = _git(root, *apply, "--numstat", "--apply", str(patch)).splitlines()
    tree = PatchedTree(root, tuple(sorted(line.split("\t")[2] for line in names)))
    count = len(tree.product_files)
    assert count <= MOST_FILES, f"{page} touches {count} product files: {tree.product_files}"
    where = tree.python("-c", "import gridseval; print(gridseval.__file__)").stdout.strip()
    assert Path(where).is_relative_to(root), f"the copy is not what runs, but {where}"
    return tree


def patch_of(page: str) -> str:
    """Return the one ``diff`` block of a page."""
    text = (PAGES / page).read_text(encoding="utf8")
    found = re.findall(r"^( *)```diff.*?\n(.*?)^\1```$", text, flags=re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"{page} has {len(found)} diff blocks, not one"
    return textwrap.dedent(found[0][1])


def _environment() -> dict[str, str]:
    """Return this process's environment without what names it a process of pytest-xdist."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_XDIST")}


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, target)
    else:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def _git(root: Path, *words: str) -> str:
    """Run git where it finds no repository: inside of one, it would skip other folders' files."""
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
    done = subprocess.run(["git", *words], cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"git {words[0]}: {done.stderr}"
    return done.stdout
