"""Damaged files: what reads them says so in words, and leaves all other files alone."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from commands import run_command
from outcome import Ordeal
from stage import SHORT, Stage
from tqdm import trange

_PATIENCE_S, _WAIT_S = 30.0, 60.0
_NUMBER = re.compile(rb"\d+(\.\d+)?")
_NUMBERS = [b"-1", b"0", b"1e400", b"NaN", b"9" * 30, b"9" * 5000, b"2147483648", b"null", b'"x"']

_ONE = ("--trials", "1", *SHORT, "--out", "new")
READERS: dict[str, list[tuple[str, ...]]] = {
    "run/run.yaml": [
        ("table", "run"),
        ("compare", "run", "other"),
        ("report", "run", "--out", "r.html"),
        ("gate", "run", "--min-success", "0.5"),
        ("video", "run", "--episode", "9:9"),
    ],
    "run/episodes.jsonl": [
        ("table", "run", "other"),
        ("compare", "other", "run"),
        ("report", "run", "--out", "r.html"),
        ("gate", "run", "--baseline", "other"),
    ],
    "nano/config.json": [("run", "--suite", "suite", "--tasks", "0", "--ckpt", "nano", *_ONE)],
    "nano/model.safetensors": [
        ("run", "--suite", "libero_object", "--tasks", "0", "--ckpt", "nano", *_ONE),
    ],
    "suite/suite.yaml": [("suites", "suite")],
    "suite/bddl_files/switch_it_on.bddl": [("suites", "suite")],
    "suite/init_files/switch_it_on.pruned_init": [("suites", "suite")],
}
"""Files, and command lines that read them."""


def _flipped(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 1, 4, 64))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _cut(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def _holed(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 16, 4096)) :]


def _filled(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 16, 4096))) + data[at:]


def _repeated(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at : at + 64] * rng.choice((2, 1000)) + data[at:]


def _numbered(data: bytearray, rng: random.Random) -> bytearray:
    found = list(_NUMBER.finditer(data[:100_000]))
    if not found:
        return _filled(data, rng)
    chosen = rng.choice(found)
    return data[: chosen.start()] + rng.choice(_NUMBERS) + data[chosen.end() :]


def _emptied(data: bytearray, rng: random.Random) -> bytearray:
    return bytearray()


DAMAGES: list[Callable[[bytearray, random.Random], bytearray]] = [
    *(_flipped, _flipped, _cut, _holed, _filled, _repeated, _numbered, _numbered, _emptied),
]


def torture_files(stage: Stage, count: int, first: int = 0) -> Ordeal:
    """Damage a file and run what reads it."""
    ordeal = Ordeal("damaged files")
    for number in trange(first, first + count, desc=ordeal.name):
        rng = random.Random(number)
        name = rng.choice(list(READERS))
        words, folder = rng.choice(READERS[name]), stage.fresh(number)
        file, damage = folder / name, rng.choice(DAMAGES)
        file.write_bytes(damage(bytearray(file.read_bytes()), rng))
        before = _digests(folder)
        ended = run_command(words, folder, _PATIENCE_S, _WAIT_S)
        ordeal.note(ended.status)
        fault = ended.fault()
        if fault is None and ended.patient and words[0] != "run":
            fault = "took longer than 30 s"
        after = _digests(folder)
        if fault is None and any(after.get(name) != digest for name, digest in before.items()):
            fault = "other files were changed"
        if fault is not None:
            ordeal.found.append(f"file {number}: {name} {damage.__name__}: {words!r}: {fault}")
        stage.clear(number)
    return ordeal


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".std") and path.suffix != ".lock"
    }
