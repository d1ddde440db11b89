"""The routes of the page, as a browser without a script uses them."""

import io
import json
import re
import sqlite3
import zipfile
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from advisor.service.app import create_app
from advisor.service.page import document
from advisor.service.page.endpoints import POLICY, TYPES
from advisor.service.settings import Settings
from advisor.service.store import StoreUnavailable

SURGERY = "How many hours will this surgery take?"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "feedback.db"


@pytest.fixture(scope="module")
def client(store):
    with TestClient(create_app(Settings(rate=0, log="off", store=str(store)))) as client:
        yield client


def test_the_empty_page(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert "What kind of problem is it?" in answer.text


def test_an_answer_is_kept_by_nobody(client):
    answer = client.post("/", data={"text": SURGERY})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert 'id="verdict"' in answer.text
    assert "regression" in answer.text


def test_line_breaks_of_a_form_are_single(client):
    answer = client.post("/", data={"text": "How many hours\r\nwill it take?"})
    assert re.search(r"<textarea[^>]*>\nHow many hours\nwill it take\?</textarea>", answer.text)


def test_answers_and_a_table_come_with_the_text(client):
    table = {"columns": ["rooms", "price"], "rows": [[n % 5, 100.5 + n] for n in range(30)]}
    answer = client.post("/", data={"text": "What will it cost?", "table": json.dumps(table), "target": "price"})
    assert answer.status_code == 200
    assert "A table of 30 rows and 2 columns came with the text." in answer.text
    both = {"text": "What will it cost?", "table": json.dumps(table), "target": ["", "rooms", "price"]}
    assert '<option value="rooms" selected>' in client.post("/", data=both).text
    assert "twice" in client.post("/", data={**both, "target": ["price", "price"]}).text
    answered = client.post("/", data={"text": "hello", "answer": "what-comes-out=number"})
    assert "<title>" in answered.text
    assert "regression" in re.search("<title>(.*?)</title>", answered.text)[1]


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"text": ""}, 422, "the description is empty"),
        ({"text": "x" * 8_001}, 422, "8,001 characters"),
        ({"text": "hello", "answer": "no=such"}, 422, "there is no such question"),
        ({"text": "hello", "table": "{}"}, 422, "That did not work"),
        ({"text": "hello", "table": "[1"}, 422, "not sent whole"),
        ({"text": "hello", "table": '{"columns": ["a"], "rows": []}'}, 422, "That did not work"),
        ({"text": "hello", "extra": "1"}, 422, "unknown"),
        ({"text": "hello", "do": "starter"}, 422, "undecided"),
    ],
)
def test_what_is_refused_is_told_above_the_form(client, fields, status, told):
    answer = client.post("/", data=fields)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert re.search(r'<p role="alert" class="problem">.*' + re.escape(told), answer.text)
    assert 'name="text"' in answer.text


def test_another_content_type_is_refused(client):
    assert client.post("/", json={"text": "hello"}).status_code == 415


def test_the_starter_is_the_one_of_rest(client):
    answer = client.post("/", data={"text": SURGERY, "do": "starter"})
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.content == client.post("/v1/starters", json={"text": SURGERY}).content
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert "starter/train.py" in names


@pytest.mark.parametrize("name", TYPES)
def test_files_are_kept_for_ever_under_their_hash(client, name):
    answer = client.get(document.address(name))
    assert answer.headers["content-type"] == TYPES[name]
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == (document.FOLDER / name).read_bytes()
    assert client.get(f"/page/older/{name}").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/page/x/__init__.py", "/page/x/../form.py", "/page/x/page.py", "/page/x"])
def test_no_other_file_is_given(client, path):
    assert client.get(path).status_code == 404


def _feedback_form(client):
    page = client.post("/", data={"text": SURGERY}).text
    identity = re.search(r'name="framing" value="([0-9a-f]{32})"', page)[1]
    return {"framing": identity, "category": "ranking", "comment": "It is <b>ranking</b>.", "text": SURGERY}


@pytest.mark.parametrize("consent", [False, True])
def test_feedback_is_kept_and_thanked_for(client, store, consent):
    sent = _feedback_form(client) | ({"consent": "yes"} if consent else {})
    answer = client.post("/feedback", data=sent)
    assert answer.status_code == 201
    assert "Thank you" in answer.text
    rows = sqlite3.connect(store).execute("SELECT framing, category, comment, text FROM feedback").fetchall()
    assert rows[-1] == (sent["framing"], "ranking", "It is <b>ranking</b>.", SURGERY if consent else None)


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({"category": "nonsense"}, {}, 422),
        ({"framing": "x"}, {}, 422),
        ({"more": "x"}, {}, 422),
        ({}, {"sec-fetch-site": "cross-site"}, 422),
    ],
)
def test_feedback_that_is_refused_is_told_and_not_kept(client, store, change, headers, status):
    before = sqlite3.connect(store).execute("SELECT count(*) FROM feedback").fetchone()
    answer = client.post("/feedback", data=_feedback_form(client) | change, headers=headers)
    assert answer.status_code == status
    assert "That was not kept" in answer.text
    assert sqlite3.connect(store).execute("SELECT count(*) FROM feedback").fetchone() == before


def test_a_store_that_cannot_be_written_is_told(client, monkeypatch):
    def full(self, entry, *, idempotency=None):
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr("advisor.service.store.SqliteStore.add", full)
    answer = client.post("/feedback", data=_feedback_form(client))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "the disk is full" in answer.text


def test_the_framing_id_is_that_of_rest(client):
    rest = client.post("/v1/framings", json={"text": SURGERY})
    assert _feedback_form(client)["framing"] == rest.headers["framing-id"]


def test_no_address_carries_the_text(client):
    page = client.post("/", data={"text": "supercalifragilistic hours"}).text
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert addresses
    assert not [address for address in addresses if "?" in address or "supercali" in address]
    assert set(re.findall(r'method="(\w+)"', page)) == {"post"}


FORM = {"content-type": "application/x-www-form-urlencoded"}
_NAMES = st.sampled_from(["text", "answer", "table", "target", "do", "framing", "category", "consent", "comment", "x"])


@settings(max_examples=150)
@given(
    st.binary(max_size=300)
    | st.lists(
        st.tuples(_NAMES, st.text(max_size=40) | st.sampled_from(["starter", "a=b", "{}", "hello"])), max_size=5
    ).map(lambda pairs: urlencode(pairs, errors="replace").encode())
)
def test_no_body_breaks_anything(client, body):
    for path in ("/", "/feedback"):
        assert client.post(path, content=body, headers=FORM).status_code < 500
