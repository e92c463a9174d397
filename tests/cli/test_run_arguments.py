"""What a user can get wrong before a run starts: one message, an exit code, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Words = Callable[..., list[object]]

WRONG: dict[str, tuple[tuple[object, ...], int, str]] = {
    "suite": (("--suite", "libero_objects"), 2, "did you mean 'libero_object'?"),
    "task": (("--tasks", "10"), 2, "there is no task 10 in libero_object"),
    "task range": (("--tasks", "0,5-12"), 2, "there is no task 12"),
    "task name": (("--tasks", "pick_up_the_mlik"), 2, "did you mean 'pick_up_the_milk"),
    "trials": (("--trials", 51), 2, "cannot run 51 trials per task: libero_object stores 50"),
    "no trials": (("--trials", 0), 2, "cannot run 0 trials"),
    "max steps": (("--max-steps", 0), 2, "--max-steps must be at least 1, not 0"),
    "workers": (("--workers", -1), 2, "--workers must be at least 0, not -1"),
    "replan": (("--replan", 0), 2, "--replan must be at least 1, not 0"),
    "timeout": (("--timeout", "0"), 2, "--timeout must be above 0, not 0"),
    "no timeout": (("--timeout", "nan"), 2, "--timeout must be above 0, not nan"),
    "video": (("--video", "junk"), 2, "--video 'junk' is not none, failures, all or a number"),
    "argument": (("--policy-arg", "chunk"), 2, "--policy-arg 'chunk' is not of the form key=value"),
    "no such argument": (("--policy-arg", "chnk=3"), 4, "did you mean 'chunk'?"),
    "argument's value": (("--policy-arg", "chunk=many"), 4, "chunk='many' of policy 'zero' is not"),
    "argument's range": (("--policy-arg", "chunk=0"), 4, "chunk must be at least 1, not 0"),
    "policy": (("--policy", "zeros"), 4, "did you mean 'zero'?"),
    "policy module": (("--policy", "no.such:Thing"), 4, "cannot import 'no.such'"),
    "policy file": (("--policy", "no/such.py:Thing"), 4, "no/such.py does not exist"),
    "checkpoint": (("--ckpt", "no/such.pt"), 4, "checkpoint no/such.pt does not exist"),
    "models": (("--assets", "/no/such"), 3, "--assets: no such folder: /no/such"),
    "other models": (("--assets", "/proc"), 3, "is not LIBERO's asset root"),
    "seed": (("--seed", "-1"), 2, "--seed must be within 0 and 4294967295, not -1"),
    "large seed": (("--seed", 2**32), 2, "not 4294967296"),
    "vast seed": (("--seed", 10**4000), 2, "not a number of 13288 bits"),
    "vast number of trials": (
        ("--trials", 10**30),
        2,
        "cannot run 1000000000000000000000000000000",
    ),
    "vast max steps": (("--max-steps", 10**23), 2, "--max-steps must be at most 100000, not 1000"),
    "vast number of videos": (("--video", "9" * 5000), 2, "--video '99999"),
}
TEXT_OPTIONS = ("--tasks", "--ckpt", "--policy", "--out", "--video", "--assets")


def _assert_one_message(said: Any, status: int, message: str) -> None:
    assert said.status == status
    assert said.out == ""
    assert message in said.err
    assert said.err.startswith("gridseval: ")
    assert said.err.count("gridseval: ") == 1
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) <= 2


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument(cli: Any, run_words: Words, tmp_path: Path, wrong: str) -> None:
    words, status, message = WRONG[wrong]
    _assert_one_message(cli(*run_words("zero", *words)), status, message)
    assert not (tmp_path / "run").exists()


def test_no_policy(cli: Any, tmp_path: Path, assets: Path) -> None:
    words = ("run", "--suite", "libero_goal", "--out", tmp_path / "run", "--assets", assets)
    _assert_one_message(cli(*words), 2, "no policy is given")


@pytest.mark.parametrize("name", ["broken.pt", "broken.pt2", "weights.safetensors", "empty"])
def test_a_broken_checkpoint(
    cli: Any, tmp_path: Path, assets: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / name
    if name == "empty":
        checkpoint.mkdir()
    else:
        checkpoint.write_bytes(b"PK\x03\x04 this is no program")
    words = ("run", "--suite", "libero_goal", "--ckpt", checkpoint, "--assets", assets)
    said = cli(*words, "--out", tmp_path / "run")
    _assert_one_message(said, 4, str(checkpoint))
    assert not (tmp_path / "run").exists()


def test_a_run_without_recorded_actions_cannot_be_replayed(
    cli: Any, run_words: Words, tmp_path: Path
) -> None:
    said = cli(*run_words("replay", "--ckpt", tmp_path))
    _assert_one_message(said, 4, "holds no recorded actions")


@pytest.mark.parametrize("where", ["file", "file/below", "/proc/nowhere", "foreign"])
def test_an_output_that_cannot_be_written(
    cli: Any, run_words: Words, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("mine")
    out = tmp_path / where
    _assert_one_message(cli(*run_words("zero", "--out", out)), 5, str(out))
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["thesis.tex"]


def test_what_click_refuses_has_the_same_code(cli: Any) -> None:
    said = cli("run")
    assert said.status == 2
    assert "Missing option '--suite'" in said.err
    said = cli("run", "--suite", "libero_goal", "--replan", "many")
    assert said.status == 2
    assert "'many' is not a valid integer" in said.err


@pytest.mark.parametrize("before", [True, False])
def test_debug_shows_the_traceback(cli: Any, run_words: Words, before: bool) -> None:
    words = run_words("zero", "--tasks", "10")
    said = cli("--debug", *words) if before else cli(*words, "--debug")
    assert said.status == 2
    assert said.err.startswith("Traceback")
    assert "there is no task 10 in libero_object" in said.err


def test_debug_may_be_the_value_of_an_option(cli: Any, run_words: Words) -> None:
    said = cli(*run_words("zero", "--policy-arg", "--debug"))
    _assert_one_message(said, 2, "--policy-arg '--debug' is not of the form key=value")


@pytest.mark.parametrize(
    "words",
    [
        *(("run", "--suite", "libero_goal", option, "") for option in TEXT_OPTIONS),
        ("run", "--suite", ""),
        ("doctor", "--assets", ""),
        ("bench", "--suite", ""),
        ("bench", "--json", ""),
    ],
)
def test_an_empty_text_is_refused(
    cli: Any, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _assert_one_message(cli(*words), 2, f"{words[-2]} is given an empty text")
    assert list(tmp_path.iterdir()) == []


def test_a_policy_s_argument_given_twice(cli: Any, run_words: Words) -> None:
    said = cli(*run_words("zero", "--policy-arg", "chunk=2", "--policy-arg", "chunk=3"))
    _assert_one_message(said, 2, "--policy-arg chunk is given twice")


@pytest.mark.parametrize("timeout", ["inf", "3e6", "1e12"])
def test_a_very_long_timeout_works(cli: Any, run_words: Words, timeout: str) -> None:
    words = ("--timeout", timeout, "--workers", 1, "--trials", 1, "--video", "none")
    said = cli(*run_words("zero", *words))
    assert said.status == 0, said.err


@pytest.mark.parametrize("words", [("--seed", -1), ("--seed", 2**32), ("--workers", 10**30)])
def test_bench_refuses_numbers_out_of_range(cli: Any, words: tuple[object, ...]) -> None:
    said = cli("bench", *words)
    assert said.status == 2
    assert f"'{words[0]}': {words[1]} is not in the range" in said.err


def test_what_ends_the_process_from_inside_is_an_error(
    cli: Any, run_words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaving(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("gridseval.evaluation.evaluate", leaving)
    _assert_one_message(cli(*run_words("zero")), 1, "something ended the process: sys.exit(0)")


def test_a_bug_is_named_as_one(cli: Any, run_words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("gridseval.evaluation.evaluate", broken)
    said = cli(*run_words("zero"))
    assert said.status == 1
    assert said.err == (
        "gridseval: a bug in gridseval: ZeroDivisionError: division by zero\n"
        "  --debug shows the traceback\n"
    )


def test_recorded_actions_that_are_spoilt(cli: Any, run_words: Words, tmp_path: Path) -> None:
    folder = tmp_path / "earlier" / "actions"
    folder.mkdir(parents=True)
    np.save(folder / "libero_object-0-0.npy", np.zeros((3, 6), np.float32))
    said = cli(*run_words("replay", "--ckpt", tmp_path / "earlier", "--video", "none"))
    assert said.status == 4
    assert "holds float32 (3, 6), expected float32 (steps, 7)" in said.err
    assert "Traceback" not in said.err
