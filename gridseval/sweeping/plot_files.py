"""Curves as a file: SVG by gridseval, PNG and PDF by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridseval.errors import MachineError, UsageError
from gridseval.files import write_atomically
from gridseval.sweeping.curves import Curve, check_one_axis
from gridseval.sweeping.plot import COLOURS, draw_curves

_BY_MATPLOTLIB = (".png", ".pdf")


def check_plot(path: Path) -> None:
    """Refuse a file that could not be drawn, before anything is run.

    Raises:
        UsageError: Its name ends otherwise than with ``.svg``, ``.png`` or ``.pdf``.
        MachineError: It needs matplotlib, which is not installed.
    """
    if path.suffix in _BY_MATPLOTLIB:
        _matplotlib()
    elif path.suffix != ".svg":
        raise UsageError(f"--plot {path} ends with none of .svg, .png, .pdf")


def write_plot(curves: Sequence[Curve], path: Path) -> Path:
    """Write success with its 95 % interval against the curves' option; return the path.

    Raises:
        UsageError: The curves have different axes, or the file has another suffix.
        MachineError: matplotlib is missing.
        OutputError: The file cannot be written.
    """
    check_plot(path)
    axis = check_one_axis(curves)
    if path.suffix == ".svg":
        write_atomically(path, draw_curves(curves))
        return path
    figure_of, formatter = _matplotlib()
    figure = figure_of(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.subplots()
    for number, curve in enumerate(curves):
        points = [point for point in curve.points if point.counts.counted]
        rates = [100 * (point.counts.rate or 0.0) for point in points]
        ends = [point.counts.interval for point in points]
        below = [rate - 100 * end.lower for rate, end in zip(rates, ends, strict=True) if end]
        above = [100 * end.upper - rate for rate, end in zip(rates, ends, strict=True) if end]
        numbers = [point.number for point in points]
        places: list[Any] = [point.value for point in points] if None in numbers else numbers
        axes.errorbar(
            places,
            rates,
            yerr=[below, above],
            label=curve.label,
            color=COLOURS[number % len(COLOURS)],
            marker="o",
            markersize=4,
            capsize=3,
        )
    axes.set(xlabel=axis, ylabel="success", ylim=(0, 100))
    axes.yaxis.set_major_formatter(formatter("{x:.0f} %"))
    axes.grid(axis="y", alpha=0.3)
    if len(curves) > 1:
        axes.legend(frameon=False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:], dpi=200)
    write_atomically(path, drawn.getvalue())
    return path


def _matplotlib() -> tuple[Any, Any]:
    """Return matplotlib's figure without a window system, and a formatter of ticks."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import StrMethodFormatter
    except ImportError as error:
        raise MachineError(
            "matplotlib is not installed, which draws .png and .pdf",
            'pip install "gridseval[plot]", or --plot FILE.svg',
        ) from error
    return Figure, StrMethodFormatter
