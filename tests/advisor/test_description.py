"""What a description may hold: the same error, with the same words, at every door."""

import io
import json

import pytest
from starlette.testclient import TestClient

import advisor
from advisor.cli import main
from advisor.service.app import create_app

REFUSED = {
    "": "description_empty",
    " \n\t ": "description_empty",
    "\u200b": "description_empty",
    "?!": "description_empty",
    "x" * 8_001: "description_too_long",
    "a\0b": "description_nul",
    "a\ud800b": "description_surrogate",
    "a" + "\u0301" * 31: "description_marks",
}
ACCEPTED = ["x" * 8_000, "a" + "\u0301" * 30, "?a", "日本語", "<script>", "😀 how many", "a \u02bc b \uff9e"]


@pytest.fixture(scope="module")
def client():
    return TestClient(create_app(), raise_server_exceptions=False)


@pytest.mark.parametrize(("text", "code"), REFUSED.items(), ids=REFUSED.values())
def test_refused_alike_by_python_terminal_and_rest(text, code, client, capsys, monkeypatch):
    with pytest.raises(advisor.AdvisorError) as caught:
        advisor.frame(text)
    assert caught.value.code == code

    assert main(["frame", text]) == 3
    assert capsys.readouterr().err == f"advisor: {caught.value}\n"

    answer = client.post(
        "/v1/framings", content=json.dumps({"text": text}), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["detail"] == str(caught.value)


@pytest.mark.parametrize("text", [text for text in REFUSED if text and "\ud800" not in text])
def test_refused_alike_from_standard_input(text, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["frame", "-"]) == 3
    assert capsys.readouterr().err.startswith("advisor: the description")


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text):
    assert advisor.frame(text).description == text


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"]])
def test_no_text_at_all(text):
    with pytest.raises(advisor.AdvisorError, match="not a text"):
        advisor.frame(text)
