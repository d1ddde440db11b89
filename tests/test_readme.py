"""The README tells the truth: its commands run, its Python prints what it says, and CI runs its test command."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from models import catalog

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.splitlines()[0])
def test_python_blocks_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(block, {}, "README.md", "README.md", 0)
    assert test.examples
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Run a line of shell in a folder of its own, with this interpreter's commands first on the path."""
    folder = tmp_path_factory.mktemp("readme")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(line: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_first_command_does_the_main_job(shell):
    line = re.search(r"<!-- first command -->\n+```sh\n(.*?)```", README, re.S)[1]
    install, _, rest = line.partition(" && ")
    assert install == "python -m pip install -e ."
    out = shell(rest)
    assert "regression" in out
    assert all(name in out for name in ("dummy", "peer", "ours"))


def test_shell_examples_run(shell):
    examples = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    assert examples
    for example in examples:
        shell(example.removeprefix("$ "))


def test_ci_runs_the_test_command_of_the_readme():
    command = re.search(r"<!-- test command -->\n+```sh\n(.*?)\n```\n+<!-- end -->", README, re.S)[1]
    assert command == "python -m pip install -e '.[dev]' && python -m pytest"
    script = (ROOT / ".ci" / "run").read_text()
    assert "<!-- test command -->" in script
    assert 'eval "$command"' in script
    assert all(check in script for check in ("ruff check", "ruff format --check", "mypy", "python3 -m venv"))


def test_every_command_and_package_is_mentioned():
    from advisor.cli import COMMANDS

    for name in (*(f"advisor {command}" for command in COMMANDS), "tensor_core", "taxonomy/", "models/", "Apache-2.0"):
        assert name in README, f"the README does not mention {name}"


def test_doctests_of_advisor_and_taxonomy():
    import importlib
    import pkgutil

    for package in ("advisor", "taxonomy"):
        root = importlib.import_module(package)
        names = [module.name for module in pkgutil.walk_packages(root.__path__, f"{package}.")]
        for name in (package, *names):
            if not name.endswith(("__main__", "build_hook")):
                assert doctest.testmod(importlib.import_module(name)).failed == 0, name


def test_seconds_of_templates_are_those_that_were_measured():
    """They stand in the first row of each template, as in its template.yaml; the other rows are on other data."""
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.search(r"^\| template \| data \|(?:.*\n\|)*.*", README, re.M)[0].splitlines()
    ]
    place, shown = head.index("seconds"), {}
    for row in rows:
        assert len(row) == len(head), row
        shown.setdefault(row[0], []).append(row[place])
    measured = {template.id: template.measured for template in catalog.templates()}
    assert shown.keys() == measured.keys()
    for name, (first, *others) in shown.items():
        seconds = measured[name] and measured[name].seconds
        assert first == ("–" if seconds is None else f"{seconds:g}"), f"README.md: {name}: {seconds} s in template.yaml"
        assert set(others) <= {"–"}, f"README.md: {name}: seconds belong in its first row"
