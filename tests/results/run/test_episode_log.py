"""Reading episodes.jsonl: torn last lines are left out, everything else broken is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridseval.errors import OutputError
from gridseval.results import EpisodeRecord, read_records
from gridseval.results.run.jsonl import parse_log

MakeRecord = Callable[..., EpisodeRecord]
PATH = Path("run/episodes.jsonl")


def _lines(make_record: MakeRecord, trials: int) -> list[bytes]:
    return [make_record(trial=i).to_json().encode() + b"\n" for i in range(trials)]


def _trials(data: bytes) -> list[int]:
    return [record.trial for record in parse_log(data, PATH).records]


def test_every_cut_of_the_last_line_is_left_out(make_record: MakeRecord) -> None:
    first, second, third = _lines(make_record, 3)
    for length in range(len(third) - 1):  # only the line feed is missing from the next one
        log = parse_log(first + second + third[:length], PATH)
        assert [record.trial for record in log.records] == [0, 1]
        assert log.whole_bytes == len(first + second)
        assert (log.torn, log.torn_by_kill, log.ended) == (third[:length], True, True)
    assert _trials(first + second + third) == [0, 1, 2]


def test_a_last_record_that_only_lacks_its_line_feed_is_whole(make_record: MakeRecord) -> None:
    data = b"".join(_lines(make_record, 3))[:-1]
    log = parse_log(data, PATH)
    assert [record.trial for record in log.records] == [0, 1, 2]
    assert (log.whole_bytes, log.torn, log.ended) == (len(data), b"", False)


JOINTS = {
    "CR": b"\r",
    "nothing": b"",
    "a comma": b", ",
    "NEL": b"\xc2\x85",
    "a line separator": "\u2028".encode(),
    "a form feed": b"\f",
    "a record separator": b"\x1e",
    "zeros": b"\0" * 9,
}


@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"]", b"]\n", b'\r{"schema": 1, "su'])
@pytest.mark.parametrize("joint", JOINTS.values(), ids=JOINTS)
@pytest.mark.parametrize("before", [0, 1])
def test_several_records_on_the_last_line_are_never_cut(
    make_record: MakeRecord, before: int, joint: bytes, end: bytes
) -> None:
    lines = _lines(make_record, 4)
    joined = b"[" * end.startswith(b"]") + joint.join(line.strip() for line in lines[before:]) + end
    held = "" if end.startswith(b"]") else f"{4 - before} records stand on one line"
    with pytest.raises(OutputError, match=f"line {before + 1}: {held}"):
        parse_log(b"".join(lines[:before]) + joined, PATH)


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-32"])
def test_a_file_in_another_encoding_is_refused(make_record: MakeRecord, code: str) -> None:
    for ends in ("\n", "\r", "\u2028"):
        data = ends.join(line.decode().strip() for line in _lines(make_record, 4)).encode(code)
        with pytest.raises(OutputError, match="line 1: "):
            parse_log(data, PATH)


def test_crlf_line_ends_are_read(make_record: MakeRecord) -> None:
    data = b"".join(_lines(make_record, 3)).replace(b"\n", b"\r\n")
    assert _trials(data) == [0, 1, 2]


@pytest.mark.parametrize("torn", [b"\0\0\0\n", b'{"suite": \n', b"\xff\xfe\n", b"\n", b"[" * 9999])
def test_a_last_line_that_is_not_json_is_left_out(make_record: MakeRecord, torn: bytes) -> None:
    whole = b"".join(_lines(make_record, 2))
    assert parse_log(whole + torn, PATH).whole_bytes == len(whole)
    assert _trials(torn) == []


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"suite": \n', "not valid JSON"),
        (b"\n", "not valid JSON"),
        (b"\xff\n", "not valid JSON"),
        (b"NaN\n", "not valid JSON: NaN is not JSON"),
        (b"[" * 100_000 + b"\n", "not valid JSON: nested too deeply"),
        (b"{}\n", "missing key 'suite'"),
        (b"3\n", "not a record"),
    ],
)
def test_a_broken_line_elsewhere_is_refused(
    make_record: MakeRecord, broken: bytes, reason: str
) -> None:
    first, second = _lines(make_record, 2)
    for rest in (second, second[:9]):
        with pytest.raises(OutputError, match=r"^run/episodes\.jsonl, line 2: ") as caught:
            parse_log(first + broken + rest, PATH)
        assert reason in str(caught.value)


def test_a_whole_last_line_that_is_no_record_is_refused(make_record: MakeRecord) -> None:
    newer = json.dumps(json.loads(make_record().to_json()) | {"schema": 2}).encode() + b"\n"
    with pytest.raises(OutputError, match=r"line 1: schema 2 is newer than 1; update gridseval"):
        parse_log(newer, PATH)


def test_of_two_lines_with_one_key_the_first_wins(make_record: MakeRecord) -> None:
    lines = [make_record(steps=steps).to_json() for steps in (5, 6)]
    log = parse_log("".join(f"{line}\n" for line in lines).encode(), PATH)
    assert [record.steps for record in log.records] == [5]


def test_a_later_record_replaces_an_error_only(make_record: MakeRecord) -> None:
    def kept(*statuses: str) -> list[tuple[int, str, int]]:
        lines = [make_record(trial=0).to_json()]
        lines += [make_record(s, trial=1, steps=i).to_json() for i, s in enumerate(statuses)]
        lines.insert(2, make_record(trial=2).to_json())
        log = parse_log("".join(f"{line}\n" for line in lines).encode(), PATH)
        return [(record.trial, record.status, record.steps) for record in log.records][1:]

    last = (2, "success", 118)
    assert kept("error", "failure") == [last, (1, "failure", 1)]
    assert kept("error", "error", "success", "failure") == [last, (1, "success", 2)]
    assert kept("failure", "error", "success") == [(1, "failure", 0), last]
    assert kept("error", "error") == [last, (1, "error", 1)]


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.jsonl"):
        with pytest.raises(OutputError, match=f"cannot read {path}"):
            read_records(path)


_pieces = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"\n", b"{}\n", b'{"schema": 9}\n', b"[1,", b"1" * 5000 + b"\n", b"\x00"]),
    st.integers(0, 3).map(lambda trial: f"record {trial}".encode()),
)


@given(st.lists(_pieces, max_size=8))
def test_any_bytes_are_read_or_refused(make_record: MakeRecord, pieces: list[bytes]) -> None:
    lines = {f"record {i}".encode(): line for i, line in enumerate(_lines(make_record, 4))}
    data = b"".join(lines.get(piece, piece) for piece in pieces)
    try:
        log = parse_log(data, PATH)
    except OutputError as error:
        assert "episodes.jsonl, line " in str(error)
        return
    assert 0 <= log.whole_bytes <= len(data)
    # What is kept reads the same again, with nothing left to cut.
    assert data[log.whole_bytes :] == log.torn
    assert data[: log.whole_bytes].endswith(b"\n") or log.whole_bytes == 0 or not log.ended
    assert parse_log(data[: log.whole_bytes], PATH) == dataclasses.replace(log, torn=b"")
