"""Figures computed from what was measured: medians over episodes, and ratios to the plain loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from gridseval.bench.episode import EpisodeTimes
from gridseval.bench.measurements import Measurements, Round, Stepping
from gridseval.bench.plan import BenchPlan, Loop

PLAIN = "plain libero"


@dataclass(frozen=True)
class Shares:
    """Shares of the episodes' wall time; together 1.

    Attributes:
        physics: Control steps of the policy, with robot control and success check.
        rendering: Images, those of the reset included.
        reset: Resets with settling, their images left out.
        policy: Finding the next action on the tape.
        other: The rest: messages between processes, observations.
    """

    physics: float
    rendering: float
    reset: float
    policy: float
    other: float


@dataclass(frozen=True)
class LoopFigures:
    """Figures of one loop, medians over its episodes.

    Attributes:
        steps_per_s: Policy steps per second after the reset, all workers together.
        episodes_per_hour: All workers together.
        episode_s: Wall time of an episode.
        reset_s: From the start of the reset to the first observation, settling included.
        cpu_s: Processor time of an episode, or ``None`` where the system does not tell.
        image_ms: Time of one image.
        shares: Where the time went.
        ratios: Each of ``steps_per_s``, ``episodes_per_hour``, ``reset_s`` and ``cpu_s`` divided by
            the plain loop's.
    """

    steps_per_s: float
    episodes_per_hour: float
    episode_s: float
    reset_s: float
    cpu_s: float | None
    image_ms: float
    shares: Shares
    ratios: dict[str, float | None]


@dataclass(frozen=True)
class Floor:
    """What an episode of one worker takes at least, and what it takes.

    Attributes:
        physics_s: MuJoCo's own time: 25 × ``mj_step`` for each step, settling included.
        images_s: The images that the policy sees.
        floor_s: Their sum.
        episode_s: Wall time of an episode.
        times_floor: ``episode_s`` divided by ``floor_s``.
    """

    physics_s: float
    images_s: float
    floor_s: float
    episode_s: float
    times_floor: float


@dataclass(frozen=True)
class Figures:
    """All figures of a bench.

    Attributes:
        loops: By name, the plain loop first.
        floors: By name of each of gridseval's loops with one worker.
        scaling: Episodes per hour of all workers divided by those of one, by chunk; empty if there
            was only one worker.
        stepping: Medians without images, in milliseconds per control step.
        compile_s: Seconds to compile a task, once per worker; in no other figure.
        bits_equal: Whether all episodes, those without images too, ended in the same state.
    """

    loops: dict[str, LoopFigures]
    floors: dict[str, Floor]
    scaling: dict[int, float]
    stepping: Stepping
    compile_s: float
    bits_equal: bool


def compute_figures(plan: BenchPlan, measured: Measurements) -> Figures:
    """Return all figures of a finished bench."""
    plain = _loop_figures([Round(e.wall_s, (e,)) for e in measured.plain], None)
    loops = {loop: _loop_figures(rounds, plain) for loop, rounds in measured.rounds.items()}
    stepping = _medians(measured.stepping)
    floors = {
        loop.name: _floor(plan, loop, figures, stepping)
        for loop, figures in loops.items()
        if loop.workers == 1
    }
    scaling = {
        loop.chunk: figures.episodes_per_hour / loops[Loop(loop.chunk, 1)].episodes_per_hour
        for loop, figures in loops.items()
        if loop.workers > 1
    }
    return Figures(
        loops={PLAIN: plain, **{loop.name: figures for loop, figures in loops.items()}},
        floors=floors,
        scaling=scaling,
        stepping=stepping,
        compile_s=median(measured.compile_s),
        bits_equal=measured.bits_equal and stepping.bits_equal,
    )


def _loop_figures(rounds: Sequence[Round], plain: LoopFigures | None) -> LoopFigures:
    episodes = [episode for one in rounds for episode in one.episodes]
    workers = len(rounds[0].episodes)
    known_cpu_s = [episode.cpu_s for episode in episodes if episode.cpu_s is not None]
    figures = LoopFigures(
        steps_per_s=workers * median(e.steps / (e.wall_s - e.reset_s) for e in episodes),
        episodes_per_hour=workers * 3600 / median(one.wall_s for one in rounds),
        episode_s=median(e.wall_s for e in episodes),
        reset_s=median(e.reset_s for e in episodes),
        cpu_s=median(known_cpu_s) if known_cpu_s else None,
        image_ms=median(1000 * e.rendering_s / e.images for e in episodes),
        shares=_shares(episodes),
        ratios={},
    )
    figures.ratios.update(_ratios(figures, plain or figures))
    return figures


def _ratios(figures: LoopFigures, plain: LoopFigures) -> dict[str, float | None]:
    mine, theirs = asdict(figures), asdict(plain)
    return {
        key: mine[key] / theirs[key] if mine[key] is not None and theirs[key] else None
        for key in ("steps_per_s", "episodes_per_hour", "reset_s", "cpu_s")
    }


def _shares(episodes: Sequence[EpisodeTimes]) -> Shares:
    total = sum(e.wall_s for e in episodes)
    physics, rendering, reset, policy = (
        sum(getattr(e, key) for e in episodes) / total
        for key in ("physics_s", "rendering_s", "resetting_s", "policy_s")
    )
    other = 1 - physics - rendering - reset - policy
    return Shares(physics, rendering, reset, policy, other)


def _medians(stepping: Sequence[Stepping]) -> Stepping:
    return Stepping(
        robosuite_ms=median(one.robosuite_ms for one in stepping),
        gridseval_ms=median(one.gridseval_ms for one in stepping),
        mujoco_ms=median(one.mujoco_ms for one in stepping),
        bits_equal=all(one.bits_equal for one in stepping),
    )


def _floor(plan: BenchPlan, loop: Loop, figures: LoopFigures, stepping: Stepping) -> Floor:
    steps = plan.loaded_suite.settle_steps + plan.steps
    cameras = len(plan.loaded_suite.cameras)
    queries = -(-plan.steps // loop.chunk)
    physics_s = steps * stepping.mujoco_ms / 1000
    images_s = cameras * queries * figures.image_ms / 1000
    floor_s = physics_s + images_s
    return Floor(physics_s, images_s, floor_s, figures.episode_s, figures.episode_s / floor_s)
