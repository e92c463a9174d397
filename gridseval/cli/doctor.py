"""``gridseval doctor``: checks whether gridseval runs on this machine, and why not."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from gridseval.cli.options import HELP, assets_option
from gridseval.foreign_text import one_line

if TYPE_CHECKING:
    from gridseval.doctor import Finding

_SIGNS = {"ok": "ok", "warning": "warning", "failure": "FAIL"}
_COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}
_WIDTH = 80
_MACHINE_ERROR = 3
_LONGEST = 1000


@click.command(name="doctor", context_settings=HELP)
@assets_option()
@click.option("--force", is_flag=True, help="Accept MuJoCo 3.4 to 3.9, which change results.")
@click.pass_context
def command(ctx: click.Context, assets: str | None, force: bool) -> None:
    """Check versions, rendering and assets on this machine.

    Exits with 3 if a run would fail here or would measure something else. What
    fails then also stands on standard error, in one line.
    """
    from gridseval.doctor import diagnose

    findings = []
    for finding in diagnose(assets, force):
        findings.append(finding)
        click.echo(_as_text(finding))
    statuses = [finding.status for finding in findings]
    failed, warnings = statuses.count("failure"), statuses.count("warning")
    click.echo(f"\n{failed} failed, {warnings} warnings, {statuses.count('ok')} ok")
    if failed:
        reasons = [f"{each.name}: {each.text}" for each in findings if each.status == "failure"]
        click.echo(f"gridseval: {one_line('; '.join(reasons), _LONGEST)}", err=True)
        ctx.exit(_MACHINE_ERROR)


def _as_text(finding: Finding) -> str:
    """Return a finding as lines of 80 columns at most; click drops colours outside a terminal."""
    sign = _SIGNS[finding.status]
    head = f"{sign:<8}{finding.name:<11}"
    body = textwrap.fill(
        finding.text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    )
    body = click.style(sign, fg=_COLOURS[finding.status]) + body[len(sign) :]
    if finding.hint is None:
        return body
    indent = " " * (len(head) + 2)
    hint = textwrap.fill(finding.hint, _WIDTH, initial_indent=indent, subsequent_indent=indent)
    return f"{body}\n{hint}"
