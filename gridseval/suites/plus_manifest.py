"""Make the YAML files of the LIBERO-Plus suites from a clone's data: a tool for developers.

``python -m gridseval.suites.plus_manifest CLONE/libero/libero`` writes
``suites/libero_plus_*.yaml``. They hold facts only: which task comes when, its parameters, its
level. Users of gridseval need not run it.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

from gridseval.data import data_dir
from gridseval.suites.catalogue import load_suite
from gridseval.suites.suite import Suite
from gridseval.suites.variant import KINDS, Variant
from gridseval.suites.variant_text import write_variants

BASES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")

_HEAD = """\
# LIBERO-Plus, commit 4976dc3, in upstream's order: base task, kind, parameters[=scene]:level, …
# Made by python -m gridseval.suites.plus_manifest; format: gridseval/suites/variant_text.py.
name: {name}
title: {title}
max_steps: {max_steps}     # policy steps; the settle steps come on top
settle_steps: {settle_steps}
trials: 1          # the leaderboard runs stored initial state 0 only
cameras: [{cameras}]
base: {base}
variants: |
"""
_PROBLEM = re.compile(r"\(problem (?P<name>\S+?)\)")


def main(arguments: list[str]) -> None:
    """Write the four files from the data folder that the only argument names."""
    (folder,) = map(Path, arguments)
    classified = json.loads((folder / "benchmark" / "task_classification.json").read_text("utf8"))
    for base in BASES:
        suite = load_suite(base)
        variants = [
            variant_of(suite, entry["name"], entry["difficulty_level"], folder)
            for entry in sorted(classified[base], key=lambda entry: int(entry["id"]))
        ]
        path = data_dir("suites") / f"{base.replace('libero_', 'libero_plus_')}.yaml"
        path.write_text(yaml_text(suite, variants), encoding="utf8")


def variant_of(suite: Suite, name: str, level: int | None, folder: Path) -> Variant:
    """Return what a task's name, level and BDDL file say.

    Raises:
        ValueError: The name is irregular.
    """
    for task in suite.tasks:
        for word, kind in KINDS.items():
            pattern = re.escape(task.name) + kind.suffix.replace("{}", r"(\d+)")
            match = re.fullmatch(pattern, name)
            if match and not (word == "init" and match[1] == "0"):
                parameters = tuple(map(int, match.groups()))
                variant = Variant(suite.name, task.name, word, parameters, level)
                return _with_scene(variant, folder)
    raise ValueError(f"{name} is not the name of a task of LIBERO-Plus")


def yaml_text(suite: Suite, variants: list[Variant]) -> str:
    """Return the content of a suite's YAML file."""
    head = _HEAD.format(
        name=suite.name.replace("libero_", "libero_plus_"),
        title=suite.title.replace("LIBERO-", "LIBERO-Plus-"),
        max_steps=suite.max_steps,
        settle_steps=suite.settle_steps,
        cameras=", ".join(suite.cameras),
        base=suite.name,
    )
    text = write_variants(variants, [task.name for task in suite.tasks])
    return head + "".join(f"  {line}\n" for line in text.splitlines())


def _with_scene(variant: Variant, folder: Path) -> Variant:
    if variant.dimension not in ("light", "background"):
        return variant
    path = folder / "bddl_files" / variant.suite / f"{variant.file_stem}.bddl"
    match = _PROBLEM.search(path.read_text("utf8"))
    if match is None:
        raise ValueError(f"{path} names no problem")
    scene = re.sub(
        r"(?i).*(_light_sync_modified_|_table_|_Floor)(?=[A-Za-z0-9])", "", match["name"]
    )
    scene = re.sub(r"_(Wall_?|bg_)", "+", scene)
    return replace(variant, scene=scene)


if __name__ == "__main__":
    main(sys.argv[1:])
