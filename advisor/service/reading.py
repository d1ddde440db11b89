"""Bytes -> a checked request. JSON is read strictly: one meaning, whoever reads it.

Refused beyond what pydantic refuses: keys that come twice (readers disagree which counts), NaN and Infinity, halves of
surrogate pairs, a byte order mark, and another content type.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from advisor import description
from advisor.service.problems import ClientGone, Refusal

MOST_BYTES = 64 * 1024  # of a body without a table
MOST_BYTES_WITH_TABLE = 1024 * 1024  # 200 rows of 500 cells, ten bytes each; also of a line of a batch
JSON_TYPES, LINES_TYPES = (b"application/json",), (b"application/x-ndjson", b"application/jsonl")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
M = TypeVar("M", bound=BaseModel)


def header(scope: Scope, name: bytes) -> bytes:
    """The header `name`, in lower case; empty where it is missing."""
    for found, value in scope["headers"]:
        if found == name:
            return bytes(value)
    return b""


def require_type(scope: Scope, types: tuple[bytes, ...]) -> None:
    """Refuse a request whose content type is none of `types`, or says another charset than UTF-8."""
    given = header(scope, b"content-type")
    if given in types:
        return
    kind, _, parameters = given.lower().partition(b";")
    charset = parameters.strip().replace(b'"', b"")
    if kind.strip() not in types or charset not in (b"", b"charset=utf-8"):
        name = types[0].decode()
        raise Refusal("not_json", f"send the body as UTF-8 with the header content-type: {name}")


async def body_of(receive: Receive) -> bytes:
    """The whole body; the guard has capped it.

    Raises:
        ClientGone: the client hung up before the end.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    parts = []
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def parsed(model: type[M], body: bytes) -> M:
    """`body` as a `model`.

    Raises:
        Refusal: the body is not JSON, has a key twice, or is not what the model asks for.

    >>> from advisor.service.models import FramingRequest
    >>> parsed(FramingRequest, b'{"text": "hello"}').text
    'hello'
    >>> parsed(FramingRequest, b'{"text": "a", "text": "b"}')
    Traceback (most recent call last):
    advisor.service.problems.Refusal: a key comes twice in one object; see /openapi.json
    """
    try:
        found = model.__pydantic_validator__.validate_json(body)
    except ValidationError as error:
        _refuse_half_pairs(body)
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        known = first["loc"][:1] if first["type"] not in ("extra_forbidden", "json_invalid") else ()
        where = "".join(f" in {field!r}" for field in known)  # deeper steps are keys of the user's
        raise Refusal("request_invalid", f"{first['msg']}{where}; see /openapi.json") from None
    # Each key is followed by a colon: with no more colons than known keys, none can have come twice.
    if body.count(b":") > len(found.model_fields_set) and _has_a_key_twice(body):
        raise Refusal("request_invalid", "a key comes twice in one object; see /openapi.json")
    if len(body) > MOST_BYTES and getattr(found, "table", None) is None:
        raise Refusal("body_too_large", f"without a table a body has at most {MOST_BYTES:,} bytes; shorten it")
    return found  # type: ignore[no-any-return]


def _refuse_half_pairs(body: bytes) -> None:
    """Refuse half of a surrogate pair in the text with the words that every other door has for it."""
    if rb"\u" in body:
        with suppress(ValueError, RecursionError):
            found = json.loads(body)
            text = found.get("text") if isinstance(found, dict) else None
            if isinstance(text, str) and not text.isascii():
                description.check(text)


def _has_a_key_twice(body: bytes) -> bool:
    """Whether an object in `body`, which is known to be JSON, has a key twice."""
    twice = False

    def pairs(found: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len(dict(found)) < len(found)

    json.loads(body, object_pairs_hook=pairs)
    return twice


def dumped(table: Mapping[str, Any] | BaseModel | None) -> Any:
    """A table as the advisor takes it: a mapping of columns and rows, see `advisor.table`."""
    return None if table is None else table.model_dump() if isinstance(table, BaseModel) else table
