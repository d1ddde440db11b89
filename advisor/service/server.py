"""The server: uvicorn, with limits on slow and endless requests, and an end that answers all that is in flight."""

import asyncio
import gc
import logging
import os
import signal
import sys
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import uvicorn
from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from advisor.service import problems
from advisor.service.settings import Settings, decided, exported

MOST_HEAD = 32 * 1024  # bytes of a request line and its headers
LEAST_RATE = 16 * 1024  # bytes a second, below which a body that takes long is given up
SWITCH_SECONDS = 0.001  # how long a thread may keep the interpreter while the loop waits for it

MOST_UNCHECKED = 50_000  # new objects before garbage is looked for: some ten framings, which leave hardly any

HEAD, BODY, DONE = range(3)


@lru_cache(maxsize=1)
def _settings() -> Settings:
    return decided({})


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it; whoever sends a head or a body too slowly, or a head too long, is refused."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._settings = _settings()
        self._phase = HEAD
        self._head_bytes = 0  # of whole headers
        self._unfinished = 0  # of a head that has not come to its end
        self._body_bytes = 0
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a request."""
        super().connection_made(transport)
        if len(self.connections) > self._settings.connections:
            self._refuse("busy", "too many connections are open; try again in a second", b"retry-after: 1\r\n")
            return
        self._wait(self._settings.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and wait no longer than the settings say for what is still missing."""
        if self._refused:
            return
        before = self._phase
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._phase == DONE:
            self._stop()
        elif self._phase == HEAD:
            self._unfinished += len(data)
            if self._unfinished > MOST_HEAD:
                self._refuse("head_too_large", "the request line and headers are too long; shorten them")
            elif self._deadline is None:
                self._wait(self._settings.header_seconds)
        elif before != BODY or self._deadline is None:
            self._wait(self._settings.body_seconds)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._phase, self._head_bytes, self._unfinished, self._body_bytes = HEAD, 0, 0, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One more header."""
        self._head_bytes += len(name) + len(value) + len(b": \r\n")
        if self._head_bytes > MOST_HEAD:
            raise ValueError  # the parser stops, and send_400_response is called
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        super().on_headers_complete()
        self._phase = BODY

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        self._phase = DONE

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        if self._head_bytes > MOST_HEAD:
            self._refuse("head_too_large", "the request line and headers are too long; shorten them")
        else:
            self._refuse("http_invalid", "the bytes are no HTTP/1.1 request")

    def _wait(self, seconds: float) -> None:
        self._stop()
        self._deadline = self.loop.call_later(seconds, self._late, self._body_bytes)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self, body_bytes: int) -> None:
        self._deadline = None
        if self._refused or self.transport.is_closing() or self._phase == DONE:
            return
        if self._phase == BODY:
            enough = self._body_bytes - body_bytes >= LEAST_RATE * self._settings.body_seconds
            if enough or self.flow.read_paused:  # where reading was paused, it is us who are slow
                self._wait(self._settings.body_seconds)
                return
        self._refuse("request_timeout", "the request did not come in time; send it again, faster")

    def _refuse(self, code: str, detail: str, header: bytes = b"") -> None:
        """Answer with a problem where no other answer is under way, and hang up."""
        self._refused = True
        self._stop()
        if self._may_answer() and not self.transport.is_closing():
            status = problems.OURS[code][0]
            body = problems.problem(status, code, detail, os.urandom(8).hex())
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n%s"
                % (status, HTTPStatus(status).phrase.encode(), problems.MEDIA_TYPE.encode(), len(body), header, body)
            )
        self.transport.close()
        if self.cycle is not None:  # whoever still reads the body learns that nobody sends it
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _may_answer(self) -> bool:
        """Whether the next bytes that are written answer the request that is being read."""
        if self.cycle is None:
            return True
        if self._phase == BODY:
            return not self.cycle.response_started and not self.pipeline
        return self.cycle.response_complete


class Lines(logging.Formatter):
    """What the server itself has to tell, as JSON; of an error only where it was."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        write: dict[str, Any] = {"time": round(record.created, 3), "level": record.levelname.lower()}
        if record.exc_info and record.exc_info[0] is not None:
            write |= {"message": str(record.msg).strip(), "error": record.exc_info[0].__name__}
        else:
            write["message"] = record.getMessage()
        return to_json(write).decode()


def serve(settings: Settings) -> None:
    """Answer until told to stop; requests in flight are answered first."""
    exported(settings, os.environ)  # for the processes that uvicorn starts, and the protocol
    sys.setswitchinterval(SWITCH_SECONDS)
    # uvicorn raises the signal again once all is answered; the end it was meant to bring has then come.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.run(
        "advisor.service.server:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=PatientProtocol,
        ws="none",
        access_log=False,
        server_header=False,
        log_config=_LOGGED,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.grace_seconds,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies or None,
        lifespan="on",
    )


def application() -> Any:
    """The application of one process, as its environment says."""
    from advisor.service.app import create_app

    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(MOST_UNCHECKED, *gc.get_threshold()[1:])
    return create_app()


_LOGGED: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": Lines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False} for name in ("uvicorn", "uvicorn.error")
    },
}
