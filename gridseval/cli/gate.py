"""``gridseval gate``: decides for a CI whether a run is worse."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridseval.cli.options import HELP, FilePath
from gridseval.errors import UsageError

if TYPE_CHECKING:
    from gridseval.results.gate.rules import GateRules
    from gridseval.results.gate.verdict import Verdict
    from gridseval.results.run.reading import Run

_PATH = FilePath()
_JOB_SUMMARY = "GITHUB_STEP_SUMMARY"
_number = partial(click.option, type=float, show_default=True)


@click.command(name="gate", context_settings=HELP)
@click.argument("run")
@click.option("--baseline", metavar="RUN", help="Compare with this run, episode by episode.")
@click.option(
    "--min-success", type=float, metavar="RATE", help="Ask for a success rate, such as 0.95."
)
@click.option("--published", is_flag=True, help="Compare with published success rates.")
@click.option("--same-steps", is_flag=True, help="With --baseline: all episodes must be the same.")
@click.option("--family", metavar="NAME", help="Whose rates  [default: the run's policy's]")
@_number("--max-drop", default=0.02, metavar="RATE", help="Tolerate a drop of this size.")
@_number("--alpha", default=0.05, metavar="P", help="Probability of a false alarm.")
@click.option(
    "--max-errors",
    default="1%",
    show_default=True,
    metavar="N",
    help="Tolerate N errors, such as 5 or 2%.",
)
@_number("--detect", default=0.1, metavar="RATE", help="A pass excludes a drop of this size …")
@_number("--power", default=0.8, metavar="P", help="… with this probability.")
@click.option("--force", is_flag=True, help="Compare runs that differ or are incomplete.")
@click.option("--junit", type=_PATH, metavar="FILE", help="Write JUnit XML.")
@click.option("--summary", type=_PATH, metavar="FILE", help="Write Markdown.")
def command(
    run: str,
    baseline: str | None,
    min_success: float | None,
    published: bool,
    same_steps: bool,
    family: str | None,
    max_errors: str,
    junit: Path | None,
    summary: Path | None,
    **numbers: Any,
) -> int:
    """Decide whether RUN is worse than a baseline, a rate or published rates.

    A regression is a significant drop of more than --max-drop. The tests are
    exact; over all suites and tasks together they give a false alarm with
    probability --alpha at most. A pass needs enough episodes to detect a drop
    of --detect. --same-steps is for policies that act the same every time, such
    as oracle: outcome and steps of all episodes must be the baseline's. If
    $GITHUB_STEP_SUMMARY is set, gate appends Markdown to it.

    Exit codes: 0 pass, 1 regression, 2 cannot tell (or wrong arguments), 5 it
    cannot read a run.

    \b
    gridseval gate runs/new --baseline runs/old --junit gate.xml
    gridseval gate runs/new --min-success 0.95 --summary gate.md
    gridseval gate runs/new --published --family "π0.5 + GridS 16"
    """  # noqa: D301
    from gridseval.output_files import check_outputs
    from gridseval.results.gate.rules import GateRules
    from gridseval.results.run.reading import read_run

    if (baseline is not None) + (min_success is not None) + published != 1:
        raise UsageError("give exactly one of --baseline, --min-success and --published")
    rules = GateRules(max_errors=_number_or_share(max_errors), **numbers)
    check_outputs(junit, summary)
    check_outputs(*([Path(os.environ[_JOB_SUMMARY])] if os.environ.get(_JOB_SUMMARY) else []))
    if same_steps and baseline is None:
        raise UsageError("--same-steps needs a --baseline")
    if same_steps and baseline is not None:
        verdict = _same_steps(run, baseline, rules)
    else:
        verdict = _judged(read_run(run), baseline, min_success, family, rules)
    click.echo(verdict.sentence)
    for note in verdict.notes:
        click.echo(f"  {note}", err=True)
    _write(verdict, junit, summary)
    return verdict.exit_code


def _judged(
    run: Run, baseline: str | None, min_success: float | None, family: str | None, rules: GateRules
) -> Verdict:
    from gridseval.results.gate.verdict import (
        gate_on_baseline,
        gate_on_published,
        gate_on_threshold,
    )
    from gridseval.results.run.published import published_rows
    from gridseval.results.run.reading import read_run, with_distinct_labels

    if baseline is not None:
        run, before = with_distinct_labels([run, read_run(baseline)])
        return gate_on_baseline(run, before, rules)
    if min_success is not None:
        return gate_on_threshold(run, min_success, rules)
    return gate_on_published(run, published_rows(family or _family(run)), rules)


def _same_steps(run: str, baseline: str, rules: GateRules) -> Verdict:
    from gridseval.results.gate.same_steps import gate_on_steps
    from gridseval.results.run.reading import read_run, with_distinct_labels

    after, before = with_distinct_labels([read_run(run), read_run(baseline)])
    return gate_on_steps(after, before, rules)


def _family(run: Run) -> str:
    """Return the name under which the run's card lists published rates."""
    listed = run.manifest.get("published")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    if len(names) > 1:
        raise UsageError(
            f"the policy's card lists several rows of published rates: {', '.join(names)}",
            f'choose one, such as --family "{names[0]}"',
        )
    policy = run.manifest.get("policy")
    told = (
        policy.get("family") if isinstance(policy, Mapping) else None
    )  # one of a policy's details
    return names[0] if names else str(told or run.policy)


def _number_or_share(text: str) -> float:
    share = text.endswith("%")
    try:
        value = float(text.removesuffix("%")) / (100 if share else 1)
    except ValueError:
        value = -1.0
    if value >= 0 and (not share or value < 1) and (value < 1 or value == int(value)):
        return value
    raise UsageError(f"--max-errors {text!r} is neither a number such as 5 nor a share such as 2%")


def _write(verdict: Verdict, junit: Path | None, summary: Path | None) -> None:
    from gridseval.files import write_atomically
    from gridseval.os_errors import RUN_HINTS, os_errors
    from gridseval.results.gate.junit import render_junit
    from gridseval.results.gate.markdown import render_gate_markdown

    if junit is not None:
        write_atomically(junit, render_junit(verdict))
    markdown = render_gate_markdown(verdict)
    if summary is not None:
        write_atomically(summary, markdown)
    if of_job := os.environ.get(_JOB_SUMMARY):
        path = Path(of_job)
        with (
            os_errors(f"cannot append to {path}", hint=RUN_HINTS),
            path.open("a", encoding="utf-8") as file,
        ):
            file.write(markdown)
