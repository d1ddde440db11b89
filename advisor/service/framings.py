"""`POST /v1/framings` and `POST /v1/framings:batch`: bytes in, bytes out."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic_core import to_json

from advisor.errors import AdvisorError
from advisor.framing import Framing
from advisor.service import problems
from advisor.service.desk import RETRY_AFTER, Desk
from advisor.service.guard import Send, answer, visit
from advisor.service.metrics import Metrics
from advisor.service.models import BatchLine, FramingRequest
from advisor.service.problems import ClientGone, Refusal
from advisor.service.reading import (
    JSON_TYPES,
    LINES_TYPES,
    MOST_BYTES_WITH_TABLE,
    Receive,
    Scope,
    body_of,
    dumped,
    parsed,
    require_type,
)
from taxonomy.knowledge import load

FRAMING_ID = b"framing-id"
MOST_LINES = 1_000
MOST_BATCHES = 4  # at once; each may hold 16 MiB
MOST_WAITING_BATCHES = 32  # whose bodies are not read yet
LONGEST_BODY_KEPT = 4_096  # bytes of a request whose answer is kept for the next that is the same
SLOWEST_READER = 30.0  # seconds that the client may take for one line of the answer


class Answered(NamedTuple):
    """An answer as bytes, and what is told of it."""

    body: bytes
    framing_id: bytes
    category: str | None
    characters: int


def framing_id(request: FramingRequest) -> str:
    """Names a framing: the same for equal requests to equal knowledge; nothing of the request can be read from it."""
    named = [load().hash, request.text, request.answers, request.target, dumped(request.table)]
    return blake2b(to_json(named), digest_size=16).hexdigest()


def as_bytes(framing: Framing) -> bytes:
    """A framing as JSON; a number that JSON has no word for is null."""
    return to_json(framing.to_dict(), inf_nan_mode="null")


class Framings:
    """The route that frames one description; answers are kept for requests that come again, byte for byte."""

    def __init__(self, desk: Desk, metrics: Metrics, *, kept: int) -> None:
        self._desk = desk
        self._metrics = metrics
        self._most_kept = kept
        self._kept: OrderedDict[bytes, Answered] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        seen = visit(scope)
        require_type(scope, JSON_TYPES)
        body = await body_of(receive)
        found = self._kept.get(body)
        if found is None:
            found, pooled = await answered(self._desk, parsed(FramingRequest, body))
            seen.door = "pool" if pooled else "rules"
            self._keep(body, found)
        else:
            self._kept.move_to_end(body)
            seen.door = "cache"
        seen.characters, seen.category = found.characters, found.category
        self._metrics.categories[found.category or "undecided"] += 1
        self._metrics.doors[seen.door] += 1
        await answer(send, 200, found.body, headers=((FRAMING_ID, found.framing_id), (b"cache-control", b"no-store")))

    def _keep(self, body: bytes, found: Answered) -> None:
        if self._most_kept and len(body) <= LONGEST_BODY_KEPT:
            self._kept[body] = found
            if len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)


async def answered(desk: Desk, request: FramingRequest, *, waits: bool = False) -> tuple[Answered, bool]:
    """The answer to a request, and whether it took a thread.

    Raises:
        AdvisorError: as `advisor.frame`.
        Refusal: busy.
    """
    name = framing_id(request).encode() if isinstance(request.text, str) else b""

    def finish(framing: Framing) -> Answered:
        return Answered(as_bytes(framing), name, framing.category, len(framing.description))

    return await desk.frame(
        request.text,
        finish=finish,
        table=dumped(request.table),
        target=request.target,
        answers=request.answers,
        waits=waits,
    )


class Batch:
    """The route that frames many descriptions, one a line; each line is answered as soon as it is framed, in order.

    What comes is read on while answers are written, whether or not they are taken: nobody waits for a client that sends
    everything before it reads anything, and the cap of the body bounds what is held.
    """

    def __init__(self, desk: Desk, metrics: Metrics) -> None:
        self._desk = desk
        self._metrics = metrics
        self._free = asyncio.Semaphore(MOST_BATCHES)
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        require_type(scope, LINES_TYPES)
        if self._inside >= MOST_BATCHES + MOST_WAITING_BATCHES:
            raise Refusal("busy", "too many batches wait already; send it again soon", headers=RETRY_AFTER)
        self._inside += 1
        try:
            async with self._free:
                await self._run(scope, receive, send)
        finally:
            self._inside -= 1

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        lines: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        reader = asyncio.create_task(_read(receive, lines))
        try:
            await self._answer(scope, lines, send)
        finally:
            reader.cancel()

    async def _answer(self, scope: Scope, lines: "asyncio.Queue[bytes | Exception | None]", send: Send) -> None:
        seen = visit(scope)
        first = await lines.get()
        if isinstance(first, Exception):
            raise first  # nothing was answered yet: it can be a problem of its own
        headers = [(b"content-type", LINES_TYPES[0]), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for line in self._answers(first, lines, seen.id):
            message = {"type": "http.response.body", "body": line, "more_body": True}
            try:
                await asyncio.wait_for(send(message), SLOWEST_READER)
            except TimeoutError:
                raise ClientGone from None
        await send({"type": "http.response.body", "body": b""})

    async def _answers(
        self, line: "bytes | Exception | None", lines: "asyncio.Queue[bytes | Exception | None]", request_id: str
    ) -> AsyncIterator[bytes]:
        number = 0
        while line is not None:
            number += 1
            if isinstance(line, Refusal):
                yield _problem_line(number, None, line, request_id)
                if line.code != "body_too_large" or line.args[0] != _LONG_LINE:
                    return
            elif isinstance(line, Exception):
                raise line
            elif line.strip():
                yield await self._framed(number, line, request_id)
            line = await lines.get()

    async def _framed(self, number: int, line: bytes, request_id: str) -> bytes:
        name: str | None = None
        try:
            request = parsed(BatchLine, line)
            name = request.id
            found, pooled = await answered(self._desk, request, waits=True)
        except AdvisorError as error:
            return _problem_line(number, name, error, request_id)
        self._metrics.categories[found.category or "undecided"] += 1
        self._metrics.doors["pool" if pooled else "rules"] += 1
        head = to_json({"line": number, "id": name, "framing_id": found.framing_id.decode()})
        return head[:-1] + b',"framing":' + found.body + b"}\n"


_LONG_LINE = f"a line is longer than {MOST_BYTES_WITH_TABLE:,} bytes; shorten it"


def _problem_line(number: int, name: str | None, error: AdvisorError, request_id: str) -> bytes:
    head: Any = to_json({"line": number, "id": name})
    return bytes(head[:-1] + b',"problem":' + problems.of(error, request_id)[1] + b"}\n")


async def _read(receive: Receive, lines: "asyncio.Queue[bytes | Exception | None]") -> None:
    """Put each line of the body into `lines`, then None; or the error that ended it."""
    rest, skipping, count = b"", False, 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            *whole, rest = (rest + message.get("body", b"")).split(b"\n")
            more = bool(message.get("more_body"))
            if not more and rest:
                whole.append(rest)
            for line in whole:
                if skipping:
                    skipping = False
                    continue
                count += 1
                if count > MOST_LINES:
                    raise Refusal(
                        "too_many_lines", f"a batch has at most {MOST_LINES:,} lines; send the rest in another"
                    )
                lines.put_nowait(line if len(line) <= MOST_BYTES_WITH_TABLE else Refusal("body_too_large", _LONG_LINE))
            if more and len(rest) > MOST_BYTES_WITH_TABLE:
                if not skipping:
                    count += 1
                    lines.put_nowait(Refusal("body_too_large", _LONG_LINE))
                rest, skipping = b"", True
            if not more:
                lines.put_nowait(None)
                return
    except Exception as error:  # noqa: BLE001  told to the one who answers
        lines.put_nowait(error)
