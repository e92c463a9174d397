"""Runs of several replicas and servers: equal to a run of one policy, also if one is killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from served import scripted_server
from websockets.sync.server import ServerConnection

from gridseval.cli import main
from gridseval.errors import UsageError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.evaluation.sharing import Sharing
from gridseval.tokens import ImageMapping
from gridseval.wire import openpi
from gridseval.wire.own import ServedPolicy

MORTAL = f"{Path(__file__).with_name('mortal.py')}:Mortal"
PRUNED = {"pruner": "vla_pruner", "k": "16"}
"""A pruner that remembers in each slot what the query before looked at."""

Records = list[tuple[dict[str, Any], int]]
Run = Callable[..., tuple[Path, Records]]


def records_of(run: Path) -> Records:
    """Return a run's records, sorted and without times, and how often each was retried."""
    found = []
    for line in sorted((run / "episodes.jsonl").read_text().splitlines()):
        record = json.loads(line)
        retries = record.pop("retries")
        del record["wall_s"]
        extra = record["extra"]
        timed = ("latency", "peak_memory", "completion", "seconds")
        record["extra"] = {key: v for key, v in extra.items() if not key.startswith(timed)}
        assert len(extra) > len(record["extra"]), "nothing was measured"
        found.append((record, retries))
    return found


@pytest.fixture(scope="module")
def run(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Return a function that runs three episodes with two workers, the same for all runs."""
    with Sharing() as sharing:

        def run(**changed: Any) -> tuple[Path, Records]:
            out = tmp_path_factory.mktemp("run")
            quick = {"tasks": "0", "trials": 3, "max_steps": 20, "workers": 2, "video": "none"}
            evaluate(
                RunConfig("libero_object", out, assets=str(assets), **{**quick, **changed}),
                sharing=sharing,
            )
            return out, records_of(out)

        yield run


@pytest.fixture(scope="module")
def alone(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Return the records of a policy in this process, which does not die."""
    marker = tmp_path_factory.mktemp("alone") / "marker"
    marker.touch()
    return run(policy=MORTAL, policy_arguments={**PRUNED, "marker": str(marker)})[1]


def test_two_replicas_of_nano_are_one_policy(run: Run, alone: Records) -> None:
    out, records = run(policy="nano", policy_arguments=PRUNED, policies=2)
    assert records == alone
    assert len(records) == 3
    assert {record["queries"] for record, _ in records} == {3}
    manifest = yaml.safe_load((out / "run.yaml").read_text())
    assert manifest["replicas"] == ["replica 0", "replica 1"]
    assert manifest["policy"]["arguments"] == {"pruner": "vla_pruner", "k": 16}
    assert "notes" not in manifest


def test_a_replica_that_is_killed_costs_an_attempt(
    run: Run, alone: Records, tmp_path: Path
) -> None:
    arguments = {**PRUNED, "marker": str(tmp_path / "marker")}
    out, records = run(policy=MORTAL, policy_arguments=arguments, policies=2)
    assert [record for record, _ in records] == [record for record, _ in alone]
    assert records[1][1] == 1
    assert sum(retries for _, retries in records) <= 2
    (note,) = yaml.safe_load((out / "run.yaml").read_text())["notes"]
    assert "was lost once; the last word on it: its process was ended by SIGKILL" in note


def test_one_of_two_servers_is_killed(run: Run, alone: Records, tmp_path: Path) -> None:
    arguments = {**PRUNED, "marker": str(tmp_path / "marker")}
    with serving(arguments) as first, serving(arguments) as second:
        out, records = run(checkpoint=f"{first},{second}", policy_arguments={"connect_s": "2"})
    assert [record for record, _ in records] == [record for record, _ in alone]
    assert records[1][1] == 1
    manifest = yaml.safe_load((out / "run.yaml").read_text())
    assert manifest["replicas"] == [first, second]
    (note,) = manifest["notes"]
    assert "was lost once" in note and note.startswith((first, second))


@contextlib.contextmanager
def serving(arguments: dict[str, str]) -> Iterator[str]:
    """Start ``gridseval serve`` in a process of its own; yield the address."""
    named = [word for pair in arguments.items() for word in ("--policy-arg", "=".join(pair))]
    command = [sys.executable, "-m", "gridseval", "serve", "--policy", MORTAL, "--port", "0"]
    with subprocess.Popen([*command, *named], stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            lines = iter(server.stderr.readline, "")
            line = next(line for line in lines if "serving" in line)
            yield line.split()[-1]
        finally:
            server.kill()


def still(connection: ServerConnection, sha256: str) -> None:
    """Serve a policy with a checkpoint."""
    described = {"kind": "still", "sha256": sha256, "arguments": {"device": sha256}}
    said = ServedPolicy("still", ("state",), 4, ImageMapping(), description=described)
    connection.send(openpi.pack(said.to_metadata()))
    for _ in connection:
        connection.send(openpi.pack({"actions": np.zeros((4, 7), np.float32)}))


def test_servers_of_different_policies_are_refused_by_name(
    assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        scripted_server(lambda connection: still(connection, "aaa")) as first,
        scripted_server(lambda connection: still(connection, "bbb")) as second,
        pytest.raises(SystemExit) as left,
    ):
        words = ["run", "--suite", "libero_object", "--ckpt", f"{first},{second}"]
        main([*words, "--assets", str(assets), "--out", str(tmp_path / "run")])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert first in said and second in said and "has another policy than" in said
    assert "sha256: 'aaa' -> 'bbb'" in said or "sha256: 'bbb' -> 'aaa'" in said
    assert "device" not in said  # which servers of one policy may differ in
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"policy": "zero", "policies": 0}, "--policies must be"),
        ({"checkpoint": "ws://a:1", "policies": 2}, "--ckpt names a server"),
        ({"checkpoint": "ws://a:1,b:2"}, "'b:2' is not of the form"),
        ({"checkpoint": "ws://a:1,ws://a:1"}, "ws://a:1 twice"),
    ],
)
def test_what_does_not_go_together_is_refused(
    changed: dict[str, Any], message: str, assets: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(RunConfig("libero_object", tmp_path / "run", assets=str(assets), **changed))
    assert not any(tmp_path.iterdir())
