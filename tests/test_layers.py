"""Imports go one way: advisor -> taxonomy and models -> tensor_core; and what is light stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "advisor": {"advisor", "taxonomy", "models"},
    "taxonomy": {"taxonomy"},
    "models": {"models", "tensor_core"},
    "tensor_core": {"tensor_core"},
}
HEAVY = [
    "torch",
    "sklearn",
    "scipy",
    "pandas",
    "polars",
    "narwhals",
    "matplotlib",
    "pydantic",
    "starlette",
    "uvicorn",
    "yaml",
    "onnx",
]
ENCODER = ["numpy", "onnxruntime", "tokenizers"]  # only where the rules are not sure
SURE = "What other books should we suggest to each reader from what they borrowed before?"


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package):
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name in imported(path) & set(MAY_IMPORT) - MAY_IMPORT[package]
    }
    assert wrong == set()


def test_the_kit_stands_alone():
    """A starter carries the kit and tensor_core, and nothing else of ours."""
    for path in (ROOT / "models" / "kit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models"):
                assert node.module == "models.kit" or node.module.startswith("models.kit."), path


def loaded(code: str, modules: list[str]) -> str:
    """Which of `modules` a fresh interpreter has loaded after `code`."""
    import advisor

    advisor.frame("the index is made before it is read")
    check = f"import sys\n{code}\nprint([m for m in {modules!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return done.stderr.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import advisor; advisor.frame('How many hours will this surgery take?').to_json()",
        "import advisor; advisor.frame('hello').to_markdown()",
        "import advisor; advisor.taxonomy()",
        "from advisor.cli import main; main(['frame', 'How many hours will this surgery take?'])",
        "from advisor.cli import main; main(['frame', 'hello', '--json'])",
        "from advisor.cli import main; main(['taxonomy', 'ranking'])",
    ],
)
def test_framing_a_text_imports_nothing_heavy(code):
    assert loaded(code, HEAVY) == "[]"


@pytest.mark.parametrize(
    "code",
    [
        f"import advisor; assert advisor.frame({SURE!r}).category == 'recommendation'",
        "import advisor; advisor.frame('hello', encoder=False).to_json()",
        f"from advisor.cli import main; main(['frame', {SURE!r}])",
        "import advisor; advisor.taxonomy()",
    ],
)
def test_rules_that_are_sure_load_no_encoder(code):
    assert loaded(code, [*HEAVY, *ENCODER]) == "[]"
