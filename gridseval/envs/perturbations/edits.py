"""Perturbations of a compiled model, without compiling it again."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations.camera import exact_nominal
from gridseval.envs.perturbations.own_edits import code_of, own_edits
from gridseval.envs.perturbations.patterns import paint
from gridseval.envs.perturbations.perturbation import NOTHING, Light, Perturbation, Surface
from gridseval.envs.perturbations.restoring import RestoringEditor

CAMERA = "agentview"

_LIGHT_FIELDS = ("light_diffuse", "light_specular", "light_dir", "light_castshadow")
_MATERIALS = {
    "table": ("table_texture", "table_legs", "living_room_table", "desk"),
    "floor": ("floorplane",),
    "wall": ("walls_mat",),
}
"""Materials of each part, in any of LIBERO's arenas."""


class ModelEditor:
    """Applies one perturbation after another to a compiled model, each to the nominal one.

    Args:
        model: ``mujoco.MjModel`` as compiled; anything that has edits already would keep them.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._camera = model.camera(CAMERA).id
        self._pristine = {
            name: getattr(model, name).copy() for name in ("cam_pos", "cam_quat", *_LIGHT_FIELDS)
        }
        self._colours = model.mat_rgba.copy()
        self._present = NOTHING
        self._textures: dict[int, NDArray[np.uint8]] = {}
        self._own = RestoringEditor(model)

    def apply(self, perturbation: Perturbation) -> tuple[int, ...]:
        """Apply a perturbation to the model, in place of the one applied before.

        Args:
            perturbation: Its camera, light, background and its kinds' own edits are applied; arm
                and noise do not change the model.

        Returns:
            Ids of the textures whose texels have changed: a renderer must upload them again.
        """
        changed = set(self._own.restore())
        for name, value in self._pristine.items():
            getattr(self._model, name)[:] = value
        if perturbation.camera is not None:
            self._move_camera(perturbation)
        if perturbation.light is not None:
            for light in perturbation.light.lights:
                self._set_light(light)
        if perturbation.background != self._present.background:
            changed |= self._set_background(perturbation)
        self._present = perturbation
        for kind, edit, data in own_edits(perturbation.extra, "edit_model"):
            self.edit(kind, edit, data)
        return tuple(sorted(changed | set(self._own.textures())))

    def edit(self, kind: str, change: Callable[..., None], *arguments: Any) -> None:
        """Let a kind's own edit change the model, until the next perturbation is applied.

        Args:
            kind: The kind's name.
            change: Is given the model and the arguments.
            arguments: What its edit takes beside the model.

        Raises:
            UsageError: The edit raised.
        """
        with code_of(kind):
            self._own.edit(lambda model: change(model, *arguments))

    def without_edits(self) -> AbstractContextManager[None]:
        """Show the model without the kinds' own edits for a while."""
        return self._own.undone()

    def nominal_camera(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Return position (m), rotation (3, 3) and tangent of half the view, as compiled."""
        import mujoco

        turned, index = np.empty(9), self._camera
        mujoco.mju_quat2Mat(turned, self._pristine["cam_quat"][index])
        half = math.tan(math.radians(float(self._model.cam_fovy[index])) / 2)
        return self._pristine["cam_pos"][index], turned.reshape(3, 3), half

    def _move_camera(self, perturbation: Perturbation) -> None:
        assert perturbation.camera is not None
        model, camera = self._model, self._camera
        nominal = exact_nominal(model.cam_pos[camera], model.cam_quat[camera])
        pose = perturbation.camera.pose_from(nominal)
        model.cam_pos[camera] = pose.position
        # MuJoCo normalises when it compiles, and draws with what it finds.
        model.cam_quat[camera] = np.array(pose.quaternion) / np.linalg.norm(pose.quaternion)

    def _set_light(self, light: Light) -> None:
        model, index = self._model, _find(self._model.light, light.name)
        if index is None:
            return
        if light.diffuse is not None:
            model.light_diffuse[index] = light.diffuse
        if light.specular is not None:
            model.light_specular[index] = light.specular
        if light.direction is not None:
            model.light_dir[index] = np.array(light.direction) / np.linalg.norm(light.direction)
        if light.castshadow is not None:
            model.light_castshadow[index] = light.castshadow

    def _set_background(self, perturbation: Perturbation) -> set[int]:
        """Paint textures anew; return those that differ from before."""
        model = self._model
        before = set(self._textures)
        for texture, texels in self._textures.items():
            _texels(model, texture)[:] = texels
        self._textures = {}
        model.mat_rgba[:] = self._colours
        background = perturbation.background
        for surface in background.surfaces if background is not None else ():
            for name in _MATERIALS[surface.part]:
                self._paint(name, surface)
        return before | set(self._textures)

    def _paint(self, material_name: str, surface: Surface) -> None:
        model = self._model
        material = _find(model.material, material_name)
        if material is None:
            return
        for texture in np.unique(model.mat_texid[material]):
            if texture >= 0 and texture not in self._textures:
                texels = _texels(model, int(texture))
                self._textures[int(texture)] = texels.copy()
                texels[..., :3] = paint(surface, texels.shape[:2])
        # A material's own colour multiplies the texture's.
        textured = (model.mat_texid[material] >= 0).any()
        model.mat_rgba[material, :3] = 1.0 if textured else surface.colours[0]


def _find(view: Any, name: str) -> int | None:
    """Return the id of a named thing of a model, or ``None``."""
    try:
        return int(view(name).id)
    except KeyError:
        return None


def _texels(model: Any, texture: int) -> NDArray[np.uint8]:
    """Return a view of a texture's texels, uint8 (height, width, channels)."""
    start = int(model.tex_adr[texture])
    shape = (model.tex_height[texture], model.tex_width[texture], model.tex_nchannel[texture])
    texels: NDArray[np.uint8] = model.tex_data[start : start + int(np.prod(shape))]
    return texels.reshape(shape)
