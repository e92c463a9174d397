"""What people install: the wheel, built from the source distribution, without the checkout."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

import gridseval

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]

BROUGHT_ALONG = {
    "_typeshed": "mypy, for hints alone",
    "huggingface_hub": "transformers, which hf-libero needs; asked for by name where it is missing",
    "imageio_ffmpeg": "imageio[ffmpeg]",
    "h5py": "the extra demos; asked for by name where it is missing",
    "matplotlib": "the extra plot; asked for by name where it is missing",
    "orbax": "the extra of this name; asked for by name where it is missing",
    "pyarrow": "the extra train; asked for by name where it is missing",
    "ray": "the extra of this name; asked for by name where it is missing",
    "transformers": "hf-libero; asked for by name where it is missing",
}
"""Packages that are imported without being declared, and what brings them."""


def run(*words: str | Path, path: Path | None = None, cwd: Path) -> str:
    """Run a program far from the checkout; return what it prints."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shipped() -> dict[str, Path]:
    """Return every file of the checkout that users need, by its name in the wheel."""
    folders = {"gridseval": "gridseval"} | {
        name: f"gridseval/_data/{name}" for name in ("suites", "policies")
    }
    return {
        f"{inside}/{file.relative_to(ROOT / folder).as_posix()}": file
        for folder, inside in folders.items()
        for file in sorted((ROOT / folder).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    with tarfile.open(next(folder.glob("gridseval-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built as installers do it from the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q"]
    run(*pip, "--no-deps", "--no-index", "--no-build-isolation", "-w", folder, sdist, cwd=folder)
    return next(folder.glob("gridseval-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the installed wheel and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    run(*pip, "--no-deps", "--no-index", "--target", folder, wheel, cwd=folder)
    return folder


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        expected = shipped()
        assert names == set(expected)
        for name, file in expected.items():
            assert archive.read(name) == file.read_bytes(), name
        metadata = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        assert f"\nVersion: {gridseval.__version__}\n" in archive.read(metadata).decode()
    # The comparison above would not notice that the checkout lost them, too.
    for pattern in (
        *("gridseval/py.typed", r"gridseval/results/.*\.schema\.json"),
        *(r"gridseval/report/templates/.*\.html", r"gridseval/report/templates/.*\.(css|js)"),
        r"gridseval/(envs|assets)/standins/objects/.*\.py",
        *(r"gridseval/_data/suites/libero_\w+\.yaml", r"gridseval/_data/policies/families\.yaml"),
        r"gridseval/_data/policies/published\w*\.yaml",
        r"gridseval/_data/policies/(cards|protocols|models)/[\w.-]+\.yaml",
    ):
        assert any(re.fullmatch(pattern, name) for name in names), pattern


@pytest.mark.slow
def test_the_source_distribution_holds_what_its_tests_read(sdist: Path) -> None:
    for folder in ("tests", "serve", "docs", "examples", ".ci"):
        ours = {
            file.relative_to(ROOT)
            for file in (ROOT / folder).rglob("*")
            if file.is_file() and not {"__pycache__", ".hypothesis"} & set(file.parts)
        }
        theirs = {file.relative_to(sdist) for file in (sdist / folder).rglob("*")}
        assert ours
        assert not ours - theirs
    for name in ("README.md", "CHANGELOG.md", "LICENSE", "CITATION.cff", "Makefile"):
        assert (sdist / name).is_file(), name


@pytest.mark.slow
def test_the_command_runs_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    where = "import gridseval; print(gridseval.__file__)"
    file = run(sys.executable, "-c", where, path=installed, cwd=tmp_path).strip()
    assert Path(file) == installed / "gridseval" / "__init__.py"
    command = [sys.executable, "-m", "gridseval"]
    assert run(*command, "--help", path=installed, cwd=tmp_path).startswith("Usage: ")
    script = installed / "bin" / "gridseval"
    suites = run(script, "suites", path=installed, cwd=tmp_path)
    for suite in (ROOT / "suites").glob("*.yaml"):
        assert suite.stem in suites
    card = run(*command, "policies", "show", "openvla", path=installed, cwd=tmp_path)
    assert "image" in card
    kinds = run(*command, "policies", path=installed, cwd=tmp_path)
    for card_file in (ROOT / "policies" / "cards").glob("*.yaml"):
        assert card_file.stem in kinds


_IMPORT_ALL = """
import importlib, pkgutil, sys
import gridseval
from gridseval.data import data_dir

print(data_dir("suites"))
for found in pkgutil.walk_packages(gridseval.__path__, "gridseval.", lambda name: sys.exit(name)):
    if not found.name.endswith(".__main__"):
        print(importlib.import_module(found.name).__file__)
"""


@pytest.mark.slow
def test_every_module_imports_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    printed = run(sys.executable, "-c", _IMPORT_ALL, path=installed, cwd=tmp_path).splitlines()
    package = installed / "gridseval"
    assert printed[0] == str(package / "_data" / "suites")
    modules = {Path(line) for line in printed[1:]}
    expected = {installed / name for name in shipped() if name.endswith(".py")}
    assert modules | {package / "__init__.py", package / "__main__.py"} == expected


def imported_packages() -> Iterator[tuple[str, Path]]:
    """Yield the top-level packages that the source imports anywhere, with the file."""
    for file in sorted((ROOT / "gridseval").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf8"))):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield name.name.partition(".")[0], file
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0], file


def normal(name: str) -> str:
    """Return a distribution's name as packaging compares them."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", name)[0]).lower()


def test_every_imported_package_is_a_declared_dependency() -> None:
    declared = {normal(line) for line in PROJECT["dependencies"]}
    owners = packages_distributions()
    undeclared = {
        (package, str(file.relative_to(ROOT)))
        for package, file in imported_packages()
        if package not in sys.stdlib_module_names
        and package != "gridseval"
        and package not in BROUGHT_ALONG
        and not declared & {normal(owner) for owner in owners.get(package, [package])}
    }
    assert not undeclared


def test_no_page_links_to_a_placeholder() -> None:
    assert any("example.org" in url for url in PROJECT["urls"].values()), "RELEASING.md is outdated"
    pages = [
        ROOT / "README.md",
        ROOT / "mkdocs.yml",
        ROOT / "CITATION.cff",
        ROOT / "CONTRIBUTING.md",
    ]
    pages += [
        path for folder in ("docs", "gridseval", "serve") for path in (ROOT / folder).rglob("*")
    ]
    for page in pages:
        if page.is_file() and page.suffix in (".md", ".yml", ".cff", ".py", ".html", ".toml"):
            assert "example.org" not in page.read_text(encoding="utf8"), page


def test_one_version_everywhere() -> None:
    assert PROJECT["dynamic"] == ["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf8"))
    assert citation["version"] == gridseval.__version__
