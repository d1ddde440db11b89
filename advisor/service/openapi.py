"""/openapi.json: what each path takes and gives, with examples that the tests send."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

import advisor
from advisor.service import models
from advisor.service.framings import MOST_BATCHES, MOST_LINES
from advisor.service.guard import MOST_BATCH_BYTES
from advisor.service.metrics import MEDIA_TYPE as METRICS_TYPE
from advisor.service.problems import MEDIA_TYPE as PROBLEM_TYPE
from advisor.service.problems import OURS, Problem
from advisor.service.reading import JSON_TYPES, LINES_TYPES, MOST_BYTES, MOST_BYTES_WITH_TABLE
from advisor.service.starters import MEDIA_TYPE as ZIP_TYPE

JSON, LINES = JSON_TYPES[0].decode(), LINES_TYPES[0].decode()
TABLE = {
    "columns": ["surgery", "age", "operation", "hours"],
    "rows": [[f"S{n}", 30 + n * 7 % 50, ("hip", "knee")[n % 2], 1.5 + n * 5 % 8 / 4] for n in range(24)],
}
FEEDBACK = {"framing": "0123456789abcdef0123456789abcdef", "category": "regression", "subtask": "duration"}

_MODELS: tuple[Any, ...] = (
    models.FramingRequest,
    models.StarterRequest,
    models.BatchLine,
    models.BatchAnswer,
    models.FeedbackRequest,
    models.FeedbackReceipt,
    models.FramingModel,
    models.CategoryModel,
    models.RuleModel,
    models.Live,
    models.Ready,
    Problem,
)
_DESCRIPTION = f"""\
Offsets and lengths count Unicode code points, not bytes and not UTF-16 units.

JSON is read strictly: unknown keys, keys that come twice, NaN, Infinity, halves of surrogate pairs and other content
types are refused. A body has at most {MOST_BYTES // 1024} KiB, with a table {MOST_BYTES_WITH_TABLE // 1024} KiB; a
batch {MOST_BATCH_BYTES // 1024**2} MiB in at most {MOST_LINES:,} lines.

Every error is a problem after RFC 9457. Its `code` and `type` are stable, `request_id` is also in the header
`x-request-id` and in the log, and nothing of what was sent is repeated. Where a rate limit holds, `ratelimit-limit`,
`ratelimit-remaining` and `ratelimit-reset` (seconds) come with each answer, and `retry-after` (seconds) with 429 and
503.
"""


async def document(request: Request) -> Response:
    """The description of the service, OpenAPI 3.1."""
    return Response(_bytes(), media_type="application/json", headers={"cache-control": "no-cache"})


@lru_cache(maxsize=1)
def _bytes() -> bytes:
    return to_json(described())


def described() -> dict[str, Any]:
    """The description as data.

    >>> described()["openapi"]
    '3.1.0'
    """
    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Problem-framing advisor",
            "version": advisor.__version__,
            "summary": "Which machine-learning task a problem is, or that none is needed, and why.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": _paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "an API key, where the service asks for one"}
            },
        },
    }


def _paths() -> dict[str, Any]:
    table = {"text": models.EXAMPLE, "table": TABLE, "target": "hours"}
    several = {"text": "How old is the patient, and how long will it take?", "table": TABLE, "target": ["hours", "age"]}
    answers = {"text": "Something with my customers.", "answers": {"what-comes-out": "number"}}
    framing_id = _header("names this framing in feedback", {"type": "string", "pattern": "^[0-9a-f]{32}$"})
    tag = _header("the hash of the knowledge base, in quotes", {"type": "string"})
    batch = '{"id":"a","text":"How many hours will this surgery take?"}\n{"id":"b","text":"hello"}\n{"id":"c"}\n'
    return {
        "/v1/framings": {
            "post": _operation(
                "frame",
                "Frame a description",
                "The framing is the same that the Python function `advisor.frame` gives. Tables travel as at most "
                f"{models.MOST_ROWS_SENT} rows.",
                body=_content(
                    JSON,
                    models.FramingRequest,
                    {
                        "text": {"text": models.EXAMPLE},
                        "with a table": table,
                        "with several targets": several,
                        "with an answer": answers,
                    },
                ),
                answer=_content(JSON, models.FramingModel),
                headers={"framing-id": framing_id},
                problems=(413, 415, 422),
            )
        },
        "/v1/framings:batch": {
            "post": _operation(
                "frame_batch",
                "Frame many descriptions",
                "One request a line, one answer a line, in the same order, each sent as soon as it is there. A line "
                f"that is refused is answered with a problem, and the rest goes on. At most {MOST_LINES:,} lines "
                f"a call; {MOST_BATCHES} calls are answered at once, others wait. The schemas are those of one line.",
                body=_content(LINES, models.BatchLine, {"three lines, the last without a text": batch}),
                answer=_content(LINES, models.BatchAnswer),
                problems=(413, 415),
            )
        },
        "/v1/starters": {
            "post": _operation(
                "start",
                "Write a starter project",
                "A zip file with the folder `starter/`. The same request gives the same bytes.",
                body=_content(
                    JSON,
                    models.StarterRequest,
                    {"text": {"text": models.EXAMPLE}, "with a table": {**table, "template": "regression/linear"}},
                ),
                answer={ZIP_TYPE: {"schema": {"type": "string", "contentMediaType": ZIP_TYPE, "format": "binary"}}},
                problems=(413, 415, 422),
            )
        },
        "/v1/taxonomy": {
            "get": _operation(
                "taxonomy",
                "Every category with its sub-tasks",
                "Give the `etag` back in `if-none-match`, and what has not changed is not sent again.",
                parameters=[_if_none_match()],
                answer={JSON: {"schema": {"type": "object", "additionalProperties": _reference(models.CategoryModel)}}},
                headers={"etag": tag},
                unchanged=True,
            )
        },
        "/v1/taxonomy/{category}": {
            "get": _operation(
                "category",
                "One category",
                "",
                parameters=[_path("category", "regression"), _if_none_match()],
                answer=_content(JSON, models.CategoryModel),
                headers={"etag": tag},
                problems=(404,),
                unchanged=True,
            )
        },
        "/v1/rules/{id}": {
            "get": _operation(
                "rule",
                "One rule",
                "The field `rule` of a piece of evidence from the text names it.",
                parameters=[_path("id", "asks-how-many"), _if_none_match()],
                answer=_content(JSON, models.RuleModel),
                headers={"etag": tag},
                problems=(404,),
                unchanged=True,
            )
        },
        "/v1/feedback": {
            "post": _operation(
                "feedback",
                "Say what the right answer would have been",
                "When this answers, the feedback is on disk. Sent again with the same idempotency key it is kept once, "
                "and gets the same receipt.",
                parameters=[
                    {
                        "name": "idempotency-key",
                        "in": "header",
                        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
                        "example": "7f0c2a",
                    }
                ],
                body=_content(
                    JSON,
                    models.FeedbackRequest,
                    {
                        "category alone": {**FEEDBACK, "consent": False},
                        "with the text": {
                            **FEEDBACK,
                            "text": models.EXAMPLE,
                            "comment": "It is about one surgery.",
                            "consent": True,
                        },
                    },
                ),
                answer=_content(JSON, models.FeedbackReceipt),
                status=201,
                problems=(413, 415, 422),
            )
        },
        "/livez": {
            "get": _operation("livez", "Whether the process answers", "", answer=_content(JSON, models.Live), free=True)
        },
        "/readyz": {
            "get": _operation("readyz", "What it answers with", "", answer=_content(JSON, models.Ready), free=True)
        },
        "/metrics": {
            "get": _operation(
                "metrics",
                "What happened since the start",
                "For Prometheus; counters of the process that answers.",
                answer={METRICS_TYPE: {"schema": {"type": "string"}}},
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    description: str,
    *,
    answer: dict[str, Any],
    body: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
    headers: dict[str, Any] | None = None,
    status: int = 200,
    problems: tuple[int, ...] = (),
    unchanged: bool = False,
    free: bool = False,
) -> dict[str, Any]:
    """One operation; every one may be refused for reasons of the service, `free` ones need neither key nor rate."""
    responses: dict[str, Any] = {str(status): {"description": summary, "headers": headers or {}, "content": answer}}
    if unchanged:
        responses["304"] = {"description": "The client has it already", "headers": headers or {}}
    for refused in sorted({*problems, *(() if free else (401, 429, 503)), 400, 405, 408, 431, 500}):
        codes = sorted(code for code, (its, _) in OURS.items() if its == refused)
        told = "; ".join(f"`{code}`: {OURS[code][1]}" for code in codes)
        responses[str(refused)] = {
            "description": f"{HTTPStatus(refused).phrase}: {told}" if told else HTTPStatus(refused).phrase,
            "content": {PROBLEM_TYPE: {"schema": _reference(Problem)}},
        }
    found: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses}
    if description:
        found["description"] = description
    if parameters:
        found["parameters"] = parameters
    if body:
        found["requestBody"] = {"required": True, "content": body}
    if not free:
        found["security"] = [{}, {"key": []}]
    return found


def _content(media_type: str, model: type[BaseModel], examples: dict[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _reference(model)}
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {media_type: content}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _header(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "schema": schema}


def _path(name: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}


def _if_none_match() -> dict[str, Any]:
    return {"name": "if-none-match", "in": "header", "schema": {"type": "string"}}
