"""What users hear who have no cluster, or no Ray."""

from __future__ import annotations

import socket
import sys

import pytest

from gridseval.cluster.connection import Cluster
from gridseval.errors import MachineError, UsageError
from gridseval.evaluation import RunConfig
from gridseval.evaluation.cluster_options import check_cluster_options


def test_without_ray_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MachineError) as caught:
        Cluster("auto")
    assert caught.value.hint == "pip install 'gridseval[ray]'"
    assert caught.value.exit_code == 3


def test_an_address_without_a_cluster_is_told_at_once() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(MachineError, match=f"no Ray cluster answers at {address}: "):
            Cluster(address)


@pytest.mark.parametrize("address", ["head", "head:x", "ray://head:10001", ":6379"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="--ray takes auto, local or HOST:PORT, not"):
        Cluster(address)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"env_gpus": 0.5}, "--env-gpus is for --ray"),
        ({"ray": "auto", "env_gpus": 2.0}, "--env-gpus must be within 0 and 1, not 2"),
        ({"ray": "auto", "env_gpus": float("nan")}, "--env-gpus must be within 0 and 1, not nan"),
        ({"ray": "auto", "workers": 0}, "--workers 0 runs in this process"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_cluster_options(RunConfig("libero_object", "out", **options))  # type: ignore[arg-type]
