"""The page: collects what it shows and renders it with templates that escape everything."""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gridseval import __version__
from gridseval.files import write_atomically
from gridseval.report import sensitivity
from gridseval.report.bars import TaskChart, task_chart
from gridseval.report.cautions import Caution, cautions
from gridseval.report.environment import own_file, template
from gridseval.report.episodes import Group, groups
from gridseval.report.headline import Headline, headlines
from gridseval.report.heat import HeatMap, heat_map
from gridseval.report.provenance import Entry, provenance
from gridseval.report.sensitivity import Sensitivity, sensitivities
from gridseval.report.source import ReportRun
from gridseval.report.tokens import HEIGHT, WIDTH, TokenStatistics, token_statistics
from gridseval.run_names import REPORT

ROWS_AT_ONCE = 500
"""A browser takes seconds to lay out tens of thousands of rows."""


@dataclass(frozen=True)
class Page:
    """All that the templates read.

    Args:
        title: The page's title.
        runs: The runs.
        headlines: One per suite of each run.
        cautions: Reasons not to trust the numbers.
        chart: Success by task.
        heat_maps: Of the runs that have one.
        sensitivities: Success over parameters of perturbations, of the runs that have any.
        tokens: Of the runs that have any.
        episodes: Run and its groups of episodes.
        provenance: All of ``run.yaml`` except the command.
        version: gridseval's.
        made: When, in UTC.
    """

    title: str
    runs: tuple[ReportRun, ...]
    headlines: tuple[Headline, ...]
    cautions: tuple[Caution, ...]
    chart: TaskChart
    heat_maps: tuple[HeatMap, ...]
    sensitivities: tuple[Sensitivity, ...]
    tokens: tuple[TokenStatistics, ...]
    episodes: tuple[tuple[ReportRun, tuple[Group, ...]], ...]
    provenance: tuple[Entry, ...]
    version: str
    made: str

    @property
    def rows_at_once(self) -> int:
        """How many rows of a group the page shows until the reader asks for more."""
        return ROWS_AT_ONCE

    @property
    def several(self) -> bool:
        """Whether the page has several runs and marks them with letters."""
        return len(self.runs) > 1

    @property
    def group_names(self) -> tuple[tuple[str, str], ...]:
        """Name and label of every group of any run, for the filter."""
        return tuple({g.name: (g.name, g.label) for _, gs in self.episodes for g in gs}.values())


def write_report(runs: Sequence[ReportRun], out: Path | None = None) -> Path:
    """Write the report and return its path.

    Args:
        runs: At least one.
        out: The file, or ``None`` for ``report.html`` in the first run's directory. Videos are
            addressed relative to it, so they still play if you move both together.

    Raises:
        OutputError: The file cannot be written; an earlier one stays as it was.
    """
    path = out or runs[0].run.paths[0] / REPORT
    write_atomically(path, render_report(runs, path.parent))
    return path


def render_report(runs: Sequence[ReportRun], folder: Path) -> str:
    """Return the page as HTML.

    Args:
        runs: At least one.
        folder: The file's folder.
    """
    style, script = own_file("report.css"), own_file("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template("report.html").render(
        page=_page(tuple(runs), folder),
        style=style,
        script=script,
        # The policy allows this script only, so one in an instruction or error message cannot run.
        script_digest=f"sha256-{digest}",
        plot=(WIDTH, HEIGHT),
        small=(sensitivity.WIDTH, sensitivity.HEIGHT),
    )


def _page(runs: tuple[ReportRun, ...], folder: Path) -> Page:
    return Page(
        title=" vs ".join(dict.fromkeys(run.title for run in runs)),
        runs=runs,
        headlines=tuple(headline for run in runs for headline in headlines(run, runs[0])),
        cautions=cautions(runs),
        chart=task_chart(runs),
        heat_maps=tuple(map_ for run in runs if (map_ := heat_map(run))),
        sensitivities=tuple(each for run in runs for each in sensitivities(run)),
        tokens=tuple(told for run in runs if (told := token_statistics(run))),
        episodes=tuple((run, groups(run, folder)) for run in runs),
        provenance=provenance(runs),
        version=__version__,
        made=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    )
