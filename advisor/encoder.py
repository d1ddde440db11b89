"""The sentence encoder at run time: what a text says as a whole, and which worked cases read like it.

One ONNX file beside this module holds weights, tokenizer, labels and cases (`python -m advisor.train` makes it;
ENCODER_CARD.md says from what). ONNX Runtime and tokenizers are loaded with it, when the first text asks for it; rules
that are sure never do. One thread and fixed kernels: the same text gives the same digits on the same machine.
"""

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "encoder.onnx")
LONGEST = 256  # tokens that are read; of a longer text the beginning and the end
NEIGHBOURS = 8  # nearest cases that are handed on


class Neighbour(NamedTuple):
    """A worked case that reads like the text; `similarity` is the cosine of their vectors."""

    text: str
    category: str
    subtask: str
    similarity: float


class Stretch(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text, and what they add to each category's logit, in their order."""

    start: int
    end: int
    adds: list[float]


class Impression(NamedTuple):
    """What the encoder makes of one text.

    `logits` are centred: they sum to zero over the categories. `stretches` split them over the tokens, from left to
    right: what all stretches add to a category, plus `constant`, is its logit.
    """

    logits: dict[str, float]
    constant: dict[str, float]
    subtasks: dict[str, float]  # "category/subtask" -> logit
    stretches: tuple[Stretch, ...]
    neighbours: tuple[Neighbour, ...]  # nearest first

    def added(self, categories: Sequence[str], spans: Sequence[tuple[int, int]]) -> dict[str, list[float]]:
        """What the tokens that begin in each span add to each category's logit: a number a span."""
        starts = [part.start for part in self.stretches]
        places = [(bisect_left(starts, start), bisect_left(starts, end)) for start, end in spans]
        found = {}
        for category, column in zip(
            self.logits, zip(*(part.adds for part in self.stretches), strict=True), strict=False
        ):
            if category in categories:
                found[category] = [sum(column[start:end]) for start, end in places]
        return {category: found.get(category) or [0.0] * len(spans) for category in categories}

    def moved(self, spoken: Callable[[int], int]) -> "Impression":
        """The impression with the places of its stretches as `spoken` gives them, in the same order."""
        stretches = (part._replace(start=spoken(part.start), end=spoken(part.end)) for part in self.stretches)
        return self._replace(stretches=tuple(stretches))

    def without(self, spans: Sequence[tuple[int, int]]) -> "Impression":
        """The impression less what the tokens add that begin in one of the spans."""
        left = dict(self.logits)
        kept = []
        for part in self.stretches:
            if any(start <= part.start < end for start, end in spans):
                for category, adds in zip(left, part.adds, strict=True):
                    left[category] -= adds
            else:
                kept.append(part)
        return self._replace(logits=left, stretches=tuple(kept))


class Encoder:
    """A loaded encoder file. Threads may share one."""

    def __init__(self, path: str) -> None:
        """Load the file at `path`."""
        import json

        from tokenizers import Tokenizer

        self._session, facts = opened(path)
        self._tokenizer = Tokenizer.from_str(facts["tokenizer"])
        labels = json.loads(facts["labels"])
        self._categories: list[str] = labels["categories"]
        self._subtasks: list[str] = labels["subtasks"]
        self._cases: list[dict[str, str]] = json.loads(facts["cases"])
        self.hash = facts["hash"]

    def read(self, texts: Sequence[str]) -> list[Impression]:
        """What the encoder makes of each text, in order.

        Each is read by itself: side by side they would share the scale by which numbers become bytes, and a text would
        read a little differently in other company. It would not be faster either.
        """
        import numpy as np

        found = []
        for encoding in self._tokenizer.encode_batch(list(texts)):
            places = _clipped(len(encoding.ids))
            ids = np.array([encoding.ids], np.int64)[:, places]
            inputs = {"ids": ids, "mask": np.ones(ids.shape, np.int32)}
            outputs = self._session.run(["category", "subtask", "tokens", "similarity"], inputs)
            offsets = encoding.offsets  # a new list each time it is asked for
            found.append(self._impression([offsets[place] for place in places], *(rows[0] for rows in outputs)))
        return found

    def _impression(
        self,
        offsets: Sequence[tuple[int, int]],
        category: "np.ndarray[Any, Any]",
        subtask: "np.ndarray[Any, Any]",
        tokens: "np.ndarray[Any, Any]",
        similarity: "np.ndarray[Any, Any]",
    ) -> Impression:
        count = len(offsets)
        parts = tokens[:count].astype(float) / count
        parts -= parts.mean(axis=1, keepdims=True)
        logits = category.astype(float)
        logits -= logits.mean()
        seen = [place for place, (start, end) in enumerate(offsets) if end > start]
        names, rows = self._categories, parts.tolist()
        stretches = tuple(Stretch(*offsets[place], rows[place]) for place in seen)
        said = parts[seen].sum(axis=0)
        few = min(NEIGHBOURS, len(similarity))
        nearest = similarity.argpartition(-few)[-few:]
        nearest = nearest[similarity[nearest].argsort()[::-1]]
        return Impression(
            dict(zip(names, logits.tolist(), strict=True)),
            dict(zip(names, (logits - said).tolist(), strict=True)),
            dict(zip(self._subtasks, subtask.tolist(), strict=True)),
            stretches,
            tuple(
                Neighbour(case["text"], case["category"], case["subtask"], float(similarity[place]))
                for case, place in ((self._cases[place], place) for place in nearest)
            ),
        )


def _clipped(count: int) -> list[int]:
    """Which of `count` tokens are read.

    >>> len(_clipped(300)), _clipped(3)
    (256, [0, 1, 2])
    """
    half = LONGEST // 2
    return list(range(count)) if count <= LONGEST else [*range(half), *range(count - half, count)]


def opened(path: str) -> tuple[Any, dict[str, str]]:
    """A network of ours, ready to run on one thread, and what its file says about itself."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it was written fused
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, session.get_modelmeta().custom_metadata_map


@lru_cache(maxsize=1)
def load() -> Encoder | None:
    """The encoder that stands beside this module; None where there is none, and the rules decide alone."""
    return Encoder(FILE) if os.path.exists(FILE) else None
