"""``gridseval policies``: what can be evaluated, and by which conventions."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gridseval.cli.options import HELP


@click.group(name="policies", context_settings=HELP, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the kinds of policies and the cards of their families.

    \b
    gridseval policies
    gridseval policies show pi05_grids
    """  # noqa: D301
    if context.invoked_subcommand is None:
        click.echo("\n".join([*_kinds(), "", *_cards()]))


@command.command(name="show", context_settings=HELP)
@click.argument("name")
def show(name: str) -> None:
    """Print the policy card NAME, or that of a file NAME.yaml, with its published scores."""
    from gridseval.policies.cards import card_path, load_card

    card = load_card(name)
    click.echo(card_path(name).read_text(encoding="utf8").rstrip())
    if card.published:
        click.echo("\n" + "\n".join(_published(card.published)))


def _kinds() -> Iterator[str]:
    from gridseval.policies.registry import POLICIES

    names = POLICIES.names()
    wide = max(len(name) for name in names)
    yield f"{'kind':<{wide}}  {'from':<16}class, or the package that it needs"
    for name in names:
        own = POLICIES.origin(name) == "gridseval"
        last = _needs(name) if own else POLICIES.target(name)
        yield f"{name:<{wide}}  {POLICIES.origin(name):<16}{last}".rstrip()


def _needs(name: str) -> str:
    """Return which package a kind needs beyond those of every installation, if any."""
    from importlib.util import find_spec

    from gridseval.policies.registry import PACKAGES

    package = PACKAGES.get(name)
    if package is None:
        return ""
    return package if find_spec(package) else f"{package} (not installed)"


def _cards() -> Iterator[str]:
    from gridseval.policies.cards import list_cards, load_card

    yield f"{'card':<12}{'family':<19}{'kind':<12}{'image':<18}{'gripper':<9}{'replan':>6}"
    for name in list_cards():
        card = load_card(name)
        size = "as observed" if card.image.px is None else f"{card.image.px} px"
        crop = "" if card.image.crop_area is None else f", crop {card.image.crop_area:.0%}"
        image = f"{size}{crop}"
        kind = card.kind or "any"
        yield (f"{name:<12}{card.title:<19}{kind:<12}{image:<18}{card.gripper:<9}{card.replan:>6}")


def _published(families: tuple[str, ...]) -> Iterator[str]:
    """Yield a table of the rows of published scores, in percent."""
    from gridseval.results.published import published_rows

    tables = {family: published_rows(family) for family in families}
    wide = max(len("published, %"), *(len(family) for family in families))
    suites = list(next(iter(tables.values())))
    yield f"{'published, %':<{wide}}" + "".join(f"{suite:>16}" for suite in suites)
    for family, rows in tables.items():
        yield f"{family:<{wide}}" + "".join(f"{rows[suite].rate:>16.1f}" for suite in suites)
    for source in dict.fromkeys(row.source for rows in tables.values() for row in rows.values()):
        yield f"source: {source}"
