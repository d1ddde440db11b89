"""The dialogue: what it asks, what it takes, how it ends; and that it looks right on a real terminal."""

import io
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time

import pytest

import advisor
from advisor.cli import main

FIRST = advisor.frame("hello").questions[0]
WITHOUT_COLOURS = {**os.environ, "NO_COLOR": "1"}


def ask(monkeypatch, capsys, said, arguments=()):
    data = said if isinstance(said, bytes) else said.encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
    code = main(["ask", *arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "\x1b" not in out + err
    return code, out, err


def test_an_answer_by_number_decides(monkeypatch, capsys):
    number = list(FIRST.answers).index("number") + 1
    code, out, err = ask(monkeypatch, capsys, f"hello\n\n{number}\nq\n")
    assert code == 0
    assert out.startswith("regression")
    assert "So far: Undecided" in err
    assert f"--answer {FIRST.id}=number" in err


def test_an_answer_by_name_is_taken_and_what_is_no_answer_is_asked_again(monkeypatch, capsys):
    code, out, err = ask(monkeypatch, capsys, "hello\n\n99\nnumbr\nnumber\nq\n")
    assert (code, out.startswith("regression")) == (0, True)
    assert err.count("That is none of the answers") == 2


def test_the_command_that_is_told_gives_the_same_card(monkeypatch, capsys):
    _, out, err = ask(monkeypatch, capsys, "how's it\n  going\n\n1\nq\n")
    again = shlex.split(err.split("The same again:")[1])
    assert main(again[1:]) == 0
    assert capsys.readouterr().out == out


@pytest.mark.parametrize("said", ["hello", "hello\n", "hello\n\n", "hello\n\n\n\n\n", "hello\n\nq\n", "hello\n\n\nq\n"])
def test_whoever_stops_early_gets_the_card_all_the_same(monkeypatch, capsys, said):
    code, out, err = ask(monkeypatch, capsys, said)
    assert code == 0
    assert out.startswith("Undecided")
    assert err.count("Question ") <= 3


def test_at_most_three_questions_are_asked_and_none_twice(monkeypatch, capsys):
    _, _, err = ask(monkeypatch, capsys, "hello\n\n" + "\n" * 9)
    asked = [line for line in err.splitlines() if line.startswith("Question ")]
    assert len(asked) == 3
    assert len({line.partition(".")[2] for line in asked}) == 3


@pytest.mark.parametrize("said", ["", "\n", b"\xff\xfe\n\n"])
def test_what_cannot_be_framed_is_refused(monkeypatch, capsys, said):
    assert ask(monkeypatch, capsys, said)[0] == 3


def test_a_description_that_is_refused_is_asked_for_again(monkeypatch, capsys):
    code, out, err = ask(monkeypatch, capsys, "...\n\nHow many hours will this surgery take?\n\nq\n")
    assert (code, out.startswith("regression")) == (0, True)
    assert "Once more" in err


def test_a_table_is_asked_about(monkeypatch, capsys, tmp_path):
    file = tmp_path / "refunds.csv"
    rows = [f"{n},{n % 7 * 10},{'yes' if n % 3 == 0 else 'no'},{'2024-01-02' if n % 3 == 0 else ''}" for n in range(60)]
    file.write_text("order,amount,returned,refund_issued_at\n" + "\n".join(rows) + "\n")
    code, out, err = ask(
        monkeypatch, capsys, "Which orders will be returned?\n\n\n\n\n", ["--table", str(file), "--target", "returned"]
    )
    assert code == 0
    assert f"--table {file} --target returned" in err
    assert "returned" in out
    several = ["--table", str(file), "--target", "amount", "--target", "returned"]
    assert "--target amount --target returned" in ask(monkeypatch, capsys, "Predict it.\n\n\n\n\n", several)[2]


class Terminal:
    """`advisor ask` on a pseudo-terminal of its own."""

    def __init__(self, **variables):
        self.parent, child = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "advisor", "ask"],
            stdin=child,
            stdout=child,
            stderr=child,
            env={**environment, "TERM": "xterm", **variables},
            start_new_session=True,
        )
        os.close(child)
        self.seen = ""

    def until(self, text, seconds=60):
        end = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.parent], [], [], end - time.monotonic())
            assert ready, self.seen
            try:
                self.seen += os.read(self.parent, 65_536).decode()
            except OSError:
                break
        assert text in self.seen
        return self.seen

    def type(self, text):
        os.write(self.parent, text.encode())

    def end(self):
        code = self.process.wait(timeout=60)
        os.close(self.parent)
        return code


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_dialogue_on_a_terminal(variables, coloured):
    terminal = Terminal(**variables)
    terminal.until("> ")
    terminal.type("hello\n\n")
    terminal.until("Question 1.")
    terminal.until(" 1 ")
    terminal.type("1\nq\n")
    seen = terminal.until("The same again")
    assert terminal.end() == 0
    assert ("\x1b[1m" in seen) == coloured


def test_control_c_ends_the_dialogue():
    terminal = Terminal()
    terminal.until("> ")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert "Traceback" not in terminal.until("advisor: stopped")
    assert terminal.end() == 130


def test_control_d_ends_the_questions_and_gives_the_card():
    terminal = Terminal()
    terminal.until("> ")
    terminal.type("hello\n\n")
    terminal.until("Question 1.")
    terminal.until("10")
    terminal.type("\x04")
    assert "Undecided" in terminal.until("The same again")
    assert terminal.end() == 0
