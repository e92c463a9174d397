"""The family's arguments, which its members share, as ``--policy-arg`` gives them."""

from __future__ import annotations

import inspect

import pytest

from gridseval.errors import PolicyError
from gridseval.policies.arguments import accepted, convert_arguments
from gridseval.policies.openvla_kind.oft import LightVlaPolicy, OpenVlaOftPolicy
from gridseval.policies.openvla_kind.policy import OpenVlaPolicy

SHARED = [
    "checkpoint",
    "trust_remote_code",
    "device",
    "dtype",
    "unnorm_key",
    "center_crop",
    "pruner",
    "seed",
]


def test_each_member_has_the_shared_arguments_and_its_own() -> None:
    assert list(accepted(OpenVlaPolicy)) == SHARED
    assert list(accepted(OpenVlaOftPolicy)) == [*SHARED, "images"]
    assert list(accepted(LightVlaPolicy)) == [*SHARED, "images", "indexing"]
    shared = inspect.signature(OpenVlaPolicy).parameters
    for name, parameter in inspect.signature(LightVlaPolicy).parameters.items():
        assert name not in shared or parameter.default == shared[name].default
    for member in (OpenVlaPolicy, OpenVlaOftPolicy, LightVlaPolicy):  # those of any pruner
        assert list(inspect.signature(member).parameters)[-1] == "arguments"


def test_texts_get_the_types_of_shared_arguments_and_of_own_ones() -> None:
    texts = {"center_crop": "no", "unnorm_key": "7", "images": "1", "dtype": "float32"}
    given = convert_arguments(LightVlaPolicy, texts, "lightvla")
    assert given == {"center_crop": False, "unnorm_key": "7", "images": 1, "dtype": "float32"}
    with pytest.raises(PolicyError, match="images='two' of policy 'lightvla' is not none or"):
        convert_arguments(LightVlaPolicy, {"images": "two"}, "lightvla")
    assert convert_arguments(OpenVlaPolicy, {"k": "4", "keep": "0.5"}, "openvla") == {
        "k": 4,
        "keep": 0.5,
    }
    with pytest.raises(PolicyError, match="use --trust-remote-code"):
        convert_arguments(LightVlaPolicy, {"trust_remote_code": "true"}, "lightvla")
