"""The Dockerfile and the README's systemd unit and compose file, as far as they can be checked without an engine."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from advisor.service.settings import all_settings, variable

ROOT = Path(__file__).parent.parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
VARIABLES = {variable(each) for each in all_settings()}


def instructions() -> list[tuple[str, str]]:
    """Instruction and argument of each line of the last stage, continued lines joined."""
    last = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[-1]
    lines = re.sub(r"\\\n\s*", " ", last).splitlines()[1:]
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip() and not line.startswith("#")]


def test_the_image_runs_without_rights_and_says_whether_it_is_well():
    found = dict(instructions())
    assert found["USER"] == "10001"  # a number, so that a cluster can see that it is not root
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]
    assert "/livez" in found["HEALTHCHECK"]
    assert found["ENTRYPOINT"] == '["/opt/advisor/bin/advisor", "serve"]'  # no shell between, so SIGTERM arrives
    assert "CMD" not in names
    assert found["STOPSIGNAL"] == "SIGTERM"
    assert set(re.findall(r"ADVISOR_\w+", DOCKERFILE)) <= VARIABLES
    for name in re.findall(r"^FROM (\S+)", DOCKERFILE, re.M):
        assert ":" in name  # a tag: not whatever is newest
    assert "curl" not in DOCKERFILE
    assert "ADD" not in names


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing():
    done = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_runs_the_image_read_only():
    text = re.search(r"```yaml\n(services:\n.*?)```", README, re.S)[1]
    service = yaml.safe_load(text)["services"]["advisor"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "/tmp" in service["tmpfs"]
    assert set(service["environment"]) <= VARIABLES
    assert service["volumes"][0].endswith(":/state")
    assert "VOLUME /state" in DOCKERFILE


def test_the_systemd_unit_is_one():
    text = re.search(r"```ini\n(.*?)```", README, re.S)[1]
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str
    unit.read_string(text)
    assert set(unit.sections()) == {"Unit", "Service", "Install"}
    service = unit["Service"]
    assert service["ExecStart"].endswith("/advisor serve")
    assert service["Environment"].partition("=")[0] in VARIABLES
    assert service["DynamicUser"] == "yes"
    assert service["ProtectSystem"] == "strict"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path):
    unit = tmp_path / "advisor.service"
    text = re.search(r"```ini\n(.*?)```", README, re.S)[1]
    unit.write_text(text.replace("/opt/advisor/bin/advisor", shutil.which("true")))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
