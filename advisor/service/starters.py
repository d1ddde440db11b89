"""`POST /v1/starters`: a starter project as a zip file, the same bytes for the same request."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import advisor
from advisor.errors import InputRefused, UsageError
from advisor.service.desk import Desk
from advisor.service.guard import Send, answer, visit
from advisor.service.models import StarterRequest
from advisor.service.reading import JSON_TYPES, Receive, Scope, body_of, dumped, parsed, require_type

MEDIA_TYPE = "application/zip"
FOLDER = "starter"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_READABLE = 0o644 << 16  # the mode of each file, where zip keeps it
_UNIX = 3  # the system whose modes those are


class Starters:
    """The route that writes starter projects, each in a temporary folder that does not outlive the request."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        seen = visit(scope)
        require_type(scope, JSON_TYPES)
        request = parsed(StarterRequest, await body_of(receive))
        body, category = await self._desk.tables.do(lambda: started(request, encoder=self._desk.encoder))
        seen.characters, seen.category, seen.door = len(request.text), category, "pool"
        headers = (
            (b"content-disposition", b'attachment; filename="starter.zip"'),
            (b"cache-control", b"no-store"),
        )
        await answer(send, 200, body, MEDIA_TYPE, headers)


def started(request: StarterRequest, *, encoder: bool = True) -> tuple[bytes, str | None]:
    """A starter project as the bytes of a zip file, and the category of its framing.

    Raises:
        InputRefused: the text or table cannot be used, or no template fits.
        UsageError: the template, target or an answer does not exist.
    """
    from advisor.profiling.opening import from_rows

    if request.template is not None:
        _require(request.template)
    table = dumped(request.table)
    framing = advisor.frame(request.text, table=table, target=request.target, answers=request.answers, encoder=encoder)
    rows: Any = None if table is None else from_rows(table)
    with tempfile.TemporaryDirectory(prefix="advisor-") as folder:
        try:
            place = framing.start(Path(folder) / FOLDER, table=rows, target=request.target, template=request.template)
        except UsageError as error:
            raise UsageError(str(error), public="a target needs a table") from None
        except InputRefused as error:
            if error.code in ("undecided", "no_template"):  # these name templates and questions, nothing of the user's
                raise
            public = "the table or its target cannot start this project; check the target, or name another template"
            raise InputRefused(str(error), code=error.code, public=public) from None
        return zipped(place), framing.category


def zipped(folder: Path) -> bytes:
    """Every file below `folder` as a zip file, whose bytes depend on names and contents alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", EPOCH)
                entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _READABLE, _UNIX
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _require(template: str) -> None:
    """Refuse a template that does not exist, before anything else is done for it."""
    from advisor.evidence import unknown
    from models import catalog

    known = [found.id for found in catalog.templates()]
    if template not in known:
        raise unknown("template", template, known)
