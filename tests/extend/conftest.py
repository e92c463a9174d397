"""One copy of the tree per page, shared by the tests of its module."""

from __future__ import annotations

import pytest
from harness import PatchedTree, patched_tree


@pytest.fixture(scope="module")
def patched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PatchedTree:
    """Return the copy with the patch of the page that the test's module names as ``PAGE``."""
    return patched_tree(request.module.PAGE, tmp_path_factory.mktemp("patched"))
