"""What README and docs say, against what the package does."""

from __future__ import annotations

import ast
import copy
import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
import yaml
from docs_pages import PAGES, Block, blocks, read

from gridseval.policies.families import families_markdown
from gridseval.suites import list_protocols, load_protocol

STEPS = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")


def command_lines() -> list[tuple[str, list[str]]]:
    """Return page and words of every gridseval command in a block, without comments."""
    lines = []
    for block in blocks("bash", "yaml"):
        for line in block.text.splitlines():
            if "gridseval " not in line:
                continue
            words = shlex.split(line.partition(" || ")[0], comments=True)
            while any(is_program(word) for word in words):
                start = next(number for number, word in enumerate(words) if is_program(word))
                words = words[start + 1 :]
                end = words.index("&&") if "&&" in words else len(words)
                if words[:end]:
                    lines.append((block.page, words[:end]))
    return lines


def is_program(word: str) -> bool:
    return word in ("gridseval", ".venv/bin/gridseval", "/tmp/empty/bin/gridseval")


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and the words that are left for it."""
    from gridseval.cli import group

    command = group.get_command(click.Context(group), words[0])
    assert command is not None, f"there is no gridseval {words[0]}"
    words = words[1:]
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    # A copy, since click keeps the help option that it made for a command's first context.
    return copy.copy(command), words


def test_every_command_shown_has_these_options() -> None:
    lines = command_lines()
    assert {words[0] for _, words in lines} >= {"run", "report", "gate", "table", "serve", "flops"}
    for page, words in lines:
        command, rest = find_command(words)
        try:
            # Also converts values and asks for required options; runs nothing.
            command.make_context(words[0], list(rest))
        except click.ClickException as error:
            pytest.fail(f"{page}: gridseval {shlex.join(words)}: {error.format_message()}")


def test_every_command_in_a_sentence_or_table_has_these_options() -> None:
    shown = [
        (page.name, words)
        for page in PAGES
        for words in re.findall(r"`gridseval ([a-z][^`]*)`", page.read_text(encoding="utf8"))
    ]
    assert len(shown) > 40
    for page, text in shown:
        command, rest = find_command(shlex.split(text))
        try:
            parse(command, rest)
        except click.ClickException as error:
            pytest.fail(f"{page}: gridseval {text}: {error.format_message()}")


def test_every_command_in_a_help_text_has_these_options() -> None:
    lines = [line for command in all_commands() for line in (command.help or "").splitlines()]
    examples = [line.strip() for line in lines if re.match(r"\s*gridseval\b", line)]
    assert len(examples) > 15
    for example in examples:
        words = shlex.split(re.split(r"\s{4,}", example)[0], comments=True)
        assert words[0] == "gridseval", example
        command, rest = find_command(words[1:])
        parse(command, rest)


def parse(command: click.Command, rest: Sequence[str]) -> None:
    """Parse a command's words; those that it hands on are parsed by the other command."""
    hands_on = bool(command.context_settings.get("ignore_unknown_options"))
    context = click.Context(command, ignore_unknown_options=hands_on)
    options, _, _ = command.make_parser(context).parse_args(list(rest))
    if hands_on and options["words"]:
        parse(*find_command(list(options["words"])))


def all_commands() -> Iterator[click.Command]:
    from gridseval.cli import group

    left = [group]
    while left:
        parent = left.pop()
        for name in parent.list_commands(click.Context(parent)):
            command = parent.get_command(click.Context(parent), name)
            assert command is not None
            yield command
            if isinstance(command, click.Group):
                left.append(command)


def test_the_shell_is_a_shells() -> None:
    for block in blocks("bash"):
        subprocess.run(["bash", "-n", "-c", block.text], check=True)


def test_the_workflow_is_yaml_and_gates_on_a_run() -> None:
    (workflow,) = (yaml.safe_load(block.text) for block in blocks("yaml") if "jobs:" in block.text)
    steps = [step.get("run", "") for step in workflow["jobs"]["smoke"]["steps"]]
    run, gate = (
        next(index for index, step in enumerate(steps) if f"gridseval {name} " in step)
        for name in ("run", "gate")
    )
    assert run < gate
    assert any("gridseval gate" in block.text for block in blocks("bash"))


def test_yaml_is_yaml() -> None:
    for block in blocks("yaml"):
        assert isinstance(yaml.safe_load(block.text), dict), block.page


# Programs.


PROGRAMS = [block for block in blocks("python") if not block.fragment]
SHORTER = {
    "range(100)": "range(3)",
    "trials=5)": "trials=1, workers=0, max_steps=4, video='none')",
}
"""Loops and runs that take minutes as they stand on the page."""


def test_fragments_are_few_and_parse() -> None:
    fragments = [block for block in blocks("python") if block.fragment]
    assert len(fragments) <= 2
    for block in fragments:
        ast.parse(block.text)
    for text in SHORTER:
        assert any(text in block.text for block in PROGRAMS), f"{text} is shortened nowhere"


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: f"{block.page}:{block.text[:20]}")
def test_programs_run_as_written(block: Block, assets: Path, tmp_path: Path) -> None:
    text = block.text
    for long, short in SHORTER.items():
        text = text.replace(long, short)
    if "read_run(" in text:
        write_run(tmp_path / "runs" / "mine")
    (tmp_path / "program.py").write_text(text, encoding="utf8")
    done = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    if "evaluate(config)" in text:
        assert done.stdout.startswith("0 2 assets: ")
        assert (tmp_path / "runs" / "mine" / "table.md").is_file()
    if "torch.Size" in text:
        assert done.stdout.splitlines()[0] == "torch.Size([4, 32, 2048])"
    if "read_run(" in text:
        assert done.stdout == "oracle ('libero_object',) Tally(successes=1, failures=0, errors=0)\n"


def write_run(folder: Path) -> None:
    from gridseval.results import EpisodeRecord

    folder.mkdir(parents=True)
    record = EpisodeRecord(
        suite="libero_object",
        task=0,
        task_name="pick_up_the_milk",
        trial=0,
        instruction="pick up the milk",
        status="success",
        success=True,
        steps=80,
        seed=7,
    )
    (folder / "episodes.jsonl").write_text(record.to_json() + "\n")
    (folder / "run.yaml").write_text(json.dumps({"policy": {"name": "oracle"}}))


def test_the_loop_and_the_run_are_shown() -> None:
    assert any("make_vec" in block.text for block in PROGRAMS)
    assert any("RunConfig" in block.text for block in PROGRAMS)


def test_the_policy_example_is_a_policy(tmp_path: Path) -> None:
    import numpy as np

    from gridseval.policies import check_actions, load_policy

    example = next(block.text for block in PROGRAMS if "class Hold" in block.text)
    path = tmp_path / "hold.py"
    path.write_text(example, encoding="utf8")
    loaded = load_policy(f"{path}:Hold", None, {}, seed=7)
    assert loaded.observation_keys == ("state",)
    chunk = loaded.policy.act({"slots": np.arange(2), "state": np.zeros((2, 8), np.float32)})
    assert check_actions(chunk, 2).shape == (2, 8, 7)


def test_the_suite_example_is_a_suite(tmp_path: Path) -> None:
    from gridseval.suites import read_suite

    example = next(block for block in blocks("yaml") if "name: kitchen" in block.text)
    path = tmp_path / "kitchen.yaml"
    path.write_text(example.text, encoding="utf8")
    assert [task.name for task in read_suite(path).tasks] == ["switch_it_on"]


def test_the_card_shown_is_the_shipped_one() -> None:
    shown = next(block.text for block in blocks("yaml") if "name: pi05_grids" in block.text)
    assert shown == read("policies/cards/pi05_grids.yaml")


# What must be documented.


def test_every_policy_kind_and_option_is_named() -> None:
    from gridseval.cli.run import command
    from gridseval.policies import list_policies

    kinds, options = read("docs/reference/policies.md"), read("docs/reference/run-options.md")
    for name in list_policies():
        assert f"`{name}`" in kinds, name
    for option in command.params:
        assert f"`{option.opts[0]}" in options, option.opts[0]


def test_every_argument_of_a_kind_is_named() -> None:
    from gridseval.policies import list_policies
    from gridseval.policies.arguments import PROVIDED, accepted
    from gridseval.policies.registry import POLICIES

    section = read("docs/reference/policies.md").partition("## Arguments")[2].partition("\n## ")[0]
    told: dict[str, set[str]] = {}
    kinds: list[str] = []
    for line in section.splitlines():
        if line.startswith("| ") and line.count("`") > 1:
            first, second = line.split(" | ")[:2]
            kinds = re.findall("`([^`]+)`", first) or kinds
            for kind in kinds:
                told.setdefault(kind, set()).update(re.findall("`([^`]+)`", second))
    for kind in list_policies():
        taken = set(accepted(POLICIES.load(kind))) - set(PROVIDED)
        assert told.get(kind, set()) == taken, kind


def test_every_name_at_the_top_is_named() -> None:
    import gridseval

    page = read("docs/guides/python.md").partition("## Names at the top")[2]
    for name in gridseval.__all__:
        assert name == "__version__" or f"`{name}`" in page, name


def test_every_exit_code_is_named() -> None:
    from gridseval import errors

    codes = read("docs/reference/exit-codes.md")
    of_errors = [getattr(value, "exit_code", None) for value in vars(errors).values()]
    for code in {0, 1, 2, 3, 4, 5, 6, 130, 143, *(code for code in of_errors if code)}:
        assert re.search(rf"^\| {code} \| ", codes, flags=re.MULTILINE), code


def test_every_pruner_perturbation_convention_and_model_is_named() -> None:
    from gridseval.envs.perturbations.kinds import PERTURBATIONS
    from gridseval.tokens.accounting import CONVENTIONS, list_models
    from gridseval.tokens.pruners import list_pruners

    named = {
        "docs/reference/pruners.md": list_pruners(),
        "docs/guides/perturb.md": PERTURBATIONS.names(),
        "docs/explanation/flops.md": [*CONVENTIONS, *list_models()],
    }
    for page, names in named.items():
        for name in names:
            assert f"`{name}`" in read(page), f"{page} lacks {name}"


def test_every_key_of_a_record_and_of_a_card_is_named() -> None:
    from gridseval.policies.cards import PolicyCard
    from gridseval.results import EpisodeRecord

    for page, described in (
        ("docs/reference/run-directory.md", EpisodeRecord),
        ("docs/reference/policies.md", PolicyCard),
    ):
        for field in dataclasses.fields(described):
            assert f"`{field.name}`" in read(page), f"{page} lacks {field.name}"


def test_the_protocols_shown_are_the_shipped_ones() -> None:
    page = read("docs/reference/protocols.md")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    assert sorted(row[0].split("`")[1] for row in rows) == sorted(list_protocols())
    steps = ""
    for name, seeded, image, settle, told in rows:
        protocol = load_protocol(name.split("`")[1])
        steps = steps if told == "the same" else told
        assert int(re.findall(r"\d+", seeded)[0]) == protocol.env_seed
        assert ("trial" in seeded) == (protocol.seeding == "trial")
        assert image == f"{protocol.image_px} px"
        assert int(settle) == protocol.settle_steps
        shown = " / ".join(str(protocol.max_steps[suite]) for suite in STEPS)
        assert steps == shown


def test_the_table_of_comparisons_is_the_packages() -> None:
    page = read("docs/explanation/faithfulness.md")
    table = page.partition("<!-- families -->")[2].partition("<!-- end -->")[0]
    assert table.strip() == families_markdown().strip(), (
        "print it anew: gridseval policies --markdown"
    )


def test_the_table_of_pruners_and_models_is_the_codes() -> None:
    from gridseval.policies.pruner_table import hosts_markdown
    from gridseval.tokens.pruners import list_pruners

    made = hosts_markdown()
    table = read("docs/reference/pruners.md").partition("<!-- hosts -->")[2]
    assert table.partition("<!-- end -->")[0].strip() == made.strip(), (
        "print it anew: python -c 'from gridseval.policies.pruner_table import hosts_markdown; "
        "print(hosts_markdown())'"
    )
    assert {name for name in list_pruners() if f"| `{name}` |" in made} == set(list_pruners())


# Links, paths, pictures.
