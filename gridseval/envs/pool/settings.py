"""What a worker process gets when it starts."""

from __future__ import annotations

from dataclasses import dataclass

from gridseval.envs.config import EnvConfig
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.libero_package import import_libero
from gridseval.errors import MachineError
from gridseval.moved import takes_earlier_arguments
from gridseval.suites import suite_digest


@takes_earlier_arguments
@dataclass(frozen=True)
class EnvSettings(EnvConfig):
    """An environment's options, and how to make it; a subclass may make another one.

    Args:
        suite_sha256: What :func:`~gridseval.suites.suite_digest` returned for a custom suite when
            the run was prepared; ``None`` makes environments of whatever its files say by now.
        egl_devices: EGL devices over which the workers of a pool are spread; without any, MuJoCo
            chooses.
        asset_cache_mb: What MuJoCo may keep of meshes and textures, in 10⁶ bytes, to compile a next
            scene in a third of the time; ``None`` leaves MuJoCo's limit of 500. Processes of a pool
            heed it, this one does not.
    """

    suite_sha256: str | None = None
    egl_devices: tuple[int, ...] = ()
    asset_cache_mb: int | None = None

    def make(self) -> LiberoEnv:
        """Make the environment in this process, and import what simulates.

        Raises:
            MachineError: The files of a custom suite are not those of ``suite_sha256`` any more, or
                a package cannot be imported.
        """
        made = LiberoEnv.of(self)
        # A worker reads the suite when it starts, and again when it is replaced hours later.
        if self.suite_sha256 not in (None, suite_digest(made.suite)):
            made.close()
            raise MachineError(
                f"the suite {made.suite.file} has changed since the run started: its episodes "
                "would be those of another suite",
                "put its files back as they were, and run the same command again",
            )
        import_libero()  # after the environment has announced its OpenGL back end
        return made
