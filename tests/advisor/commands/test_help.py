"""Help that is worth a manual page, and completions that shells take."""

import shlex
import subprocess

import pytest

from advisor.cli import COMMANDS, SHELLS, main, parser
from advisor.commands import command

CODES = ("0 ", "2 ", "3 ", "4 ", "130 ")


def shown(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("columns", [60, 100])
def test_every_command_tells_options_examples_and_exit_codes(name, columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    out = shown([name, "--help"], capsys)
    told, _, rest = out.partition("examples:\n")
    examples, _, codes = rest.partition("exit codes:\n")
    assert len(told.split("options:")[0]) > 150, "say in a paragraph what it does"
    assert max(map(len, told.splitlines())) <= columns
    assert [line for line in codes.splitlines() if line.strip().startswith(CODES)] == codes.rstrip().splitlines()
    assert examples.count(f"advisor {name}") >= 2


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_calls_that_the_parser_takes(name):
    calls = [line.split("|")[-1].split(">")[0] for line in command(name).EXAMPLES.splitlines()]
    assert calls
    for call in calls:
        words = shlex.split(call.strip())
        assert words[:2] == ["advisor", name], call
        parser(name).parse_args(words[1:])


def test_the_list_of_commands_names_each(capsys):
    out = shown(["--help"], capsys)
    assert all(f"    {name} " in out for name in COMMANDS)
    assert "examples:" in out


@pytest.mark.parametrize("shell", SHELLS)
def test_completions_name_every_command_and_option(shell, capsys):
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    assert "--workers" in script or "workers" in script


def test_bash_completes_a_command_and_an_option(tmp_path, capsys):
    assert main(["--print-completion", "bash"]) == 0
    script = tmp_path / "completion.sh"
    script.write_text(capsys.readouterr().out)
    ask = (
        f"source {script}; "
        'complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_advisor; '
        'printf "%s\\n" "${COMPREPLY[@]}"; }; complete_of advisor ba; complete_of advisor batch --wo'
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["batch", "--workers"]
