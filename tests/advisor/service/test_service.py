"""The REST service: answers, problems, and a description of itself that is true."""

import asyncio
import json
from random import Random

import pytest
from starlette.testclient import TestClient

import advisor
from advisor import api
from advisor.framing import plain
from advisor.service.app import create_app
from advisor.service.problems import Problem
from advisor.service.settings import Settings

SURGERY = "How many hours will this surgery take?"
MOST_PROBLEM_BYTES = 2_048


@pytest.fixture(scope="module")
def client():
    return TestClient(create_app(Settings(rate=0, log="off")), raise_server_exceptions=False)


@pytest.mark.parametrize("text", [SURGERY, "hello", "Which of these 😀 messages are spam?"])
def test_a_framing_is_what_python_gives(client, text):
    answer = client.post("/v1/framings", json={"text": text})
    assert answer.status_code == 200
    assert answer.json() == advisor.frame(text).to_dict()


def test_answers_are_taken(client):
    question = client.post("/v1/framings", json={"text": "hello"}).json()["questions"][0]
    answers = {question["id"]: next(iter(question["answers"]))}
    answer = client.post("/v1/framings", json={"text": "hello", "answers": answers})
    assert answer.json() == advisor.frame("hello", answers=answers).to_dict()


TABLE = {
    "columns": ["surgery_id", "opened", "Ärzte", "hours"],
    "rows": [[f"S-{n:04d}", f"2024-02-{1 + n % 28:02d}", n % 4, round(1 + n * 7 % 13 / 4, 2)] for n in range(200)],
}


def test_a_table_is_read_with_the_text(client):
    answer = client.post("/v1/framings", json={"text": SURGERY, "table": TABLE})
    assert answer.status_code == 200
    assert answer.json() == json.loads(advisor.frame(SURGERY, table=TABLE).to_json())
    seen = answer.json()["profile"]
    assert (seen["rows"], seen["target"], seen["ids"], seen["time"]) == (200, "hours", ["surgery_id"], "opened")
    named = client.post("/v1/framings", json={"text": SURGERY, "table": TABLE, "target": "Ärzte"})
    assert named.json()["card"]["target"] == "Ärzte"
    several = client.post("/v1/framings", json={"text": SURGERY, "table": TABLE, "target": ["hours", "Ärzte"]})
    assert several.json()["card"]["target"] == ["hours", "Ärzte"]
    assert several.json()["subtask"] == "multi_output"
    assert several.headers["framing-id"] != named.headers["framing-id"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"table": {"columns": ["secretcolumn"], "rows": [["secretcell"]] * 201}}, "request_invalid"),
        ({"table": {"columns": ["secretcolumn", "b"], "rows": [["secretcell"]]}}, "table_refused"),
        ({"table": {"columns": ["secretcolumn"] * 2, "rows": [["secretcell", 1]]}}, "table_refused"),
        ({"table": {"columns": ["secretcolumn"], "rows": []}}, "request_invalid"),
        ({"table": {"columns": ["secretcolumn"], "rows": [[{"secretcell": 1}]]}}, "request_invalid"),
        ({"table": {"columns": ["secretcolumn\n"], "rows": [["secretcell"]]}}, "table_refused"),
        ({"table": {**TABLE, "secretcolumn": 1}}, "request_invalid"),
        ({"table": TABLE, "target": "secretcolumn"}, "table_refused"),
        ({"target": "secretcolumn"}, "usage"),
        ({"table": TABLE, "target": ["hours", "secretcolumn"]}, "table_refused"),
        ({"table": TABLE, "target": ["secretcolumn", "secretcolumn"]}, "table_refused"),
        ({"table": TABLE, "target": []}, "table_refused"),
        ({"target": []}, "table_refused"),
        ({"table": TABLE, "target": {"secretcolumn": [[]]}}, "table_refused"),
        ({"table": TABLE, "target": ["hours", 3]}, "table_refused"),
        ({"target": ["secretcolumn", "b"]}, "usage"),
    ],
)
def test_a_refused_table_is_a_problem_without_names_or_cells(client, caplog, change, code):
    answer = client.post("/v1/framings", json={"text": SURGERY, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "secret" not in answer.text
    assert "secret" not in caplog.text


def test_taxonomy_and_life(client):
    assert client.get("/v1/taxonomy").json() == plain(advisor.taxonomy())
    assert client.get("/livez").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "request_invalid"),
        (b"{", "request_invalid"),
        (b"[]", "request_invalid"),
        (b"{}", "request_invalid"),
        (b'{"text": "a", "txet": "b"}', "request_invalid"),
        (b'{"text": 3}', "description_not_text"),
        (b'{"text": "hello", "answers": {"x": "y"}}', "usage"),
        (b'{"text": "hello", "answers": []}', "request_invalid"),
        (b"\xff\xfe", "request_invalid"),
        (b'\xef\xbb\xbf{"text": "hello"}', "request_invalid"),
        (b'{"text": "hello", "text": "hello"}', "request_invalid"),
        (b'{"text": "hello", "t\\u0065xt": "hello"}', "request_invalid"),
        (b'{"text": "hello", "answers": {"a": "b", "a": "b"}}', "request_invalid"),
        (b'{"text": "hello: a", "target": "x", "target": "x"}', "request_invalid"),
        (b'{"text": "hello", "table": {"columns": ["a"], "rows": [[NaN]]}}', "request_invalid"),
        (b'{"text": "hello", "table": {"columns": ["a"], "rows": [[-Infinity]]}}', "request_invalid"),
        (b'{"text": "hello", "table": {"columns": ["a"], "rows": [[1e999]]}}', "request_invalid"),
        (b'{"text": "a\\ud800"}', "description_surrogate"),
        (b'{"text": "hello", "answers": {"\\udc00": "b"}}', "request_invalid"),
        (b'{"text": "hello", "table": {"columns": ["\\ud800"], "rows": [[1]]}}', "request_invalid"),
        (b'{"text": "hello\x00"}', "request_invalid"),
        (b'{"text": "hello\\u0000"}', "description_nul"),
        (b'{"text": ' + b"9" * 5_000 + b"}", "request_invalid"),
        (b"[" * 50_000, "request_invalid"),
        (b'{"text": ' + b'{"a":' * 5_000, "request_invalid"),
    ],
)
def test_a_bad_request_is_a_problem(client, body, code):
    answer = client.post("/v1/framings", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "code", "detail", "request_id"}
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert len(answer.content) <= MOST_PROBLEM_BYTES
    assert problem["code"] == code
    assert problem["status"] == answer.status_code


@pytest.mark.parametrize(
    "body",
    [
        {"text": "hello", "SECRET": 1},
        {"text": "hello", "SECRET" * 9_000: 1},
        {"text": "hello", "answers": {"SECRET" * 9_000: "a"}},
        {"text": "hello", "answers": {"SECRET": ["SECRET"]}},
        {"text": "hello", "answers": {"what-comes-out": "SECRET" * 9_000}},
        {"text": ["SECRET"]},
        {"text": "SECRET\0"},
        "SECRET",
    ],
)
def test_a_problem_is_short_and_repeats_nothing(client, body):
    answer = client.post("/v1/framings", json=body)
    assert answer.status_code == 422
    assert "SECRET" not in answer.text
    assert len(answer.content) <= MOST_PROBLEM_BYTES


def test_an_unknown_question_is_told_from_what_there_is(client):
    answer = client.post("/v1/framings", json={"text": "hello", "answers": {"what-comes-in": "x"}})
    assert answer.json()["detail"] == "there is no such question; did you mean 'what-comes-out'?"


def test_what_curl_sends_unless_told_is_explained(client):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/v1/framings", content=json.dumps({"text": SURGERY}), headers=headers)
    assert answer.status_code == 415
    assert "content-type: application/json" in answer.json()["detail"]


def test_random_bodies_are_answered_or_refused(client):
    """Well-formed, damaged and absurd bodies alike: an answer or a problem, never an error of ours."""
    random = Random(0)
    pieces = [*'{}[]:,"\\', "null", "1e999", '"text"', '"answers"', '"hello"', '"\\ud800"', "\x00", "é", "[" * 5_000]
    whole = json.dumps({"text": SURGERY, "answers": {"what-comes-out": "number"}})
    for _ in range(500):
        body = "".join(random.choices(pieces, k=random.randrange(12)))
        if random.random() < 0.5:
            at = random.randrange(len(whole))
            body = whole[:at] + body[: random.randrange(4)] + whole[at + random.randrange(3) :]
        answer = client.post("/v1/framings", content=body.encode(), headers={"content-type": "application/json"})
        assert answer.status_code in (200, 400, 422), body
        if answer.status_code != 200:
            Problem.model_validate(answer.json(), strict=True)
            assert len(answer.content) <= MOST_PROBLEM_BYTES


def test_a_long_body_is_refused(client):
    json_type = {"content-type": "application/json"}
    without_table = b'{"text": "' + b"x" * 66_000 + b'"}'
    for body in (b"x" * 1_100_000, iter([b"x" * 600_000] * 2), without_table):
        answer = client.post("/v1/framings", content=body, headers=json_type)
        assert answer.status_code in (413, 422)
        assert answer.json()["code"] in ("body_too_large", "description_too_long")
    wide = {"columns": [f"column {n}" for n in range(60)], "rows": [[n * 1.25 for n in range(60)]] * 200}
    assert len(json.dumps(wide)) > 65_536
    answer = client.post("/v1/framings", json={"text": SURGERY, "table": wide})
    assert answer.status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/v1/framings", 405)])
def test_http_errors_are_problems(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_something_of_ours_broken_is_a_problem_without_the_input(client, monkeypatch):
    monkeypatch.setattr(api, "begin", lambda *a, **k: 1 / 0)
    answer = client.post("/v1/framings", json={"text": "secret"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text


def test_a_client_that_goes_away_is_no_error():
    """Nobody is answered when the client hangs up."""

    async def run() -> list[dict]:
        sent: list[dict] = []

        async def receive() -> dict:
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/v1/framings", "headers": headers, "query_string": b""}
        await create_app(Settings(encoder="off"))(scope, receive, send)
        return sent

    assert asyncio.run(run()) == []
