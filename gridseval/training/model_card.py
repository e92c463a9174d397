"""``README.md`` of a trained checkpoint, from its ``train.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridseval.training.success import errors_of


def model_card(record: Mapping[str, Any]) -> str:
    """Return the text.

    Args:
        record: What ``train.yaml`` says.
    """
    shape, pruner = record["shape"], record["shape"]["pruner"]
    arguments = ", ".join(f"{key} {value}" for key, value in pruner["arguments"].items())
    named = pruner["name"] + (f" ({arguments})" if arguments else "")
    lines = [
        f"# nano, {named}",
        "",
        f"A vision-language-action model of {record['parameters'] / 1e6:.1f} million parameters "
        f"that sees {' and '.join(shape['cameras'])} at {shape['image_px']} px, an instruction and "
        f"the arm's state. Trained with `gridseval train nano`.",
        "",
        "```bash",
        "gridseval run --suite SUITE --ckpt THIS_FOLDER",
        "```",
        "",
        "## Success in the simulator",
        "",
        *_successes(record["evaluations"]),
        "",
        "## Training",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _facts(record)),
        "",
        "| dataset | frames | episodes | tasks | sha256 |",
        "|---|---|---|---|---|",
        *map(_data_row, record["data"]),
        *_rounds(record["dagger"]),
        "",
        "```bash",
        record["command"] or "# started from Python",
        "```",
        "",
        "`train.yaml` has all arguments, `loss.csv` and `loss.svg` the loss.",
        "",
        "## What it is not for",
        "",
        "It acts in LIBERO's simulator, on the tasks of its data and their assets. It is not for "
        "real robots, other arms or cameras, or instructions that it was not trained on.",
        "",
    ]
    return "\n".join(lines)


def _successes(evaluations: list[Mapping[str, Any]]) -> list[str]:
    if not evaluations:
        return ["It was not evaluated in training."]
    last = max(each["step"] for each in evaluations)
    rows = ["| suite | solved | 95 % interval |", "|---|---|---|"]
    for each in evaluations:
        if each["step"] == last:
            interval = each["interval"]
            text = "–" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"
            solved = f"{each['successes']}/{each['episodes']}{errors_of(each)}"
            rows.append(f"| {each['suite']} | {solved} | {text} |")
    return [*rows, "", f"On fresh starts, after step {last}, in training."]


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    loss, arguments, init = record["loss"], record["arguments"], record["init"]
    held = loss["validation"]
    return [
        ("steps", f"{record['steps']} of {arguments['batch']} samples"),
        ("time", f"{record['minutes']:.1f} min, {record['cpu_minutes']:.1f} min of processor time"),
        (
            "machine",
            f"{record['machine']['processor']}, {record['device']}, {record['threads']} threads, "
            f"{record['precision']}",
        ),
        ("seed", str(arguments["seed"])),
        ("started from", "fresh weights" if init is None else f"`{init['sha256'][:16]}`"),
        ("L1 of the last steps", "–" if loss["last"] is None else f"{loss['last']:.4f}"),
        ("L1 on held-out episodes", "–" if held is None else f"{held:.4f}"),
        ("gridseval, torch", f"{record['versions']['gridseval']}, {record['versions']['torch']}"),
    ]


def _data_row(data: Mapping[str, Any]) -> str:
    tasks = ", ".join(data["tasks"]) or "–"
    return (
        f"| {data['path']} | {data['frames']} | {data['episodes']} | {tasks} | "
        f"`{data['sha256'][:16]}` |"
    )


def _rounds(rounds: list[Mapping[str, Any]]) -> list[str]:
    return (
        [
            "",
            *(
                f"DAgger round {each['round']} on {each['suite']}: {each['successes']} of "
                f"{each['episodes']} solved, all added."
                for each in rounds
            ),
        ]
        if rounds
        else []
    )
