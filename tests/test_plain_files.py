"""Files that lie: what is endless, huge, nested, multiplied or not plain is refused at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gridseval.config import read_yaml
from gridseval.errors import UsageError
from gridseval.plain_files import MOST_YAML_BYTES, plain_yaml, read_json


def _laughs(kind: str, levels: int = 9) -> str:
    if kind == "list":
        lines = ["a0: &a0 [x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    elif kind == "mapping":
        lines = ["a0: &a0 {k: x}"]
        for i in range(1, levels):
            inner = ", ".join(f"k{j}: *a{i - 1}" for j in range(9))
            lines.append(f"a{i}: &a{i} {{{inner}}}")
    else:  # merge keys
        lines = ["a0: &a0 {k: x}"]
        for i in range(1, levels):
            lines.append(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}")
    return "\n".join(lines)


LIES = {
    "multiplied lists": _laughs("list"),
    "multiplied mappings": _laughs("mapping"),
    "multiplied merges": _laughs("merge"),
    "a list in itself": "a: &a [1, *a]",
    "a mapping in itself": "a: &a {b: *a}",
    "a merge of itself": "a: &a {<<: *a}",
    "itself by two steps": "a: &a {b: &b [*a]}",
    "a deep list": "[" * 100_000,
    "a deep mapping": "{a: " * 60 + "1" + "}" * 60,
    "deep blocks": "\n".join(" " * i + "a:" for i in range(80)),
    "deep by anchors": "\n".join(
        ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 99))]
    ),
    "a huge number": "a: " + "9" * 100_000,
    "a huge hexadecimal number": "a: 0x" + "f" * 100_000,
    "a huge base-60 number": "a: 1" + ":59" * 50_000,
    "a number by tag": "a: !!int '" + "9" * 5_000 + "'",
    "bytes": "a: !!binary aGk=",
    "a set": "a: !!set {x}",
    "pairs": "a: !!pairs [b: 1]",
    "an object": "a: !!python/object/apply:os.system [id]",
    "a list as key": "? [a]\n: b",
    "a long tag": "a: !" + "t" * 10_000 + " x",
    "many values": "- a\n" * 300_000,
}


@pytest.mark.parametrize("text", LIES.values(), ids=LIES)
def test_yaml_that_lies_is_refused_within_seconds(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    before = time.process_time()
    with pytest.raises(UsageError, match=r"a\.yaml: not valid YAML: ") as caught:
        read_yaml(tmp_path / "a.yaml")
    assert time.process_time() - before < 20
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)


def test_honest_yaml_is_read() -> None:
    text = "base: &b {x: 1, y: [2.5, .inf]}\nmore: {<<: *b, z: 2026-01-02}\nsame: *b\n"
    base = {"x": 1, "y": [2.5, float("inf")]}
    assert plain_yaml(text) == {
        "base": base,
        "more": {**base, "z": "2026-01-02"},
        "same": base,
    }
    assert plain_yaml("") is None
    assert plain_yaml("\ufeffa: ~\n") == {"a": None}


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").write_bytes(b"#" * (MOST_YAML_BYTES + 1))
    for name in ("pipe", "endless", "loop", "large", "absent", "."):
        with pytest.raises(UsageError, match="cannot read"):
            read_yaml(tmp_path / name)
        with pytest.raises((OSError, ValueError)):
            read_json(tmp_path / name, MOST_YAML_BYTES)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, "nul", "", "\ud800"]
)
def test_json_that_lies_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")
