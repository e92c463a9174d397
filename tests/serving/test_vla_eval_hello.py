"""What ``gridseval serve`` answers to vla-eval's HELLO."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from served import policy_server
from vla_eval.benchmarks.libero.benchmark import (
    LIBERO_ENV_RESOLUTION,
    MAX_STEP_MAPPING,
    LIBEROBenchmark,
)
from vla_eval.connection import Connection
from vla_eval.orchestrator import _merge_observation_params
from vla_eval.protocol.messages import Message, MessageType, pack_message, unpack_message
from vla_eval.specs import DimSpec, check_specs
from vla_eval_stub import KEYS, Counting, Stub, loaded, run
from websockets.sync.client import connect

from gridseval.policies import EnvironmentNeeds, LoadedPolicy, load_policy
from gridseval.suites import load_protocol


def hello(policy: LoadedPolicy) -> dict[str, Any]:
    async def main(address: str) -> dict[str, Any]:
        async with Connection(address, timeout=30, max_retries=1) as connection:
            return connection.server_info

    with policy_server(policy) as address:
        return asyncio.run(main(address))


@pytest.mark.parametrize(
    ("keys", "needs", "params"),
    [
        (
            KEYS,
            EnvironmentNeeds(env_seed=0),
            {"send_wrist_image": True, "send_state": True, "quat_no_antipodal": True}
            | {"env_seed": 0},
        ),
        (("agentview",), EnvironmentNeeds(), {"send_wrist_image": False, "send_state": False}),
        (
            ("agentview",),
            EnvironmentNeeds(protocol="openvla"),
            {"send_wrist_image": False, "send_state": False, "env_seed": 0},
        ),
        (
            ("agentview",),
            EnvironmentNeeds(protocol="my-own", strict=True),  # a recording's, of a user's file
            {"send_wrist_image": False, "send_state": False},
        ),
        (
            ("agentview",),
            EnvironmentNeeds(protocol="lerobot"),  # seeds every trial, for which there is no word
            {"send_wrist_image": False, "send_state": False},
        ),
        (
            ("agentview", "state"),
            EnvironmentNeeds(actions="absolute"),
            {"send_wrist_image": False, "send_state": True, "quat_no_antipodal": True}
            | {"absolute_action": True},
        ),
    ],
)
def test_hello_says_what_the_policy_wants_in_the_benchmarks_own_words(
    keys: tuple[str, ...], needs: EnvironmentNeeds, params: dict[str, Any]
) -> None:
    told = hello(loaded(Counting(keys), needs=needs))
    assert told["model_server"] == "counting"
    assert told["observation_params"] == params
    # Their orchestrator hands all of it to their LIBERO benchmark, and its specifications agree.
    merged = _merge_observation_params(LIBEROBenchmark, {}, told["observation_params"])
    assert merged == params
    benchmark = LIBEROBenchmark(**merged)
    assert benchmark.absolute_action == (needs.actions == "absolute")
    spec = {
        key: {name: DimSpec.from_dict(entry) for name, entry in told[key].items()}
        for key in ("action_spec", "observation_spec")
    }
    warnings = check_specs(
        spec["action_spec"],
        benchmark.get_action_spec(),
        spec["observation_spec"],
        benchmark.get_observation_spec(),
    )
    # vla-eval's benchmark calls its actions deltas even where it takes absolute ones.
    absolute = ["action [position]: position: absolute_xyz vs delta_xyz"]
    assert warnings == (absolute if needs.actions == "absolute" else [])


RECORDED = EnvironmentNeeds("my-own", 3, strict=True, seeding="trial", image_px=128, settle_steps=0)
UNFOLLOWED: list[tuple[EnvironmentNeeds, tuple[str, ...]]] = [
    (EnvironmentNeeds(), ()),
    (EnvironmentNeeds(protocol="openvla"), ()),
    (EnvironmentNeeds(protocol="openpi"), ()),
    (EnvironmentNeeds(protocol="vla-eval", env_seed=3), ()),
    (
        EnvironmentNeeds(protocol="lerobot"),
        (
            *("'lerobot'", "env.seed(1000 + trial) in every trial", "360 px (there 256)"),
            "policy steps libero_spatial 280 (there 220)",
        ),
    ),
    (
        EnvironmentNeeds(protocol="lerobot-0.4"),
        ("env.seed(1000", "policy steps libero_spatial 280"),
    ),
    (EnvironmentNeeds(protocol="worldvla-512"), ("images of 512 px (there 256)",)),
    (EnvironmentNeeds(protocol="univla"), ("policy steps", "libero_10 550 (there 520)")),
    (RECORDED, ("'my-own'", "env.seed(3 + trial)", "128 px", "0 settle steps (there 10)")),
    (EnvironmentNeeds(strict=True, image_px=128), ("'openvla'", "128 px")),
]


@pytest.mark.parametrize(("needs", "words"), UNFOLLOWED)
def test_what_vla_eval_cannot_follow_is_told_at_every_hello(
    needs: EnvironmentNeeds, words: tuple[str, ...]
) -> None:
    log: list[str] = []
    with policy_server(loaded(Counting(), needs=needs), log) as address:
        for _ in range(2):
            run(address, Stub())
    told = [line for line in log if "does not follow protocol" in line]
    assert len(told) == (2 if words else 0)
    for line in told:
        assert line.startswith("client 0: vla-eval's LIBERO")
        assert "\n" not in line
        for word in words:
            assert word in line
        for what in ("env.seed", "px", "settle", "policy steps"):
            assert (what in line) == any(what in word for word in words)


def test_other_protocols_clients_are_told_nothing() -> None:
    log: list[str] = []
    needs = EnvironmentNeeds(protocol="lerobot")
    with policy_server(loaded(Counting(("agentview",)), needs=needs), log) as address:
        assert load_policy("openpi", address, {}, 7).needs == needs
        with connect(f"{address}/vla-eval") as client:
            client.send(pack_message(Message(MessageType.HELLO, {"protocol_version": 2}, 1)))
            client.recv(timeout=30)
    assert not any("follow" in line for line in log)


def test_the_vla_eval_protocol_is_that_of_their_benchmark() -> None:
    """What differs from it is what their benchmark does not follow."""
    theirs, benchmark = load_protocol("vla-eval"), LIBEROBenchmark()
    assert theirs.image_px == LIBERO_ENV_RESOLUTION
    assert theirs.settle_steps == benchmark.num_steps_wait
    assert dict(theirs.max_steps) == MAX_STEP_MAPPING


def test_a_policy_that_needs_object_poses_is_refused_at_hello() -> None:
    with (
        policy_server(loaded(Counting(("agentview", "privileged")))) as address,
        connect(address) as client,
    ):
        client.send(pack_message(Message(MessageType.HELLO, {"protocol_version": 1}, 4)))
        answer = unpack_message(client.recv(timeout=30))
    assert (answer.type, answer.seq) == (MessageType.ERROR, 4)
    assert "object poses" in answer.payload["error"]


def test_another_version_is_refused() -> None:
    with policy_server(loaded(Counting())) as address, connect(address) as client:
        client.send(pack_message(Message(MessageType.HELLO, {"protocol_version": 2}, 1)))
        answer = unpack_message(client.recv(timeout=30))
    assert "version 2" in answer.payload["error"]


def test_a_hello_that_comes_late_is_told_where_there_is_time() -> None:
    log: list[str] = []
    with policy_server(loaded(Counting()), log) as address:
        hello = pack_message(Message(MessageType.HELLO, {"protocol_version": 1}, 1))
        with connect(address) as client:
            assert b"gridseval" in client.recv(timeout=30)  # type: ignore[operator]
            client.send(hello)
            assert "path /vla-eval" in str(client.recv(timeout=30))
        with connect(f"{address}/vla-eval") as client:
            with pytest.raises(TimeoutError):
                client.recv(timeout=1)
            client.send(hello)
            assert unpack_message(client.recv(timeout=30)).type == MessageType.HELLO
