"""Changes of camera, arm, light, background and images that policies are tested with."""

from gridseval.envs.perturbations.camera import (
    NOMINAL_POSES,
    CameraMove,
    Pose,
    camera_pose,
    exact_nominal,
)
from gridseval.envs.perturbations.edits import ModelEditor
from gridseval.envs.perturbations.perturbation import (
    NOTHING,
    BackgroundEdit,
    Light,
    LightEdit,
    Perturbation,
    Surface,
)
from gridseval.envs.perturbations.robot import NOMINAL_JOINTS, joints, joints_of_norm

__all__ = [
    "NOMINAL_JOINTS",
    "NOMINAL_POSES",
    "NOTHING",
    "BackgroundEdit",
    "CameraMove",
    "Light",
    "LightEdit",
    "ModelEditor",
    "Perturbation",
    "Pose",
    "Surface",
    "camera_pose",
    "exact_nominal",
    "joints",
    "joints_of_norm",
]
