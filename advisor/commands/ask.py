"""`advisor ask`: a dialogue of a description, at most three questions, and the card."""

import io
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from advisor.commands import inputs, terminal
from advisor.errors import InputRefused

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from advisor.framing import Framing
    from advisor.questions import Asked

MOST_ASKED = 3  # questions of one dialogue
PROMPT = "> "
ENOUGH = ("q", "quit", "exit")  # answers that end the questions

SUMMARY = "a dialogue: a description, at most three questions, the card"
ABOUT = """\
Asks what you want to know, then at most three questions, the most telling first, and prints the card. Answer with
the number of an answer or its name; Enter passes over a question, q ends the questions, and so does the end of the
input (Ctrl-D). What is asked goes to standard error and the card to standard output, so that the card can be kept
in a file."""
EXAMPLES = """\
  advisor ask
  advisor ask --table stays.csv
  advisor ask > card.txt
  printf 'hello\\n\\n1\\n' | advisor ask"""


def declare(command: "ArgumentParser") -> None:
    """Add the options."""
    inputs.declare_table(command)


def run(options: SimpleNamespace) -> int:
    """Hold the dialogue and print the card."""
    if sys.stdin is None:  # `advisor ask <&-`
        raise InputRefused("standard input is closed; there is nobody to ask", code="input_closed")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # bytes that are no text are refused where the text is
    bold, dim = terminal.styles(sys.stderr)
    text, framing = _described(options, bold)
    answers: dict[str, str] = {}
    passed: set[str] = set()
    for number in range(1, MOST_ASKED + 1):
        question = next((one for one in framing.questions if one.id not in passed | answers.keys()), None)
        if question is None:
            break
        _tell("")
        _tell_wrapped(_so_far(framing), dim)
        _tell("")
        _tell_wrapped(f"Question {number}. {question.text}", bold)
        _tell_wrapped(question.why, dim)
        answer = _answer(question)
        if answer is None:
            break
        if not answer:
            passed.add(question.id)
            continue
        answers[question.id] = answer
        framing = _framed(text, options, answers)
    _tell("")
    print(terminal.rendered(framing))
    sys.stdout.flush()
    _tell(f"\n{dim('The same again:')} {_again(text, options, answers)}")
    return 0


def _described(options: SimpleNamespace, bold: Any) -> "tuple[str, Framing]":
    """The description, asked for until it can be framed."""
    _tell(f"{bold('What do you want to know?')} Describe it in your own words; an empty line ends it.")
    while True:
        lines: list[str] = []
        while (line := _read()) is not None and (line or not lines):
            lines.append(line)
        text = "\n".join(lines).strip("\n")
        try:
            return text, _framed(text, options, {})
        except InputRefused as error:
            if line is None or not error.code.startswith("description"):
                raise
            _tell(f"{error}. Once more:")


def _framed(text: str, options: SimpleNamespace, answers: dict[str, str]) -> "Framing":
    from advisor.api import frame

    return frame(text, table=options.table, target=options.target, answers=answers)


def _answer(question: "Asked") -> str | None:
    """The id of the answer that was chosen, empty where none was; None when no more is to be asked."""
    names = list(question.answers)
    for number, said in enumerate(question.answers.values(), 1):
        _tell("\n".join(terminal.wrapped(f"{number:2d}", said)))
    while True:
        line = _read()
        if line is None or line.strip().lower() in ENOUGH:
            return None
        said = line.strip()
        if not said or said in names:
            return said
        if said.isascii() and said.isdecimal() and 1 <= int(said[:4]) <= len(names):
            return names[int(said) - 1]
        _tell(f"That is none of the answers: give a number from 1 to {len(names)}, Enter to pass over, q to end.")


def _so_far(framing: "Framing") -> str:
    from advisor.render import verdict

    return f"So far: {verdict(framing)}"


def _again(text: str, options: SimpleNamespace, answers: dict[str, str]) -> str:
    """The command that gives this card without a dialogue."""
    import shlex

    pairs = [("--table", options.table), *(("--target", name) for name in options.target or ())]
    pairs += [("--answer", f"{question}={answer}") for question, answer in answers.items()]
    parts = ["advisor", "frame", text, *(part for name, value in pairs if value is not None for part in (name, value))]
    return shlex.join(parts)


def _read() -> str | None:
    """The next line without its end; None at the end of the input."""
    sys.stderr.write(PROMPT)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        sys.stderr.write("\n")
        return None
    return line.rstrip("\r\n")


def _tell_wrapped(text: str, style: Any) -> None:
    for line in terminal.wrapped("", text):
        _tell(style(line.strip()))


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
