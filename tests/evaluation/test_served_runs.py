"""Whole runs with a policy behind a websocket: equal to local ones, and what servers may do."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from served import policy_server, scripted_server
from websockets.sync.server import ServerConnection

from gridseval.cli import main
from gridseval.errors import OutputError, PolicyError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.policies import load_policy
from gridseval.results.run.jsonl import read_records
from gridseval.results.run.reading import read_run
from gridseval.tokens import ImageMapping
from gridseval.wire import openpi
from gridseval.wire.own import ServedPolicy

Answer = Callable[[Mapping[str, Any]], Any]


def config(out: Path, address: str, assets: Path, **changed: Any) -> RunConfig:
    quick = {"trials": 3, "max_steps": 8, "workers": 0, "video": "none"}
    return RunConfig(
        "libero_object",
        out,
        **{
            "tasks": "0",
            "checkpoint": address,
            "assets": str(assets),
            "policy_arguments": {"connect_s": "5", "timeout_s": "60"},
            **quick,
            **changed,
        },
    )


def still(_: Mapping[str, Any]) -> dict[str, Any]:
    actions = np.zeros((4, 7), np.float32)
    actions[:, 6] = -1
    return {"actions": actions}


def server(answer: Answer, name: str = "still") -> Callable[[ServerConnection], None]:
    """Return a server of a policy that sees the state; ``None`` for an answer hangs up."""
    said = ServedPolicy(name, ("state",), 4, ImageMapping()).to_metadata()

    def handle(connection: ServerConnection) -> None:
        connection.send(openpi.pack(said))
        for frame in connection:
            reply = answer(openpi.unpack(frame))
            if reply is None:
                return
            connection.send(openpi.pack(reply) if isinstance(reply, dict) else reply)

    return handle


def in_the_middle_of(trial: int) -> Callable[[Mapping[str, Any]], bool]:
    """Return whether a request is the second one of a trial."""
    return lambda request: (
        request["gridseval"]["trial"] == trial and request["gridseval"]["step"] == 4
    )


def statuses(run: Path) -> list[tuple[int, str, int]]:
    return [(r.trial, r.status, r.retries) for r in read_records(run / "episodes.jsonl")]


def test_a_connection_that_breaks_costs_its_episode_an_attempt(
    assets: Path, tmp_path: Path
) -> None:
    broken: list[int] = []

    def answer(request: Mapping[str, Any]) -> Any:
        if in_the_middle_of(1)(request) and not broken:
            broken.append(1)
            return None
        return still(request)

    with scripted_server(server(answer)) as address:
        summary = evaluate(config(tmp_path / "run", address, assets))
    assert statuses(tmp_path / "run") == [(0, "failure", 0), (1, "failure", 1), (2, "failure", 0)]
    assert summary.tally.errors == 0


WRONG: dict[str, tuple[Any, str]] = {
    "nan": ({"actions": np.full((4, 7), np.nan)}, "sent nan"),
    "another shape": ({"actions": np.zeros((4, 6))}, r"shape \(4, 6\)"),
    "no step": ({"actions": np.zeros((0, 7))}, r"shape \(0, 7\)"),
    "a traceback": ("Traceback\nKeyError: 'image'", "KeyError: 'image'"),
    "rubbish": (b"\xc1", "does not speak openpi"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_executed_is_an_error_of_its_episode_alone(
    name: str, assets: Path, tmp_path: Path
) -> None:
    wrong, said = WRONG[name]
    is_bad = in_the_middle_of(0)
    with scripted_server(server(lambda r: wrong if is_bad(r) else still(r))) as address:
        summary = evaluate(config(tmp_path / "run", address, assets, trials=2))
    assert statuses(tmp_path / "run") == [(0, "error", 2), (1, "failure", 0)]
    record = read_records(tmp_path / "run" / "episodes.jsonl")[0]
    assert record.error
    assert re.search(said, record.error)
    assert (summary.tally.errors, summary.tally.counted) == (1, 1)


def test_an_answer_that_comes_too_late_is_never_executed(assets: Path, tmp_path: Path) -> None:
    release, late = threading.Event(), threading.Event()

    def answer(request: Mapping[str, Any]) -> Any:
        if in_the_middle_of(0)(request) and not late.is_set():
            late.set()
            assert release.wait(60)
            return {"actions": np.ones((4, 7), np.float32)}
        if late.is_set():
            release.set()
        return still(request)

    patience = {"timeout_s": "1.5"}
    with scripted_server(server(answer)) as address:
        asked = config(tmp_path / "run", address, assets, trials=1, record_actions=True)
        evaluate(replace(asked, policy_arguments=patience))
    assert [(trial, status) for trial, status, _ in statuses(tmp_path / "run")] == [(0, "failure")]
    actions = np.load(tmp_path / "run" / "actions" / "libero_object-0-0.npy")
    assert np.all(actions[:, :6] == 0)


def test_a_dead_server_ends_the_run_which_resumes_when_it_is_back(
    assets: Path, tmp_path: Path
) -> None:
    dead = threading.Event()

    def handle(connection: ServerConnection) -> None:
        if not dead.is_set():
            alive(connection)

    def answered(request: Mapping[str, Any]) -> Any:
        if in_the_middle_of(1)(request) and once:
            once.clear()
            dead.set()
        return None if dead.is_set() else still(request)

    once = [True]
    alive = server(answered)
    with scripted_server(handle) as address:
        asked = config(tmp_path / "run", address, assets, trials=8)
        with pytest.raises(PolicyError, match="requests failed") as caught:
            evaluate(asked)
        assert caught.value.exit_code == 4
        assert "the same command resumes" in (caught.value.hint or "")
        left = statuses(tmp_path / "run")
        assert left[0] == (0, "failure", 0)
        # Whatever was tried while it was dead is an error; the rest was not begun.
        assert {status for _, status, _ in left[1:]} <= {"error"}
        assert len(left) < 8
        assert (tmp_path / "run" / "table.md").is_file()
        dead.clear()
        summary = evaluate(replace(asked, retry_errors=True))
    assert (summary.tally.counted, summary.tally.errors) == (8, 0)


def test_a_run_says_what_served_it_and_is_not_resumed_with_another(
    assets: Path, tmp_path: Path
) -> None:
    name = ["still"]

    def handle(connection: ServerConnection) -> None:
        server(still, name[0])(connection)

    with scripted_server(handle) as address:
        asked = config(tmp_path / "run", address, assets, trials=1)
        evaluate(asked)
        policy = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
        assert policy["server"]["gridseval"]["policy"] == "still"
        name[0] = "moving"
        with pytest.raises(OutputError, match=r"server\.gridseval\.policy: 'still' -> 'moving'"):
            evaluate(asked)


def test_the_oracle_over_the_wire_and_replayed_is_the_oracle_to_the_bit(
    assets: Path, tmp_path: Path
) -> None:
    steps = {"trials": 1, "max_steps": None, "record_actions": True, "policy_arguments": {}}
    local = config(tmp_path / "local", "", assets, **steps)
    evaluate(replace(local, checkpoint=None, policy="oracle"))
    with policy_server(load_policy("oracle", None, {}, 7)) as address:
        evaluate(config(tmp_path / "served", address, assets, **steps))
    again = replace(local, out=tmp_path / "again", checkpoint=str(tmp_path / "local"))
    evaluate(replace(again, policy="replay"))
    told = []
    for name in ("local", "served", "again"):
        (record,) = read_run(tmp_path / name).records
        actions = np.load(tmp_path / name / "actions" / "libero_object-0-0.npy")
        told.append((record.status, record.steps, actions.tobytes()))
    assert told[0][0] == "success"
    assert told[1] == told[0]
    assert told[2] == told[0]


@pytest.mark.parametrize("policy", ["openpi", None])
def test_a_server_that_is_not_there_is_one_line(
    policy: str | None, assets: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    named = ["--policy", policy, "--policy-arg", "connect_s=0.3"] if policy else []
    words = ["run", "--suite", "libero_object", "--ckpt", "ws://127.0.0.1:9"]
    with pytest.raises(SystemExit) as left:
        main([*words, *named, "--assets", str(assets), "--out", str(tmp_path / "run")])
    assert left.value.code == 4
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("gridseval: no server answers at ws://127.0.0.1:9")
    assert len(said) == 2
    assert not (tmp_path / "run").exists()
