"""Draw the images of LIBERO's cameras lazily, equal to the pixel.

LIBERO renders both cameras in every control step. Here a step only remembers the joint positions of
the moment of rendering; the image is drawn from them when a policy or a video asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.compiler_memory import trim_heap
from gridseval.envs.rendering.backend import GLContext
from gridseval.envs.rendering.culling import Culler
from gridseval.envs.scene import Scene
from gridseval.envs.simulation import View

Image = NDArray[np.uint8]

_DRAWN_GROUPS = (1, 2)  # LIBERO shows visual geoms, not collision geoms (group 0)
_HIDDEN_GROUP = 5
_MAX_GEOMS = 1000  # of robosuite's scene


class SceneRenderer:
    """Draws one compiled task.

    Args:
        scene: The compiled task.
        context: The process's OpenGL context.
        image_px: Width and height of the images.
        cull: Whether to leave out geoms that cannot reach the image. Culling and OpenGL keep
            shapes, mirrors, fog and textures as the model has them now: where a perturbation's own
            code changes them, make a new renderer without culling.
    """

    def __init__(
        self, scene: Scene, context: GLContext, image_px: int = 256, cull: bool = True
    ) -> None:
        import mujoco

        self._mujoco: Any = mujoco
        self._context, self._image_px = context, image_px
        model = self._model = scene.model
        self._data = mujoco.MjData(model)
        self._camera_ids: dict[str, int] = {}
        drawn = np.isin(model.geom_group, _DRAWN_GROUPS)
        self._culler = Culler(model, image_px, drawn) if cull else None
        self._options = mujoco.MjvOption()
        for group in range(mujoco.mjNGROUP):
            self._options.geomgroup[group] = group in _DRAWN_GROUPS
        self._perturb = mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        model.vis.global_.offwidth = model.vis.global_.offheight = image_px
        self._shadows = self._casts_shadows()
        self._gl: Any = self._new_gl()

    def render(self, view: View, camera: str) -> Image:
        """Return an image as policies are trained on it.

        Args:
            view: The moment to draw.
            camera: A camera's name in the model, such as ``"agentview"``.

        Returns:
            uint8 (image_px, image_px, 3), LIBERO's image rotated by 180°.
        """
        mujoco, model, data = self._mujoco, self._model, self._data
        data.qpos[:] = view.qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)
        # Copied for each image: a perturbation may have changed the groups since the last one.
        present_groups, present_sites = model.geom_group.copy(), model.site_rgba.copy()
        model.site_rgba[:] = view.site_rgba
        try:
            image = self._draw(self._camera_id(camera))
        finally:
            model.site_rgba[:] = present_sites
            model.geom_group[:] = present_groups
        return image[::-1, ::-1].copy()

    def _casts_shadows(self) -> bool:
        return bool((self._model.light_castshadow & self._model.light_active).any())

    def _new_gl(self) -> Any:
        """Bring the model to OpenGL, with a shadow map (67 MB) only if a light needs it."""
        mujoco, quality = self._mujoco, self._model.vis.quality
        size = quality.shadowsize
        try:
            quality.shadowsize = size if self._shadows else 0
            with self._context.current():
                return mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_150)
        finally:
            quality.shadowsize = size
            trim_heap()

    def _draw(self, camera: int) -> Image:
        """Return the image with its rows from the bottom, as OpenGL gives it."""
        mujoco, size = self._mujoco, self._image_px
        if not self._shadows and self._casts_shadows():  # a perturbation has changed a light
            self._shadows = True
            self.close()
            self._gl = self._new_gl()
        if self._culler is not None:
            self._model.geom_group[self._culler.hidden(self._data, camera)] = _HIDDEN_GROUP
        self._camera.fixedcamid = camera
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._options,
            self._perturb,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        viewport = mujoco.MjrRect(0, 0, size, size)
        image = np.empty((size, size, 3), dtype=np.uint8)
        with self._context.current():
            # Several scenes share the context: each must bind its own buffer again.
            mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._gl)
            mujoco.mjr_render(viewport, self._scene, self._gl)
            mujoco.mjr_readPixels(image, None, viewport, self._gl)
        return image

    def _camera_id(self, name: str) -> int:
        if name not in self._camera_ids:
            kind = self._mujoco.mjtObj.mjOBJ_CAMERA
            self._camera_ids[name] = self._mujoco.mj_name2id(self._model, kind, name)
        return self._camera_ids[name]

    def upload(self, textures: Sequence[int]) -> None:
        """Bring textures to OpenGL whose texels have changed in the model since it was made.

        Args:
            textures: Their ids.
        """
        with self._context.current():
            for texture in textures:
                self._mujoco.mjr_uploadTexture(self._model, self._gl, texture)

    def close(self) -> None:
        """Free the OpenGL objects of this scene."""
        if self._context.foreign:
            return
        with self._context.current():
            self._gl.free()
