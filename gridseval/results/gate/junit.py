"""A gate's verdict as JUnit XML, which every CI can show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from gridseval.results.gate.holm import Check
from gridseval.results.gate.verdict import Verdict
from gridseval.results.gate.words import change, p_text, percent

# What XML 1.0 cannot hold even escaped; ElementTree writes it as it is.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(verdict: Verdict) -> str:
    """Return the XML: a test suite per suite, with a test case for its average and per task.

    A regression is a *failure* of what regressed; where one cannot tell, the suites' averages are
    *errors* and the tasks *skipped*, so that no CI takes them for passed.
    """
    root = Xml.Element("testsuites", name=_text(f"gridseval gate: {verdict.run}"))
    suites = dict.fromkeys(check.suite for check in verdict.checks) or {"gate": None}
    for suite in suites:
        checks = [check for check in verdict.checks if check.suite == suite]
        element = Xml.SubElement(root, "testsuite", name=_text(suite))
        cases = [_case(element, check, verdict) for check in checks]
        if not cases:
            case = Xml.SubElement(element, "testcase", classname="gate", name="gate", time="0")
            Xml.SubElement(case, "error", type="cannot tell", message=_text(verdict.sentence))
            cases = [case]
        _count(element, cases)
    _count(root, list(root.iter("testcase")))
    Xml.indent(root)
    body = Xml.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _case(suite: Xml.Element, check: Check, verdict: Verdict) -> Xml.Element:
    name = "suite average" if check.task is None else f"task {check.task}: {check.name}"
    case = Xml.SubElement(
        suite, "testcase", classname=_text(check.suite), name=_text(name), time="0"
    )
    whole = check.task is None
    facts = (
        f"{percent(check.after)} against {percent(check.before)} of {verdict.against} "
        f"({change(check.difference)}), {check.episodes} episodes, p = {p_text(check.adjusted)}"
    )
    if verdict.conclusion == "cannot tell":
        kind, message = ("error", verdict.sentence) if whole else ("skipped", verdict.sentence)
        Xml.SubElement(case, kind, type="cannot tell", message=_text(message))
    elif check.regressed or (whole and verdict.conclusion == "regression" and _decides(verdict)):
        message = verdict.sentence if whole else facts
        Xml.SubElement(case, "failure", type="regression", message=_text(message))
    Xml.SubElement(case, "system-out").text = _text(facts)
    return case


def _decides(verdict: Verdict) -> bool:
    """Return whether no single check says why, as after a sequential test."""
    return not any(check.regressed for check in verdict.checks)


def _count(element: Xml.Element, cases: list[Xml.Element]) -> None:
    element.set("tests", str(len(cases)))
    for plural, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(plural, str(sum(case.find(kind) is not None for case in cases)))


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
