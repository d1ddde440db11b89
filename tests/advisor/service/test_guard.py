"""What stands around every route: ids, headers, keys, rates, metrics, logs and the paths of the knowledge."""

import json
import re

import pytest
from starlette.testclient import TestClient

import advisor
from advisor import api
from advisor.errors import InputRefused, UsageError
from advisor.framing import plain
from advisor.service import keys, problems
from advisor.service.app import create_app
from advisor.service.limits import MOST_CALLERS, Buckets, caller_of
from advisor.service.settings import Settings
from taxonomy.knowledge import load

ASKED = {"text": "What other books should we suggest to each reader from what they borrowed before?"}


def client_of(**settings) -> TestClient:
    return TestClient(create_app(Settings(**{"rate": 0, "encoder": "off", **settings})), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client():
    return client_of(log="off")


@pytest.mark.parametrize("path", ["/livez", "/nothing", "/v1/taxonomy", "/docs", "/metrics"])
def test_every_answer_has_an_id_of_its_own_and_the_security_headers(client, path):
    first, second = client.get(path), client.get(path)
    assert re.fullmatch("[0-9a-f]{22}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "no-referrer"
    assert first.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert "access-control-allow-origin" not in client.get(path, headers={"origin": "https://else.example"}).headers


def test_cors_is_for_those_who_are_named():
    client = client_of(cors="https://ours.example", log="off")
    ours = client.get("/livez", headers={"origin": "https://ours.example"})
    assert ours.headers["access-control-allow-origin"] == "https://ours.example"
    theirs = client.get("/livez", headers={"origin": "https://theirs.example"})
    assert "access-control-allow-origin" not in theirs.headers


def test_knowledge_is_sent_again_only_when_it_has_changed(client):
    for path in ("/v1/taxonomy", "/v1/taxonomy/ranking", "/v1/rules/asks-how-many"):
        answer = client.get(path)
        assert answer.headers["etag"] == f'"{load().hash}"'
        for known in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
            again = client.get(path, headers={"if-none-match": known})
            assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get("/v1/taxonomy/ranking").json() == plain(advisor.taxonomy()["ranking"])
    assert client.get("/v1/rules/asks-how-many").json() == plain(load().rules["asks-how-many"])
    for path in ("/v1/taxonomy/secret", "/v1/rules/secret"):
        answer = client.get(path, headers={"if-none-match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "secret" not in answer.text


def test_ready_says_what_answers():
    with client_of(encoder="on", log="off") as client:
        from advisor.encoder import load as load_encoder

        ready = client.get("/readyz").json()
        assert ready == {
            "status": "ready",
            "version": advisor.__version__,
            "knowledge": load().hash,
            "encoder": load_encoder().hash,
        }
    with client_of(encoder="off", log="off") as client:
        assert client.get("/readyz").json()["encoder"] is None


def test_with_keys_every_path_but_the_probes_and_the_description_needs_one(tmp_path):
    file = str(tmp_path / "keys")
    key = keys.add(file, "team")
    other = keys.add(file, "others")
    assert key not in (tmp_path / "keys").read_text()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    client = client_of(keys=file, log="off")
    for path in ("/livez", "/readyz", "/openapi.json", "/docs"):
        assert client.get(path).status_code == 200
    for path in ("/v1/taxonomy", "/metrics", "/", "/nothing"):
        for given in ({}, {"authorization": "Bearer guess"}, {"authorization": f"Basic {key}"}):
            refused = client.get(path, headers=given)
            assert (refused.status_code, refused.json()["code"]) == (401, "key_needed")
            assert refused.headers["www-authenticate"] == "Bearer"
    for known in (key, other):
        assert client.get("/v1/taxonomy", headers={"authorization": f"Bearer {known}"}).status_code == 200


def test_a_file_of_keys_is_checked(tmp_path):
    file = tmp_path / "keys"
    with pytest.raises(UsageError, match="cannot name a key"):
        keys.add(str(file), "a b")
    keys.add(str(file), "team")
    with pytest.raises(UsageError, match="already"):
        keys.add(str(file), "team")
    file.write_text("# a comment\n\nteam nonsense\n")
    with pytest.raises(InputRefused, match=":3: write NAME"):
        create_app(Settings(keys=str(file)))
    with pytest.raises(InputRefused, match="cannot be read"):
        create_app(Settings(keys=str(tmp_path / "missing")))


def test_whoever_asks_too_often_waits():
    client = client_of(rate=60, burst=3, log="off")
    answers = [client.post("/v1/framings", json=ASKED) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["ratelimit-limit"] == "3"
    assert 1 <= int(answers[3].headers["ratelimit-reset"]) <= 3
    assert answers[3].headers["retry-after"] == "1"
    assert answers[3].json()["code"] == "too_many_requests"
    assert client.get("/livez").status_code == 200  # probes are never refused


def test_each_key_has_its_own_rate_and_guessing_has_the_address_s(tmp_path):
    file = str(tmp_path / "keys")
    first, second = ({"authorization": f"Bearer {keys.add(file, name)}"} for name in ("first", "second"))
    client = client_of(keys=file, rate=60, burst=2, log="off")
    assert [client.get("/v1/taxonomy", headers=first).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/v1/taxonomy", headers=second).status_code == 200
    guess = {"authorization": "Bearer guess"}
    assert [client.get("/v1/taxonomy", headers=guess).status_code for _ in range(3)] == [401, 401, 429]


def test_a_bucket_fills_again_and_callers_are_forgotten():
    buckets = Buckets(rate=60, burst=2)
    assert [buckets.take("a", now=0).allowed for _ in range(3)] == [True, True, False]
    assert buckets.take("b", now=0).allowed
    assert buckets.take("a", now=0.5).wait == 1
    assert [buckets.take("a", now=1.5).allowed for _ in range(2)] == [True, False]
    assert buckets.take("a", now=10_000) == (True, 1, 1, 0)
    for number in range(2 * MOST_CALLERS):
        buckets.take(str(number), now=10_001)
    assert len(buckets._callers) == MOST_CALLERS
    assert caller_of("2001:db8:0:1::1") == caller_of("2001:db8:0:1:ffff::2") != caller_of("2001:db8:0:2::1")


def test_metrics_count_by_route_and_never_by_what_was_asked(client):
    client.get("/nothing-secret")
    client.get("/v1/rules/secret")
    for _ in range(2):
        client.post("/v1/framings", json={"text": ASKED["text"] + " Metrics."})
    text = client.get("/metrics").text
    assert "secret" not in text
    assert re.search(r'advisor_requests_total\{route="/v1/framings",status="200"\} [2-9]', text)
    assert 'advisor_requests_total{route="unmatched",status="404"}' in text
    assert 'advisor_requests_total{route="/v1/rules/{id}",status="404"}' in text
    assert re.search(r'advisor_request_seconds_bucket\{route="/v1/framings",le="\+Inf"\} [2-9]', text)
    assert re.search(r'advisor_framings_total\{category="recommendation"\} [2-9]', text)
    assert re.search(r'advisor_framings_found_total\{by="cache"\} \d', text)
    for line in text.splitlines():
        assert re.fullmatch(
            r'# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+', line
        ), line


def test_a_request_is_one_line_of_json_without_a_word_of_it(capsys, monkeypatch):
    client = client_of(log="on")
    answer = client.post("/v1/framings", json={"text": "How many SECRET hours will it take?"})
    client.get("/SECRET?SECRET", headers={"x-request-id": "SECRET", "user-agent": "SECRET"})
    monkeypatch.setattr(api, "begin", lambda *a, **k: 1 / len(a[0].replace(a[0], "")))
    broken = client.post("/v1/framings", json={"text": "SECRET"})
    assert (broken.status_code, broken.json()["code"]) == (500, "internal")
    said = capsys.readouterr()
    assert "SECRET" not in said.out + said.err
    lines = [json.loads(line) for line in said.err.splitlines()]
    first = lines[0]
    assert first["id"] == answer.headers["x-request-id"]
    assert (first["route"], first["status"], first["characters"]) == ("/v1/framings", 200, 35)
    assert first["category"] == "regression"
    assert first["ms"] > 0
    assert [line["error"] for line in lines if "error" in line] == ["ZeroDivisionError"]


def test_an_answer_is_kept_for_the_next_that_asks_the_same(monkeypatch):
    client = client_of(cache=2, log="off")
    first = client.post("/v1/framings", json=ASKED)
    calls = []
    begin = api.begin
    monkeypatch.setattr(api, "begin", lambda *a, **k: calls.append(a) or begin(*a, **k))
    again = client.post("/v1/framings", json=ASKED)
    assert again.content == first.content
    assert again.headers["framing-id"] == first.headers["framing-id"]
    assert calls == []
    for text in ("hello one", "hello two", "hello three"):  # push it out
        client.post("/v1/framings", json={"text": text})
    assert client.post("/v1/framings", json=ASKED).content == first.content
    assert len(calls) == 4
    never = client_of(cache=0, log="off")
    assert [never.post("/v1/framings", json=ASKED).status_code for _ in range(2)] == [200, 200]
    assert len(calls) == 6


def test_every_code_of_the_advisor_is_told_with_its_status():
    """A problem's code that nobody wrote down would not be stable."""
    for code, (status, meaning) in problems.OURS.items():
        assert re.fullmatch("[a-z_]+", code)
        assert 400 <= status < 600
        assert meaning
        body = problems.problem(status, code, "x" * 5_000, "0" * 22)
        assert len(body) <= 2_048
