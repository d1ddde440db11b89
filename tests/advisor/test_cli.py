"""The terminal: output, exit codes, standard input, colours."""

import io
import json
import os
import pty
import shlex
import signal
import socket
import subprocess
import sys

import pytest

import advisor
from advisor.cli import main

SURGERY = "How many hours will this surgery take?"


def test_frame_prints_the_card(capsys):
    assert main(["frame", SURGERY]) == 0
    out = capsys.readouterr().out
    assert out.startswith("regression · ")
    assert "“How many hours”" in out
    assert "unit: hours" in out
    assert "\x1b" not in out


def test_frame_json_is_the_framing(capsys):
    assert main(["frame", SURGERY, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == advisor.frame(SURGERY).to_dict()


def test_frame_reads_standard_input_and_files(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SURGERY.encode() + b"\n")))
    assert main(["frame", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["description"] == SURGERY
    file = tmp_path / "problem.txt"
    file.write_bytes(b"\xef\xbb\xbf" + SURGERY.encode())
    assert main(["frame", "--file", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["description"] == SURGERY


def test_frame_takes_answers(capsys):
    question = advisor.frame("hello").questions[0]
    answer = next(iter(question.answers))
    assert main(["frame", "hello", "--answer", f"{question.id}={answer}", "--json"]) == 0
    asked = json.loads(capsys.readouterr().out)["questions"]
    assert question.id not in [one["id"] for one in asked]


def test_forgotten_quotes_are_forgiven(capsys):
    assert main(["frame", "--json", *SURGERY.split()]) == 0
    assert json.loads(capsys.readouterr().out)["description"] == SURGERY


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["frame"], 2, "give a description"),
        (["frame", "a", "--file", "b"], 2, "give a description"),
        (["frame", "hello", "--answer", "x"], 2, "write it as ID=VALUE"),
        (["frame", "hello", "--answer", "x=y"], 2, "there is no question"),
        (["frame", "hello", "--target", "y"], 2, "no table"),
        (["frame", "--file", "/no/such/file"], 3, "cannot be read"),
        (["frame", ""], 3, "is empty"),
        (["frame", "hello", "--table", "/no/such/table.csv"], 3, "there is no such file"),
        (["taxonomy", "regresion"], 2, "did you mean 'regression'?"),
        (["start", "x", "--text", "hello"], 3, "undecided"),
        (["frme"], 2, "did you mean 'frame'?"),
        ([SURGERY], 2, "advisor frame "),
        (["frame", "--file", "/"], 3, "/ cannot be read: Is a directory"),
        (["frame", "how \udcff many"], 3, "surrogate"),
        (["taxonomy", "\udcff"], 2, "there is no category"),
        (["serve", "--port", "x"], 2, "no whole number"),
        (["serve", "--port", "65536"], 2, "no whole number"),
        (["serve", "--port", "-1"], 2, "no whole number"),
        (["batch", "/no/such/file", "out"], 3, "cannot be read"),
        (["batch", "/no/such/file", "out", "--workers", "x"], 2, "give a whole number"),
        ([], 2, ""),
    ],
)
def test_errors_have_a_sentence_and_a_code(arguments, code, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_call_exits_with_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["frame", "--no-such-option"])
    assert caught.value.code == 2


def test_a_file_that_is_not_utf8_is_refused(tmp_path, capsys):
    file = tmp_path / "latin.txt"
    file.write_bytes("Wie groß?".encode("latin-1"))
    assert main(["frame", "--file", str(file)]) == 3
    assert "not UTF-8" in capsys.readouterr().err


def test_a_file_that_is_far_too_long_is_refused_without_being_read(tmp_path, capsys):
    file = tmp_path / "long.txt"
    file.write_bytes("é".encode() * 500_000)
    assert main(["frame", "--file", str(file)]) == 3
    assert "more than 8,000" in capsys.readouterr().err


def test_something_of_ours_broken_exits_with_4(monkeypatch, capsys):
    monkeypatch.setattr("advisor.commands.frame.run", lambda options: 1 / 0)
    assert main(["frame", SURGERY]) == 4
    err = capsys.readouterr().err
    assert "internal error" in err
    assert "Traceback" not in err


def test_taxonomy_shows_every_category(capsys):
    assert main(["taxonomy"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name}: " in out for name in advisor.taxonomy())
    assert main(["taxonomy", "ranking", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["ranking"]


def test_version_names_the_knowledge(capsys):
    assert main(["--version"]) == 0
    assert advisor.frame("hello").knowledge in capsys.readouterr().out


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": ""}, False), ({"TERM": "dumb"}, False)])
def test_colours_only_on_a_terminal_that_wants_them(variables, coloured):
    parent, child = pty.openpty()
    environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **variables}
    process = subprocess.Popen([sys.executable, "-m", "advisor", "taxonomy"], stdout=child, env=environment)
    os.close(child)
    seen = b""
    while True:
        try:
            chunk = os.read(parent, 65_536)
        except OSError:  # Linux's end of file on a pseudo-terminal
            break
        if not chunk:
            break
        seen += chunk
    os.close(parent)
    assert process.wait() == 0
    assert (b"\x1b[" in seen) == coloured


def test_a_reader_that_has_seen_enough_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "advisor", "taxonomy", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(1)
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0


def run(line, **variables):
    """The exit code, standard output and standard error of a line of shell in which $advisor is the command."""
    environment = {**os.environ, "advisor": f"{sys.executable} -m advisor", "SURGERY": SURGERY, **variables}
    done = subprocess.run(["bash", "-c", line], capture_output=True, env=environment, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ('$advisor frame "$SURGERY" >&-', 2, "standard output is closed"),
        ("$advisor frame - <&-", 2, "standard input is closed"),
        ("$advisor frame - </dev/null", 3, "is empty"),
        ("printf 'how \\xff many' | $advisor frame -", 3, "not UTF-8 text (byte 4)"),
        ("$advisor frame --file /dev/zero", 3, "more than 8,000"),
    ],
)
def test_odd_streams_are_told_apart(line, code, message):
    returned, _, err = run(line)
    assert (returned, "Traceback" in err) == (code, False)
    assert message in err


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}])
def test_any_encoding_of_the_terminal_will_do(variables):
    code, out, err = run('$advisor frame "$SURGERY"', **variables)
    assert (code, err) == (0, "")
    assert out.startswith(b"regression ")
    _, out, _ = run('$advisor frame "$SURGERY 😀" --json', **variables)
    assert json.loads(out.decode("utf-8"))["description"] == SURGERY + " 😀"


def test_control_c_stops_without_a_traceback():
    parent, child = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "advisor", "frame", "-"], stdin=child, stderr=subprocess.PIPE)
    assert process.stderr.readline().startswith(b"Describe the problem")  # so it is reading now
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.stderr.read() == b"advisor: stopped\n"
    process.stderr.close()
    os.close(parent)
    os.close(child)


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("1", 40), ("0", 80), ("x", 80), ("-5", 80), ("400", 100)])
def test_no_line_is_wider_than_the_terminal(columns, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    for text in (SURGERY, "hello"):
        assert main(["frame", text]) == 0
        longest = max(map(len, capsys.readouterr().out.splitlines()))
        assert width - 12 < longest <= width


def test_the_next_command_can_be_pasted(capsys, tmp_path):
    assert main(["start", str(tmp_path / "my surgery"), "--text", SURGERY]) == 0
    command = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(command) == ["python", str(tmp_path / "my surgery" / "train.py")]


def test_a_taken_port_is_refused_in_a_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = run(f"$advisor serve --port {taken.getsockname()[1]}")
    assert code == 3
    assert "address already in use" in err
    assert "Traceback" not in err


def test_profile_prints_columns_and_target(tmp_path, capsys):
    file = tmp_path / "stays.csv"
    file.write_text(
        "case;admitted;cost;days\n1;03.02.2025;1.250,00 €;8\n2;04.02.2025;890,50 €;1\n3;04.02.2025;k.A.;9\n"
    )
    assert main(["profile", str(file), "--text", "How many days will a patient stay?"]) == 0
    shown = capsys.readouterr().out
    assert "money · in €" in shown
    assert "- days (" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert main(["profile", str(file), "--json", "--target", "cost"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["rows"], seen["target"], seen["time"]) == (3, "cost", "admitted")
    assert main(["profile", str(tmp_path / "none.csv")]) == 3
    assert "there is no such file" in capsys.readouterr().err
