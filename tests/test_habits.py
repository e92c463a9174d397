"""What helps contributors is true: commands are CI's, links lead somewhere, forms are complete."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FORMS = sorted(
    form for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if form.stem != "config"
)
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "CODE_OF_CONDUCT.md")


def commands_of(target: str) -> list[str]:
    """Return the commands of a target of the Makefile, with variables filled in."""
    text = (ROOT / "Makefile").read_text(encoding="utf8")
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, flags=re.MULTILINE)
    assert recipe, target
    variable = re.search(r"^BIN := (.*)$", text, flags=re.MULTILINE)
    assert variable
    return [line.strip().replace("$(BIN)", variable[1]) for line in recipe[1].splitlines()]


@pytest.mark.parametrize("target", ["check", "test"])
def test_make_runs_what_ci_runs(target: str) -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    ci = [command.strip() for line in lines for command in line.split("&&")]
    for command in commands_of(target):
        assert command in ci, f"'make {target}' runs {command!r}, .ci/run does not"


def test_the_workflow_runs_ci_on_every_supported_version() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf8"))
    job = workflow["jobs"]["ci"]
    assert job["steps"][-1]["run"] == "bash .ci/run"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf8")
    bounds = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', project)
    assert bounds
    supported = [f"3.{minor}" for minor in range(int(bounds[1]), int(bounds[2]))]
    assert job["strategy"]["matrix"]["python"] == supported
    for version in supported:
        assert f'"Programming Language :: Python :: {version}"' in project


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_forms_are_what_the_host_accepts(form: Path) -> None:
    read = yaml.safe_load(form.read_text(encoding="utf8"))
    assert read["name"]
    assert read["description"]
    inputs = [part for part in read["body"] if part["type"] != "markdown"]
    assert inputs
    assert len({part["id"] for part in inputs}) == len(inputs)
    for part in read["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert part["attributes"].get("value" if part["type"] == "markdown" else "label")


def test_reports_of_faults_ask_for_the_machine_and_the_run() -> None:
    for name in ("bug", "wrong_number"):
        text = (ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf8")
        assert "gridseval doctor" in text
        assert "run.yaml" in text


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf8")
    places = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    places += re.findall(r"`((?:tests|gridseval|policies|suites|\.ci|\.github)/[\w./-]+)`", text)
    # The pages of docs/developing come with the documentation; from then on they must be there.
    if not (ROOT / "docs" / "developing").is_dir():
        places = [place for place in places if not place.startswith("docs/developing/")]
    missing = [place for place in places if not (ROOT / place).exists()]
    assert not missing


def test_targets_named_in_pages_exist() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf8")
        for target in re.findall(r"\bmake ([a-z]+)\b *(?:`|#|$)", text, flags=re.MULTILINE):
            assert commands_of(target)


def test_hooks_name_programs_that_the_environment_has() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf8"))["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    named = {hook["id"]: hook for hook in hooks[0]["hooks"]}
    checks = [command.split()[0] for command in commands_of("check")]
    assert {named[name]["entry"].split()[0] for name in ("ruff", "ruff-format", "mypy")} == set(
        checks
    )


def test_no_page_or_module_has_the_marks_of_a_merge() -> None:
    folders = ("gridseval", "docs", "tests", "examples", "suites", "policies")
    files = [*ROOT.glob("*.*"), *(file for name in folders for file in (ROOT / name).rglob("*.*"))]
    marked = re.compile(r"^(<{7}|>{7}) ", flags=re.MULTILINE)
    assert not [
        file.relative_to(ROOT)
        for file in files
        if file.suffix in (".md", ".py", ".yaml", ".toml", ".html")
        and marked.search(file.read_text(encoding="utf8"))
    ]


def _parameters(node: ast.AST) -> set[str]:
    """Return the names of a function's arguments, or of a class's fields and arguments."""
    if isinstance(node, ast.FunctionDef):
        arguments = node.args
        return {
            each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        }
    names: set[str] = set()
    for inner in getattr(node, "body", []):
        if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
            names.add(inner.target.id)
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            names |= _parameters(inner)
    return names


def test_every_parameter_stands_at_the_depth_of_its_section() -> None:
    """A deeper one would continue the parameter above it, and vanish from the API's pages."""
    sunken = []
    for path in sorted((ROOT / "gridseval").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            text, names = ast.get_docstring(node) or "", _parameters(node)
            deeper = re.findall(r"^ {5,}(\w+): ", text, flags=re.MULTILINE)
            where = f"{path.relative_to(ROOT)}: {node.name}"
            sunken.extend(f"{where}: {name}" for name in deeper if name in names)
    assert sunken == []


def test_the_code_says_its_own_version() -> None:
    """Metadata of an installation in place keep the number that it was installed with."""
    for path in (ROOT / "gridseval").rglob("*.py"):
        assert 'metadata.version("gridseval")' not in path.read_text(encoding="utf8"), path


def test_no_two_test_modules_share_a_name() -> None:
    """Pytest imports test modules by their bare names, so a second one of a name does not load."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
