"""What becomes of fetched files that no template reads as they lie in the wheel: one Parquet table, by their `form`."""

import codecs
import io
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from models import pickled, wikitext
from models.kit.errors import Refused


def texts(contents: Sequence[bytes]) -> bytes:
    """Returns a table of one text a row, `text`: the paragraphs of dumps of MediaWiki (XML), the lines of other files.

    >>> pl.read_parquet(texts([b"Rain fell today.\\n\\nIt is dry now.\\n"])).rows()
    [('Rain fell today.',), ('It is dry now.',)]
    """
    found: list[str] = []
    for content in contents:
        content = content.removeprefix(codecs.BOM_UTF8)
        if content.lstrip().startswith(b"<"):
            found += [each for article in wikitext.articles(content) for each in wikitext.paragraphs(article)]
        else:
            found += [line for line in map(str.strip, _decoded(content).splitlines()) if line]
    return _parquet(pl.DataFrame({"text": found}, schema={"text": pl.String}))


def analogies(contents: Sequence[bytes]) -> bytes:
    """Returns a table of questions, `a`, `b`, `c` and their answer `d`, each with the section it stands in.

    >>> pl.read_parquet(analogies([b": family\\nboy girl man woman\\n"])).rows()
    [('boy', 'girl', 'man', 'woman', 'family')]
    """
    found = []
    for content in contents:
        section = ""
        for number, line in enumerate(_decoded(content).splitlines(), start=1):
            if line.startswith(":"):
                section = line.removeprefix(":").strip()
            elif len(words := line.split()) == 4:
                found.append((*words, section))
            elif words:
                raise Refused(f"line {number} of the analogies has {len(words)} words, not four; nothing was kept")
    columns = ("a", "b", "c", "d", "section")
    return _parquet(pl.DataFrame(found, schema=dict.fromkeys(columns, pl.String), orient="row"))


def _pickled(contents: Sequence[bytes]) -> bytes:
    (content,) = contents
    return pickled.parquet(content)


def _decoded(content: bytes) -> str:
    """Returns the text of a file in UTF-8, or else in Latin-1, as some old ones are."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


FORMS: Mapping[str, Callable[[Sequence[bytes]], bytes]] = {
    "pandas pickle": _pickled,  # numbers and texts are taken out without unpickling
    "texts": texts,
    "analogies": analogies,
}
