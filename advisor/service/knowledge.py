"""What is known, to read: `GET /v1/taxonomy`, `/v1/taxonomy/{category}` and `/v1/rules/{id}`; and the probes."""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

import advisor
from advisor.framing import plain
from advisor.service.models import Live, Ready
from advisor.service.problems import Refusal
from taxonomy.knowledge import load


async def taxonomy(request: Request) -> Response:
    """Every category with its sub-tasks."""
    return _known(request, lambda: plain(advisor.taxonomy()))


async def category(request: Request) -> Response:
    """One category."""
    return _known(request, lambda: plain(_named(load().categories, request, "category")))


async def rule(request: Request) -> Response:
    """One rule, as the evidence of a framing names it."""
    return _known(request, lambda: plain(_named(load().rules, request, "id")))


def _named(records: Any, request: Request, parameter: str) -> Any:
    name = request.path_params[parameter]
    if name not in records:
        what = "rule" if parameter == "id" else parameter
        raise Refusal("not_found", f"there is no such {what}; see /v1/taxonomy and the evidence of a framing")
    return records[name]


def _known(request: Request, made: Callable[[], Any]) -> Response:
    """What `made` gives, as JSON; nothing but 304 where the client has it. The ETag is the hash of the knowledge."""
    found = made()  # first, so that what does not exist is 404 and not 304
    tag = f'"{load().hash}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in given or "*" in given:
        return Response(status_code=304, headers=headers)
    return Response(to_json(found), media_type="application/json", headers=headers)


async def livez(request: Request) -> Response:
    """Whether the process answers."""
    return Response(Live().model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})


async def readyz(request: Request) -> Response:
    """What it answers with."""
    ready = Ready(version=advisor.__version__, knowledge=load().hash, encoder=request.app.state.encoder)
    return Response(ready.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"})
