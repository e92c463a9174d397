"""A double of VLA-Adapter's prismatic/vla/constants.py, as read at commit 838a36d."""

import sys

NUM_ACTIONS_CHUNK = 8
_WORDS = " ".join(sys.argv).lower()
ROBOT_PLATFORM = next(
    (name.upper() for name in ("libero", "aloha", "bridge", "calvin") if name in _WORDS), "LIBERO"
)
