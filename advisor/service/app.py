"""The application: which path leads where. /openapi.json says what each takes and gives, /docs shows it.

Routes of the page stand in `advisor.service.page`, whose `routes()` gives them; they find the desk that frames, and the
settings, in `request.app.state`. A response may bring its own Content-Security-Policy; the strictest is added else.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router

from advisor.service import docs, keys, knowledge, metrics, openapi
from advisor.service.desk import Desk
from advisor.service.feedback import Feedback
from advisor.service.framings import Batch, Framings
from advisor.service.guard import App, Guard
from advisor.service.limits import Buckets
from advisor.service.settings import Settings, decided
from advisor.service.starters import Starters
from taxonomy.knowledge import load


class State:
    """What routes share: `request.app.state`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.desk = Desk(settings)
        self.metrics = metrics.Metrics()
        self.feedback = Feedback(settings.store)
        self.encoder: str | None = None  # hash, once it is loaded


class Door(NamedTuple):
    """A path that takes one method."""

    method: str
    path: str
    endpoint: Any


def create_app(settings: Settings | None = None) -> App:
    """The service as an ASGI application; without `settings` the environment is read.

    Raises:
        UsageError: a setting is not what it takes.
        InputRefused: the file of keys cannot be read.

    >>> callable(create_app(Settings(encoder="off")))
    True
    """
    settings = decided({}) if settings is None else settings
    load()
    state = State(settings)
    known = keys.read(settings.keys)
    buckets = Buckets(rate=max(1, settings.rate // settings.workers), burst=settings.burst) if settings.rate else None

    @asynccontextmanager
    async def life(app: Any) -> AsyncIterator[None]:
        state.encoder = await asyncio.to_thread(state.desk.warm)
        gc.collect()
        gc.freeze()  # what is loaded now stays, and need never be looked through for garbage
        yield
        state.desk.close()

    router = Router(_routes(state, page=_shows_page(settings, known)), redirect_slashes=False, lifespan=life)
    guard: App = Guard(
        router, metrics=state.metrics, keys=known, buckets=buckets, log=settings.log == "on", state=state
    )
    if settings.cors:
        origins = [origin.strip() for origin in settings.cors.split(",") if origin.strip()]
        exposed = ["framing-id", "x-request-id", "retry-after", "ratelimit-remaining"]
        allowed = ["authorization", "content-type", "idempotency-key"]
        return CORSMiddleware(
            guard, allow_origins=origins, allow_methods=["GET", "POST"], allow_headers=allowed, expose_headers=exposed
        )
    return guard


def _routes(state: State, *, page: bool) -> Sequence[BaseRoute]:
    """Every route, those that are asked most first."""
    desk, counted = state.desk, state.metrics
    routes: list[BaseRoute] = [
        Route("/v1/framings", Framings(desk, counted, kept=state.settings.cache), methods=["POST"]),
        Route("/v1/framings:batch", Batch(desk, counted), methods=["POST"]),
        Route("/v1/starters", Starters(desk), methods=["POST"]),
        Route("/v1/feedback", state.feedback, methods=["POST"]),
        Route("/v1/taxonomy", knowledge.taxonomy),
        Route("/v1/taxonomy/{category}", knowledge.category),
        Route("/v1/rules/{id}", knowledge.rule),
        Route("/livez", knowledge.livez),
        Route("/readyz", knowledge.readyz),
        Route("/metrics", _metrics),
        Route("/openapi.json", openapi.document),
        Route("/docs", docs.page),
    ]
    if page:
        from advisor.service import page as pages

        routes += pages.routes()
    return routes


def _shows_page(settings: Settings, known: keys.Keys | None) -> bool:
    return settings.page == "on" or (settings.page == "auto" and known is None)


async def _metrics(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    gauges = {
        f"advisor_{name}_waiting": (f"{name} that are being framed in a thread, or wait for one", lane.inside)
        for name, lane in (("texts", desk.texts), ("tables", desk.tables))
    }
    return Response(request.app.state.metrics.text(gauges), media_type=metrics.MEDIA_TYPE)
