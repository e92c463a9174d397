"""Runs on a real Ray cluster of this machine: the same records, whatever happens to its nodes."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

_MEASURED = ("latency_", "peak_memory_mb", "completion_s", "seconds", "host")
_STORE_BYTES = 100 * 2**20
_PATIENCE_S = 180.0
_PORTS = (
    "metrics_agent_port",
    "metrics_export_port",
    "dashboard_agent_listen_port",
    "runtime_env_agent_port",
)


class RayCluster:
    """Nodes of one core each, by name; the first has none, and the driver's connection."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray's own
            from ray.cluster_utils import Cluster

            self._cluster = Cluster()
        self.nodes: dict[str, Any] = {}
        # Without workers in store, and quick to notice that a node is gone.
        self.add("head", 0, _system_config={"health_check_period_ms": 500})
        self.address = self._cluster.address

    def add(self, name: str, cpus: int = 1, **options: Any) -> None:
        before = signal.getsignal(signal.SIGTERM)  # Ray's handler would stay in this process
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.nodes[name] = self._cluster.add_node(
                num_cpus=cpus,
                node_name=name,
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                # A node waits for helpers of its own unless it knows where they listen.
                **{port: _free_port() for port in _PORTS},
                **options,
            )
        signal.signal(signal.SIGTERM, before)

    def kill(self, name: str) -> None:
        """End a node as a power cut does, then what is left of it."""
        node = self.nodes.pop(name)
        os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        made = RayCluster()
        try:
            made.add("b")
            made.add("c")
            yield made
        finally:
            made.close()


def lines_of(run: Path, ignore: tuple[str, ...] = ()) -> list[str]:
    """Return the records, sorted, without times and host."""
    lines = []
    for line in (run / "episodes.jsonl").read_text().splitlines():
        record = json.loads(line)
        del record["wall_s"]
        record["extra"] = {
            key: value for key, value in record["extra"].items() if not key.startswith(_MEASURED)
        }
        lines.append(json.dumps({k: v for k, v in record.items() if k not in ignore}))
    return sorted(lines)


def hosts_of(run: Path) -> set[str]:
    file = run / "episodes.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return {record["extra"]["host"] for record in whole}


def wait_for(what: Callable[[], bool], process: Any) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)


def test_records_equal_those_of_one_process(
    cluster: RayCluster, finish: Callable[..., str], tmp_path: Path
) -> None:
    words = ("--tasks", "0", "--trials", "4", "--max-steps", "8", "--record-actions")
    finish(tmp_path / "one", "Onlooker", *words, "--workers", "0", "--video", "1")
    said = finish(tmp_path / "ray", "Onlooker", *words, "--ray", cluster.address, "--video", "1")
    assert lines_of(tmp_path / "ray") == lines_of(tmp_path / "one")
    assert hosts_of(tmp_path / "ray") <= {"b", "c"}
    assert "raylet" not in said and "ray::" not in said and "[20" not in said
    for file in sorted((tmp_path / "one" / "actions").iterdir()):
        assert file.read_bytes() == (tmp_path / "ray" / "actions" / file.name).read_bytes()


def test_nodes_die_and_join_and_the_driver_is_killed(
    cluster: RayCluster,
    start: Callable[..., Any],
    finish: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    words = ("--tasks", "0", "--trials", "24", "--max-steps", "8", "--video", "none")
    run = tmp_path / "ray"
    finish(tmp_path / "one", "Paced", *words, "--workers", "0")
    monkeypatch.setenv("PACE_S", "2")
    with start(run, "Paced", *words, "--ray", cluster.address) as process:
        wait_for(lambda: "b" in hosts_of(run), process)
        cluster.kill("b")
        cluster.add("d")
        wait_for(lambda: "d" in hosts_of(run), process)
        process.kill()
        _, complained = process.communicate()
    assert "raylet" not in complained and "[20" not in complained
    before = (run / "episodes.jsonl").read_text()
    assert before.count("\n") < 24
    monkeypatch.setenv("PACE_S", "0")
    finish(run, "Paced", *words, "--ray", cluster.address)
    assert (run / "episodes.jsonl").read_text().startswith(before)
    assert lines_of(run, ("retries",)) == lines_of(tmp_path / "one", ("retries",))
    lines = (run / "episodes.jsonl").read_text().splitlines()
    retries = [json.loads(line)["retries"] for line in lines]
    assert sum(retries) <= 1
