"""``gridseval flops``: what a query of a model costs, with all visual tokens and with fewer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gridseval.cli.options import HELP, Text

if TYPE_CHECKING:
    from gridseval.results.tables.document import Document, Section
    from gridseval.tokens.accounting import Convention, ModelDescription
    from gridseval.tokens.accounting.tabulate import Pruning


@click.command(name="flops", context_settings=HELP)
@click.argument("model", required=False)
@click.option(
    "--tokens", type=int, metavar="N", help="Keep N visual tokens per image  [default: all]"
)
@click.option(
    "--layer", default=0, show_default=True, metavar="N", help="Prune at decoder layer N."
)
@click.option("--pruner", type=Text(), metavar="NAME", help="Also count the cost of this pruner.")
@click.option(
    "--convention", type=Text(), metavar="NAME", help="Show one way of counting  [default: all]"
)
def command(
    model: str | None, tokens: int | None, layer: int, pruner: str | None, convention: str | None
) -> None:
    """Count the operations of one query of MODEL.

    MODEL is the name of a model that gridseval knows, or a YAML file. Without
    MODEL, it lists the models. Papers count different things, so the table has
    one line per convention and says what each one counts.

    \b
    gridseval flops pi0 --tokens 16 --pruner grids
    gridseval flops openvla-7b --tokens 128 --layer 3 --convention llm-macs
    """  # noqa: D301
    from gridseval.errors import UsageError
    from gridseval.results.tables.text import as_text
    from gridseval.tokens.accounting import CONVENTIONS, find_convention, list_models, load_model
    from gridseval.tokens.accounting.tabulate import Pruning

    shown = [*CONVENTIONS.values()] if convention is None else [find_convention(convention)]
    if pruner is not None:
        _check_pruner(pruner)
    if model is None:
        if tokens is not None or pruner is not None:
            raise UsageError("--tokens and --pruner need a model", "gridseval flops lists them")
        click.echo(as_text(_overview([load_model(name) for name in list_models()], shown)))
        return
    described = load_model(model)
    if tokens is None and (layer or pruner is not None):
        raise UsageError("--layer and --pruner need --tokens")
    pruning = None if tokens is None else Pruning(described, tokens, layer, pruner)
    click.echo(as_text(_document(described, pruning, shown)))


def _check_pruner(name: str) -> None:
    from gridseval.errors import PolicyError, UsageError
    from gridseval.tokens.pruners import macs_of

    try:
        macs_of(name)
    except PolicyError as error:  # here it is an argument, no policy's
        raise UsageError(error.message, error.hint) from error


def _overview(models: list[ModelDescription], shown: list[Convention]) -> Document:
    from gridseval.results.tables.document import Document, Section
    from gridseval.tokens.accounting.tabulate import operations

    rows = [
        (model.name, str(model.visual_tokens), *(_tera(operations(model)[each]) for each in shown))
        for model in models
    ]
    header = ("model", "visual tokens", *(f"{each.name}, T{each.unit}" for each in shown))
    section = Section("operations of one query, all visual tokens", header, tuple(rows))
    return Document("", (section,), tuple(_notes(shown)))


def _document(
    model: ModelDescription, pruning: Pruning | None, shown: list[Convention]
) -> Document:
    from gridseval.results.tables.document import Document

    title = f"{model.title}: {model.visual_tokens} visual tokens"
    if pruning is not None:
        where = f"at decoder layer {pruning.layer}" if pruning.layer else "before the decoder"
        title += f", {pruning.kept} kept {where}"
    return Document(
        title,
        (_parts(model, pruning), _by_convention(model, pruning, shown)),
        (*_notes(shown), f"shapes: {model.source}"),
    )


def _parts(model: ModelDescription, pruning: Pruning | None) -> Section:
    from gridseval.results.tables.document import Section
    from gridseval.tokens.accounting.tabulate import parts

    dense = parts(model)
    costs = [dense] if pruning is None else [dense, parts(model, pruning)]
    names = {"prefill": "language model", "decode": "generated tokens", "head": "action head"}
    rows = [
        (names.get(part, part), *(f"{asdict(cost)[part] / 1e9:,.2f}" for cost in costs))
        for part in asdict(dense)
    ]
    rows.append(("all", *(f"{cost.total / 1e9:,.2f}" for cost in costs)))
    return Section("GMACs", _header("part", pruning), tuple(rows), emphasised=1)


def _by_convention(
    model: ModelDescription, pruning: Pruning | None, shown: list[Convention]
) -> Section:
    from gridseval.results.tables.document import Section
    from gridseval.tokens.accounting.tabulate import operations

    dense = operations(model)
    columns = [dense] if pruning is None else [dense, operations(model, pruning)]
    rows = []
    for each in shown:
        cells = [_tera(column[each]) for column in columns]
        if pruning is not None:
            cells.append(f"{columns[1][each] / columns[0][each]:.3f}")
        rows.append((each.name, f"T{each.unit}", *cells))
    header = _header("convention", pruning, "unit")
    return Section("", (*header, *(() if pruning is None else ("ratio",))), tuple(rows), stub=2)


def _header(first: str, pruning: Pruning | None, *others: str) -> tuple[str, ...]:
    kept = () if pruning is None else (f"{pruning.kept} tokens",)
    return (first, *others, "all tokens", *kept)


def _notes(shown: list[Convention]) -> list[str]:
    return [f"{each.name}: {each.counts} ({each.used_by})" for each in shown]


def _tera(number: int) -> str:
    """Return 10¹² operations with four digits that matter."""
    return f"{number / 1e12:#.4g}"
