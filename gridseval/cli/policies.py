"""``gridseval policies``: lists policies, and shows the conventions of one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gridseval.cli.options import HELP

if TYPE_CHECKING:
    from gridseval.policies.cards import PolicyCard
    from gridseval.policies.families import Comparison, Family, Reference


@click.group(name="policies", context_settings=HELP, invoke_without_command=True)
@click.option("--markdown", is_flag=True, help="Print the documentation's table of comparisons.")
@click.pass_context
def command(context: click.Context, markdown: bool) -> None:
    """List policy families, kinds and cards.

    For each family, it says how gridseval reaches it and how that was tested.

    \b
    gridseval policies
    gridseval policies show pi05_grids
    """  # noqa: D301
    if context.invoked_subcommand is not None:
        return
    if markdown:
        from gridseval.policies.families import families_markdown

        click.echo(families_markdown(), nl=False)
    else:
        click.echo("\n".join([*_families(), "", *_kinds(), "", *_cards()]))


@command.command(name="show", context_settings=HELP)
@click.argument("name")
def show(name: str) -> None:
    """Print the policy card NAME, or the card in the file NAME.yaml.

    Also prints its protocol, its published scores, how gridseval reaches its
    families, and what was compared with the original code.
    """
    from gridseval.policies.cards import card_path, load_card
    from gridseval.policies.families import load_families

    card = load_card(name)
    for line in card_path(name).read_text(encoding="utf8").rstrip().splitlines():
        # Indented, what follows is the same value of YAML.
        wrapped = textwrap.wrap(line, _COLUMNS, subsequent_indent="  ", break_long_words=False)
        click.echo("\n".join(wrapped))
    click.echo("\n" + "\n".join(_protocol(card)))
    if card.published:
        click.echo("\n" + "\n".join(_published(card.published)))
    for family in load_families():
        if family.card == card.name:
            click.echo("\n" + "\n".join(_family(family)))


def _families() -> Iterator[str]:
    from gridseval.policies.families import load_families

    families = load_families()
    names = max(len("family"), *(len(family.family) for family in families)) + 2
    reached = max(len("reached by"), *(len(family.reached) for family in families)) + 2
    yield f"{'family':<{names}}{'reached by':<{reached}}upstream's code"
    for family in families:
        told = ", ".join(
            f"{_VERBS[reference]} {version}"
            for reference, versions in family.versions().items()
            for version in versions
        )
        line = f"{family.family:<{names}}{family.reached:<{reached}}{told}"
        yield from textwrap.wrap(line, _COLUMNS, subsequent_indent=" " * (names + reached))
    yield "ran: compared with the running code; recorded: with values recorded from it;"
    yield "mocked: with a double of its functions; read: only by reading it."


_COLUMNS = 80
_VERBS: dict[Reference, str] = {
    "upstream": "ran",
    "recorded": "recorded",
    "mock": "mocked",
    "read": "read",
}


def _kinds() -> Iterator[str]:
    from gridseval.policies.registry import POLICIES

    names = POLICIES.names()
    wide = max(len(name) for name in names)
    yield f"{'kind':<{wide}}  {'from':<16}class or needed package"
    for name in names:
        own = POLICIES.origin(name) == "gridseval"
        last = _needs(name) if own else POLICIES.target(name)
        yield f"{name:<{wide}}  {POLICIES.origin(name):<16}{last}".rstrip()


def _needs(name: str) -> str:
    """Return which package a kind needs beyond those of every installation, if any."""
    from importlib.util import find_spec

    from gridseval.policies.kinds import kind_of

    kind = kind_of(name)
    package = None if kind is None else kind.package
    if package is None:
        return ""
    return package if find_spec(package) else f"{package} (not installed)"


def _cards() -> Iterator[str]:
    from gridseval.policies.cards import list_cards, load_card

    yield f"{'card':<14}{'family':<21}{'kind':<12}{'image':<17}{'gripper':<9}{'replan':>6}"
    for name in list_cards():
        card = load_card(name)
        size = "as observed" if card.image.px is None else f"{card.image.px} px"
        crop = "" if card.image.crop_area is None else f", crop {card.image.crop_area:.0%}"
        image = f"{size}{crop}"
        kind = card.kind or "any"
        yield (f"{name:<14}{card.title:<21}{kind:<12}{image:<17}{card.gripper:<9}{card.replan:>6}")


def _protocol(card: PolicyCard) -> Iterator[str]:
    """Yield under which protocol the family's scores were measured."""
    from gridseval.suites import load_protocol

    told = f"protocol {card.protocol}: {load_protocol(card.protocol).describe()}"
    yield from textwrap.wrap(told, _COLUMNS, subsequent_indent="  ")


def _published(families: tuple[str, ...]) -> Iterator[str]:
    """Yield a table of the rows of published scores, in percent."""
    from gridseval.results.run.published import published_rows

    tables = {family: published_rows(family) for family in families}
    wide = max(len("published, %"), *(len(family) for family in families))
    suites = list(next(iter(tables.values())))
    yield f"{'published, %':<{wide}}" + "".join(f"{suite:>16}" for suite in suites)
    for family, rows in tables.items():
        yield f"{family:<{wide}}" + "".join(f"{rows[suite].rate:>16.1f}" for suite in suites)
    for source in dict.fromkeys(row.source for rows in tables.values() for row in rows.values()):
        yield f"source: {source}"


def _family(family: Family) -> Iterator[str]:
    """Yield how a family is reached, and what was compared."""
    yield f"{family.family}, reached by {family.kind}"
    if family.serve is not None:
        yield f"  in the model's environment:  {family.serve}"
    yield f"  in gridseval's:  {family.run}"
    for compared in family.compared:
        line = f"{compared.date}, {compared.version}: {_comparison(compared)}"
        yield from textwrap.wrap(line, _COLUMNS, initial_indent="  ", subsequent_indent="    ")


def _comparison(compared: Comparison) -> str:
    from gridseval.policies.families import REFERENCES

    words = f"{compared.what}; compared with {REFERENCES[compared.reference]}"
    return words + (f"; largest difference {compared.difference}" if compared.difference else "")
