"""LIBERO's demonstration files (HDF5): what is in them, and whether they still succeed."""

from gridseval.demonstrations.hdf5 import (
    SUFFIXES,
    Demonstration,
    DemonstrationFile,
    Pose,
    demonstration_files,
    first_states,
    fixture_poses,
    read_actions,
    read_file,
)
from gridseval.demonstrations.noops import without_noops

__all__ = [
    "SUFFIXES",
    "Demonstration",
    "DemonstrationFile",
    "Pose",
    "demonstration_files",
    "first_states",
    "fixture_poses",
    "read_actions",
    "read_file",
    "without_noops",
]
