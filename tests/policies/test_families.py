"""The table of families: what ships, what a broken one says, and what is made from it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from gridseval.cli import run, serve
from gridseval.errors import UsageError
from gridseval.policies.families import (
    REFERENCES,
    Comparison,
    Family,
    Reference,
    families_markdown,
    load_families,
)
from gridseval.policies.registry import POLICIES

ROOT = Path(__file__).parents[2]

EVALUATED_IN_2026 = {
    *("OpenVLA", "OpenVLA-OFT", "LightVLA", "π0", "π0.5", "π0-FAST", "π0.5 + GridS", "SmolVLA"),
    *("ACT", "diffusion policy", "X-VLA", "CogACT", "GR00T N1.5", "GR00T N1.6", "GR00T N1.7"),
    *("StarVLA", "MolmoAct2", "VLANeXt", "NORA", "WorldVLA", "VLA-Adapter", "UniVLA"),
    *("InternVLA-M1", "nano"),
}

ONE = {
    "family": "Mine",
    "kind": "openpi",
    "run": "gridseval run --suite libero_10 --ckpt ws://127.0.0.1:8000",
    "compared": [
        {"version": "mine 1.0", "what": "actions", "reference": "upstream", "date": "2026-11-28"}
    ],
}


def write(folder: Path, *families: dict[str, object]) -> Path:
    file = folder / "families.yaml"
    file.write_text(yaml.safe_dump({"families": list(families)}), encoding="utf8")
    return file


def test_every_family_that_people_evaluate_has_a_row() -> None:
    assert {family.family for family in load_families()} >= EVALUATED_IN_2026


RECIPES = [family for family in load_families() if family.kind.startswith("examples/")]


@pytest.mark.parametrize("family", RECIPES, ids=lambda family: family.family)
def test_a_recipes_docstring_says_the_same(family: Family) -> None:
    """The commands of the table, and the commit that was compared with."""
    source = (ROOT / family.kind.partition(":")[0]).read_text(encoding="utf8")
    said = " ".join((ast.get_docstring(ast.parse(source)) or "").replace("\\\n", " ").split())
    assert family.run in said
    assert family.serve is not None
    assert family.serve in said
    assert family.compared[0].version.split()[-1] in said
    if "gridseval serve" in family.serve:
        known = {option for parameter in serve.command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", family.serve)) <= known


@pytest.mark.parametrize("family", load_families(), ids=lambda family: family.family)
def test_a_row_names_what_there_is(family: Family) -> None:
    """A kind that is registered or a class in a file, and options that ``gridseval`` has."""
    if family.kind not in POLICIES.names():
        file, _, name = family.kind.partition(":")
        assert f"class {name}" in (ROOT / file).read_text(encoding="utf8")
    known = {option for parameter in run.command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", family.run)) <= known
    assert family.run.startswith("gridseval run --suite ")
    if family.kind in ("openpi", "vla-eval"):  # whose servers do not say which family they are
        assert f"card={family.card}" in family.run


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "openpie"}, "'openpie' is neither a kind nor a recipe"),
        ({"kind": "elsewhere/nora.py:Nora"}, "neither a kind nor a recipe"),
        ({"card": "pi06"}, "there is no card 'pi06'"),
        ({"compared": []}, "say what was compared"),
        ({"compared": [ONE["compared"][0] | {"date": "28.11.2026"}]}, "Invalid isoformat"),
        ({"compared": [ONE["compared"][0] | {"reference": "ran"}]}, "'ran' is not a choice"),
        (
            {"compared": [ONE["compared"][0] | {"reference": "read", "difference": "1e-7"}]},
            "what was only read has no difference",
        ),
        ({"cards": "pi0"}, "unknown key 'cards'"),
    ],
)
def test_a_broken_row_names_file_and_key(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    file = write(tmp_path, {**ONE, **changes})
    with pytest.raises(UsageError, match=message) as caught:
        load_families(file)
    assert str(file) in caught.value.message


def test_a_family_is_listed_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Mine is listed twice"):
        load_families(write(tmp_path, ONE, ONE))


def test_a_version_counts_by_its_strongest_reference() -> None:
    done: list[tuple[str, Reference]] = [
        *(("v0", "read"), ("v1", "mock"), ("v2", "mock"), ("v2", "upstream")),
        *(("v3", "upstream"), ("v3", "recorded"), ("v4", "mock"), ("v3", "upstream")),
    ]
    compared = tuple(Comparison(version, "all", by, "2026-11-28") for version, by in done)
    family = Family("Mine", "openpi", "gridseval run", compared)
    assert list(family.versions().items()) == [
        ("upstream", ("v2", "v3")),
        ("mock", ("v1", "v4")),
        ("read", ("v0",)),
    ]


def test_the_docs_table_has_a_row_for_every_comparison() -> None:
    families = load_families()
    head, rule, *rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in families_markdown().splitlines()
    ]
    assert head[0] == "family"
    assert set(rule) == {"---"}
    assert len(rows) == sum(len(family.compared) for family in families)
    assert {len(row) for row in rows} == {len(head)}
    assert [row[0] for row in rows if row[0]] == [family.family for family in families]
    told = [[row[2], row[3], row[4], row[6]] for row in rows]
    assert told == [
        [it.version, it.what, REFERENCES[it.reference], it.date]
        for family in families
        for it in family.compared
    ]


def test_a_difference_that_was_not_measured_is_a_dash_and_pipes_are_escaped() -> None:
    compared = (
        Comparison("1|2", "actions", "mock", "2026-11-28"),
        Comparison("3", "images", "recorded", "2026-11-27", "1 grey level"),
    )
    table = families_markdown((Family("Mine", "openpi", "gridseval run", compared),))
    assert table.splitlines()[2:] == [
        r"| Mine | `openpi` | 1\|2 | actions | a mock of its interface | – | 2026-11-28 |",
        "|  |  | 3 | images | values that upstream's code gave | 1 grey level | 2026-11-27 |",
    ]
