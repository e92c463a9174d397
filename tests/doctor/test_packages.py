from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from gridseval.doctor import packages
from gridseval.doctor.packages import RULES, check_libero, check_mujoco, judge

RULE = {rule.package: rule for rule in RULES}


@pytest.mark.parametrize(
    ("package", "version", "status"),
    [
        ("robosuite", "1.4.0", "ok"),
        ("robosuite", "1.4.1", "ok"),
        ("robosuite", "1.5.0rc1", "failure"),
        ("robosuite", "1.3.2", "failure"),
        ("robosuite", None, "failure"),
        ("gymnasium", "1.0.0", "failure"),
        ("gymnasium", "1.1.0", "ok"),
        ("torch", "2.13.0+cpu", "ok"),
        ("torch", "2.14.0", "warning"),
        ("torch", None, "warning"),
        ("torch", "nightly", "warning"),
    ],
)
def test_rules(package: str, version: str | None, status: str) -> None:
    finding = judge(RULE[package], version)
    assert finding.status == status
    assert (finding.hint is None) == (status == "ok")
    assert version is None or version in finding.text


@pytest.mark.parametrize(
    ("version", "force", "status"),
    [
        ("3.3.2", False, "ok"),
        ("3.3.3", False, "warning"),
        ("3.4.0", False, "failure"),
        ("3.4.0", True, "warning"),
        (None, False, "failure"),
    ],
)
def test_mujoco(
    monkeypatch: pytest.MonkeyPatch, version: str | None, force: bool, status: str
) -> None:
    monkeypatch.setattr(packages, "_installed", lambda name: version)
    assert check_mujoco(force).status == status


@pytest.mark.parametrize(
    ("owners", "status", "words"),
    [
        ({"hf-libero": "0.1.4"}, "ok", "hf-libero 0.1.4"),
        ({"hf-libero": "0.1.3"}, "warning", "hf-libero 0.1.3 is imported"),
        ({"libero": "0.1.1"}, "warning", "libero 0.1.1 is imported, an older copy"),
        ({"hf-libero": "0.1.4", "libero": "0.1.1"}, "warning", "overwritten each other"),
        ({}, "warning", "a checkout is imported"),
    ],
)
def test_which_libero(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    owners: dict[str, str],
    status: str,
    words: str,
) -> None:
    (tmp_path / "libero").mkdir()
    monkeypatch.setattr(packages, "package_root", lambda: tmp_path / "libero" / "libero")
    fake = SimpleNamespace(
        packages_distributions=lambda: {"libero": list(owners) * 2},
        distribution=lambda name: SimpleNamespace(
            version=owners[name], locate_file=lambda file: tmp_path / file
        ),
    )
    monkeypatch.setattr(packages, "metadata", fake)
    finding = check_libero()
    assert (finding.status, words in finding.text) == (status, True), finding


def test_a_checkout_before_an_installed_libero(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """hf-libero is installed here, but PYTHONPATH puts another folder before it."""
    monkeypatch.setattr(packages, "package_root", lambda: tmp_path / "libero" / "libero")
    finding = check_libero()
    assert finding.status == "warning"
    assert str(tmp_path) in finding.text
