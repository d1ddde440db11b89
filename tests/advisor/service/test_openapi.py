"""/openapi.json tells the truth: its examples are sent, and what comes back is what it says."""

import importlib.util
import json
import subprocess
import sys

import jsonschema_rs
import pytest
from starlette.testclient import TestClient

import advisor
from advisor.service import openapi
from advisor.service.app import create_app
from advisor.service.problems import MEDIA_TYPE, OURS
from advisor.service.settings import Settings

DOCUMENT = openapi.described()
OPERATIONS = [(method, path, found) for path, each in DOCUMENT["paths"].items() for method, found in each.items()]
EXAMPLES = [
    (method, path, operation, media_type, name, example["value"])
    for method, path, operation in OPERATIONS
    for media_type, content in operation.get("requestBody", {"content": {"": {}}})["content"].items()
    for name, example in content.get("examples", {"": {"value": None}}).items()
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = str(tmp_path_factory.mktemp("store") / "feedback.db")
    with TestClient(create_app(Settings(rate=0, log="off", store=store)), raise_server_exceptions=False) as client:
        yield client


def check(schema: dict, value) -> None:
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    assert not [error.message for error in validator.iter_errors(value)]


def send(client, method, path, operation, media_type, value):
    headers = {"content-type": media_type} if media_type else {}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
        elif "example" in parameter:
            headers[parameter["name"]] = parameter["example"]
    body = None if value is None else value if isinstance(value, str) else json.dumps(value)
    return client.request(method, path, content=body, headers=headers)


@pytest.mark.parametrize(("method", "path", "operation", "media_type", "name", "value"), EXAMPLES, ids=str)
def test_every_example_gets_the_answer_that_is_described(client, method, path, operation, media_type, name, value):
    content = operation.get("requestBody", {}).get("content", {}).get(media_type)
    lines = media_type == openapi.LINES
    if content is not None and not lines:
        check(content["schema"], value)
    headers = {"idempotency-key": name.replace(" ", "-")} if path == "/v1/feedback" else {}
    operation = {**operation, "parameters": [p for p in operation.get("parameters", ()) if p["name"] not in headers]}
    client.headers.update(headers)
    answer = send(client, method, path, operation, media_type, value)
    (expected,) = (status for status in operation["responses"] if status.startswith("2"))
    assert str(answer.status_code) == expected, answer.text
    described = operation["responses"][expected]
    for header, told in described["headers"].items():
        check(told["schema"], answer.headers[header])
    assert answer.headers["content-type"] in described["content"]
    schema = described["content"][answer.headers["content-type"]]["schema"]
    if lines:
        found = [json.loads(line) for line in answer.text.splitlines()]
        assert len(found) == len(value.splitlines())
        for line in found:
            check(schema, line)
        assert [("framing" in line) for line in found] == [True, True, False]
    elif answer.headers["content-type"] == "application/json":
        check(schema, answer.json())


def test_every_route_is_described_and_nothing_else():
    app = create_app(Settings(encoder="off", page="off"))
    served = {
        (method.lower(), route.path)
        for route in app.app.routes
        for method in route.methods - {"HEAD"}
        if route.path not in ("/openapi.json", "/docs")
    }
    assert served == {(method, path) for method, path, _ in OPERATIONS}


def test_the_document_is_the_one_that_is_served(client):
    assert client.get("/openapi.json").json() == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1")
    text = DOCUMENT["components"]["schemas"]["FramingRequest"]["properties"]["text"]
    assert text["maxLength"] == 8_000
    assert "code points" in text["description"]
    assert len({operation["operationId"] for _, _, operation in OPERATIONS}) == len(OPERATIONS)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/v1/framings", {}, "{}", 415),
        ("POST", "/v1/framings", {"content-type": "application/json"}, "{}", 422),
        ("GET", "/v1/framings", {}, None, 405),
        ("GET", "/v1/rules/none", {}, None, 404),
        ("POST", "/v1/feedback", {"content-type": "application/json"}, "x" * 70_000, 413),
        ("POST", "/v1/starters", {"content-type": "text/csv"}, "{}", 415),
    ],
)
def test_problems_are_as_described(client, method, path, headers, body, status):
    answer = client.request(method, path, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    check({"$ref": "#/components/schemas/Problem"}, answer.json())
    operations = DOCUMENT["paths"].get(path) or DOCUMENT["paths"]["/v1/rules/{id}"]
    operation = next(iter(operations.values()))
    assert MEDIA_TYPE in operation["responses"][str(status)]["content"]
    if answer.json()["code"] in OURS:
        assert f"`{answer.json()['code']}`" in operation["responses"][str(status)]["description"]


def test_the_docs_need_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for outside in ("<script", "<link", "<img", "http://", "https://", " src=", "@import"):
        assert outside not in page.text
    for method, path, operation in OPERATIONS:
        assert f"{method.upper()} {path}" in page.text
        assert f'id="{operation["operationId"]}"' in page.text
    for name in DOCUMENT["components"]["schemas"]:
        assert f'id="schema-{name}"' in page.text
    for code in OURS:
        assert f"<code>{code}</code>" in page.text


@pytest.mark.skipif(importlib.util.find_spec("openapi_python_client") is None, reason="no generator is installed")
def test_a_generated_client_frames_a_text(client, tmp_path):
    description = tmp_path / "openapi.json"
    description.write_text(client.get("/openapi.json").text)
    out = tmp_path / "client"
    config = tmp_path / "config.yaml"
    config.write_text("project_name_override: made\npackage_name_override: made\npost_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(description)]
    done = subprocess.run(
        [*command, "--output-path", str(out), "--config", str(config)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    program = f"""
import sys
sys.path.insert(0, {str(out)!r})
import httpx
from advisor.service.app import create_app
from advisor.service.settings import Settings
import asyncio
from made import Client
from made.api.default import frame, taxonomy
from made.models import FramingRequest

async def main():
    client = Client("http://service")
    transport = httpx.ASGITransport(create_app(Settings(rate=0, log="off")))
    client.set_async_httpx_client(httpx.AsyncClient(transport=transport, base_url="http://service", timeout=60))
    framing = await frame.asyncio(client=client, body=FramingRequest(text={openapi.models.EXAMPLE!r}))
    print(framing.category, framing.card.unit)
    refused = await frame.asyncio(client=client, body=FramingRequest(text=""))
    print(refused.code)
    print(len((await taxonomy.asyncio(client=client)).additional_properties))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == ["regression hours", "description_empty", str(len(advisor.taxonomy()))]
