"""Errors as the web has them: problem details after RFC 9457, never with a word of the input."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from advisor.errors import AdvisorError

MEDIA_TYPE = "application/problem+json"
MOST_BODY_BYTES = 512 * 1024  # a table of 200 rows and 50 columns fits

Scope = dict[str, object]
Receive = Callable[[], Awaitable[dict[str, object]]]
Send = Callable[[dict[str, object]], Awaitable[None]]


class Problem(BaseModel):
    """What went wrong and what to do about it (RFC 9457); `code` is stable."""

    type: str
    title: str
    status: int
    code: str
    detail: str


ANSWERED: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem", "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
}


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """A problem as JSON: a stable `code`, a title that follows from the status, and what to do in `detail`."""
    body = Problem(
        type=f"urn:advisor:problem:{code}", title=HTTPStatus(status).phrase, status=status, code=code, detail=detail
    )
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every error of `app` becomes a problem; one handler for each kind."""

    @app.exception_handler(AdvisorError)
    async def ours(request: Request, error: AdvisorError) -> JSONResponse:
        return problem(error.status, error.code, error.public)

    @app.exception_handler(RequestValidationError)
    async def not_the_schema(request: Request, error: RequestValidationError) -> JSONResponse:
        if not request.headers.get("content-type", "").partition(";")[0].strip().lower().endswith("json"):
            return problem(415, "not_json", "send the body as JSON, with the header content-type: application/json")
        first = error.errors()[0]
        known = first["loc"][1:2] if first["type"] not in ("extra_forbidden", "json_invalid") else ()
        where = "".join(f" in {field!r}" for field in known)  # deeper steps are keys of the user's
        return problem(422, "request_invalid", f"{first['msg']}{where}; see /openapi.json")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        response = problem(error.status_code, phrase.lower().replace(" ", "_"), f"{phrase}; see /openapi.json")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def internal(request: Request, error: Exception) -> JSONResponse:
        return problem(500, "internal", "something of ours broke; the input was not at fault")


class BodyCap:
    """ASGI middleware: a body longer than 512 KiB is refused with 413 before it is read to the end."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Buffer the body up to the cap, then hand it on whole."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += bytes(message.get("body", b""))  # type: ignore[call-overload]
            more = bool(message.get("more_body", False))
            if len(body) > MOST_BODY_BYTES:
                refusal = problem(
                    413, "body_too_large", f"the body is longer than {MOST_BODY_BYTES:,} bytes; shorten it"
                )
                await refusal(scope, receive, send)  # type: ignore[arg-type]
                return
        whole: dict[str, object] = {"type": "http.request", "body": body, "more_body": False}
        waiting = [whole]

        async def replay() -> dict[str, object]:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)
