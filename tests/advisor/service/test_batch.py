"""A batch: a line in, a line out, whatever the other lines hold; and starters as zip files."""

import asyncio
import io
import json
import zipfile

import pytest
from starlette.testclient import TestClient

import advisor
from advisor.service.app import create_app
from advisor.service.framings import MOST_BATCHES, MOST_LINES, MOST_WAITING_BATCHES
from advisor.service.openapi import TABLE
from advisor.service.settings import Settings

LINES = {"content-type": "application/x-ndjson"}
SURGERY = "How many hours will this surgery take?"


@pytest.fixture(scope="module")
def client():
    return TestClient(create_app(Settings(rate=0, log="off")), raise_server_exceptions=False)


def answers_of(client, body) -> list[dict]:
    answer = client.post("/v1/framings:batch", content=body, headers=LINES)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.content.splitlines()]


def test_a_bad_line_is_a_problem_and_the_rest_goes_on(client):
    body = "\n".join(
        [
            json.dumps({"id": "first", "text": SURGERY}),
            "nonsense",
            "",
            json.dumps({"id": "no text"}),
            json.dumps({"id": "x" * 101, "text": SURGERY}),
            json.dumps({"text": "hello", "answers": {"what-comes-out": "number"}}),
            json.dumps({"id": "table", "text": SURGERY, "table": TABLE, "target": "hours"}),
            '{"id": "a", "id": "b", "text": "hello"}',
            json.dumps({"text": "hello", "answers": {"no such": "x"}}),
        ]
    )
    found = answers_of(client, body)
    assert [line["line"] for line in found] == [1, 2, 4, 5, 6, 7, 8, 9]
    assert [line["id"] for line in found] == ["first", None, None, None, None, "table", None, None]
    assert found[0]["framing"] == advisor.frame(SURGERY).to_dict()
    assert found[4]["framing"] == advisor.frame("hello", answers={"what-comes-out": "number"}).to_dict()
    assert found[5]["framing"]["card"]["target"] == "hours"
    single = client.post("/v1/framings", json={"text": SURGERY})
    assert found[0]["framing_id"] == single.headers["framing-id"]
    codes = ["request_invalid", "request_invalid", "request_invalid", "request_invalid", "usage"]
    assert [line["problem"]["code"] for line in found if "problem" in line] == codes


def test_a_batch_of_a_thousand_and_not_one_more(client):
    line = json.dumps({"text": "What other books should we suggest to each reader?"})
    found = answers_of(client, "\n".join([line] * (MOST_LINES + 5)))
    assert len(found) == MOST_LINES + 1
    assert all("framing" in each for each in found[:-1])
    assert found[-1]["problem"]["code"] == "too_many_lines"
    assert len(answers_of(client, "\n".join([line] * MOST_LINES) + "\n")) == MOST_LINES


def test_a_line_of_more_than_a_mebibyte_is_a_problem_of_its_own(client):
    hello = json.dumps({"text": "hello"})
    found = answers_of(client, f'{hello}\n{{"text": "{"x" * 1_100_000}"}}\n{hello}\n')
    assert [line.get("problem", {}).get("code") for line in found] == [None, "body_too_large", None]
    pieces = [f"{hello}\n".encode(), *[b"x" * 500_000] * 4, f"\n{hello}\n".encode()]
    found = answers_of(client, iter(pieces))
    assert [line.get("problem", {}).get("code") for line in found] == [None, "body_too_large", None]


def test_a_batch_as_a_whole_is_capped(client):
    answer = client.post("/v1/framings:batch", content=b"\n" * 17_000_000, headers=LINES)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_batch_is_lines_and_nothing_else(client):
    answer = client.post("/v1/framings:batch", json={"text": "hello"})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")
    assert answers_of(client, b"") == []
    assert answers_of(client, b"\n\n") == []


def asgi(app, path: str, receive) -> tuple[list[dict], asyncio.Task]:
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"content-type", LINES["content-type"].encode())],
        "query_string": b"",
    }
    return sent, asyncio.create_task(app(scope, receive, send))


def test_each_line_is_answered_before_the_next_has_come():
    async def run():
        app = create_app(Settings(encoder="off", rate=0, log="off"))
        coming: asyncio.Queue = asyncio.Queue()
        sent, task = asgi(app, "/v1/framings:batch", coming.get)
        for number in range(1, 4):
            line = json.dumps({"text": SURGERY}).encode() + b"\n"
            coming.put_nowait({"type": "http.request", "body": line, "more_body": True})
            while sum(bool(message.get("body")) for message in sent) < number:
                await asyncio.wait_for(asyncio.sleep(0.01), 10)
        coming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        await task
        return sent

    sent = asyncio.run(asyncio.wait_for(run(), 60))
    assert [json.loads(message["body"])["line"] for message in sent[1:-1]] == [1, 2, 3]


def test_batches_wait_for_each_other_and_one_too_many_is_told_to_come_back():
    async def run():
        app = create_app(Settings(encoder="off", rate=0, log="off"))
        count = MOST_BATCHES + MOST_WAITING_BATCHES
        coming = [asyncio.Queue() for _ in range(count + 1)]
        begun = [asgi(app, "/v1/framings:batch", queue.get) for queue in coming]
        line = {"type": "http.request", "body": b'{"text": "hello"}', "more_body": False}
        coming[MOST_BATCHES].put_nowait(line)  # the first that waits
        await asyncio.sleep(0.05)
        refused, task = begun[-1]
        await task
        assert begun[MOST_BATCHES][0] == []
        for queue in coming[:MOST_BATCHES]:
            queue.put_nowait({"type": "http.disconnect"})
        waited, task = begun[MOST_BATCHES]
        await task
        for queue in coming[MOST_BATCHES + 1 :]:
            queue.put_nowait({"type": "http.disconnect"})
        for _, task in begun:
            await task
        return refused, [sent for sent, _ in begun[:MOST_BATCHES]], waited

    refused, gone, waited = asyncio.run(asyncio.wait_for(run(), 60))
    assert refused[0]["status"] == 503
    assert (b"retry-after", b"1") in refused[0]["headers"]
    assert gone == [[]] * MOST_BATCHES
    assert json.loads(waited[1]["body"])["framing"]["category"] is None


def test_a_batch_that_never_ends_is_cut_off_at_its_cap():
    async def run():
        app = create_app(Settings(encoder="off", rate=0, log="off"))
        received = 0

        async def receive():
            nonlocal received
            received += 1
            await asyncio.sleep(0)
            return {"type": "http.request", "body": b"x" * 900_000 + b"\n", "more_body": True}

        sent, task = asgi(app, "/v1/framings:batch", receive)
        await task
        return sent, received

    sent, received = asyncio.run(asyncio.wait_for(run(), 60))
    last = json.loads(sent[-2]["body"])
    assert last["problem"]["code"] == "body_too_large"
    assert sent[-1] == {"type": "http.response.body", "body": b""}
    assert received < 30


STARTERS = [
    {"text": SURGERY},
    {"text": SURGERY, "table": TABLE, "target": "hours", "template": "regression/linear"},
    {"text": SURGERY, "table": TABLE, "target": ["hours", "age"]},
]


@pytest.mark.parametrize("asked", STARTERS, ids=["text", "table", "several"])
def test_a_starter_is_the_same_bytes_each_time(client, asked, tmp_path):
    first, second = (client.post("/v1/starters", json=asked) for _ in range(2))
    assert first.status_code == 200, first.text
    assert first.headers["content-type"] == "application/zip"
    assert first.content == second.content
    archive = zipfile.ZipFile(io.BytesIO(first.content))
    assert archive.testzip() is None
    names = archive.namelist()
    assert names == sorted(names)
    assert {"starter/train.py", "starter/problem.json", "starter/README.md", "starter/tensor_core/__init__.py"} <= set(
        names
    )
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    local = tmp_path / "starter"
    table = None
    if "table" in asked:
        import polars as pl

        table = pl.DataFrame(TABLE["rows"], schema=TABLE["columns"], orient="row")
    framing = advisor.frame(SURGERY, table=asked.get("table"), target=asked.get("target"))
    framing.start(local, table=table, target=asked.get("target"), template=asked.get("template"))
    files = {f"starter/{path.relative_to(local).as_posix()}" for path in local.rglob("*") if path.is_file()}
    assert set(names) == files
    assert json.loads(archive.read("starter/problem.json"))["description"] == SURGERY


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"text": "hello"}, "undecided"),
        ({"template": "secret/secret"}, "usage"),
        ({"target": "secret"}, "usage"),
        ({"table": TABLE, "target": "secret"}, "table_refused"),
        ({"table": TABLE, "target": ["secret", "secret"]}, "table_refused"),
        ({"table": {"columns": ["secret"], "rows": [["secret"]]}}, "table_refused"),
        ({"table": {"columns": ["secret", "b"], "rows": [["secret", 1]] * 3}, "target": "secret"}, "table_refused"),
    ],
)
def test_a_starter_that_cannot_be_is_refused_without_names(client, change, code):
    answer = client.post("/v1/starters", json={"text": SURGERY, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "secret" not in answer.text
