"""Sequences in tables: sentences, words and recordings, one a row or one step a row, and treebanks in CoNLL-U.

A cell holds a sequence as text whose steps are separated by white space, as a list, or, for words that are read letter
by letter, as text. A table with one row for each step names the column that holds the sequence's number or name; steps
then stand in the order of the file. A file that ends in .conllu is such a table: one row a word. A pronouncing
dictionary (.dict) is a table of words and sounds, a catalogue of translations (.mo) one of texts, a book (.verses) one
of verses.
"""

import gettext
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import dataset, tables, verses
from models.kit.errors import TableError, count, did_you_mean

CONLLU, DICTIONARY, CATALOGUE, BOOK = (".conllu", ".conll"), ".dict", ".mo", ".verses"
CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
SENTENCE, DOCUMENT = "sentence", "document"  # columns that reading CoNLL-U adds

Steps = tuple[str, ...]
Places = npt.NDArray[np.int64]


class Sequences(NamedTuple):
    """Columns of sequences by role, the number (from 1) of the first row of each, and its value in the group column."""

    columns: dict[str, list[Steps]]
    numbers: Places
    groups: list[str] | None


def table(name: str, *, folder: Path, fewest_columns: int = 2) -> tables.Table:
    """Returns the table that a setting names, be it one of the forms of text above; raises `TableError`."""
    path = dataset.file(name, folder=folder)
    suffix = path.suffix.lower()
    if suffix not in (*CONLLU, DICTIONARY, CATALOGUE, BOOK) or name.startswith("sample:"):
        return dataset.table(name, folder=folder, fewest_columns=fewest_columns)
    data = tables.read_bytes(path)
    if suffix == CATALOGUE:
        return tables.Table(catalogue(data, name=str(path)), hashlib.sha256(data).hexdigest(), ())
    try:
        words = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    read_text = {DICTIONARY: dictionary, BOOK: verses.read}.get(suffix, conllu)
    return tables.Table(read_text(words, name=str(path)), hashlib.sha256(data).hexdigest(), ())


def dictionary(words: str, *, name: str = "text") -> pl.DataFrame:
    """Returns the columns word, sounds, and the same with stress, of a pronouncing dictionary in the form of CMUdict.

    >>> dictionary("read R EH1 D # past\\nread(2) R IY1 D\\n").row(1)
    ('read', 'R IY D', 'R IY1 D')
    """
    rows = []
    for number, line in enumerate(words.splitlines(), start=1):
        fields = line.partition("#")[0].split()
        if len(fields) == 1:
            raise TableError(f"{name}:{number}: {fields[0]!r} has no sounds; write them after the word, with spaces")
        if fields:
            stressed = " ".join(fields[1:])
            rows.append((re.sub(r"\(\d+\)$", "", fields[0]), re.sub(r"\d", "", stressed), stressed))
    return pl.DataFrame(rows, schema=dict.fromkeys(("word", "sounds", "stressed"), pl.String), orient="row")


def catalogue(data: bytes, *, name: str = "catalogue") -> pl.DataFrame:
    """Returns the columns source and target of a compiled catalogue of translations (GNU gettext)."""
    try:
        found = gettext.GNUTranslations(io.BytesIO(data))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise TableError(f"{name}: no catalogue of GNU gettext ({error})") from None
    pairs = vars(found)["_catalog"].items()
    rows = [(source, target) for source, target in pairs if source and isinstance(source, str)]
    return pl.DataFrame(rows, schema={"source": pl.String, "target": pl.String}, orient="row")


def conllu(words: str, *, name: str = "text") -> pl.DataFrame:
    r"""Returns one row for each word of a CoNLL-U text, with the number of its sentence and the document's name.

    Multiword tokens (1-2) and empty nodes (1.1) are left out. See https://universaldependencies.org/format.html.

    >>> conllu("1\tEla\tele\tPRON\t_\t_\t2\tnsubj\t_\t_\n2\tlê\tler\tVERB\t_\t_\t0\troot\t_\t_\n")["upos"].to_list()
    ['PRON', 'VERB']
    """
    rows: list[list[str]] = []
    sentence, document, inside = 1, "", False
    for number, line in enumerate(words.splitlines(), start=1):
        if not line.strip():
            sentence, inside = sentence + inside, False
        elif line.startswith("#"):
            key, _, value = line[1:].partition("=")
            document = value.strip() if key.strip() == "newdoc id" else document
        else:
            fields = line.split("\t")
            if len(fields) != len(CONLLU_COLUMNS):
                raise TableError(
                    f"{name}:{number}: {count(len(fields), 'field')} separated by tabs, not {len(CONLLU_COLUMNS)}"
                )
            if fields[0].isdecimal():
                rows.append([str(sentence), document, *fields])
                inside = True
    if not rows:
        raise TableError(f"{name}: there is no word in it; CoNLL-U has one word a line")
    return pl.DataFrame(rows, schema=dict.fromkeys((SENTENCE, DOCUMENT, *CONLLU_COLUMNS), pl.String), orient="row")


def read(
    frame: pl.DataFrame, roles: dict[str, str], *, sequence: str | None, group: str | None = None, letters: bool = False
) -> Sequences:
    """Returns the sequences of a table; `roles` gives the column of each role, `sequence` the column that joins rows.

    `letters` splits the text of a cell into its characters rather than at white space. Rows with an empty first role
    are refused, and so is a sequence whose group changes.

    >>> table = pl.DataFrame({"words": ["a dog", "it"], "tags": ["DET NOUN", "PRON"]})
    >>> read(table, {"text": "words"}, sequence=None).columns["text"]
    [('a', 'dog'), ('it',)]
    """
    for setting, name in {**roles, "sequence": sequence, "group": group}.items():
        if name is not None and name not in frame.columns:
            raise TableError(f"{setting}: there is no column {name!r}{did_you_mean(name, frame.columns)}")
    if sequence is not None:
        return _joined(frame, roles, sequence, group)
    columns = {role: [steps(cell, letters=letters) for cell in frame[name]] for role, name in roles.items()}
    first, name = next(iter(roles.items()))
    if empty := [place for place, found in enumerate(columns[first], start=1) if not found]:
        raise TableError(f"column {name!r}: row {empty[0]} is empty; {count(len(empty), 'such row')}, take them out")
    numbers = np.arange(1, frame.height + 1)
    return Sequences(columns, numbers, None if group is None else _texts(frame[group]))


def steps(cell: Any, *, letters: bool = False) -> Steps:
    """Returns the steps of one cell: of a list its entries, of a text its words, or its characters (`letters`).

    >>> steps("two words"), steps("cat", letters=True), steps(None)
    (('two', 'words'), ('c', 'a', 't'), ())
    """
    if cell is None:
        return ()
    if isinstance(cell, pl.Series | list | tuple):
        return tuple(map(str, cell))
    return tuple(str(cell).strip()) if letters else tuple(str(cell).split())


def _joined(frame: pl.DataFrame, roles: dict[str, str], sequence: str, group: str | None) -> Sequences:
    keys = _texts(frame[sequence])
    order: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        order.setdefault(key, []).append(place)
    columns: dict[str, list[Steps]] = {}
    for role, name in roles.items():
        cells = _texts(frame[name])
        columns[role] = [tuple(cells[place] for place in places) for places in order.values()]
    groups = None
    if group is not None:
        values = _texts(frame[group])
        groups = [values[places[0]] for places in order.values()]
        for key, places in order.items():
            if len({values[place] for place in places}) > 1:
                raise TableError(f"group: {sequence} {key!r} has several values of {group!r}; a sequence has one")
    return Sequences(columns, np.array([places[0] + 1 for places in order.values()]), groups)


def _texts(column: pl.Series) -> list[str]:
    if missing := column.null_count():
        raise TableError(
            f"column {column.name!r}: {count(missing, 'cell')} without a value; fill them or take them out"
        )
    return [str(cell) for cell in column]


def drawn(size: int, most: int | None, *, seed: int) -> Places:
    """Returns ascending places of at most `most` sequences, drawn at random.

    >>> drawn(3, None, seed=0).tolist(), drawn(100, 2, seed=0).size
    ([0, 1, 2], 2)
    """
    if most is None or most >= size:
        return np.arange(size)
    return np.sort(np.random.default_rng(seed).permutation(size)[:most])


def edits(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Returns how many insertions, deletions and replacements lead from one sequence to the other (Levenshtein 1966).

    >>> edits("kitten", "sitting")
    3
    """
    before = list(range(len(other) + 1))
    for row, left in enumerate(one, start=1):
        after = [row]
        for column, right in enumerate(other, start=1):
            after.append(min(before[column] + 1, after[-1] + 1, before[column - 1] + (left != right)))
        before = after
    return before[-1]
