"""The wheel holds all that is needed, and nothing of the checkout is."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_index_and_the_templates_and_no_sources_of_the_index(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "taxonomy/index.json" in names
    assert not [name for name in names if name.startswith("taxonomy/") and name.endswith(".yaml")]
    templates = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "models").rglob("*")
        if path.is_file() and not re.search(r"/(__pycache__|output|\.[^/]*)/", path.as_posix())
    ]
    assert set(templates) <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_wheel_alone_frames_and_starts(wheel, tmp_path):
    """Installed into an empty environment that borrows third-party packages, but not this checkout."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    # A path in a .pth file is searched, but the .pth files in it are not read: the editable install stays unseen.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*arguments: str) -> str:
        done = subprocess.run([python, *arguments], cwd=tmp_path, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run("-c", "import advisor, taxonomy, models, tensor_core as t; print(advisor, taxonomy, models, t)")
    assert str(ROOT) not in where
    assert where.count(str(site)) == 4
    assert run("-m", "advisor", "frame", "How many hours will this surgery take?").startswith("regression")
    run("-m", "models", "data", "diabetes", "--to", "diabetes.csv")
    run("-m", "advisor", "start", "p", "--text", "How much will it cost?", "--table", "diabetes.csv")
    assert "ours" in run("p/train.py")
