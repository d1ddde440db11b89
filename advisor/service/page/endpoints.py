"""The routes of the page: `/` for everything, `/feedback` for what was right, and the files under `/page/`."""

import gzip
from functools import cache

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from advisor.errors import AdvisorError
from advisor.framing import Framing
from advisor.service.desk import Desk
from advisor.service.feedback import Feedback, checked
from advisor.service.framings import framing_id
from advisor.service.guard import visit
from advisor.service.models import FeedbackRequest, FramingRequest, StarterRequest
from advisor.service.page import document, feedback, form
from advisor.service.page.project import DOWNLOAD
from advisor.service.problems import Refusal
from advisor.service.reading import body_of, dumped, parsed, require_type
from advisor.service.starters import MEDIA_TYPE as ZIP
from advisor.service.starters import started

HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FORM_TYPES = (form.MEDIA_TYPE.encode(),)
A_YEAR = 31_536_000  # seconds
QUICK = 5  # of gzip's levels: nearly as small as the slowest, in a fraction of its time


async def index(request: Request) -> Response:
    """The page: empty, or with the answer to its form; or the starter, where the form asks for that."""
    if request.method != "POST":
        return _html(request, document.page().encode(), kept=True)
    asked = form.Asked("")
    try:
        require_type(request.scope, FORM_TYPES)
        asked = form.read(await body_of(request.receive))
        body = to_json(asked.request())
        if asked.do == DOWNLOAD:
            return await _starter(request, parsed(StarterRequest, body))
        return await _framed(request, asked, parsed(FramingRequest, body))
    except AdvisorError as error:
        if error.status >= 500 and not isinstance(error, Refusal):
            raise
        told = document.page(asked._replace(table=None), problem=error.public)
        response = _html(request, told.encode(), status=error.status)
        response.raw_headers += list(getattr(error, "headers", ()))
        return response


async def _framed(request: Request, asked: form.Asked, wanted: FramingRequest) -> Response:
    desk: Desk = request.app.state.desk
    seen = visit(request.scope)
    identity = framing_id(wanted) if isinstance(wanted.text, str) else ""

    def finish(framing: Framing) -> tuple[bytes, str | None]:
        return document.page(asked, framing, identity=identity).encode(), framing.category

    (body, category), pooled = await desk.frame(
        wanted.text, finish=finish, table=dumped(wanted.table), target=wanted.target, answers=wanted.answers
    )
    seen.characters, seen.category, seen.door = len(wanted.text), category, "pool" if pooled else "rules"
    return _html(request, body)


async def _starter(request: Request, wanted: StarterRequest) -> Response:
    desk: Desk = request.app.state.desk
    seen = visit(request.scope)
    body, seen.category = await desk.tables.do(lambda: started(wanted, encoder=desk.encoder))
    seen.characters, seen.door = len(wanted.text), "pool"
    headers = {"content-disposition": 'attachment; filename="starter.zip"', "cache-control": "no-store"}
    return Response(body, media_type=ZIP, headers=headers)


async def right(request: Request) -> Response:
    """Keep what the user says was right, and say thanks once it is kept."""
    try:
        require_type(request.scope, FORM_TYPES)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refusal("request_invalid", "this form came from another site; send it from the page itself")
        wanted = parsed(FeedbackRequest, to_json(feedback.read(await body_of(request.receive))))
        entry = checked(wanted)
        visit(request.scope).category = entry.category
        store: Feedback = request.app.state.feedback
        await store.keep(entry)
    except AdvisorError as error:
        if error.status >= 500 and not isinstance(error, Refusal):
            raise
        told = document.document("That did not work", feedback.refused(error.public))
        return _html(request, told.encode(), status=error.status)
    told = document.document("Thank you", feedback.thanks(with_text=entry.text is not None))
    return _html(request, told.encode(), status=201)


async def file(request: Request) -> Response:
    """A file of the page; with its own hash in the address it may be kept for ever."""
    name = request.path_params["name"]
    if name not in TYPES:
        return Response(status_code=404)
    lasting = f"public, max-age={A_YEAR}, immutable" if request.url.path == document.address(name) else "no-cache"
    plain, zipped = _file(name)
    return _packed(request, plain, zipped, TYPES[name], lasting)


@cache
def _file(name: str) -> tuple[bytes, bytes]:
    plain = (document.FOLDER / name).read_bytes()
    return plain, gzip.compress(plain, mtime=0)


def _html(request: Request, page: bytes, *, status: int = 200, kept: bool = False) -> Response:
    caching = "no-cache" if kept else "no-store"  # an answer holds the user's text
    response = _packed(request, page, None, HTML, caching, status=status)
    response.headers["content-security-policy"] = POLICY
    return response


def _packed(
    request: Request, plain: bytes, zipped: bytes | None, media_type: str, caching: str, *, status: int = 200
) -> Response:
    headers = {"cache-control": caching, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        plain = gzip.compress(plain, QUICK, mtime=0) if zipped is None else zipped
    return Response(plain, status, headers, media_type)


ROUTES = [
    Route("/", index, methods=["GET", "POST"]),
    Route("/feedback", right, methods=["POST"]),
    Route("/page/{hash}/{name}", file),
]
