"""Find an OpenGL back end that works without a screen: EGL first, then OSMesa.

Each candidate is tried in a separate process: a broken driver may abort the process, and
PyOpenGL cannot change its platform once loaded.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridseval.envs.arguments import one_of
from gridseval.envs.python_process import code_command
from gridseval.envs.rendering.forks import note_drawing
from gridseval.errors import MachineError
from gridseval.versions import other_system

BACKENDS = ("egl", "osmesa")
_PROBE_TIMEOUT_S = 60


@dataclass(frozen=True)
class Probe:
    """What trying a back end gave.

    Attributes:
        backend: ``"egl"`` or ``"osmesa"``.
        renderer: OpenGL's name of the renderer, or ``None`` if the back end does not work.
        reason: Why not, or ``None``.
        devices: How many devices EGL lists, of which not all need to work.
        spread: Those over which workers are spread; empty where one draws for all.
    """

    backend: str
    renderer: str | None
    reason: str | None
    devices: int = 1
    spread: tuple[int, ...] = ()


def backend_for(asked: str | None, draws: bool) -> str | None:
    """Return the back end of an environment: the one asked for, or the first that works.

    Args:
        asked: ``"egl"`` or ``"osmesa"``, or ``None``.
        draws: Whether it will draw for sure; else the choice waits for the first image.

    Raises:
        UsageError: There is no such back end.
        MachineError: None works here.
    """
    if asked is not None:
        return one_of("OpenGL back end", asked, BACKENDS)
    return choose_backend().backend if draws else None


def choose_backend() -> Probe:
    """Return the first back end that works; ``MUJOCO_GL`` narrows the choice to one.

    Raises:
        MachineError: None works.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower().strip()
    candidates = (asked,) if asked in BACKENDS else BACKENDS
    probes = []
    for backend in candidates:
        probes.append(probe_backend(backend))
        if probes[-1].renderer is not None:
            return probes[-1]
    raise no_backend_error(probes)


def announce_backend(backend: str) -> None:
    """Tell MuJoCo, robosuite and PyOpenGL which back end to load, before any of them is imported.

    They read it from the environment, once, and robosuite insists on EGL where nothing is said. A
    value that names something else was passed over when the back end was chosen.
    """
    os.environ.update(MUJOCO_GL=backend, PYOPENGL_PLATFORM=backend)


def probe_backend(backend: str, variables: Mapping[str, str] | None = None) -> Probe:
    """Make a context in another process and ask it who draws.

    Args:
        backend: ``"egl"`` or ``"osmesa"``.
        variables: Of that process's environment, beside this one's.
    """
    named = {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    environment = {**os.environ, **named, **(variables or {})}
    try:
        done = subprocess.run(  # noqa: S603
            code_command(_PROBE_CODE.format(backend=backend)),
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(backend, None, f"no answer within {_PROBE_TIMEOUT_S} s")
    said = done.stdout.strip().splitlines()
    if done.returncode == 0 and said:
        count = said[-2] if len(said) > 1 else ""
        return Probe(backend, said[-1], None, int(count) if count.isdecimal() else 1)
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return Probe(backend, None, lines[-1])


def no_backend_error(probes: Sequence[Probe]) -> MachineError:
    """Return the one message for a machine that cannot draw."""
    elsewhere = other_system()
    if elsewhere is not None:
        return elsewhere
    tried = "; ".join(f"{probe.backend}: {probe.reason}" for probe in probes)
    return MachineError(
        f"no OpenGL back end works on this machine ({tried})",
        "install one: apt-get install libegl1 (or libosmesa6)",
    )


class GLContext:
    """An OpenGL context of the chosen back end, current only inside :meth:`current`.

    Args:
        backend: ``"egl"`` or ``"osmesa"``.

    Raises:
        MachineError: The context cannot be made.
    """

    def __init__(self, backend: str) -> None:
        self._backend, self._pid = backend, os.getpid()
        announce_backend(backend)
        restore = self._remember()
        try:
            self._context = _new_context(backend)
        except Exception as error:
            # The hint does not suggest an installation: the probe has seen this back end work.
            raise MachineError(
                f"no context of the OpenGL back end {backend!r} can be made: "
                f"{str(error) or type(error).__name__}",
                "see gridseval doctor; if it works there, memory ran out: use fewer workers",
            ) from error
        finally:
            restore()
        note_drawing(draws=True)
        # Freed before PyOpenGL and the driver are torn down, or its __del__ raises at exit.
        atexit.register(self.close)

    def close(self) -> None:
        """Free the context; what was made in it must have been freed before."""
        atexit.unregister(self.close)
        if self.foreign:
            return
        with contextlib.suppress(Exception):  # at exit the driver may be gone before
            restore = self._remember()
            self._context.free()  # which lets go of any context that is current in this thread
            restore()

    @property
    def foreign(self) -> bool:
        """Whether this process was forked from the one that made it, whose context it is."""
        return self._pid != os.getpid()

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make the context current, and after the block the one that was current before."""
        restore = self._remember()
        self._context.make_current()
        try:
            yield
        finally:
            restore()

    def _remember(self) -> Callable[[], object]:
        """Return a function that makes the now current EGL context current again, or none.

        Other code in this process (robosuite's own renderer) makes its context current once and
        then takes it for granted. And it frees textures and buffers by number in whichever context
        is current, so ours must not be when it does.
        """
        if self._backend != "egl":
            return lambda: None
        from mujoco import egl as mujoco_egl
        from mujoco.egl import egl_ext as egl

        context = egl.eglGetCurrentContext()
        display = egl.eglGetCurrentDisplay()
        draw, read = egl.eglGetCurrentSurface(egl.EGL_DRAW), egl.eglGetCurrentSurface(egl.EGL_READ)

        def make_current_again() -> None:
            egl.eglBindAPI(egl.EGL_OPENGL_API)
            egl.eglMakeCurrent(display, draw, read, context)

        def make_none_current() -> None:
            if mujoco_egl.EGL_DISPLAY is not None:
                nothing = egl.EGL_NO_SURFACE
                egl.eglMakeCurrent(mujoco_egl.EGL_DISPLAY, nothing, nothing, egl.EGL_NO_CONTEXT)

        return make_current_again if context else make_none_current


def _new_context(backend: str) -> Any:
    if backend == "egl":
        from mujoco.egl import GLContext as EGLContext

        return EGLContext(16, 16)
    from mujoco.osmesa import GLContext as OSMesaContext

    return OSMesaContext(16, 16)


# Ends without clean-up: what destructors of half-made contexts say would hide the reason.
_PROBE_CODE = """
import os, sys
try:
    from mujoco.{backend} import GLContext
    context = GLContext(16, 16)
    context.make_current()
    from OpenGL import GL
    if "{backend}" == "egl":
        from mujoco.egl import egl_ext
        print(len(egl_ext.eglQueryDevicesEXT()))
    print(GL.glGetString(GL.GL_RENDERER).decode(), flush=True)
    os._exit(0)
except Exception as error:
    print(str(error) or type(error).__name__, file=sys.stderr, flush=True)
    os._exit(1)
"""
