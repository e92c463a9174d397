"""Mutated command lines: each ends by itself or with Ctrl-C, in words, with a documented code."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from commands import run_command
from outcome import Ordeal
from stage import SHORT, Stage
from tqdm import trange

_PATIENCE_S, _WAIT_S = 15.0, 60.0

_SHORT = " ".join(SHORT)
BASES = [
    f"run --suite libero_object --policy zero --tasks 0 --trials 1 {_SHORT} --out new",
    f"run --suite suite --ckpt nano --trials 1 {_SHORT} --out new",
    f"run --suite libero_object --policy zero --tasks 0,1 --trials 2 {_SHORT} --record-actions"
    " --out run",
    "run --suite libero_goal --policy none --perturb camera:3 --delay 1:4 --seed 3 --env-seed 4"
    " --starts fresh:2 --protocol openpi",
    "sweep run --suite libero_goal --policy none --delay 0,1 --out s",
    "collect --suite libero_goal --policy none --starts fresh:2 --out d",
    "train nano run --out t --steps 2 --pruner grids --policy-arg k=4",
    "table run b=other --by suite --format latex",
    "table run other --columns success,latency --pool",
    "compare a=run b=other --list lost",
    "report run other --out r.html",
    "gate run --baseline other --max-drop 0.1 --junit j.xml",
    "gate run --min-success 0.5 --alpha 0.05",
    "video run --episode 9:9 --format gif --out v",
    "suites libero_plus_goal --list --dimension robot --level 3-5",
    "suites suite --tasks 0-1",
    "policies show pi05_grids",
    "flops pi0 --tokens 16 --pruner grids --layer 2",
    "gallery --suite none --perturb camera --out g.jpg",
    "dataset check run --filter-noops",
    "assets verify --assets nowhere",
    "solvable --suite none --tasks 0",
    "serve --policy none --ckpt nano --port 0",
]
"""Good lines, and some whose one wrong word keeps them from working for minutes."""

WORDS = [
    *("", " ", "-", "--", "-1", "0", "1", "9" * 400, "1e400", "nan", "inf", "1.5", "0x10", "٣"),
    *("..", "../..", ".", "/dev/null", "/dev/full", "/proc/self/mem", "/root/none", "~", "nano"),
    *("run", "other", "suite", "run/run.yaml", "run/episodes.jsonl", "report.html", "a" * 300),
    *(
        "\udc80",
        "a\nb",
        "\x1b[2J",
        "é",
        "日本",
        "%s",
        "{}",
        "[1,2]",
        "null",
        "true",
        "=",
        "a=",
        "=b",
    ),
    *("a=b", "k=4", "0:0", ":", "0:", ",", "0,", "0-", "5-2", "0-99999999999", "NaN", "-inf"),
    *("ws://127.0.0.1:9", "ws://", "http://127.0.0.1:9/x", "module:Class", "os:system", "a.py:B"),
    *("libero_goal", "libero_plus_goal", "libero", "random", "oracle", "zero", "dense", "grids"),
    *("--help", "--debug", "--out", "--suite", "--tasks", "--trials", "--seed", "--policy"),
    *("--ckpt", "--policy-arg", "--workers", "--force", "--format", "--level", "--perturb"),
]


def _replaced(words: list[str], rng: random.Random) -> None:
    words[rng.randrange(1, len(words))] = rng.choice(WORDS)


def _dropped(words: list[str], rng: random.Random) -> None:
    del words[rng.randrange(len(words))]


def _doubled(words: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(words))
    words.insert(at, words[at])


def _inserted(words: list[str], rng: random.Random) -> None:
    words.insert(rng.randrange(len(words) + 1), rng.choice(WORDS))


def _swapped(words: list[str], rng: random.Random) -> None:
    first, second = rng.randrange(len(words)), rng.randrange(len(words))
    words[first], words[second] = words[second], words[first]


def _spoilt(words: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(words))
    place = rng.randrange(len(words[at]) + 1)
    words[at] = words[at][:place] + rng.choice("\x01,:=-0A é\t") + words[at][place + 1 :]


MUTATIONS: list[Callable[[list[str], random.Random], None]] = [
    *(_replaced, _replaced, _dropped, _doubled, _inserted, _swapped, _spoilt),
]


def mutated(number: int) -> list[str]:
    """Return the words of a mutated command line."""
    rng = random.Random(number)
    words = rng.choice(BASES).split()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if len(words) > 1:
            rng.choice(MUTATIONS)(words, rng)
    return [word.replace("\0", "") for word in words]


def torture_lines(stage: Stage, count: int, first: int = 0) -> Ordeal:
    """Run mutated command lines."""
    ordeal = Ordeal("mutated command lines")
    for number in trange(first, first + count, desc=ordeal.name):
        words, folder = mutated(number), stage.fresh(number)
        before = _records(folder)
        ended = run_command(words, folder, _PATIENCE_S, _WAIT_S)
        ordeal.note(ended.status)
        fault = ended.fault()
        if fault is None and not _kept(before, _records(folder)):
            fault = "records were changed or lost"
        if fault is not None:
            ordeal.found.append(f"line {number}: {words!r}: {fault}")
        stage.clear(number)
    return ordeal


def _records(folder: Path) -> dict[str, list[str]]:
    return {
        name: (folder / name / "episodes.jsonl").read_text(errors="replace").splitlines()
        for name in ("run", "other")
        if (folder / name / "episodes.jsonl").exists()
    }


def _kept(before: dict[str, list[str]], after: dict[str, list[str]]) -> bool:
    """Return whether all records are still there, which a run may have been told to extend."""
    for name, lines in before.items():
        found = after.get(name, [])
        if found[: len(lines)] != lines or not all(map(json.loads, found)):
            return False
    return True
