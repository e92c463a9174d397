"""The page of sweeps: curves of success, against the option and against what a point costs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from gridseval import __version__
from gridseval.files import write_atomically
from gridseval.report.environment import own_file, template
from gridseval.sweeping import curve_of
from gridseval.sweeping.curves import check_one_axis
from gridseval.sweeping.plot import draw_costs, draw_curves
from gridseval.sweeping.text import describe_curves

_COSTS = (
    ("tflops", "TFLOPs per query"),
    ("latency_ms", "ms per query"),
    ("completion_s", "completion time (s)"),
)


@dataclass(frozen=True)
class Drawing:
    """A drawing with its heading.

    Attributes:
        title: The heading.
        svg: Made here, all foreign text escaped.
    """

    title: str
    svg: Markup


def write_sweep_report(named: Sequence[str], out: Path) -> Path:
    """Write one HTML file about sweeps over one option, and return its path.

    Args:
        named: Folders of sweeps, or ``NAME=FOLDER``.
        out: The file.

    Raises:
        UsageError: There is no such sweep, or they are over different options.
        OutputError: The file cannot be written.
    """
    curves = [curve for name in named for curve in curve_of(name)]
    axis = check_one_axis(curves)
    title = f"Success against {axis}"
    drawings = [Drawing(title, _safe(draw_curves(curves, standalone=False)))]
    for cost, words in _COSTS:
        svg = draw_costs(curves, cost, words, standalone=False)
        if svg:
            drawings.append(Drawing(f"Success against {words}", _safe(svg)))
    document = describe_curves(curves, title)
    page = template("sweep.html").render(
        title=title,
        names=", ".join(named),
        drawings=drawings,
        section=document.sections[0],
        notes=document.notes,
        style=own_file("report.css"),
        version=__version__,
        made=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_atomically(out, page)
    return out


def _safe(svg: str) -> Markup:
    """Return a drawing for the page; the functions that draw escape all names."""
    return Markup(svg)  # noqa: S704
