"""Turns one sequence of symbols into another, step by step, on tensor_core; beside it a table, and Phonetisaurus."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import alignment
import numpy as np
import polars as pl
import transducer
from transducer import Inventory, Model, Moments, Network

import tensor_core as tc
from models.kit import config, metrics, plots, sequences, splits
from models.kit.config import Between
from models.kit.errors import TableError, Unavailable, count
from models.kit.metrics import Metric
from models.kit.sequences import Steps
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

FEWEST_OF_CHUNK = 2  # pairs of training; a chunk that occurs once is rather a wrong alignment
FEWEST_OF_SYMBOL = 2  # so that the symbol for the unseen is learned, too
FIRST_LETTER = 0x4E00  # Phonetisaurus reads words letter by letter: each symbol becomes one letter from here


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["error_rate", "wrong"]
    source: str
    target: str
    source_symbols: Literal["letters", "words"]
    target_symbols: Literal["letters", "words"]
    test_share: Annotated[float, Between(0.01, 0.5)]
    validation_share: Annotated[float, Between(0.01, 0.5)]
    longest_chunk: Annotated[int, Between(1, 4)]
    window: Annotated[int, Between(0, 20)]
    width: Annotated[int, Between(1, 4096)]
    hidden: Annotated[int, Between(1, 65_536)]
    dropout: Annotated[float, Between(0, 0.9)]
    beam: Annotated[int, Between(1, 64)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_steps: Annotated[int, Between(1, 1_000_000)]
    precision: Literal["float32", "bfloat16"]
    compile: Literal["yes", "no"]


class Words(NamedTuple):
    """Different source sequences, and for each all targets that count as right (of a question: none)."""

    sources: list[Steps]
    targets: list[tuple[Steps, ...]]


class Prepared(NamedTuple):
    """What alignments of the training pairs taught, and their steps, for training and for stopping."""

    inventory: Inventory
    train: Moments
    validation: Moments
    commonest: dict[str, Steps]
    lost: int


Run = Case[Settings, Words, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Words]:
    """Returns the different sources with their targets, at most `most`, drawn at random."""
    table = sequences.table(settings.table, folder=folder)
    source = sequences.read(
        table.frame, {"source": settings.source}, sequence=None, letters=settings.source_symbols == "letters"
    )
    target = sequences.read(
        table.frame, {"target": settings.target}, sequence=None, letters=settings.target_symbols == "letters"
    )
    found: dict[Steps, dict[Steps, None]] = {}
    first: dict[Steps, int] = {}
    pairs = zip(source.numbers.tolist(), source.columns["source"], target.columns["target"], strict=True)
    for number, one, other in pairs:
        found.setdefault(one, {})[other] = None
        first.setdefault(one, number)
    every = Words(list(found), [tuple(targets) for targets in found.values()])
    chosen = sequences.drawn(len(found), most, seed=settings.seed)
    numbers = np.array(list(first.values()))[chosen]
    several = sum(len(targets) > 1 for targets in found.values())
    said = (
        f"{count(len(found), 'different source')}, {several:,} of them with several right targets; any of them counts"
    )
    return Data(settings.table, table.sha256, take(every, chosen), numbers, (*table.notes, said), "source")


def split(data: Data[Words], settings: Settings) -> Split:
    """Returns sources drawn at random; all targets of one source are on one side."""
    drawn = splits.shuffled(
        data.size, test_share=settings.test_share, validation_share=settings.validation_share, seed=settings.seed
    )
    return drawn._replace(noun="source")


def prepare(data: Data[Words], split: Split, settings: Settings) -> Prepared:
    """Returns the alignments of training and validation pairs, learned from the training pairs."""
    pairs = [(row, target) for row in split.train for target in data.examples.targets[row]]
    stops = [(row, target) for row in split.validation for target in data.examples.targets[row]]
    sources = data.examples.sources
    number = {
        symbol: place for place, symbol in enumerate(sorted({s for row, _ in pairs + stops for s in sources[row]}))
    }
    wanted = {symbol: place for place, symbol in enumerate(sorted({s for _, target in pairs + stops for s in target}))}
    coded = [
        (np.array([number[s] for s in sources[row]]), np.array([wanted[s] for s in target], dtype=np.int64))
        for row, target in pairs + stops
    ]
    lengths = alignment.align(coded, sources=len(number), targets=len(wanted), longest=settings.longest_chunk)
    cut = [_cut(target, sizes) for (_, target), sizes in zip(pairs + stops, lengths, strict=True)]
    train = [(sources[row], chunks) for (row, _), chunks in zip(pairs, cut, strict=False) if chunks]
    later = [(sources[row], chunks) for (row, _), chunks in zip(stops, cut[len(pairs) :], strict=True) if chunks]
    counts = Counter(chunk for _, chunks in train for chunk in chunks)
    known = {chunk: place for place, chunk in enumerate(sorted(c for c, n in counts.items() if n >= FEWEST_OF_CHUNK))}
    seen = Counter(symbol for row in split.train for symbol in sources[row])
    inventory = Inventory(tuple(sorted(s for s, n in seen.items() if n >= FEWEST_OF_SYMBOL)), tuple(known))
    kept, stopping = ([(s, c) for s, c in part if all(each in known for each in c)] for part in (train, later))
    if not kept:
        raise TableError(
            f"{settings.target!r}: no target can be cut into chunks of at most {settings.longest_chunk} for a symbol "
            f"of {settings.source!r}; raise longest_chunk"
        )
    by_symbol: dict[str, Counter[Steps]] = {}
    for source, chunks in train:
        for symbol, chunk in zip(source, chunks, strict=True):
            by_symbol.setdefault(symbol, Counter())[chunk] += 1
    commonest = {symbol: found.most_common(1)[0][0] for symbol, found in by_symbol.items()}
    train_steps, stop_steps = (_moments(part, known, inventory, settings) for part in (kept, stopping))
    return Prepared(inventory, train_steps, stop_steps, commonest, len(pairs) - len(kept))


def _cut(target: Steps, sizes: alignment.Numbers | None) -> list[Steps]:
    """Returns the chunks of a target, nothing where it could not be aligned."""
    if sizes is None:
        return []
    ends = np.cumsum(sizes)
    return [target[end - size : end] for end, size in zip(ends.tolist(), sizes.tolist(), strict=True)]


def _moments(
    pairs: Sequence[tuple[Steps, list[Steps]]], known: dict[Steps, int], inventory: Inventory, settings: Settings
) -> Moments:
    if not pairs:
        return Moments(*(np.zeros((0,), dtype=np.int64) for _ in Moments._fields))
    chunks = [[known[chunk] + 1 for chunk in each] for _, each in pairs]
    return transducer.moments([source for source, _ in pairs], chunks, inventory, settings.window)


def dummy(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns what a table of symbols gives: each symbol's commonest chunk; an unknown symbol stays as it is."""
    table, sources = case.prepared.commonest, case.data.examples.sources
    return lambda rows: [tuple(s for symbol in sources[row] for s in table.get(symbol, (symbol,))) for row in rows]


def peer(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns Phonetisaurus (Novak, Minematsu and Hirose 2012), trained on the known pairs."""
    try:
        import phonetisaurus
    except ImportError:
        raise Unavailable("phonetisaurus is not installed; pip install phonetisaurus") from None
    import subprocess
    import tempfile

    sources, targets = case.data.examples
    letter = {symbol: chr(FIRST_LETTER + n) for n, symbol in enumerate(sorted({s for each in sources for s in each}))}
    words = ["".join(letter[symbol] for symbol in source) for source in sources]
    sound = {symbol: f"t{n}" for n, symbol in enumerate(sorted({s for each in targets for one in each for s in one}))}
    back = {name: symbol for symbol, name in sound.items()}
    lexicon = "".join(
        f"{words[row]}\t{' '.join(sound[s] for s in target)}\n"
        for row in case.known
        for target in targets[row]
        if target
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lexicon").write_text(lexicon, encoding="utf-8")
        command = ["phonetisaurus-train", "--lexicon", "lexicon", "--seq2_del"]
        try:
            environment = phonetisaurus.guess_environment()
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
            asked = [words[row] for row in case.split.test]
            found = dict(phonetisaurus.predict(asked, Path(folder) / "train" / "model.fst"))
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"phonetisaurus did not run: {error}") from None
    return lambda rows: [tuple(back[name] for name in found.get(words[row], ())) for row in rows]


def fit(case: Run) -> Fitted[Model]:
    """Returns the transducer, trained on the steps of the training pairs, as it was best on the validation steps."""
    settings, prepared = case.settings, case.prepared
    sizes = {"window": settings.window, "width": settings.width, "hidden": settings.hidden}
    tc.manual_seed(settings.seed)
    inventory = prepared.inventory
    net = Network(
        symbols=len(inventory.symbols) + transducer.FIRST,
        chunks=len(inventory.chunks) + 1,
        dropout=settings.dropout,
        **sizes,
    )
    run = transducer.train(net, prepared.train, prepared.validation, settings)
    lost = f"{count(prepared.lost, 'training pair')} left out: no alignment of chunks that occur twice"
    notes = (f"{count(len(inventory.chunks), 'chunk')} of target symbols", *([lost] if prepared.lost else []))
    return Fitted(Model(inventory, net, sizes), *run, notes)


def predict(model: Model, examples: Words, settings: Settings) -> list[Steps]:
    """Returns the target of each source."""
    return transducer.search(model, examples.sources, beam=settings.beam)


def score(case: Run, answers: list[Steps]) -> metrics.Draws:
    """Returns errors per target symbol and the share of wrong targets, against the nearest right one."""
    errors, lengths = [], []
    for answer, targets in zip(answers, take(case.data.examples, case.split.test).targets, strict=True):
        each = [(sequences.edits(answer, target), len(target)) for target in targets]
        wrong, length = min(each, key=lambda pair: pair[0] / max(pair[1], 1))
        errors.append(wrong)
        lengths.append(length)
    exact = [float(wrong > 0) for wrong in errors]
    return metrics.ratios(
        {"error_rate": (errors, lengths), "wrong": (exact, [1.0] * len(exact))}, seed=case.settings.seed
    )


def _text(steps: Steps, symbols: str) -> str:
    return ("" if symbols == "letters" else " ").join(steps)


def shown(answers: list[Steps], model: Model) -> pl.DataFrame:
    """Returns the target of each source, its symbols separated by spaces unless they are letters."""
    between = "" if all(len(symbol) == 1 for chunk in model.inventory.chunks for symbol in chunk) else " "
    return pl.DataFrame({"predicted": [between.join(each) for each in answers]}, schema={"predicted": pl.String})


def actual(case: Run) -> pl.DataFrame:
    """Returns the test sources with their targets."""
    sources, targets = take(case.data.examples, case.split.test)
    return pl.DataFrame(
        {
            "source": [_text(each, case.settings.source_symbols) for each in sources],
            "actual": [" | ".join(_text(one, case.settings.target_symbols) for one in each) for each in targets],
        }
    )


def questions(case: Run) -> pl.DataFrame:
    """Returns the test sources."""
    sources = [case.data.examples.sources[row] for row in case.split.test]
    return pl.DataFrame({case.settings.source: [_text(each, case.settings.source_symbols) for each in sources]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Words:
    """Returns the sources of a new table."""
    letters = settings.source_symbols == "letters"
    found = sequences.read(table, {"source": settings.source}, sequence=None, letters=letters).columns["source"]
    return Words(found, [()] * len(found))


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns one step: the scores of chunks from the symbols around and the chunks before."""
    example = [
        tc.zeros(2, 2 * settings.window + 1, dtype=tc.int64),
        tc.zeros(2, transducer.HISTORY, dtype=tc.int64),
    ]
    return Onnx(model.net, example)


def take(examples: Words, rows: Rows) -> Words:
    """Returns those sources with their targets."""
    return Words(*([part[row] for row in rows] for part in examples))


def draw(folder: Path, trained: Trained[Settings, Words, Prepared, Model, list[Steps]]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="cross-entropy of a chunk")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Transducer: each symbol gives none, one or a few target symbols",
    dummy_title="commonest chunk of each symbol",
    peer_title="Phonetisaurus",
    metrics={
        "error_rate": Metric("errors per target symbol", higher_is_better=False),
        "wrong": Metric("targets with a mistake", higher_is_better=False),
    },
    read=read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=actual,
    questions=questions,
    inputs=inputs,
    save=transducer.save,
    load=lambda folder, settings: transducer.load(folder),
    take=take,
    onnx=onnx,
    features=lambda model: model.inventory.symbols,
    plots=draw,
    smoke={"epochs": 2, "hidden": 128, "batch_steps": 256},
    smoke_examples=2500,
)
