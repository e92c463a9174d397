"""The bench's figures as text and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from gridseval import __version__
from gridseval.bench.figures import PLAIN, Figures, Shares
from gridseval.bench.measurements import Measurements
from gridseval.bench.plan import BenchPlan
from gridseval.versions import versions_of

SCHEMA = 1
_NAME_WIDTH = 23
_PACKAGES = ("mujoco", "robosuite", "hf-libero", "numpy")


def as_json(plan: BenchPlan, measured: Measurements, figures: Figures) -> dict[str, Any]:
    """Return everything as plain data: arguments, machine, figures, and each episode's times."""
    return {
        "schema": SCHEMA,
        "arguments": asdict(plan),
        "machine": {
            "cores": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "backend": measured.backend,
            "renderer": measured.renderer,
            "versions": {
                "gridseval": __version__,
                **dict.fromkeys(_PACKAGES),
                **versions_of(*_PACKAGES),
            },
        },
        **asdict(figures),
        "episodes": {
            PLAIN: [asdict(episode) for episode in measured.plain],
            **{
                loop.name: [asdict(episode) for one in rounds for episode in one.episodes]
                for loop, rounds in measured.rounds.items()
            },
        },
    }


def as_text(plan: BenchPlan, measured: Measurements, figures: Figures) -> str:
    """Return the figures as tables of at most 80 columns."""
    parts = [
        _heading(plan, measured),
        _speed_table(figures),
        _shares_table(figures),
        _stepping_text(figures),
        _floor_text(figures),
        _closing_text(figures),
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _heading(plan: BenchPlan, measured: Measurements) -> Iterator[str]:
    settle_steps = plan.loaded_suite.settle_steps
    yield (
        f"{plan.suite}, tasks {plan.tasks}, {plan.trials} trials of {plan.steps} + "
        f"{settle_steps} settle steps, seed {plan.seed}"
    )[:80]
    yield f"256 px, {measured.backend}: {measured.renderer}"[:80]


def _speed_table(figures: Figures) -> Iterator[str]:
    titles = ("steps/s", "episodes/h", "x plain", "s/reset", "CPU s/ep.", "ms/image")
    yield _row("loop", titles)
    for name, loop in figures.loops.items():
        yield _row(
            name,
            (
                f"{loop.steps_per_s:.1f}",
                f"{loop.episodes_per_hour:.0f}",
                f"{loop.ratios['episodes_per_hour']:.2f}",
                f"{loop.reset_s:.2f}",
                "-" if loop.cpu_s is None else f"{loop.cpu_s:.1f}",
                f"{loop.image_ms:.0f}",
            ),
        )
    for chunk, times in figures.scaling.items():
        yield f"chunk {chunk}: all workers do {times:.2f} times the episodes/h of one"


def _shares_table(figures: Figures) -> Iterator[str]:
    names = [field.name for field in fields(Shares)]
    yield _row("share of time, %", names)
    for name, loop in figures.loops.items():
        yield _row(name, [f"{100 * getattr(loop.shares, part):.1f}" for part in names])


def _stepping_text(figures: Figures) -> Iterator[str]:
    stepping = figures.stepping
    yield "without images, ms per control step"
    yield f"  robosuite's own stepping     {stepping.robosuite_ms:6.2f}"
    yield (
        f"  gridseval                    {stepping.gridseval_ms:6.2f}"
        f"   {stepping.robosuite_ms / stepping.gridseval_ms:.2f} times as fast, "
        + _same(stepping.bits_equal)
    )
    yield f"  MuJoCo alone (25 x mj_step)  {stepping.mujoco_ms:6.2f}"


def _floor_text(figures: Figures) -> Iterator[str]:
    yield "floor: MuJoCo's own time and the images that the policy sees"
    yield _row("s per episode", ("MuJoCo", "+ images", "= floor", "takes", "x floor"))
    for name, floor in figures.floors.items():
        cells = [floor.physics_s, floor.images_s, floor.floor_s, floor.episode_s, floor.times_floor]
        yield _row(name, [f"{cell:.2f}" for cell in cells])


def _closing_text(figures: Figures) -> Iterator[str]:
    yield "final states of gridseval and the plain loop: " + _same(figures.bits_equal)
    yield f"compiling a task takes {figures.compile_s:.1f} s, once per worker; not counted above,"
    yield "and neither is making the plain loop's environment. Medians over episodes."


def _row(name: str, cells: Sequence[str]) -> str:
    widths = (8, 11, 10, 8, 10, 9)
    line = "".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=False))
    return name.ljust(_NAME_WIDTH) + line


def _same(bits_equal: bool) -> str:
    return "equal to the bit" if bits_equal else "THEY DIFFER"
