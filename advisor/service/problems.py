"""Errors as the web has them: problem details after RFC 9457, never with a word of the input.

A problem's `code` is stable, and so is its `type`. What the advisor refuses has the advisor's own code; the service
adds those in `OURS`.
"""

from collections.abc import Iterable
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from advisor.errors import AdvisorError

MEDIA_TYPE = "application/problem+json"
MOST_DETAIL = 1_200  # characters; the whole problem stays below 2 KB

Headers = tuple[tuple[bytes, bytes], ...]

OURS: dict[str, tuple[int, str]] = {
    "request_invalid": (422, "the body is not what the schema asks for"),
    "not_json": (415, "the content type is not the one that the path takes"),
    "body_too_large": (413, "the body is longer than the path takes"),
    "key_needed": (401, "an API key is needed, and none that is known came with the request"),
    "not_found": (404, "there is nothing under this path"),
    "method_not_allowed": (405, "the path does not take this method"),
    "request_timeout": (408, "the request did not come in time"),
    "http_invalid": (400, "the bytes are no HTTP request"),
    "head_too_large": (431, "the request line and headers are longer than 32 KiB"),
    "idempotency_conflict": (422, "the idempotency key was used before, for other feedback"),
    "idempotency_invalid": (422, "the idempotency key is not 1 to 64 letters, digits, - and _"),
    "consent_needed": (422, "a text is kept only with consent"),
    "too_many_lines": (413, "the batch has more lines than are taken at once"),
    "too_many_requests": (429, "the rate limit of this key or address is used up"),
    "busy": (503, "too many requests wait already"),
    "store_unavailable": (503, "the feedback could not be kept; nothing of it was"),
    "internal": (500, "something of ours broke"),
}


class Problem(BaseModel):
    """What went wrong and what to do about it (RFC 9457); `code` is stable."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str


class Refusal(AdvisorError):
    """The service itself refuses.

    >>> Refusal("busy", "come back later").status
    503
    """

    def __init__(self, code: str, detail: str, *, headers: Headers = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.status = OURS[code][0]
        self.headers = headers


class ClientGone(Exception):
    """The client hung up; there is nobody to answer."""


def problem(status: int, code: str, detail: str, request_id: str) -> bytes:
    """A problem as JSON: a stable `code`, a title that follows from the status, and what to do in `detail`.

    >>> problem(404, "not_found", "see /openapi.json", "1f")[:55]
    b'{"type":"urn:advisor:problem:not_found","title":"Not Fo'
    """
    return to_json(
        {
            "type": f"urn:advisor:problem:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail if len(detail) <= MOST_DETAIL else detail[:MOST_DETAIL] + "…",
            "request_id": request_id,
        }
    )


def of(error: AdvisorError, request_id: str) -> tuple[int, bytes, Headers]:
    """Status, body and further headers of an error of the advisor."""
    headers: Iterable[tuple[bytes, bytes]] = getattr(error, "headers", ())
    return error.status, problem(error.status, error.code, error.public, request_id), tuple(headers)
