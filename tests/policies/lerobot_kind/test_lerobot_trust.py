"""A LeRobot checkpoint's processor files run no code unless the user allows it."""

from __future__ import annotations

import json
from pathlib import Path

from lerobot_environments import HERE, run


def test_processor_files_run_no_code(
    lerobot_environment: dict[str, str], checkpoints: Path, tmp_path: Path
) -> None:
    words = [str(HERE / "trust_policies.py"), str(checkpoints), str(tmp_path)]
    told = json.loads(run(words, lerobot_environment).rpartition("told:")[2])
    assert not told["ran"]
    said = told["said"]
    assert said.pop("as saved") == ""
    assert said.pop("lerobot's own by its class") == ""
    assert "runs code of models and tokenizers" in said["pi0_fast"]
    assert len(said) == 25
    for case, sentence in said.items():
        assert sentence, case
        assert "LeRobot cannot load" not in sentence, case
        if case.startswith(("popen", "system", "through", "no step", "function", "relative")):
            assert "is not a processor step of LeRobot" in sentence
            assert "--trust-remote-code" in sentence
