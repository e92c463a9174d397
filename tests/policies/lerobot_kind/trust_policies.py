"""Run beside LeRobot: what is said of a checkpoint whose processor files would run code.

Usage: python trust_policies.py CHECKPOINTS FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError
from gridseval.policies import load_policy

CHECKPOINTS, FOLDER = (Path(argument) for argument in sys.argv[1:3])
MARK = FOLDER / "ran"


def command(**more: Any) -> dict[str, Any]:
    return {"config": {"args": ["touch", str(MARK)]}, **more}


STEPS: dict[str, Any] = {
    "popen": command(**{"class": "subprocess.Popen"}),
    "system": {"class": "os.system", "config": {"command": f"touch {MARK}"}},
    "through lerobot": command(**{"class": "lerobot.processor.pipeline.importlib.Popen"}),
    "no step": {"class": "lerobot.processor.pipeline.Path", "config": {"args": str(MARK)}},
    "function": {"class": "lerobot.policies.factory.make_policy", "config": {}},
    "relative": {"class": "lerobot.policies...os.system", "config": {}},
    "not registered": {"registry_name": "subprocess.Popen", "config": {"args": ["touch", "x"]}},
    "list": {"registry_name": ["a"], "config": {}},
    "tokenizer": {
        "registry_name": "action_tokenizer_processor",
        "config": {"action_tokenizer_name": str(FOLDER / "tokenizer")},
    },
    "asked for": {
        "registry_name": "tokenizer_processor",
        "config": {"tokenizer_name": "x", "trust_remote_code": True},
    },
    "nameless": {},
    "a number": 7,
}


def said(name: str, file: str, step: Any, trusted: bool = False) -> str:
    folder = FOLDER / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHECKPOINTS / name, folder)
    stored = json.loads((folder / file).read_text())
    if step is not None:
        stored["steps"].insert(0, step)
    (folder / file).write_text(json.dumps(stored))
    try:
        load_policy(None, str(folder), {}, 7, trusted=trusted)
    except PolicyError as error:
        return f"{error.message} ({error.hint})"
    return ""


told = {
    f"{key}, {file}": said("act", file, step)
    for key, step in STEPS.items()
    for file in ("policy_preprocessor.json", "policy_postprocessor.json")
}
told["as saved"] = said("act", "policy_preprocessor.json", None)
told["pi0_fast"] = said("pi0_fast", "policy_preprocessor.json", None)
full = {"class": "lerobot.processor.RenameObservationsProcessorStep", "config": {"rename_map": {}}}
told["lerobot's own by its class"] = said("act", "policy_preprocessor.json", full)
sys.stdout.write("told:" + json.dumps({"ran": MARK.exists(), "said": told}))
