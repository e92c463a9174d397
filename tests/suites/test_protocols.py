"""Evaluation protocols: the shipped ones, against the figures of their sources' code."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.errors import UsageError
from gridseval.policies.cards import list_cards, load_card
from gridseval.suites import DEFAULT_PROTOCOL, list_protocols, load_protocol, load_suite

# Read from each project's code: env.seed's argument, how often it is called, image side, and the
# policy steps of libero_spatial, object, goal, 10, 90.
FIGURES = {
    "openvla": (0, "task", 256, (220, 280, 300, 520, 400)),
    "openpi": (7, "task", 256, (220, 280, 300, 520, 400)),
    "vla-eval": (7, "task", 256, (220, 280, 300, 520, 400)),
    "lerobot": (1000, "trial", 360, (280, 280, 300, 520, 400)),
    "lerobot-0.4": (1000, "trial", 256, (280, 280, 300, 520, 400)),
}
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")


@pytest.mark.parametrize("name", FIGURES)
def test_a_protocol_says_what_its_authors_run(name: str) -> None:
    protocol = load_protocol(name)
    steps = tuple(protocol.steps_of(load_suite(suite)) for suite in SUITES)
    figures = (protocol.env_seed, protocol.seeding, protocol.image_px, steps)
    assert figures == FIGURES[name]
    assert protocol.settle_steps == 10


def test_all_are_known_and_the_default_is_openvlas() -> None:
    assert set(FIGURES) <= set(list_protocols())
    assert DEFAULT_PROTOCOL == "openvla"


def test_libero_plus_has_the_steps_of_libero() -> None:
    assert load_protocol("lerobot").steps_of(load_suite("libero_plus_spatial")) == 280


@pytest.mark.parametrize("card", list_cards())
def test_every_card_names_a_protocol_that_exists(card: str) -> None:
    load_protocol(load_card(card).protocol)


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UsageError, match=r"unknown protocol 'openvlaa'.*'openvla'"):
        load_protocol("openvlaa")


GOOD = """
name: mine
title: Mine
env_seed: 3
image_px: 128
settle_steps: 0
max_steps: {libero_goal: 9}
source: me
"""


def test_a_protocol_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    protocol = load_protocol(str(file))
    assert (protocol.env_seed, protocol.seeding, protocol.image_px) == (3, "task", 128)
    assert protocol.steps_of(load_suite("libero_goal")) == 9
    assert protocol.steps_of(load_suite("libero_10")) == 520
    assert "env.seed(3) per task; images of 128 px; 0 settle steps" in protocol.describe()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("env_seed: 3", "env_seed: -1", "env_seed must be within 0 and 4294967295, not -1"),
        ("env_seed: 3", "env_sede: 3", "unknown key 'env_sede'.*'env_seed'"),
        ("image_px: 128", "image_px: 0", "image_px must be within 1 and 4096"),
        ("image_px: 128", "image_px: 9999", "image_px must be within 1 and 4096"),
        ("settle_steps: 0", "settle_steps: -1", "settle_steps must be within 0 and"),
        ("libero_goal: 9", "libero_goal: 0", "max_steps of libero_goal must be within 1 and"),
        ("libero_goal: 9", "libero_goal: 1000000", "must be within 1 and 100000, not 1000000"),
        ("libero_goal: 9", "libero_gaol: 9", "no suite 'libero_gaol'.*'libero_goal'"),
        ("settle_steps: 0", "settle_steps: 2000000", "settle_steps must be within 0 and 10000"),
        ("name: mine", "name: yours", "expected 'mine', the file's"),
        ("source: me", "source: me\nseeding: never", "not a choice"),
    ],
)
def test_a_broken_protocol_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError, match=message):
        load_protocol(str(file))


def test_a_file_may_not_bear_the_name_of_a_shipped_protocol(tmp_path: Path) -> None:
    file = tmp_path / "openvla.yaml"
    file.write_text(GOOD.replace("name: mine", "name: openvla"))
    with pytest.raises(UsageError, match="'openvla' is a protocol that ships"):
        load_protocol(str(file))
