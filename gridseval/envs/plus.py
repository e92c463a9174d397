"""What a task of LIBERO-Plus perturbs, as the leaderboard means it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from gridseval.assets.layout import pulled_root
from gridseval.envs.perturbations import (
    NOTHING,
    CameraMove,
    Light,
    LightEdit,
    Perturbation,
    joints,
)
from gridseval.errors import MachineError, UsageError
from gridseval.suites import PlusFolder, Task, Variant, missing, scene_stem

_LIGHT_DEFAULTS = {"diffuse": "0.7 0.7 0.7", "specular": "0.3 0.3 0.3", "dir": "0 0 -1"}
"""MuJoCo's, for what a light of a scene file leaves out; it also casts shadows then."""


def find_plus(named: str | Path | None = None) -> PlusFolder:
    """Return LIBERO-Plus's files: those named, those of the environment variable, those pulled.

    Raises:
        UsageError: What is named holds no LIBERO-Plus, or only a part of it.
    """
    return PlusFolder.find(named, pulled_root("libero-plus"))


def check_available(task: Task, folder: PlusFolder) -> None:
    """Refuse a task whose files are missing.

    Raises:
        UsageError: It cannot be run here; says what is missing and where to get it.
    """
    lack = missing(task, folder)
    if lack is not None:
        raise UsageError(f"{task.name} is not available here: {lack.what} is missing", lack.where)


def task_perturbation(
    task: Task, folder: PlusFolder, perturbed_start: bool = False
) -> Perturbation:
    """Return what a task changes in the model, at the arm and in images of its compiled scene.

    Every task of LIBERO-Plus has the agent camera's pose rounded, the unperturbed ones, too.

    Args:
        task: Of any suite; one of LIBERO-Plus must be available.
        folder: LIBERO-Plus's files.
        perturbed_start: Whether the arm really starts at the joint angles of the robot dimension.

    Raises:
        MachineError: The scene file of a light cannot be read.
    """
    variant = task.variant
    if variant is None:
        return NOTHING
    upright = Perturbation(camera=CameraMove(rounded=True))
    if variant.kind == "view":
        h, v, s, r, e = variant.parameters
        return replace(upright, camera=CameraMove(h, v, s, r, e, rounded=True))
    if variant.kind == "init":
        angles = joints(variant.parameters[0])
        return replace(upright, joints=angles, joints_true=perturbed_start)
    if variant.kind == "noise":
        return replace(upright, noise=variant.parameters[0])
    if variant.kind == "light":
        return replace(upright, light=_light(variant, folder))
    return upright


def composed(task: Perturbation, drawn: Perturbation) -> Perturbation:
    """Return a task's perturbation with what an episode drew in place of what both perturb."""
    changed: dict[str, Any] = {
        name: value for name, value in vars(drawn).items() if value != getattr(NOTHING, name)
    }
    for switch, of in (("joints_true", "joints"), ("true_swap", "noise")):
        if of in changed:
            changed[switch] = getattr(drawn, switch)
    return replace(task, **changed)


def _light(variant: Variant, folder: PlusFolder) -> LightEdit:
    path = folder.scene_file(scene_stem(variant))
    if path is None:
        raise MachineError(f"the scene {scene_stem(variant)} is missing")
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 (expat refuses entity bombs)
        return LightEdit(
            tuple(_one_light(each) for each in root.iter("light") if "name" in each.attrib)
        )
    except (OSError, ElementTree.ParseError, ValueError) as error:
        again = "gridseval assets pull libero-plus"
        raise MachineError(f"{path} is no scene: {error}", again) from error


def _one_light(element: ElementTree.Element) -> Light:
    diffuse, specular, direction = (
        tuple(float(number) for number in element.get(key, default).split())
        for key, default in _LIGHT_DEFAULTS.items()
    )
    casts = element.get("castshadow", "true").strip().lower() == "true"
    return Light(element.attrib["name"], diffuse, specular, direction, casts)
