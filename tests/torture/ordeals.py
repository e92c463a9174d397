"""``make torture``: what users' machines, files and networks do to gridseval, at random.

Each fault has a number: ``--only lines --first NUMBER --count 1`` repeats it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from commands import warm_up
from damaged import torture_files
from frames import torture_client, torture_server
from kills import torture_disks, torture_kills
from lines import torture_lines
from outcome import Ordeal, table
from stage import set_stage

COUNTS = {"kills": 100, "disks": 20, "lines": 2000, "files": 500, "servers": 300, "clients": 300}


def torture(folder: Path, counts: dict[str, int], first: int = 0) -> list[Ordeal]:
    """Return what came of each kind, in the order of ``COUNTS``.

    Args:
        folder: For all files.
        counts: How often each kind is tried.
        first: The number of the first try.
    """
    warm_up()
    stage = set_stage(folder)
    kinds: dict[str, Callable[[int], Ordeal]] = {
        "kills": lambda count: torture_kills(folder, count, first),
        "disks": lambda count: torture_disks(folder, count, first),
        "lines": lambda count: torture_lines(stage, count, first),
        "files": lambda count: torture_files(stage, count, first),
        # Last, as they start threads, and the others fork.
        "servers": lambda count: torture_client(count, first),
        "clients": lambda count: torture_server(count, first),
    }
    return [kinds[kind](counts[kind]) for kind in kinds if counts.get(kind)]


def main() -> None:
    """Torture, and print a table and what was wrong."""
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--only", choices=COUNTS)
    parser.add_argument("--count", type=int, help="in the place of the kind's own")
    parser.add_argument("--share", type=float, default=1.0, help="of the kinds' own counts")
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    asked = parser.parse_args()
    kinds = COUNTS if asked.only is None else {asked.only: COUNTS[asked.only]}
    counts = {kind: asked.count or round(asked.share * count) for kind, count in kinds.items()}
    with tempfile.TemporaryDirectory(prefix="gridseval-torture-") as folder:
        ordeals = torture(Path(folder), counts, asked.first)
    print(table(ordeals))
    for line in (line for ordeal in ordeals for line in ordeal.found):
        print(f"- {line}")
    sys.exit(any(ordeal.found for ordeal in ordeals))
