"""The service of a trained model: POST /predict takes rows as JSON and gives predictions, GET /livez says it is up.

It answers what predict.py would write for a table of those rows. A mistake in the rows is told in one sentence, with
status 422, as application/problem+json (RFC 9457); nothing of the program's insides is shown.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl

from models.kit import program, programs
from models.kit.errors import Refused
from models.kit.programs import AnyTask

if TYPE_CHECKING:
    from fastapi import FastAPI

MOST_ROWS = 10_000  # of one request
MOST_BYTES = 32_000_000  # of one request's body
MOST_CELLS = 1_000  # columns of one row
PORT = 8000
PROBLEM = "application/problem+json"


def serve(task: AnyTask, file: str, arguments: Sequence[str] | None = None) -> int:
    """Serves the saved model until it is stopped; returns the exit code."""
    return program.run(lambda given: _serve(task, Path(file).resolve().parent, given), arguments)


def _serve(task: AnyTask, here: Path, arguments: Sequence[str]) -> int:
    import uvicorn

    parser = program.options("Answers predictions over HTTP, with the model that train.py saved.", here)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 in a container")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on ({PORT})")
    given = parser.parse_args(arguments)
    served = app(task, given)
    sys.stderr.write(f"http://{given.host}:{given.port}/docs; Ctrl-C stops it\n")
    uvicorn.run(served, host=given.host, port=given.port, log_level="warning")
    return program.DONE


def app(task: AnyTask, given: argparse.Namespace) -> "FastAPI":
    """Returns the service of the model that the options name; raises `ArtefactError` where there is none."""
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

    settings, folder = programs.saved_settings(task, given)
    model = task.load(folder, settings)
    value = StrictBool | StrictInt | StrictFloat | StrictStr | list[Any] | None

    class Rows(BaseModel):
        """Rows as predict.py would read them from a table: one object a row, by column."""

        model_config = ConfigDict(extra="forbid")
        rows: Annotated[
            list[Annotated[dict[str, value], Field(max_length=MOST_CELLS)]],
            Field(min_length=1, max_length=MOST_ROWS),
        ]

    service = FastAPI(title=task.title(settings), version="1", redoc_url=None)

    def problem(status: int, detail: str) -> JSONResponse:
        body = {"type": "about:blank", "status": status, "title": "Not predicted", "detail": detail}
        return JSONResponse(body, status_code=status, media_type=PROBLEM)

    @service.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return problem(422, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")

    @service.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return problem(422, str(error))

    @service.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        sys.stderr.write(f"fault: {type(error).__name__}: {error}\n")
        return problem(500, "a fault of the service; its log says more")

    @service.middleware("http")
    async def bounded(request: Request, following: Any) -> Any:
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not length.isdecimal():
            return problem(411, "send the body with its Content-Length")
        if length.isdecimal() and int(length) > MOST_BYTES:
            return problem(413, f"at most {MOST_BYTES:,} bytes at once; send the rows in parts")
        return await following(request)

    @service.get("/livez")
    def alive() -> dict[str, str]:
        """Says that the service is up."""
        return {"status": "ok"}

    @service.post("/predict")
    def predict(given: Rows) -> dict[str, list[dict[str, Any]]]:
        """Returns the predictions for the rows; `row` counts them from 1."""
        try:
            table = pl.DataFrame(given.rows, infer_schema_length=None)
        except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
            raise Refused(f"rows: a column holds values of different kinds ({str(error).splitlines()[0]})") from None
        with program.threads(settings.threads):
            return {"predictions": programs.answers(task, model, table, settings).to_dicts()}

    return service
