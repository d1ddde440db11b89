"""The REST service: a thin skin over advisor.api, described by OpenAPI.

Context. A team puts the advisor in front of its people: many short requests, some with tables, from clients that nobody
has seen; and what they correct must not be lost.

Decision. Plain Starlette routes that take bytes and give bytes, and one pure ASGI middleware (guard.py) around all of
them. What the rules are sure of is framed on the event loop, everything else in a few threads with a bounded queue
(desk.py). Feedback is acknowledged when it is on disk (store.py). The description (openapi.py) is written out, and the
tests send its examples.

Consequences. Idle the service needs 50 MB without the encoder. A request that comes again, byte for byte, is answered
from memory. What a framework would derive from signatures stands here as data.

Alternatives. FastAPI, which takes twice as long to echo a body as this takes to answer from memory; a queue outside the
process, which would be one more thing to run.
"""
