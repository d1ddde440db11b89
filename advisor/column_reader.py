"""What a description and the columns of a table say when they are read together, as one text.

Which column answers "who will let it lapse" is a matter of meaning: `exit_reason` is known afterwards, `lapsed` is the
answer, and neither word need stand in the description. A small network reads the description and, behind it, each
column's name with a few of its cells, and says of each column whether it is asked for, is known too late, is a mere
key, or says whose row it is or when; which kind of task the whole sounds like; and what an expert would warn of. It is
one voice among those of `profiling` and `findings`.

One ONNX file beside this module holds weights and tokenizer (`python -m advisor.train --columns` makes it;
COLUMN_READER_CARD.md says from what). ONNX Runtime is loaded when the first table comes with a description.
"""

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.encoder import opened

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "column_reader.onnx")
CARD = "Column reader fine-tuned on worked tables; see advisor/COLUMN_READER_CARD.md"
LONGEST = 480  # tokens of a reading; the network knows 512 places
LONGEST_TEXT = 160  # tokens of the description; of a longer one the beginning and the end
LONGEST_COLUMN = 16  # tokens of one column, less where there are many
SHORTEST_COLUMN = 5
CELLS = 3  # different cells of a column that are read
LONGEST_CELL = 24  # characters
ROLES = ("target", "leak", "id", "group", "time")

_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")


class Shown(NamedTuple):
    """A column as it is read: its name and some cells, None where missing."""

    name: str
    cells: Sequence[str | None]


class Sentence(NamedTuple):
    """Description and columns as token numbers, and where each column's tokens stand, end exclusive; of a very wide
    table the first columns alone."""

    ids: list[int]
    spans: list[tuple[int, int]]


class Glance(NamedTuple):
    """What the reader makes of one table.

    `categories` are log-odds that sum to zero. `target` holds for each column read the log-probability that it is what
    is asked for, and `nothing` that no column is. `roles` are log-odds of the other roles, each column by itself:
    "leak", "id", "group", "time". `pitfalls` are log-odds of what a careful expert would warn of.
    """

    categories: Mapping[str, float]
    target: Mapping[str, float]
    nothing: float
    roles: Mapping[str, Mapping[str, float]]
    pitfalls: Mapping[str, float]


def sentence(tokenizer: "Tokenizer", text: str, columns: Sequence[Shown]) -> Sentence:
    """`[CLS] description [SEP] name : cell , cell [SEP] name : …` in token numbers."""
    said = tokenizer.encode(text).ids[:-1]
    if len(said) > LONGEST_TEXT:
        said = [*said[: LONGEST_TEXT // 2], *said[-LONGEST_TEXT // 2 :]]
    end: int = tokenizer.encode("").ids[-1]
    room = (LONGEST - len(said) - 1) // max(len(columns), 1) - 1
    most = max(SHORTEST_COLUMN, min(LONGEST_COLUMN, room))
    ids, spans = said, []
    written = [written_out(column) for column in columns[: (LONGEST - len(said) - 1) // (most + 1)]]
    for encoding in tokenizer.encode_batch(written, add_special_tokens=False):
        spans.append((len(ids), len(ids) + 1 + len(encoding.ids[:most])))
        ids = [*ids, end, *encoding.ids[:most]]
    return Sentence([*ids, end], spans)


def written_out(column: Shown) -> str:
    """A column as a phrase.

    >>> written_out(Shown("exitReason_code", ["moved", None, "moved", "price"]))
    'exit Reason code : empty moved , price'
    """
    different = list(dict.fromkeys(cell for cell in column.cells if cell is not None))
    marks = ["empty"] * (None in column.cells) + ["same"] * (len(different) < 2)
    cells = " , ".join(cell[:LONGEST_CELL] for cell in different[:CELLS])
    return " ".join([_HUMP.sub(" ", column.name).replace("_", " "), ":", *marks, cells]).rstrip()


class ColumnReader:
    """A loaded reader. Threads may share one."""

    def __init__(self, path: str) -> None:
        """Load the file at `path`."""
        import json

        from tokenizers import Tokenizer

        self._session, facts = opened(path)
        self._tokenizer = Tokenizer.from_str(facts["tokenizer"])
        self._labels: dict[str, list[str]] = json.loads(facts["labels"])
        self.hash = facts["hash"]

    def read(self, text: str, columns: Sequence[Shown]) -> Glance:
        """What `text` and `columns` say together."""
        import numpy as np

        ids, spans = sentence(self._tokenizer, text, columns)
        inputs = {
            "ids": np.array([ids], np.int64),
            "mask": np.ones((1, len(ids)), np.int32),
            "spans": shares(spans, len(ids))[None],
        }
        outputs = self._session.run(["category", "roles", "nothing", "pitfalls"], inputs)
        category, roles, nothing, pitfalls = (rows[0] for rows in outputs)
        names = [column.name for column in columns[: len(spans)]]
        among = np.append(roles[:, 0], nothing).astype(float)
        among -= among.max() + np.log(np.exp(among - among.max()).sum())
        labels, centred = self._labels, (category - category.mean()).astype(float)
        return Glance(
            dict(zip(labels["categories"], centred.tolist(), strict=True)),
            dict(zip(names, among[:-1].tolist(), strict=True)),
            float(among[-1]),
            {
                role: dict(zip(names, roles[:, place].astype(float).tolist(), strict=True))
                for place, role in enumerate(labels["roles"])
                if place
            },
            dict(zip(labels["pitfalls"], pitfalls.astype(float).tolist(), strict=True)),
        )


def shares(spans: Sequence[tuple[int, int]], tokens: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """The share that each token has in the mean of each column, columns × tokens.

    >>> shares([(1, 3)], 4).tolist()
    [[0.0, 0.5, 0.5, 0.0]]
    """
    import numpy as np

    found = np.zeros((len(spans), tokens), np.float32)
    for row, (start, end) in enumerate(spans):
        found[row, start:end] = 1 / (end - start)
    return found


@lru_cache(maxsize=1)
def load() -> ColumnReader | None:
    """The reader that stands beside this module; None where there is none, and names and values decide alone."""
    return ColumnReader(FILE) if os.path.exists(FILE) else None
