"""What the bench has measured, before anything is computed from it."""

from __future__ import annotations

from dataclasses import dataclass, field

from gridseval.bench.episode import EpisodeTimes
from gridseval.bench.plan import Loop


@dataclass(frozen=True)
class Round:
    """One episode in each worker, at the same time.

    Attributes:
        wall_s: Until the last was done.
        episodes: The episodes.
    """

    wall_s: float
    episodes: tuple[EpisodeTimes, ...]


@dataclass(frozen=True)
class Stepping:
    """One episode's policy steps without images, in milliseconds per control step.

    Attributes:
        robosuite_ms: robosuite's own stepping.
        gridseval_ms: gridseval's, from the message to a worker to its reply.
        mujoco_ms: 25 × ``mj_step`` from the same states.
        bits_equal: Whether both ended in the same state after as many steps.
    """

    robosuite_ms: float
    gridseval_ms: float
    mujoco_ms: float
    bits_equal: bool


@dataclass
class Measurements:
    """All of it; filled while the bench runs.

    Attributes:
        backend: OpenGL back end of both sides.
        renderer: What draws, by OpenGL's name.
        plain: Episodes of the plain loop.
        rounds: Rounds of each of gridseval's loops.
        stepping: Episodes without images.
        compile_s: Seconds to compile each task in a worker.
        bits_equal: Whether each of gridseval's episodes ended in the state of the plain loop's
            after as many steps.
    """

    backend: str
    renderer: str
    plain: list[EpisodeTimes] = field(default_factory=list)
    rounds: dict[Loop, list[Round]] = field(default_factory=dict)
    stepping: list[Stepping] = field(default_factory=list)
    compile_s: list[float] = field(default_factory=list)
    bits_equal: bool = True
