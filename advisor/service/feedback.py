"""`POST /v1/feedback`: what the right answer would have been, kept before it is acknowledged."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from pydantic_core import to_json

from advisor import description
from advisor.evidence import unknown
from advisor.service.desk import RETRY_AFTER
from advisor.service.guard import Send, answer, visit
from advisor.service.models import FeedbackRequest
from advisor.service.problems import Refusal
from advisor.service.reading import JSON_TYPES, Receive, Scope, body_of, header, parsed, require_type
from advisor.service.store import Entry, Receipt, Store, open_store
from taxonomy.knowledge import load

IDEMPOTENCY_KEY = b"idempotency-key"
MOST_WAITING = 256  # entries that wait to be written
BATCH = "feedback"
_KEY = re.compile(rb"[A-Za-z0-9_-]{1,64}")


class Feedback:
    """The route; one thread of its own writes, so that a slow disk holds nothing else up."""

    def __init__(self, where: str) -> None:
        self._store = open_store(where)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="feedback")
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        require_type(scope, JSON_TYPES)
        key = header(scope, IDEMPOTENCY_KEY)
        if key and not _KEY.fullmatch(key):
            raise Refusal("idempotency_invalid", "an idempotency key has 1 to 64 letters, digits, - and _")
        entry = checked(parsed(FeedbackRequest, await body_of(receive)))
        seen = visit(scope)
        seen.category = entry.category
        owned = f"{seen.owner or ''}:{key.decode()}" if key else None  # callers do not see each other's keys
        receipt = await self.keep(entry, idempotency=owned)
        await answer(send, 201, to_json(receipt._asdict()), headers=((b"cache-control", b"no-store"),))

    async def keep(self, entry: Entry, *, idempotency: str | None = None) -> Receipt:
        """Write an entry; it is on disk when this returns.

        Raises:
            Refusal: busy, or the store refuses; nothing of the entry is kept.
        """
        if self._waiting >= MOST_WAITING:
            raise Refusal("busy", "too much feedback waits to be written; send it again soon", headers=RETRY_AFTER)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._writer, lambda: self._store.add(entry, idempotency=idempotency)
            )
        finally:
            self._waiting -= 1


def checked(request: FeedbackRequest) -> Entry:
    """The entry that a request asks to keep.

    Raises:
        UsageError: there is no such category or sub-task.
        InputRefused: the text is none that can be framed.
        Refusal: a text without consent.
    """
    categories = load().categories
    if request.category not in categories:
        raise unknown("category", request.category, categories)
    subtasks = categories[request.category].subtasks
    if request.subtask is not None and request.subtask not in subtasks:
        raise unknown("sub-task", request.subtask, subtasks)
    if request.text is not None:
        description.check(request.text)
        if not request.consent:
            raise Refusal("consent_needed", "a text is kept only with consent; leave it out, or set consent to true")
    return Entry(
        request.framing,
        request.category,
        request.subtask,
        request.comment,
        request.text,
        request.consent,
        load().hash,
    )


def candidates(store: Store) -> Iterator[str]:
    """A line of JSON for each entry that may become a worked case: it has a text, and consent."""
    for identity, received, entry in store.rows():
        if entry.consent and entry.text is not None:
            found = {
                "text": entry.text,
                "category": entry.category,
                "subtask": entry.subtask,
                "batch": BATCH,
                "comment": entry.comment,
                "framing": entry.framing,
                "knowledge": entry.knowledge,
                "feedback": identity,
                "received": received,
            }
            yield json.dumps(found, ensure_ascii=False)
