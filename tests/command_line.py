"""The command line, run in the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from gridseval.cli import main


class Said(NamedTuple):
    """How a command ended."""

    status: int | str | None
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Return a function that runs the command line in this process."""

    def cli(*words: object) -> Said:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        return Said(caught.value.code, *capsys.readouterr())

    return cli
