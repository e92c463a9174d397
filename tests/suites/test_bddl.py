"""BDDL files are read as LIBERO reads them, and nothing in them runs."""

from __future__ import annotations

import ast
import math
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bddl_attacks import BASE, MARKER, WORKING, attacks
from hypothesis import given, settings
from hypothesis import strategies as st

from gridseval.envs.libero_package import import_libero, package_root, problem_text
from gridseval.errors import MachineError
from gridseval.suites import read_bddl

Parse = Callable[[str], dict[str, Any]]

NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?")


@pytest.fixture(scope="module")
def parse() -> Iterator[Parse]:
    """Return libero's parser, which fails where it would evaluate more than arithmetic."""
    import_libero()
    from libero.libero.envs import bddl_utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bddl_utils, "eval", only_arithmetic, raising=False)
        yield bddl_utils.robosuite_parse_problem


def only_arithmetic(text: str) -> Any:
    allowed = (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Constant, ast.Load)
    for node in ast.walk(ast.parse(text, mode="eval").body):
        assert isinstance(node, allowed) or (isinstance(node, ast.Name) and node.id == "pi"), text
    return eval(text, {"pi": math.pi})


def as_libero_gets_it(parse: Parse, path: Path) -> dict[str, Any]:
    text = read_bddl(path).text
    with problem_text(text) as name:
        return parse(name)


def libero_files() -> list[Path]:
    return sorted((package_root() / "bddl_files").rglob("*.bddl"))


def check_same(parse: Parse, path: Path) -> None:
    expected, problem = parse(str(path)), read_bddl(path)
    assert as_libero_gets_it(parse, path) == expected
    assert problem.problem == expected["problem_name"]
    assert problem.instruction == " ".join(expected["language_instruction"])
    assert problem.kinds == set(expected["objects"])


def test_every_file_of_libero_means_the_same(parse: Parse) -> None:
    files = libero_files()
    assert len(files) == 130
    for path in files:
        check_same(parse, path)


@pytest.mark.libero_plus
@pytest.mark.slow
def test_every_file_of_libero_plus_means_the_same(parse: Parse) -> None:
    files = sorted((Path(os.environ["GRIDSEVAL_LIBERO_PLUS"]) / "bddl_files").rglob("*.bddl"))
    assert len(files) > 8000
    for path in files:
        check_same(parse, path)


def test_a_check_takes_no_time() -> None:
    times = []
    for path in libero_files():
        began = time.process_time()
        read_bddl(path)
        times.append(time.process_time() - began)
    assert sorted(times)[len(times) // 2] < 0.002


ATTACKS = list(attacks())


@pytest.mark.parametrize(("text", "line"), [a[1:] for a in ATTACKS], ids=[a[0] for a in ATTACKS])
def test_whatever_is_no_plain_task_is_refused_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "task.bddl"
    path.write_bytes(text.encode("utf8", "surrogatepass"))
    began = time.process_time()  # other work on this machine does not count
    with pytest.raises(MachineError) as caught:
        read_bddl(path)
    assert time.process_time() - began < 2
    assert caught.value.message.startswith(f"{path}, line {line}: "), caught.value.message
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert [file.name for file in tmp_path.iterdir()] == ["task.bddl"]


@pytest.mark.parametrize("name", WORKING)
def test_the_attacks_are_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parse: Parse, name: str
) -> None:
    """What the check is for: libero by itself runs these."""
    import builtins
    import re as patched

    from libero.libero.envs import bddl_utils

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bddl_utils, "eval", builtins.eval, raising=False)
    path = tmp_path / "task.bddl"
    path.write_text(BASE.replace("(0.0 pi)", f"({WORKING[name]} 0)"))
    try:
        parse(str(path))
    finally:
        if "__class_getitem__" in vars(patched.error):
            del patched.error.__class_getitem__
    assert (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        BASE.replace("\n", "\r\n"),
        BASE.replace("\n", "\r"),
        BASE.replace(" ", "\t"),
        BASE.replace(" ", "\u00a0"),
        BASE.replace("\n", "\x1c"),
        BASE.replace("\n", " ; a comment ( with brackets\n"),
        BASE.replace("\n", f" ; __import__('os').system('>{MARKER}')\n"),
        BASE.upper(),
        BASE.replace("bowl", "\u212aey; no\n caf\u00e9 (x)".partition(" (")[0]),
        BASE.replace("(:requirements", "").replace("(:domain", "(:requirements :adl)(:domain"),
        BASE.replace("(:language Put the bowl on the plate)", ""),
        BASE.replace("(And (On plate_1 main_table_plate_region))", "(open plate_1)"),
        BASE.replace("(0.0 pi)", "(pi)"),
        BASE.replace("((0.0 pi))", "()"),
        BASE.replace("Put the bowl", "Don't \u201cput\u201d the bowl, please! \u653e\u7897"),
    ],
)
def test_ways_of_writing_a_task_are_seen_alike(parse: Parse, tmp_path: Path, text: str) -> None:
    path = tmp_path / "task.bddl"
    path.write_bytes(text.encode("utf8"))
    check_same(parse, path)


@pytest.mark.parametrize(
    "text",
    [
        *("pi", "-pi", "+pi", "pi/2", "-pi/2", "pi/-2", "0.5*pi", "2*pi/3", "pi-pi/4", "1-2-3"),
        *("1/3*3", "1+2*3-4/5", "1e-3", "-1.5E+2", ".5", "5.", "1-.5", "-1--1", "PI", "2*Pi"),
    ],
)
def test_arithmetic_is_pythons(parse: Parse, tmp_path: Path, text: str) -> None:
    path = tmp_path / "task.bddl"
    path.write_text(BASE.replace("(0.0 pi)", f"({text} 1)"))
    (region,) = as_libero_gets_it(parse, path)["regions"].values()
    assert region["yaw_rotation"] == [eval(text.lower(), {"pi": math.pi}), 1]
    check_same(parse, path)


def test_libero_gets_results_instead_of_arithmetic(tmp_path: Path) -> None:
    path = tmp_path / "task.bddl"
    path.write_text(BASE.replace("(0.0 pi)", "(-pi/2 0)"))
    assert "(:yaw_rotation ( ( -1.5707963267948966 0.0 ) ) )" in read_bddl(path).text.replace(
        "( :", "(:"
    )


def not_a_file(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "cannot read .*: No such file"),
        (Path.mkdir, "no regular file|Is a directory"),
        (not_a_file, "no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
        (lambda path: path.write_bytes(BASE.encode() + b" " * 2**20), "larger than 256 kB"),
        (lambda path: path.write_bytes(b"(define\n\xff)"), "line 2: not UTF-8"),
        (lambda path: path.write_bytes(BASE.encode("utf-16")), "line 1: not UTF-8"),
        (lambda path: path.write_bytes(b"\xef\xbb\xbf" + BASE.encode()), "line 1: expected"),
        (lambda path: path.write_bytes(b""), "line 1: expected '\\(', not the file's end"),
        (lambda path: path.write_bytes(b"; nothing\n\n"), "expected '\\(', not the file's end"),
    ],
)
def test_what_is_no_text_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "task.bddl"
    make(path)
    with pytest.raises(MachineError, match=reason):
        read_bddl(path)


def test_the_block_puts_libero_back() -> None:
    import_libero()
    from libero.libero.envs import bddl_utils

    before = bddl_utils.scan_tokens
    with pytest.raises(ZeroDivisionError), problem_text(BASE) as name:
        assert bddl_utils.get_problem_info(name)["problem_name"] == "libero_tabletop_manipulation"
        raise ZeroDivisionError
    assert bddl_utils.scan_tokens is before
    with pytest.raises(OSError, match="Not a directory"):
        bddl_utils.get_problem_info(name)


# Words that mean something to one of the two parsers, or to Python.
WORDS = (
    *("(", ")", "((", "))", ";", "; x\n", "\n", "\r", "-", ":yaw_rotation", ":regions", ":goal"),
    *("define", "pi", "-pi/2", "0", "1e5", "exit", "__import__", "[0]", "{}", "''", "1,2", "0x1"),
    *("\x00", "\x1c", "\u2028", "\u00e9", "\u0130", "\u212a", "a.b", "a-b", "and", "on", ":rgba"),
)


@given(
    st.integers(0, 129),
    st.lists(
        st.tuples(st.integers(0, 6000), st.integers(0, 3), st.sampled_from(WORDS)), max_size=4
    ),
)
@settings(max_examples=400, deadline=None)
def test_whatever_passes_means_the_same_and_runs_nothing(
    parse: Parse, tmp_path_factory: pytest.TempPathFactory, number: int, edits: list[Any]
) -> None:
    """Mutated files of LIBERO: tokens replaced, removed, doubled, and words put between."""
    path = tmp_path_factory.getbasetemp() / "mutated.bddl"
    pieces = re.findall(r"\s+|[()]|[^\s()]+", libero_files()[number].read_text())
    for place, way, word in edits:
        at = place % len(pieces)
        pieces[at : at + 1] = [[word], [], [pieces[at]] * 2, [pieces[at], word]][way]
    path.write_text("".join(pieces), encoding="utf8", newline="")
    try:
        text = read_bddl(path).text
    except MachineError as error:
        assert re.match(re.escape(f"{path}, line ") + r"\d+: ", error.message)
        return
    for numbers in re.findall(r":yaw_rotation \( (.*?) \) \)", text):
        assert all(
            NUMBER.fullmatch(token) for token in numbers.replace("(", "").split() if token != ")"
        )
    check_same(parse, path)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_one_message(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.bddl"
    head = BASE.encode()[: random.Random(content).randrange(len(BASE))]
    path.write_bytes(head + content)
    with pytest.raises(MachineError) as caught:
        read_bddl(path)
    assert str(caught.value).isprintable()
