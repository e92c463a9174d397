"""What a run may be resumed with: content that lies elsewhere, more episodes, named differences."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gridseval.errors import OutputError
from gridseval.results import EpisodeRecord, RunDirectory, summarise
from gridseval.results.compare.flips import compare_runs
from gridseval.results.compare.text import compare_json, compare_text
from gridseval.results.gate.verdict import _models
from gridseval.results.run.comparable import run_differences
from gridseval.results.run.keys import ANYWAY, KEYS, RESUME, is_below
from gridseval.results.run.manifest import manifest_differences, read_manifest
from gridseval.results.run.reading import read_run
from gridseval.results.tables.merging import arrange_runs

MakeRecord = Callable[..., EpisodeRecord]

BEGUN: dict[str, Any] = {
    "suite": "libero_goal",
    "tasks": [0, 7],
    "trials": 5,
    "episodes": 10,
    "seed": 7,
    "env_seed": 0,
    "max_steps": 300,
    "policy": {
        "name": "lerobot",
        "kind": "lerobot",
        "class": "gridseval.policies.lerobot_kind:LeRobotPolicy",
        "source_sha256": None,
        "checkpoint": "/scratch/a/model",
        "sha256": "c0ffee",
        "hub": {"repository": "me/model", "revision": None, "commit": "1"},
        "arguments": {"device": "cpu"},
        "torch": "2.9.1",
    },
    "video": "default",
    "record_actions": False,
    "assets": {"identity": "libero", "hash": "0123"},
    "simulator": {"libero": {"tasks": "aa"}, "robosuite": {"code": "bb"}},
    "renderer": "egl: llvmpipe",
    "versions": {"python": "3.11.7", "mujoco": "3.3.2", "numpy": "2.3.0"},
}


def changed(*changes: tuple[str, Any], of: Mapping[str, Any] = BEGUN) -> dict[str, Any]:
    """Return a manifest with other values of dotted keys; ``...`` removes one."""
    made: dict[str, Any] = copy.deepcopy(dict(of))
    for key, value in changes:
        *above, last = key.split(".")
        tree = made
        for name in above:
            tree = tree.setdefault(name, {})
        if value is ...:
            del tree[last]
        else:
            tree[last] = value
    return made


def resume(path: Path, given: Mapping[str, Any], anyway: bool = False) -> RunDirectory:
    return RunDirectory.open(path, given, RESUME, anyway)


def begun(tmp_path: Path, manifest: Mapping[str, Any] = BEGUN) -> Path:
    path = tmp_path / "run"
    resume(path, manifest).close()
    return path


# Identity by content.

OWN = {"name": "/a/mine.py:Mine", "kind": "/a/mine.py:Mine", "class": "/a/mine.py:Mine"}
OWN_CLASS = [(f"policy.{key}", text) for key, text in OWN.items()]
OTHER_PLACE = [(f"policy.{key}", "../b/copy.py:Mine") for key in OWN]
PRUNER = [("policy.arguments.pruner", "/a/p.py:P"), ("policy.argument_files", {"pruner": "beef"})]
SERVED = {"kind": "nano", "class": "x:Nano", "checkpoint": "/a/n", "sha256": "ab", "torch": "2.9"}


def served(description: Mapping[str, Any] = SERVED, **own: Any) -> dict[str, Any]:
    return {"gridseval": {"policy": "nano", "description": dict(description), **own}}


AT_A_SERVER = [
    ("policy.checkpoint", "ws://host:8000"),
    ("policy.sha256", None),
    ("policy.server", served()),
]

ELSEWHERE: dict[str, tuple[list[tuple[str, Any]], list[tuple[str, Any]]]] = {
    "a checkpoint that moved": ([], [("policy.checkpoint", "/fast/b/copy")]),
    "a checkpoint of the hub": (
        [],
        [("policy.hub.commit", "2"), ("policy.hub.revision", "main")],
    ),
    "a copy of a repository": ([], [("policy.checkpoint", "me/model"), ("policy.hub", ...)]),
    "the file of a class": (
        [*OWN_CLASS, ("policy.source_sha256", "dead")],
        [*OTHER_PLACE, ("policy.source_sha256", "dead")],
    ),
    "the file of an argument": (PRUNER, [*PRUNER, ("policy.arguments.pruner", "p2.py:P")]),
    "a server's port": (AT_A_SERVER, [*AT_A_SERVER, ("policy.checkpoint", "ws://host:9123")]),
    "a server's host and scheme": (
        AT_A_SERVER,
        [*AT_A_SERVER, ("policy.checkpoint", "wss://other:443/path")],
    ),
    "a server's own checkpoint": (
        AT_A_SERVER,
        [*AT_A_SERVER, ("policy.server", served({**SERVED, "checkpoint": "/b/n"}))],
    ),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_same_content_elsewhere_resumes(name: str, tmp_path: Path) -> None:
    before, after = (changed(*changes) for changes in ELSEWHERE[name])
    path = begun(tmp_path, before)
    with resume(path, after) as run:
        assert run.manifest == read_manifest(path / "run.yaml") == before
        assert run.notes == ()
        run.note_mixed()
        assert "mixed" not in run.manifest


OTHER_CONTENT: dict[str, tuple[list[tuple[str, Any]], list[tuple[str, Any]], str]] = {
    "another checkpoint": ([], [("policy.sha256", "decaf")], "policy.sha256"),
    "no hash": (
        [("policy.sha256", None)],
        [("policy.sha256", None), ("policy.checkpoint", "/b")],
        "policy.checkpoint",
    ),
    "another class of the same file": (
        [*OWN_CLASS, ("policy.source_sha256", "dead")],
        [*OWN_CLASS, ("policy.source_sha256", "dead"), ("policy.class", "/a/mine.py:Other")],
        "policy.class",
    ),
    "another file": (
        [*OWN_CLASS, ("policy.source_sha256", "dead")],
        [*OTHER_PLACE, ("policy.source_sha256", "beef")],
        "policy.class",
    ),
    "another argument's file": (
        PRUNER,
        [*PRUNER, ("policy.argument_files", {"pruner": "f00d"})],
        "policy.argument_files.pruner",
    ),
    "another class in an argument's file": (
        PRUNER,
        [*PRUNER, ("policy.arguments.pruner", "/a/p.py:Q")],
        "policy.arguments.pruner",
    ),
    "a server of another checkpoint": (
        AT_A_SERVER,
        [*AT_A_SERVER, ("policy.server", served({**SERVED, "sha256": "cd"}))],
        "policy.server.gridseval.description.sha256",
    ),
    "a server of another policy": (
        AT_A_SERVER,
        [*AT_A_SERVER, ("policy.server", served(policy="zero"))],
        "policy.server.gridseval.policy",
    ),
    "a server instead of a checkpoint": (
        [],
        [("policy.checkpoint", "ws://h:1"), ("policy.server", {}), ("policy.sha256", None)],
        "policy.checkpoint",
    ),
}


@pytest.mark.parametrize("anyway", [False, True])
@pytest.mark.parametrize("name", OTHER_CONTENT)
def test_other_content_is_another_run(name: str, anyway: bool, tmp_path: Path) -> None:
    before, after, key = OTHER_CONTENT[name]
    path = begun(tmp_path, changed(*before))
    with pytest.raises(OutputError, match=rf"another run[^`]*\n  {key}: ") as caught:
        resume(path, changed(*after), anyway)
    assert caught.value.exit_code == 5
    assert "--resume-anyway" not in str(caught.value)
    assert read_manifest(path / "run.yaml") == changed(*before)


def test_a_server_that_says_nothing_resumes_elsewhere_with_a_word(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    silent = changed(("policy.checkpoint", "ws://a:1"), ("policy.server", {}))
    for key in ("sha256", "hub"):
        del silent["policy"][key]
    path = begun(tmp_path, silent)
    with resume(path, changed(("policy.checkpoint", "ws://a:2"), of=silent)) as run:
        run.append(make_record())
        run.note_mixed()
    (told,) = [note for note in notes_of(path) if note.startswith("mixed")]
    assert "'ws://a:1', then 'ws://a:2'" in told
    assert "does not say" in told


# More episodes.


@pytest.mark.parametrize(
    "more",
    [
        {"trials": 20, "episodes": 40},
        {"tasks": [0, 3, 7], "episodes": 15},
        {"tasks": [0, 3, 7], "trials": 6, "episodes": 18},
        {"tasks": [0, 3, 7], "episodes": 15, "selection": {"level": "1"}},
        {"trials": 6, "episodes": 12, "unavailable": {"camera": {"1": 2}}},
    ],
    ids=str,
)
def test_more_tasks_or_trials_extend_a_run(
    more: dict[str, Any], tmp_path: Path, make_record: MakeRecord
) -> None:
    path = begun(tmp_path)
    with resume(path, BEGUN) as run:
        run.append(make_record(trial=4))
    with resume(path, BEGUN | more) as run:
        assert run.manifest == BEGUN | more
        assert [record.trial for record in run.records()] == [4]
        run.append(make_record(task=more.get("tasks", [7])[-1], trial=more.get("trials", 4) - 1))
    read = read_run(path)
    assert (read.manifest, len(read.records), read.notes) == (BEGUN | more, 2, ())
    assert summarise(read.records, read.manifest).expected == more["episodes"]


@pytest.mark.parametrize(
    "other",
    [{"trials": 4}, {"tasks": [0]}, {"tasks": [1, 7]}, {"tasks": [0, 3, 7], "trials": 1}],
    ids=str,
)
def test_fewer_or_other_episodes_are_another_run(other: dict[str, Any], tmp_path: Path) -> None:
    path = begun(tmp_path)
    for anyway in (False, True):
        with pytest.raises(OutputError, match=f"  {next(iter(other))}: "):
            resume(path, BEGUN | other, anyway)
    assert read_manifest(path / "run.yaml") == BEGUN


@pytest.mark.parametrize("key", ["sequential", "collect"])
def test_a_planned_number_of_episodes_is_not_extended(key: str, tmp_path: Path) -> None:
    planned = BEGUN | {key: {"p_good": 0.9}}
    path = begun(tmp_path, planned)
    resume(path, planned).close()
    with pytest.raises(OutputError, match="  trials: 5 -> 9"):
        resume(path, planned | {"trials": 9})


# Named differences.

MACHINES: dict[str, tuple[str, Any]] = {
    "a patch version": ("versions.python", "3.11.9"),
    "another mujoco": ("versions.mujoco", "3.3.7"),
    "a package more": ("versions.torch", "2.9.1"),
    "another renderer": ("renderer", "glx: NVIDIA H200"),
    "another torch": ("policy.torch", "2.9.1+cpu"),
    "another device": ("policy.arguments.device", "cuda"),
    "another robosuite": ("simulator.robosuite.code", "cc"),
    "other videos": ("video", "all"),
    "actions kept": ("record_actions", True),
}


@pytest.mark.parametrize("name", MACHINES)
def test_what_may_differ_is_refused_accepted_named_and_shown(
    name: str, tmp_path: Path, make_record: MakeRecord
) -> None:
    key, value = MACHINES[name]
    here = changed((key, value))
    (difference,) = manifest_differences(BEGUN, here, RESUME)
    path = begun(tmp_path)
    with pytest.raises(OutputError) as caught:
        resume(path, here)
    assert difference in str(caught.value)
    assert "--resume-anyway" in str(caught.value)
    with resume(path, here, anyway=True) as run:
        (told,) = run.notes
        assert key in told
        assert repr(value) in told
        assert "mixed" not in read_manifest(path / "run.yaml")  # before anything is run so
        run.note_mixed()
        run.append(make_record())
    assert read_manifest(path / "run.yaml").pop("mixed").keys() == {key}
    assert [key in note and repr(value) in note for note in notes_of(path)] == [True]
    with resume(path, here) as run:  # what was accepted once
        assert run.notes == ()
    resume(path, BEGUN).close()
    third = changed((key, "a third"))
    with pytest.raises(OutputError, match=f"{key}: .*, then .* -> 'a third'|{key}: "):
        resume(path, third)
    with resume(path, third, anyway=True) as run:
        run.note_mixed()
    assert len(read_manifest(path / "run.yaml")["mixed"][key]) == 3


def test_a_mixed_run_is_not_comparable_where_its_values_decide(tmp_path: Path) -> None:
    pure, mixed = begun(tmp_path / "a"), begun(tmp_path / "b")
    here = changed(("renderer", "glx: x"), ("versions.python", "3.12.1"))
    with resume(mixed, here, anyway=True) as run:
        run.note_mixed()
    lines = run_differences(read_run(pure), read_run(mixed))
    assert lines == ("renderer: 'egl: llvmpipe' -> 'egl: llvmpipe', then 'glx: x'",)
    assert any("renderer" in note for note in _models(read_run(mixed)))
    for shown in (compare_text, compare_json):
        for runs in ((pure, mixed), (mixed, mixed)):
            said = " ".join(shown(compare_runs(*map(read_run, runs))).split())
            assert "B is mixed: " in said
    with resume(pure, here, anyway=True) as run:
        run.note_mixed()
    assert run_differences(read_run(pure), read_run(mixed)) == ()


def test_parts_of_one_run_may_have_their_checkpoint_elsewhere(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    paths = []
    for trial, where in enumerate(("/a/model", "/b/model")):
        path = begun(tmp_path / str(trial), changed(("policy.checkpoint", where)))
        with resume(path, changed(("policy.checkpoint", where))) as run:
            run.append(make_record(trial=trial))
        paths.append(path)
    (joined,) = arrange_runs([read_run(path) for path in paths])
    assert len(joined.records) == 2


def test_nothing_that_decides_a_measurement_is_accepted() -> None:
    decides = ("suite", "seed", "env_seed", "max_steps", "perturb", "assets", "policy.sha256")
    assert not [key for key in decides if is_below(key, ANYWAY)]
    assert len({key.name for key in KEYS}) == len(KEYS)


def notes_of(path: Path) -> list[str]:
    run = read_run(path)
    return [note for note in summarise(run.records, run.manifest).notes if "mixed" in note]
