"""The form of the page: the body of a POST -> what was asked, checked as strictly as JSON is."""

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from advisor.errors import InputRefused
from advisor.target import Target

MOST_FIELDS = 64
MEDIA_TYPE = "application/x-www-form-urlencoded"
_FIELDS = frozenset(("text", "table", "do"))
_ANSWER, _TARGET = "answer", "target"  # those that may come often


class Asked(NamedTuple):
    """What the form said; a field that was left empty is absent."""

    text: str
    target: Target | None = None
    table: Any = None  # {"columns": [...], "rows": [[...]]}, not yet checked
    answers: dict[str, str] = {}  # noqa: RUF012  never written to
    do: str = ""  # what is wanted instead of the answer

    def request(self) -> dict[str, Any]:
        """What was asked as the body of `POST /v1/framings`."""
        asked = {"text": self.text, "table": self.table, "target": self.target, "answers": self.answers}
        return {name: value for name, value in asked.items() if value is not None}


def read(body: bytes) -> Asked:
    """What the body of the page's form says. Line breaks are single again (forms send CR LF), as offsets expect.

    Raises:
        InputRefused: not UTF-8, not a form, too many fields, one that is unknown or comes twice, or a broken table.

    >>> read(b"text=How+many%3F%0D%0A&answer=what-comes-out%3Dnumber")
    Asked(text='How many?\\n', target=None, table=None, answers={'what-comes-out': 'number'}, do='')
    """
    pairs = fields(body)
    answers: dict[str, str] = {}
    for said in (value for name, value in pairs if name == _ANSWER):
        question, equals, answer = said.rpartition("=")  # the name of a column may hold the sign, too
        if not equals:
            raise InputRefused("an answer is written as question=answer", code="form_invalid")
        answers[question] = answer  # one given again is changed
    named = [value for name, value in pairs if name == _TARGET and value]
    once = only_once([pair for pair in pairs if pair[0] not in (_ANSWER, _TARGET)], _FIELDS)
    text = once.get("text", "").replace("\r\n", "\n").replace("\r", "\n")
    table = _table(once["table"]) if once.get("table") else None
    target = named[0] if len(named) == 1 else named or None
    return Asked(text, target, table, answers, once.get("do", ""))


def fields(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form.

    Raises:
        InputRefused: not a form, not UTF-8, or too many fields.

    >>> fields(b"a=1&b=%C3%A4")
    [('a', '1'), ('b', 'ä')]
    """
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise InputRefused(
            "the form is not one that this page sends; go back and send it again", code="form_invalid"
        ) from None


def only_once(pairs: list[tuple[str, str]], known: frozenset[str]) -> dict[str, str]:
    """Fields as a mapping.

    Raises:
        InputRefused: one is unknown, or comes twice.

    >>> only_once([("a", "1")], frozenset("ab"))
    {'a': '1'}
    """
    found = dict(pairs)
    if len(found) < len(pairs) or not found.keys() <= known:
        raise InputRefused("the form has a field that is unknown, or one twice", code="form_invalid")
    return found


def _table(sent: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(sent, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise InputRefused("the table was not sent whole; choose the file again", code="table_refused") from None
