"""What MuJoCo and its compiler keep in memory after a model is compiled, and how to let go of it.

Measured for one scene of LIBERO with 250,000 triangles, whose model takes 96 MB: the description
that the model was compiled from stays for ``mj_saveLastXML`` (220 MB), and so do the meshes and
textures that another compilation may need (180 MB, and up to 500 MB over many scenes). None of it
takes part in the simulation.
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

_SMALLEST = "<mujoco/>"


def release_description() -> None:
    """Let MuJoCo forget what the last model was compiled from, and return the memory."""
    import mujoco

    # It keeps one description, so that a smaller one takes the place.
    mujoco.MjModel.from_xml_string(_SMALLEST)
    trim_heap()


def limit_asset_cache(megabytes: int) -> bool:
    """Limit what MuJoCo keeps of meshes and textures for later compilations in this process.

    Only for a process that has compiled no model yet: up to 3.3.2, MuJoCo changes the counts that
    its set of assets is ordered by, so a limit below what is there can end in a segmentation fault.

    Args:
        megabytes: 10⁶ bytes, at least 0. MuJoCo's own limit is 500.

    Returns:
        Whether it could be done: MuJoCo's function for it is in its library, not in its module, and
        not in the library of every version.
    """
    import mujoco

    for path in sorted(Path(mujoco.__file__).parent.glob("libmujoco*")):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))  # the one that is loaded already
            library.mj_globalCache.restype = ctypes.c_void_p
            library.mj_setCacheSize.restype = None
            library.mj_setCacheSize.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
            library.mj_setCacheSize(library.mj_globalCache(), 1_000_000 * megabytes)
            return True
    return False


def trim_heap() -> None:
    """Return freed memory to the system, where the C library can: it would keep it for later."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
