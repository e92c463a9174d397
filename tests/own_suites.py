"""Folders of suites of one's own, made of LIBERO's files under other names."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from gridseval.envs.libero_package import package_root

TASKS = {"switch_it_on": "turn_on_the_stove", "bowl_on_plate": "put_the_bowl_on_the_plate"}
"""Names of our tasks, and whose files of libero_goal they have."""


def write_suite(folder: Path, **changed: Any) -> Path:
    """Write a suite of the two tasks and return its folder."""
    for part, ending in (("bddl_files", "bddl"), ("init_files", "pruned_init")):
        (folder / part).mkdir(parents=True)
        for name, known in TASKS.items():
            source = package_root() / part / "libero_goal" / f"{known}.{ending}"
            shutil.copyfile(source, folder / part / f"{name}.{ending}")
    keys = {
        "name": "kitchen",
        "title": "My kitchen",
        "max_steps": 8,
        "settle_steps": 2,
        "trials": 50,
        "cameras": ["agentview", "robot0_eye_in_hand"],
        "tasks": list(TASKS),
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(keys | changed), encoding="utf8")
    return folder
