"""What kind of value each key of ``run.yaml`` has, for the keys that readers use.

Every reader may rely on it, because no ``run.yaml`` is read without this check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from gridseval.config import build
from gridseval.results.run.several_suites import SUITES, of_suite

_MOST_EPISODES = 10_000_000


@dataclass(frozen=True)
class _Shape:
    """The keys, each of which may be absent or nothing; others are free."""

    schema: int | None = None
    suite: str | None = None
    tasks: tuple[int, ...] | None = None
    trials: int | None = None
    selected: Mapping[str, Any] | None = None
    starts: str | None = None
    episodes: int | None = None
    seed: int | None = None
    protocol: str | None = None
    env_seed: int | None = None
    seeding: str | None = None
    image_px: int | None = None
    actions: str | None = None
    max_steps: int | None = None
    settle_steps: int | None = None
    replan: int | None = None
    timing: Mapping[str, Any] | None = None
    policy: str | Mapping[str, Any] | None = None
    published: tuple[str, ...] | None = None
    sequential: Mapping[str, Any] | None = None
    record_actions: bool | None = None
    assets: Mapping[str, str | None] | None = None
    renderer: str | None = None
    versions: Mapping[str, str | None] | None = None
    machine: Mapping[str, Any] | None = None
    suite_files: Mapping[str, str | None] | None = None
    command: str | None = None
    started: str | None = None
    stopped: Any = None
    notes: str | tuple[str, ...] | None = None
    mixed: Mapping[str, tuple[Any, ...]] | None = None
    unavailable: Mapping[str, Mapping[str, int]] | None = None
    libero_plus: Any = None
    perturb: tuple[str, ...] | None = None
    prompts: str | None = None
    perturbed_start: bool | None = None
    suites: Mapping[str, Mapping[str, Any]] | None = None
    planned: int | None = None
    shard: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        planned = len(self.tasks or ()) * (self.trials or 0)
        if planned > _MOST_EPISODES:
            raise ValueError(f"{planned} episodes are more than {_MOST_EPISODES}")


def check_manifest(manifest: Mapping[Any, Any], source: str) -> None:
    """Check the kind of each value that readers use.

    Args:
        manifest: What a ``run.yaml`` says.
        source: The file, for errors.

    Raises:
        UsageError: A value is of another kind; names the file and the key.
    """
    known = {each.name for each in fields(_Shape)}
    build(_Shape, {key: value for key, value in manifest.items() if key in known}, source)
    for suite in manifest.get(SUITES) or ():
        own = of_suite(manifest, suite)
        build(_Shape, {key: own[key] for key in own if key in known}, f"{source}: {SUITES}.{suite}")
