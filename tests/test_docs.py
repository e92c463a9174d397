"""What the docs say, against what the package says."""

from __future__ import annotations

import re
from pathlib import Path

from gridseval.policies.families import families_markdown
from gridseval.suites import list_protocols, load_protocol

ROOT = Path(__file__).parent.parent
STEPS = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")


def test_the_table_of_comparisons_is_the_packages() -> None:
    page = (ROOT / "docs" / "faithfulness.md").read_text(encoding="utf8")
    table = page.partition("<!-- families -->")[2].partition("<!-- end -->")[0]
    assert table.strip() == families_markdown().strip(), (
        "print it anew: gridseval policies --markdown"
    )


def test_the_readmes_protocols_are_the_shipped_ones() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    section = readme.partition("\n## Protocols\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    assert sorted(row[0].split("`")[1] for row in rows) == sorted(list_protocols())
    steps = ""
    for name, seeded, image, settle, told in rows:
        protocol = load_protocol(name.split("`")[1])
        steps = steps if told == "the same" else told
        assert int(re.findall(r"\d+", seeded)[0]) == protocol.env_seed
        assert ("trial" in seeded) == (protocol.seeding == "trial")
        assert image == f"{protocol.image_px} px"
        assert int(settle) == protocol.settle_steps
        shown = " / ".join(str(protocol.max_steps[suite]) for suite in STEPS)
        assert steps == shown
