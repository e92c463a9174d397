"""Where fixtures stood in demonstrations: their models say so, their states do not."""

from __future__ import annotations

from gridseval.demonstrations import SUFFIXES, Pose, fixture_poses
from gridseval.envs.scene import Float, Scene


class StoredFixtures:
    """The fixtures of a task whose stored states come from demonstrations.

    Args:
        scene: The compiled task.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._poses: list[dict[str, Pose]] | None = None

    def of(self, trial: int) -> dict[int, tuple[Float, Float]]:
        """Return position (m) and quaternion (w x y z) by body id.

        Empty where stored states do not come from demonstrations, or a file has no models.

        Raises:
            UsageError: A model cannot be read.
        """
        path = self._scene.files.init_states
        if path is None or path.suffix not in SUFFIXES:
            return {}
        env = self._scene.env
        roots = [fixture.root_body for fixture in env.fixtures_dict.values()]
        ids = {root: env.sim.model.body_name2id(root) for root in roots}
        if self._poses is None:
            self._poses = fixture_poses(path, ids)
        return {ids[body]: pose for body, pose in self._poses[trial].items()}
