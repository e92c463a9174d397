"""``run.yaml``: everything needed to repeat a run, or to see that two runs differ."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
from collections.abc import Mapping
from typing import Any

from gridseval import __version__
from gridseval.envs.rendering.devices import device_of
from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.policies.cards import list_cards, load_card
from gridseval.versions import SIMULATION_PACKAGES, imported_versions

MANIFEST_SCHEMA = 1
DEFAULT_VIDEO = "default"


def manifest_of(prepared: PreparedRun) -> dict[str, Any]:
    """Return the manifest of a run that is about to start, of plain values."""
    config = prepared.config
    identity, digest = prepared.assets.identity()
    rule = prepared.rule
    return {
        "schema": MANIFEST_SCHEMA,
        "suite": prepared.suite.name,
        "tasks": [task.index for task in prepared.tasks],
        "trials": prepared.selected.trials,
        **prepared.selected.manifest,
        # Runs from before there were fresh starts do not say where theirs started.
        **({} if prepared.starts == "stored" else {"starts": prepared.starts}),
        "episodes": len(prepared.episodes),
        **prepared.chosen.manifest(),
        **prepared.conditions.manifest(),
        "replan": prepared.replan,
        **prepared.timing.manifest,
        "policy": {"name": prepared.loaded.name, **prepared.loaded.description},
        "published": _published(prepared),
        **({} if rule is None else {"sequential": dataclasses.asdict(rule)}),
        # As asked, not what it came to: a run may be resumed where videos can be drawn.
        "video": DEFAULT_VIDEO if config.video is None else config.video,
        "record_actions": config.record_actions,
        "assets": {"identity": identity, "hash": digest},
        "simulator": prepared.simulator.manifest(),
        "renderer": prepared.renderer,
        **_egl_devices(prepared),
        "versions": {"python": platform.python_version(), **_versions(prepared)},
        "workers": prepared.workers,
        **({} if prepared.dispatcher is None else {"replicas": list(prepared.dispatcher.names)}),
        "timeout_s": config.timeout_s,
        "retry_errors": config.retry_errors,
        "machine": {
            "name": platform.node(),
            "system": platform.platform(),
            "cpu_cores": os.cpu_count(),
            **_cluster(prepared),
        },
        "command": config.command,
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def _cluster(prepared: PreparedRun) -> dict[str, Any]:
    """Return the nodes of a cluster, and how many environments each has room for."""
    nodes = prepared.nodes
    return {} if nodes is None else {"ray": {each.name: nodes.room(each) for each in nodes.usable}}


def _published(prepared: PreparedRun) -> list[str]:
    """Return the policy's names in tables of published rates, as its card says."""
    card = prepared.loaded.description.get("card")
    name = card.get("name") if isinstance(card, Mapping) else None
    return list(load_card(name).published) if name in list_cards() else []


def _egl_devices(prepared: PreparedRun) -> dict[str, Any]:
    """Return the EGL device of each worker, where they draw on several."""
    devices = [device_of(slot, prepared.egl_devices) for slot in range(prepared.workers)]
    return {"egl_devices": devices} if prepared.egl_devices else {}


def _versions(prepared: PreparedRun) -> dict[str, str]:
    # An installation in place keeps the number it was installed with; the code has its own.
    packages = SIMULATION_PACKAGES
    installed = dict.fromkeys(packages, "not installed") | imported_versions(*packages)
    versions = {"gridseval": __version__, **installed}
    torch = prepared.loaded.description.get("torch")
    return versions if torch is None else {**versions, "torch": str(torch)}
