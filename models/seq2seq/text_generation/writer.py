"""The writer: a gated recurrent network (Cho et al. 2014) that reads symbol by symbol and says what comes next."""

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, training
from models.kit.errors import ArtefactError

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
START, END, UNSEEN, FIRST = 0, 1, 2, 3  # before a text, after it, a character that is not known, the first known one
FEWEST = 2  # times that a character must be seen to be known
MOST_CHARACTERS = 4_000
IGNORED = -100  # targets that count for nothing
POOL = 16  # batches whose texts are put together by length
CHUNK_STEPS, CHUNK_ROWS = 1_000, 64  # read at once where nothing is learned
LONGEST_PROMPT = 2_000  # characters of a beginning that are read, its last ones

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Model(NamedTuple):
    """A trained writer and the characters that it knows, in the order of their numbers from `FIRST`."""

    characters: str
    net: "Writer"


class Lines(NamedTuple):
    """Continuations, and −log₂ of the probability of each of their symbols, on average, by the writer itself."""

    texts: list[str]
    bits: list[float]


class Writer(tc.nn.Module):
    """Scores of the next symbol.

    >>> scores, state = Writer(symbols=9, width=4, hidden=5, dropout=0.0)(np.ones((7, 2), dtype=np.int64))
    >>> tuple(scores.shape), tuple(state.shape)
    ((7, 2, 9), (2, 5))
    """

    def __init__(self, *, symbols: int, width: int, hidden: int, dropout: float) -> None:
        """Draw the weights."""
        self.table = tc.nn.Embedding(symbols, width)
        self.memory = tc.nn.GRU(width, hidden)
        self.out = tc.nn.Linear(hidden, symbols)
        self.drop = tc.nn.Dropout(dropout)

    def forward(self, symbols: Ids, state: tc.Tensor | None = None) -> tuple[tc.Tensor, tc.Tensor]:
        """Scores (steps, rows, symbols) and the last state (rows, hidden), from symbols (steps, rows)."""
        states, last = self.memory(self.drop(self.table(tc.as_tensor(symbols))), state)
        return self.out(self.drop(states)), last


def alphabet(texts: Sequence[str]) -> str:
    """Returns the characters that are known, the commonest first.

    >>> alphabet(["abba", "cab"])
    'ab'
    """
    seen = Counter(character for text in texts for character in text)
    return "".join(each for each, times in seen.most_common(MOST_CHARACTERS) if times >= FEWEST)


def encode(text: str, characters: str) -> Ids:
    """Returns the number of each character.

    >>> encode("cab", "ab").tolist()
    [2, 3, 4]
    """
    known = {character: number for number, character in enumerate(characters, start=FIRST)}
    return np.array([known.get(character, UNSEEN) for character in text], dtype=np.int64)


def pieces(texts: Sequence[Ids], longest: int) -> list[Ids]:
    """Returns parts of at most `longest` steps, each with the symbol before it; texts end in `END` already.

    >>> [piece.tolist() for piece in pieces([np.array([5, 6, 1])], 2)]
    [[0, 5, 6], [6, 1]]
    """
    whole = [np.concatenate([[START], text]) for text in texts]
    return [text[at : at + longest + 1] for text in whole for at in range(0, text.size - 1, longest)]


def _padded(parts: Sequence[Ids], filler: int) -> Ids:
    """Returns parts as columns, of shape (steps, parts)."""
    table = np.full((max(part.size for part in parts), len(parts)), filler, dtype=np.int64)
    for column, part in enumerate(parts):
        table[: part.size, column] = part
    return table


def train(net: Writer, texts: list[Ids], stops: list[Ids], settings: Any) -> training.Run:
    """Trains on texts that end in `END`; keeps the state that is best on `stops`; losses are bits per symbol."""
    generator = np.random.default_rng(settings.seed)
    parts = pieces(texts, settings.longest)
    rows = min(settings.batch_rows, len(parts))
    steps = -(-len(parts) // rows)
    adam = tc.optim.Adam(net.parameters(), lr=settings.learning_rate)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=steps * settings.epochs))
    history: list[training.Point] = []
    best, best_loss = training.snapshot(net), np.inf
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while len(history) < settings.epochs and not watch.reason:
            net.train()
            losses = []
            for batch in _batches(parts, rows, generator):
                adam.zero_grad()
                scores, _ = net(_padded([part[:-1] for part in batch], START))
                wanted = _padded([part[1:] for part in batch], IGNORED)
                loss = tc.cross_entropy(
                    scores.reshape(-1, scores.shape[-1]), tc.as_tensor(wanted.ravel()), ignore_index=IGNORED
                )
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item() / np.log(2))
                if watch.reason:
                    break
            there = float(np.concatenate(bits(net, stops)).mean())
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            if there < best_loss:
                best, best_loss = training.snapshot(net), there
            shown.set_postfix(bits=f"{there:.3f}")
            shown.update()
        net.load_state_dict(best)
        net.eval()
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _batches(parts: Sequence[Ids], rows: int, generator: np.random.Generator) -> Iterator[list[Ids]]:
    """Yields all parts in a new order, those of nearly one length together."""
    order = generator.permutation(len(parts))
    sizes = np.array([part.size for part in parts])
    for start in range(0, order.size, rows * POOL):
        pool = order[start : start + rows * POOL]
        pool = pool[np.argsort(sizes[pool], kind="stable")]
        for place in generator.permutation(-(-pool.size // rows)):
            yield [parts[number] for number in pool[place * rows : (place + 1) * rows]]


def bits(net: Writer, texts: Sequence[Ids]) -> list[Floats]:
    """Returns −log₂ of the probability of each symbol of each text, given all before it."""
    net.eval()
    found: list[Floats] = [np.zeros(0)] * len(texts)
    order = np.argsort([text.size for text in texts], kind="stable")
    with tc.no_grad():
        for first in range(0, order.size, CHUNK_ROWS):
            chosen = order[first : first + CHUNK_ROWS]
            wanted = _padded([texts[row] for row in chosen], START)
            given = np.concatenate([np.full((1, chosen.size), START), wanted[:-1]])
            state, costs = None, np.zeros(wanted.shape)
            for step in range(0, len(wanted), CHUNK_STEPS):
                here = slice(step, step + CHUNK_STEPS)
                scores, state = net(given[here], state)
                costs[here] = np.take_along_axis(_bits(scores.numpy()), wanted[here][:, :, None], axis=2)[:, :, 0]
            for column, row in enumerate(chosen):
                found[row] = costs[: texts[row].size, column]
    return found


def _bits(scores: npt.NDArray[Any]) -> Floats:
    high = scores.max(axis=-1, keepdims=True)
    total = high + np.log(np.exp(scores - high).sum(axis=-1, keepdims=True))
    return np.asarray((total - scores) / np.log(2), dtype=np.float64)


def write(model: Model, prompts: Sequence[str], *, length: int, temperature: float, seed: int) -> Lines:
    """Returns how the writer goes on after each prompt, in at most `length` characters.

    With a temperature of 0 each symbol is the likeliest one; otherwise symbols are drawn, the same ones for the same
    seed and prompt, whatever else is asked beside it.
    """
    lines = Lines([], [])
    model.net.eval()
    with tc.no_grad():
        for first in range(0, len(prompts), CHUNK_ROWS):
            some = _write(model, prompts[first : first + CHUNK_ROWS], length, temperature, seed)
            lines.texts.extend(some.texts)
            lines.bits.extend(some.bits)
    return lines


def _write(model: Model, prompts: Sequence[str], length: int, temperature: float, seed: int) -> Lines:
    rows = len(prompts)
    given = [
        np.concatenate([[START], encode(prompt[-LONGEST_PROMPT:], model.characters)]).astype(np.int64)
        for prompt in prompts
    ]
    drawn = np.array([np.random.default_rng([seed, zlib.crc32(each.encode())]).random(length) for each in prompts])
    read = _padded(given, START)
    states, _ = model.net.memory(model.net.table(tc.as_tensor(read)))
    ends = np.array([each.size - 1 for each in given])
    state = tc.as_tensor(np.ascontiguousarray(states.numpy()[ends, np.arange(rows)]))
    scores = model.net.out(state).numpy()
    written, costs = np.full((length, rows), END), np.zeros((length, rows))
    going = np.ones(rows, dtype=bool)
    for step in range(length):
        costs_here = _bits(scores)
        allowed = costs_here.copy()
        allowed[:, [START, UNSEEN]] = np.inf
        if temperature == 0:
            chosen = allowed.argmin(axis=1)
        else:
            shares = np.exp2((allowed.min(axis=1, keepdims=True) - allowed) / temperature).cumsum(axis=1)
            chosen = (shares <= drawn[:, step, None] * shares[:, -1:]).sum(axis=1)
        written[step] = np.where(going, chosen, END)
        costs[step] = np.where(going, costs_here[np.arange(rows), chosen], 0.0)
        going &= chosen != END
        if not going.any():
            break
        after, state = model.net(written[step][None], state)
        scores = after[0].numpy()
    texts = ["".join(model.characters[each - FIRST] for each in column if each != END) for column in written.T]
    symbols = [min(len(text) + 1, length) for text in texts]
    return Lines(texts, [float(cost) / size for cost, size in zip(costs.sum(axis=0), symbols, strict=True)])


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    about = {
        "schema": SCHEMA, "characters": model.characters, "width": int(model.net.table.weight.shape[1]),
        "hidden": int(model.net.out.weight.shape[1]),
    }  # fmt: skip
    files.write(folder / LEARNED, json.dumps(about, ensure_ascii=True) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    about = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        characters = str(about["characters"])
        net = Writer(
            symbols=FIRST + len(characters), width=int(about["width"]), hidden=int(about["hidden"]), dropout=0.0
        )
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(characters, net)
