"""One pure ASGI middleware around all routes: who may ask, how much and how often, and what is told of it.

It gives each request an id, turns every error into a problem, adds the security headers, counts, and writes one JSON
line. A route reports what it did in `visit(scope)`; nothing of a text is ever told.
"""

import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from secrets import token_hex
from typing import Any

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from advisor.errors import AdvisorError
from advisor.service import problems
from advisor.service.keys import Keys
from advisor.service.limits import Buckets, Left, caller_of
from advisor.service.metrics import Metrics
from advisor.service.problems import ClientGone, Headers, Refusal
from advisor.service.reading import MOST_BYTES, MOST_BYTES_WITH_TABLE, Receive, Scope, header

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BATCH_BYTES = 16 * 1024 * 1024
CAPS = {  # bytes of a body; 64 KiB where nothing else is said
    "/": MOST_BYTES_WITH_TABLE,
    "/v1/framings": MOST_BYTES_WITH_TABLE,
    "/v1/framings:batch": MOST_BATCH_BYTES,
    "/v1/starters": MOST_BYTES_WITH_TABLE,
}
OPEN = frozenset(("/livez", "/readyz", "/openapi.json", "/docs"))  # need no key and count towards no rate
CSP = b"content-security-policy"
_SECURE: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_STRICTEST = (CSP, b"default-src 'none'; frame-ancestors 'none'")
UNMATCHED = "unmatched"


class Visit:
    """What is told of one request; routes fill in what they know of it."""

    __slots__ = ("category", "characters", "door", "id", "owner", "route", "started", "status")

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.route = UNMATCHED  # the template of the path, which holds nothing of the user's
        self.owner: str | None = None  # name of the API key
        self.characters: int | None = None  # of the description
        self.category: str | None = None
        self.door: str | None = None  # what found the framing: cache, rules or pool
        self.status = 0
        self.started = time.perf_counter()


def visit(scope: Scope) -> Visit:
    """What is told of the request behind `scope`."""
    found: Visit = scope["advisor"]
    return found


class Guard:
    """The middleware; as an application it is what a server runs."""

    def __init__(
        self, app: App, *, metrics: Metrics, keys: Keys | None, buckets: Buckets | None, log: bool, state: Any
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.state = state  # routes find it as request.app.state
        self._keys = keys
        self._buckets = buckets
        self._log = log
        self._prefix, self._numbers = token_hex(6), count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or go through the life of the application."""
        scope["app"] = self
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        seen = scope["advisor"] = Visit(f"{self._prefix}{next(self._numbers):010x}")
        path: str = scope["path"]
        left: Left | None = None

        async def told(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                headers = list(message.get("headers", ()))
                if not any(name == CSP for name, _ in headers):
                    headers.append(_STRICTEST)
                headers += (*_SECURE, (b"x-request-id", seen.id.encode()), *self._limits(left))
                message["headers"] = headers
            await send(message)

        self.metrics.in_flight += 1
        try:
            if path not in OPEN:
                left = self._admit(scope, seen)
            await self.app(scope, self._capped(scope, path, receive), told)
        except Exception as error:  # noqa: BLE001  whatever broke, the client gets a problem and the log a line
            await self._failed(error, seen, told)
        finally:
            self.metrics.in_flight -= 1
            seen.route = getattr(scope.get("route"), "path", UNMATCHED)
            seconds = time.perf_counter() - seen.started
            self.metrics.answered(seen.route, seen.status, seconds)
            if self._log:
                self._tell(scope, seen, seconds)

    def _admit(self, scope: Scope, seen: Visit) -> Left | None:
        """What is left to the caller after this request.

        Raises:
            Refusal: no key that is known, or the rate is used up.
        """
        client = scope.get("client")
        caller = caller_of(client[0]) if client else ""
        if self._keys is not None:
            seen.owner = self._keys.owner(_key(scope))
        if self._buckets is not None:
            # A wrong key takes from the bucket of its address, so that guessing is slow as well.
            left = self._buckets.take(f"key {seen.owner}" if seen.owner else caller, now=time.monotonic())
            if not left.allowed:
                raise Refusal(
                    "too_many_requests",
                    f"the rate limit is used up; send it again in {left.wait} seconds",
                    headers=((b"retry-after", b"%d" % left.wait), *self._limits(left)),
                )
        else:
            left = None
        if self._keys is not None and seen.owner is None:
            raise Refusal(
                "key_needed",
                "send a known API key with the header authorization: Bearer KEY",
                headers=((b"www-authenticate", b"Bearer"), *self._limits(left)),
            )
        return left

    def _limits(self, left: Left | None) -> Headers:
        if left is None or self._buckets is None:
            return ()
        return (
            (b"ratelimit-limit", b"%d" % self._buckets.burst),
            (b"ratelimit-remaining", b"%d" % left.remaining),
            (b"ratelimit-reset", b"%d" % left.full_in),
        )

    def _capped(self, scope: Scope, path: str, receive: Receive) -> Receive:
        """`receive` that refuses more bytes than the path takes; at once where the length is told."""
        cap = CAPS.get(path, MOST_BYTES)
        told = header(scope, b"content-length")
        if told and (not told.isdigit() or len(told) > 12 or int(told) > cap):
            raise _too_large(cap)
        if told:
            return receive  # the server hands on no more than was told
        seen = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > cap:
                raise _too_large(cap)
            return message

        return counted

    async def _failed(self, error: Exception, seen: Visit, send: Send) -> None:
        """Answer with a problem, if there is still somebody to answer."""
        if isinstance(error, ClientGone | ClientDisconnect):
            seen.status = seen.status or 499  # as nginx logs it: the client hung up first
            return
        headers: Headers = ()
        if isinstance(error, HTTPException) and error.status_code == 405:
            code, detail = "method_not_allowed", "the path does not take this method; see /openapi.json"
            status, body = 405, problems.problem(405, code, detail, seen.id)
            headers = tuple((name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items())
        elif isinstance(error, HTTPException):
            status = error.status_code
            code = "not_found" if status == 404 else "request_invalid"
            body = problems.problem(status, code, "there is nothing here; see /openapi.json", seen.id)
        elif isinstance(error, AdvisorError) and error.code != AdvisorError.code:
            status, body, headers = problems.of(error, seen.id)
        else:
            _tell_broken(error, seen)
            status = 500
            body = problems.problem(500, "internal", "something of ours broke; the input was not at fault", seen.id)
        if seen.status:  # the answer has begun: it cannot become a problem any more, so it is cut off
            raise ConnectionAbortedError(f"request {seen.id} broke after its answer began") from None
        if status == 413:
            headers = (*headers, (b"connection", b"close"))  # what else is sent need not be read
        await answer(send, status, body, problems.MEDIA_TYPE, headers)

    def _tell(self, scope: Scope, seen: Visit, seconds: float) -> None:
        line = {
            "time": round(time.time(), 3),
            "id": seen.id,
            "method": scope["method"] if scope["method"] in _METHODS else "other",
            "route": seen.route,
            "status": seen.status,
            "ms": round(seconds * 1_000, 2),
            "key": seen.owner,
            "characters": seen.characters,
            "category": seen.category,
            "by": seen.door,
        }
        write_line({name: value for name, value in line.items() if value is not None})


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


async def answer(
    send: Send, status: int, body: bytes, media_type: str = "application/json", headers: Headers = ()
) -> None:
    """Send a whole answer."""
    start = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def write_line(told: dict[str, Any]) -> None:
    """One line of the log."""
    if sys.stderr is not None:
        sys.stderr.write(to_json(told).decode() + "\n")


def _tell_broken(error: Exception, seen: Visit) -> None:
    """Where it broke, without the message, which may hold words of the user's."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}")
        trace = trace.tb_next
    write_line({"id": seen.id, "route": seen.route, "error": type(error).__name__, "at": places[-5:]})


def _key(scope: Scope) -> str:
    kind, _, given = header(scope, b"authorization").partition(b" ")
    return given.strip().decode("latin-1") if kind.lower() == b"bearer" else ""


def _too_large(cap: int) -> Refusal:
    return Refusal("body_too_large", f"the body is longer than the {cap:,} bytes that this path takes; shorten it")
