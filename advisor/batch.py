"""Many framings: lines of JSON in, lines of JSON out, in order, by one process or several, and restartable.

A line of input holds what `POST /v1/framings` takes, and an `id` (a text or a whole number; else the number of its line
is its id). A line of output holds `id`, `line`, and either `framing` or `error` with `code` and `message`. Whatever is
wrong with one line is told in its own line of output, and the others are framed all the same. A run that was cut off
goes on where it stopped: lines whose id stands in the output are passed over, and half a last line is taken away first.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from advisor.errors import AdvisorError, InputRefused

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

MOST_LINE = 1024 * 1024  # bytes of a line of input
CHUNK = 16  # lines that one process takes at once
AHEAD = 3  # chunks that wait for each process, so that none is ever idle
FIELDS = frozenset(("id", "text", "table", "target", "answers"))
TWICE = "id_twice"


class Line(NamedTuple):
    """A line of input: what it asks, or what is wrong with it."""

    number: int  # from 1
    id: str | int
    asked: dict[str, Any]
    error: tuple[str, str] | None = None  # code and message


class Done(NamedTuple):
    """What an output already holds."""

    ids: set[str | int]
    twice: set[int]  # numbers of lines whose id had come before


class Written(NamedTuple):
    """Lines of output, and how many of them are errors."""

    lines: str
    told: int
    errors: int


def lines(stream: IO[bytes]) -> Iterator[Line]:
    """The lines of an input, each checked; empty ones are passed over.

    >>> import io
    >>> [(line.id, line.error) for line in lines(io.BytesIO(b'{"id": "a", "text": "hello"}\\n\\n{"text": "x"}'))]
    [('a', None), (3, None)]
    """
    number = 0
    while raw := stream.readline(MOST_LINE + 1):
        number += 1
        if len(raw) > MOST_LINE:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(MOST_LINE)
            yield Line(number, number, {}, ("line_too_long", f"the line is longer than {MOST_LINE:,} bytes"))
        elif raw.strip():
            yield _line(number, raw)


def _line(number: int, raw: bytes) -> Line:
    try:
        asked = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        said = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"is no JSON object: {error}"
        return Line(number, number, {}, ("line_invalid", f"the line {said}"))
    if not isinstance(asked, dict):
        return Line(number, number, {}, ("line_invalid", 'the line is no JSON object such as {"text": "…"}'))
    name = asked.pop("id", number)
    if isinstance(name, bool) or not isinstance(name, str | int):
        return Line(number, number, {}, ("line_invalid", "the id is neither a text nor a whole number"))
    unknown = sorted(asked.keys() - FIELDS)
    if unknown:
        known = ", ".join(sorted(FIELDS))
        return Line(number, name, {}, ("line_invalid", f"there is no field {unknown[0][:60]!r}; known are {known}"))
    return Line(number, name, asked)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number that JSON has")


def missing(found: Iterable[Line], done: Done) -> Iterator[Line]:
    """The lines that are still to be framed; one whose id came before becomes an error."""
    seen: set[str | int] = set()
    for line in found:
        if line.id in seen:
            if line.number not in done.twice:
                yield line._replace(error=(TWICE, "the id has come before; give each line its own"))
            continue
        seen.add(line.id)
        if line.id not in done.ids:
            yield line


def repaired(output: Path) -> Done:
    """What an output holds, after half a last line was taken away; nothing where there is no such file.

    Raises:
        InputRefused: it holds a line that is none of ours.
    """
    done = Done(set(), set())
    if not output.exists():
        return done
    whole = 0
    with output.open("rb+") as file:
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n"):
                break
            whole += len(raw)
            try:
                record = json.loads(raw)
                name, error = record["id"], record.get("error") or {}
                if error.get("code") == TWICE:
                    done.twice.add(record["line"])
                else:
                    done.ids.add(name)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputRefused(
                    f"{output}:{number}: is not a line that a batch wrote; name another output", code="output_foreign"
                ) from None
        file.truncate(whole)
    return done


def framed(chunk: list[Line]) -> Written:
    """The lines of output of some lines of input.

    >>> written = framed([Line(1, "a", {"text": "How many hours will it take?"}), Line(2, "b", {"text": ""})])
    >>> [sorted(json.loads(line)) for line in written.lines.splitlines()], written.errors
    ([['framing', 'id', 'line'], ['error', 'id', 'line']], 1)
    """
    records, errors = [], 0
    for line in chunk:
        record: dict[str, Any] = {"id": line.id, "line": line.number}
        try:
            code, message = line.error or ("", "")
            if not code:
                record["framing"] = _framing(line.asked)
        except AdvisorError as error:
            code, message = error.code, str(error)
        except Exception as error:  # noqa: BLE001  one line must not end the run of all the others
            code, message = AdvisorError.code, f"something of ours broke ({type(error).__name__}: {error})"
        if code:
            record["error"] = {"code": code, "message": message}
            errors += 1
        records.append(json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n")
    return Written("".join(records), len(chunk), errors)


def _framing(asked: dict[str, Any]) -> dict[str, Any]:
    from advisor.api import frame

    table = asked.get("table")
    if table is not None and not isinstance(table, dict):  # a text would be read as the name of a file
        raise InputRefused('the table is no object with "columns" and "rows"', code="table_refused")
    return frame(
        asked.get("text"),  # type: ignore[arg-type]  # what is no text is refused with the same words at every door
        table=table,
        target=asked.get("target"),
        answers=asked.get("answers"),
    ).to_dict()


def results(asked: Iterable[Line], *, workers: int) -> Iterator[Written]:
    """The output of each chunk, in the order of the input; with several workers each is a process of its own.

    No more is read than the workers have room for, so that an input of any length takes the same memory.
    """
    if workers == 1:
        yield from map(framed, chunks(asked, 1))
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield from _in_order(pool, asked, most=workers * AHEAD)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool: "Executor", asked: Iterable[Line], *, most: int) -> Iterator[Written]:
    waiting: deque[Future[Written]] = deque()
    for chunk in chunks(asked, CHUNK):
        with _stopping_left_to_the_parent():
            waiting.append(pool.submit(framed, chunk))  # starts a worker where none is idle
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def chunks(asked: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """Lines, `size` at a time.

    >>> [len(chunk) for chunk in chunks([Line(n, n, {}) for n in range(5)], 2)]
    [2, 2, 1]
    """
    chunk: list[Line] = []
    for line in asked:
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@contextmanager
def _stopping_left_to_the_parent() -> Iterator[None]:
    """Has workers that start meanwhile never hear of Ctrl-C, which reaches the whole group: the parent ends the pool.

    What a process blocks is blocked in its children from their first instruction on; a handler that a worker sets for
    itself would come after its imports.
    """
    import signal

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
