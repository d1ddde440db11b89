"""Every setting can be set in two ways, is checked, and is told: by --help, and by the README."""

import re
from pathlib import Path

import pytest

from advisor.cli import main, parser
from advisor.errors import UsageError
from advisor.service.settings import Settings, all_settings, decided, exported, flag, variable

ROOT = Path(__file__).parent.parent.parent.parent
NAMES = [each.name for each in all_settings()]


def other_value(each) -> str:
    if each.metadata["choices"]:
        return next(choice for choice in each.metadata["choices"] if choice != each.default)
    return str(each.metadata["least"] + 3) if isinstance(each.default, int) else "something"


@pytest.mark.parametrize("each", all_settings(), ids=NAMES)
def test_a_flag_and_a_variable_set_each_and_the_flag_counts_more(each):
    value = other_value(each)
    expected = int(value) if isinstance(each.default, int) else value
    assert getattr(decided({}, {variable(each): value}), each.name) == expected
    assert getattr(decided({each.name: value}, {}), each.name) == expected
    assert getattr(decided({each.name: value}, {variable(each): str(each.default)}), each.name) == expected
    assert getattr(decided({}, {variable(each): ""}), each.name) == each.default
    options = parser("serve").parse_args(["serve", flag(each), value])
    assert getattr(options, each.name) == value


def test_what_was_decided_reaches_the_processes_that_are_started():
    settings = decided({each.name: other_value(each) for each in all_settings()}, {})
    environment: dict[str, str] = {}
    exported(settings, environment)
    assert decided({}, environment) == settings != Settings()


NUMBERS = [each for each in all_settings() if not isinstance(each.default, str)]
WRONG = {"word": "x", "negative": "-1", "half": "1.5", "long": "9" * 5_000, "square": "²", "space": " 1"}


@pytest.mark.parametrize("each", NUMBERS, ids=lambda each: each.name)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_number_that_is_none_is_refused_with_its_name(each, wrong):
    with pytest.raises(UsageError, match=variable(each)):
        decided({}, {variable(each): wrong})


def test_a_wrong_setting_ends_the_command_with_2(capsys):
    assert main(["serve", "--port", "70000"]) == 2
    assert "--port: '70000' is no whole number from 0 to 65535" in capsys.readouterr().err
    assert main(["serve", "--log", "loud"]) == 2
    assert "--log: 'loud' is none of on, off" in capsys.readouterr().err


@pytest.mark.parametrize("each", all_settings(), ids=NAMES)
def test_each_is_told_by_help_and_by_the_readme(each, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    help_text = re.sub(r"\s+", " ", _help())
    told = each.metadata["told"]
    assert f"{flag(each)} " in help_text
    assert f"[{variable(each)}]" in help_text
    assert re.sub(r"\s+", " ", told) in help_text
    row = f"| `{flag(each)}` | `{variable(each)}` | {each.default if each.default != '' else 'none'} | {told} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8"), f"the table of settings in README.md lacks: {row}"


def _help() -> str:
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        parser("serve").parse_args(["serve", "--help"])
    return out.getvalue()
