"""Where framings are made: on the event loop where the rules are sure, else in a few threads with a bounded queue.

The loop itself never does more than a few milliseconds of work before it looks at its sockets again, so that /livez
answers at once however much there is to do. Tables and starters, which may take seconds, have threads of their own: a
text never waits behind them.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from advisor import api
from advisor.framing import Framing
from advisor.service.problems import Refusal
from advisor.service.settings import Settings
from advisor.target import Target

SHORT = 1_000  # characters that the rules read in about a millisecond; longer texts go to a thread
LONGEST_TURN = 0.005  # seconds of framing on the loop before it looks at its sockets
MOST_THREADS = 4
RETRY_AFTER = ((b"retry-after", b"1"),)

T = TypeVar("T")


class Lane:
    """Threads, and a queue before them that does not grow without end."""

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self.inside = 0  # pieces that are being done or wait
        self._room = threads + queue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def do(self, piece: Callable[[], T], *, waits: bool = False) -> T:
        """What `piece` returns, called in one of the threads; with `waits` a full queue is waited for.

        Raises:
            Refusal: busy; so many wait already that this one would wait too long.
        """
        if self.inside >= self._room and not waits:
            raise Refusal("busy", "too many requests wait already; send it again in a second", headers=RETRY_AFTER)
        loop = asyncio.get_running_loop()
        self.inside += 1
        future: Future[T] = self._pool.submit(piece)
        # A caller who gives up leaves, but the thread is busy until the work is done.
        future.add_done_callback(lambda _: _soon(loop, self._done))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the threads go once their work is done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self) -> None:
        self.inside -= 1


class Desk:
    """Frames descriptions for every door of the service."""

    def __init__(self, settings: Settings) -> None:
        threads = settings.threads or min(MOST_THREADS, os.cpu_count() or 1)
        self.encoder = settings.encoder == "on"
        self.texts = Lane("texts", threads=threads, queue=settings.queue)
        self.tables = Lane("tables", threads=max(1, threads // 2), queue=settings.queue)
        self._turn = asyncio.Lock()
        self._turned = 0.0

    async def frame(
        self,
        text: str,
        *,
        finish: Callable[[Framing], T],
        table: Any = None,
        target: Target | None = None,
        answers: Mapping[str, str] | None = None,
        waits: bool = False,
    ) -> tuple[T, bool]:
        """What `finish` makes of the framing, and whether it took a thread.

        Args:
            text: the description; see `advisor.frame` for this and the next.
            finish: called with the framing, in the same thread, so that large answers are written there, too.
            table: what there is to learn from.
            target: the column to predict, or several.
            answers: question id -> answer id.
            waits: whether a full queue is waited for; else it is refused.

        Raises:
            AdvisorError: as `advisor.frame`.
            Refusal: busy.
        """
        if table is None and target is None and isinstance(text, str) and len(text) <= SHORT:
            async with self._turn:
                if time.monotonic() - self._turned > LONGEST_TURN:
                    await asyncio.sleep(0)  # whoever became ready since is served before
                    self._turned = time.monotonic()
                begun = api.begin(text, answers=answers)
                if begun.sure or not self.encoder:
                    return finish(api.finish(begun, encoder=False)), False

            def rest() -> T:
                return finish(api.finish(begun))

            return await self.texts.do(rest, waits=waits), True

        def whole() -> T:
            return finish(api.frame(text, table=table, target=target, answers=answers, encoder=self.encoder))

        return await (self.texts if table is None else self.tables).do(whole, waits=waits), True

    def warm(self) -> str | None:
        """Load what framing needs and return the hash of the encoder, None where none is asked."""
        api.frame("hello", encoder=self.encoder)
        if not self.encoder:
            return None
        from advisor.encoder import load

        reader = load()
        return reader.hash if reader else None

    def close(self) -> None:
        """Let the threads go once their work is done."""
        self.texts.close()
        self.tables.close()


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
