"""The application: `POST /v1/framings`, `GET /v1/taxonomy`, `/livez`, `/openapi.json`."""

from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

import advisor
from advisor.framing import plain
from advisor.service.models import FramingModel, FramingRequest, Live, TaxonomyModel
from advisor.service.problems import ANSWERED, BodyCap, install
from taxonomy.knowledge import load


def create_app() -> FastAPI:
    """The service as an ASGI application; the knowledge base is loaded before the first request.

    >>> sorted(route.path for route in create_app().routes if route.path.startswith("/v1"))
    ['/v1/framings', '/v1/taxonomy']
    """
    load()
    app = FastAPI(
        title="Problem-framing advisor",
        version=advisor.__version__,
        summary="Which machine-learning task a problem is, or that none is needed, and why.",
        docs_url=None,  # the usual page loads its scripts from elsewhere; the schema itself stands at /openapi.json
        redoc_url=None,
        responses=ANSWERED,
    )
    install(app)
    app.add_middleware(BodyCap)

    @app.post("/v1/framings", response_model=FramingModel, summary="Frame a description")
    def framings(request: FramingRequest) -> Any:
        table = None if request.table is None else request.table.model_dump()
        framing = advisor.frame(request.text, table=table, target=request.target, answers=request.answers)
        return JSONResponse(framing.to_dict())

    @app.get("/v1/taxonomy", response_model=TaxonomyModel, summary="Every category with its sub-tasks")
    def taxonomy() -> Any:
        return JSONResponse(plain(advisor.taxonomy()))

    @app.get("/livez", response_model=Live, summary="Whether the process answers")
    async def livez() -> Any:
        return JSONResponse(Live().model_dump())

    return app


def serve(*, host: str, port: int) -> None:
    """Answer until stopped; requests in flight are answered first."""
    uvicorn.run(create_app(), host=host, port=port, log_level="info", access_log=False)
