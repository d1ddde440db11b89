"""Writes down what is spoken, with convolutions and CTC on tensor_core; beside it a guess, and PocketSphinx."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import config, metrics, plots, recogniser, sequences, sound, splits
from models.kit.config import Between
from models.kit.errors import TableError, Unavailable, count, listed
from models.kit.metrics import Metric
from models.kit.recogniser import Frames, Model, Network
from models.kit.sequences import Steps
from models.kit.sound import Samples
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

PEER_RATE = 16_000  # samples a second of the sounds that PocketSphinx's English model was trained on
INSERTION = 0.01  # what a further word costs it: the best of 0.01, 0.001, 1e-4 and 1e-6 on 40 strings of other noise
PEER_PEAK = 16_383  # of 32,767
DIGITS = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["wer", "wrong"]
    sound: str
    target: str
    target_symbols: Literal["letters", "words"]
    rate: Annotated[int, Between(4_000, 48_000)]
    strings: Annotated[int, Between(0, 1_000_000)] | None
    snr_db: Annotated[float, Between(-20, 100)]
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    width: Annotated[int, Between(1, 4096)]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_sounds: Annotated[int, Between(1, 100_000)]


class Sounds(NamedTuple):
    """Sounds, and what is spoken in them (of a question: nothing)."""

    sounds: list[Samples]
    spoken: list[Steps]


class Prepared(NamedTuple):
    """The symbols of training, and all sounds as frames."""

    symbols: Steps
    frames: list[Frames]


Run = Case[Settings, Sounds, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Sounds]:
    """Returns the table's sounds, or strings that are made of them; as `about` the group of each, if there are any."""
    table = sequences.table(settings.table, folder=folder)
    letters = settings.target_symbols == "letters"
    found = sequences.read(
        table.frame, {"target": settings.target}, sequence=None, group=settings.group, letters=letters
    )
    if settings.sound not in table.frame.columns:
        raise TableError(f"sound: there is no column {settings.sound!r}; there are {', '.join(table.frame.columns)}")
    chosen = sequences.drawn(table.frame.height, None if settings.strings else most, seed=settings.seed)
    cells = table.frame[settings.sound]
    sounds = [
        sound.read(cells[row], rate=settings.rate, folder=folder, where=f"row {row + 1}: {settings.sound}")
        for row in chosen.tolist()
    ]
    spoken = [found.columns["target"][row] for row in chosen]
    if not settings.strings:
        groups = None if found.groups is None else [found.groups[row] for row in chosen]
        return Data(settings.table, table.sha256, Sounds(sounds, spoken), chosen + 1, table.notes, "sound", groups)
    size = settings.strings if most is None else min(most, settings.strings)
    generator = np.random.default_rng(settings.seed)
    drawn = [generator.integers(0, len(sounds), generator.integers(sound.FEWEST, sound.MOST + 1)) for _ in range(size)]
    made = Sounds(
        [
            sound.rounded(
                sound.string([sounds[row] for row in rows], generator, rate=settings.rate, snr_db=settings.snr_db)
            )
            for rows in drawn
        ],
        [tuple(symbol for row in rows for symbol in spoken[row]) for rows in drawn],
    )
    said = (
        f"{count(size, 'string')} of {sound.FEWEST} to {sound.MOST} of {count(len(sounds), 'recording')} each, at "
        f"{settings.snr_db:g} dB: the strings, speeds, gaps and noise of the test are new, its recordings are not"
    )
    return Data(settings.table, table.sha256, made, np.arange(1, size + 1), (*table.notes, said), "string")


def split(data: Data[Sounds], settings: Settings) -> Split:
    """Returns whole groups (speakers), or sounds drawn at random."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    if data.about is not None and settings.group is not None:
        drawn = splits.by_group(np.array(data.about), name=settings.group, seed=settings.seed, **shares)
    else:
        drawn = splits.shuffled(data.size, seed=settings.seed, **shares)
    return drawn._replace(noun=data.noun)


def prepare(data: Data[Sounds], split: Split, settings: Settings) -> Prepared:
    """Returns the symbols that training holds, and what the network hears of every sound."""
    symbols = tuple(sorted({symbol for row in split.train for symbol in data.examples.spoken[row]}))
    return Prepared(symbols, [sound.frames(each, rate=settings.rate) for each in data.examples.sounds])


def dummy(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns the commonest symbol, as often as sounds of that length have symbols."""
    sounds, spoken = case.data.examples
    counts = Counter(symbol for row in case.known for symbol in spoken[row])
    pace = sum(counts.values()) / sum(sounds[row].size for row in case.known)
    common = counts.most_common(1)[0][0]
    return lambda rows: [(common,) * round(pace * sounds[row].size) for row in rows]


def peer(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns PocketSphinx (Huggins-Daines et al. 2006) with its English model; its grammar is any row of the symbols.

    It has learned from other speakers, and nothing from these sounds. Raises `Unavailable` where it is not installed,
    and where its dictionary lacks a symbol.
    """
    try:
        from pocketsphinx import Decoder
    except ImportError:
        raise Unavailable("pocketsphinx is not installed; pip install pocketsphinx") from None
    from scipy.signal import resample_poly

    settings, sounds = case.settings, case.data.examples.sounds
    if settings.target_symbols == "letters":
        raise Unavailable("pocketsphinx hears words, not the letters they are written with")
    symbol = {english(each): each for each in case.prepared.symbols}
    decoder = Decoder(  # without bestpath: in noise its lattice takes minutes a string
        samprate=PEER_RATE, lm=None, bestpath=False, wip=INSERTION, loglevel="FATAL"
    )
    if lacking := [each for word, each in symbol.items() if decoder.lookup_word(word) is None]:
        raise Unavailable(f"pocketsphinx's dictionary lacks {listed(lacking)}")
    decoder.add_jsgf_string("row", f"#JSGF V1.0; grammar row; public <row> = ({' | '.join(symbol)})+;")
    decoder.activate_search("row")

    def heard(sound: Samples) -> Steps:
        loud = resample_poly(sound, PEER_RATE, settings.rate)
        loud *= PEER_PEAK / max(float(np.abs(loud).max()), 1.0)
        decoder.start_utt()
        decoder.process_raw(loud.astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return () if found is None else tuple(symbol[word] for word in found.hypstr.split())

    return lambda rows: [heard(sounds[row]) for row in rows]


def english(symbol: str) -> str:
    """Returns the word of an English dictionary that a symbol is spoken as.

    >>> english("7"), english("W")
    ('seven', 'w')
    """
    return DIGITS.get(symbol, symbol.lower())


def fit(case: Run) -> Fitted[Model]:
    """Returns the recogniser, trained on the training sounds, as its loss was lowest on the validation sounds."""
    settings, (symbols, frames) = case.settings, case.prepared
    number = {symbol: place for place, symbol in enumerate(symbols, start=1)}
    spoken = [[number[symbol] for symbol in each if symbol in number] for each in case.data.examples.spoken]
    tc.manual_seed(settings.seed)
    net = Network(symbols=len(symbols), width=settings.width, dropout=settings.dropout)
    train, stops = (
        ([frames[row] for row in rows], [spoken[row] for row in rows])
        for rows in (case.split.train, case.split.validation)
    )
    return Fitted(Model(symbols, net, settings.width), *recogniser.train(net, train, stops, settings))


def predict(model: Model, examples: Sounds, settings: Settings) -> list[Steps]:
    """Returns the symbols that are heard in each sound."""
    return recogniser.read(model, [sound.frames(each, rate=settings.rate) for each in examples.sounds])


def score(case: Run, answers: list[Steps]) -> metrics.Draws:
    """Returns errors per spoken symbol (word error rate), and the share of sounds with a mistake."""
    spoken = [case.data.examples.spoken[row] for row in case.split.test]
    errors = [sequences.edits(one, other) for one, other in zip(answers, spoken, strict=True)]
    parts: dict[str, tuple[npt.ArrayLike, npt.ArrayLike]] = {
        "wer": (errors, [len(each) for each in spoken]),
        "wrong": ([float(each > 0) for each in errors], [1.0] * len(errors)),
    }
    return metrics.ratios(parts, seed=case.settings.seed)


def shown(answers: list[Steps], model: Model) -> pl.DataFrame:
    """Returns the symbols of each sound, separated by spaces."""
    return pl.DataFrame({"predicted": [" ".join(each) for each in answers]}, schema={"predicted": pl.String})


def actual(case: Run) -> pl.DataFrame:
    """Returns what is spoken in the test sounds."""
    return pl.DataFrame({"actual": [" ".join(case.data.examples.spoken[row]) for row in case.split.test]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the samples of the test sounds."""
    sounds = [case.data.examples.sounds[row].tolist() for row in case.split.test]
    return pl.DataFrame({case.settings.sound: sounds}, schema={case.settings.sound: pl.List(pl.Float32)})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Sounds:
    """Returns the sounds of a new table; paths of WAV files are relative to where the program runs."""
    if settings.sound not in table.columns:
        raise TableError(f"there is no column {settings.sound!r}, which holds the sounds")
    cells = table[settings.sound]
    found = [
        sound.read(cells[row], rate=settings.rate, folder=Path(), where=f"row {row + 1}: {settings.sound}")
        for row in range(table.height)
    ]
    return Sounds(found, [()] * len(found))


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the network as a function of frames (sounds, bands, frames) of one length."""
    return Onnx(model.net, tc.zeros(2, sound.BANDS, 64))


def take(examples: Sounds, rows: Rows) -> Sounds:
    """Returns those sounds."""
    return Sounds(*([part[row] for row in rows] for part in examples))


def draw(folder: Path, trained: Trained[Settings, Sounds, Prepared, Model, list[Steps]]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="CTC loss of a symbol")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Convolutional recogniser with connectionist temporal classification",
    dummy_title="commonest symbol",
    peer_title="PocketSphinx with a grammar",
    metrics={
        "wer": Metric("word error rate", higher_is_better=False),
        "wrong": Metric("sounds with a mistake", higher_is_better=False),
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
    save=recogniser.save,
    load=lambda folder, settings: recogniser.load(folder),
    take=take,
    onnx=onnx,
    features=lambda model: tuple(f"band {place}" for place in range(1, sound.BANDS + 1)),
    plots=draw,
    smoke={"epochs": 8, "width": 32, "learning_rate": 0.008, "batch_sounds": 12, "snr_db": 30},
    smoke_examples=400,
)
