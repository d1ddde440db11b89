"""Speaks texts with the voice of recordings: a network writes their spectra, Griffin-Lim makes a sound of them; beside
it one recording for everything, and the recordings themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import speaker
import vocoder
from speaker import Model

import tensor_core as tc
from models.kit import columns, config, dataset, files, metrics, plots, recogniser, sequences, sound, training
from models.kit.config import Between
from models.kit.errors import TableError, count, listed
from models.kit.metrics import Metric
from models.kit.sequences import Steps
from models.kit.sound import Samples
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained, nothing_prepared

FEWEST_STRINGS = 20  # of the test, when only some examples are used
SAVED_SOUNDS = 5  # that are written as WAV files
SMALLEST_SPREAD = np.float32(1e-3)  # of a frequency
MOST_NAMED = 8  # symbols in an error


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["wer", "wrong"]
    sound: str
    text: str
    text_symbols: Literal["letters", "words"]
    rate: Annotated[int, Between(4_000, 48_000)]
    strings: Annotated[int, Between(2, 100_000)]
    listener: str
    snr_db: Annotated[float, Between(-20, 100)]
    gap_seconds: Annotated[float, Between(0, 10)]
    rounds: Annotated[int, Between(0, 10_000)]
    width: Annotated[int, Between(1, 4096)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 1_000_000)]

    @property
    def patience(self) -> int:
        """There are no recordings to stop on: the voice learns them by heart."""
        return self.epochs

    @property
    def gap(self) -> int:
        """Silent frames between two symbols."""
        return round(self.gap_seconds * self.rate / vocoder.HOP)


class About(NamedTuple):
    """The recordings, brought to one loudness, and the symbol of each; and the listener that says what it hears.

    The first examples are the symbols of the recordings.
    """

    sounds: list[Samples]
    symbols: Steps
    listener: recogniser.Model

    @property
    def recording(self) -> dict[str, Samples]:
        """The first recording of each symbol."""
        return dict(reversed(list(zip(self.symbols, self.sounds, strict=True))))


class Answers(NamedTuple):
    """Sounds, and how many samples of them are a second."""

    sounds: list[Samples]
    rate: int


Run = Case[Settings, list[Steps], None]


def read(settings: Settings, folder: Path, most: int | None) -> Data[list[Steps]]:
    """Returns the texts of the recordings, one symbol each, and behind them strings of symbols to be spoken."""
    table = dataset.table(settings.table, folder=folder)
    for setting in ("sound", "text"):
        columns.check_name(table.frame, getattr(settings, setting), setting=setting)
    letters = settings.text_symbols == "letters"
    texts = [sequences.steps(cell, letters=letters) for cell in table.frame[settings.text]]
    if wrong := [row for row, text in enumerate(texts, start=1) if len(text) != 1]:
        raise TableError(
            f"text: row {wrong[0]}: {' '.join(texts[wrong[0] - 1])!r} is not one symbol or word; cut the recordings, "
            "so that each holds one"
        )
    cells = table.frame[settings.sound]
    sounds = [
        sound.read(cells[row], rate=settings.rate, folder=folder, where=f"row {row + 1}: {settings.sound}")
        for row in range(table.frame.height)
    ]
    even = [(each / max(float(np.sqrt(np.mean(each**2))), sound.QUIETEST)).astype(np.float32) for each in sounds]
    about = About(even, tuple(text[0] for text in texts), _listener(settings, folder))
    known = sorted(set(about.symbols))
    if unknown := sorted(set(known) - set(about.listener.symbols)):
        raise TableError(
            f"listener: {settings.listener} does not know {listed(unknown[:MOST_NAMED])}; train the template "
            "seq2seq/speech on these recordings, and name the preprocess.json of its output"
        )
    if len(known) < 2:
        raise TableError(f"text: {count(len(known), 'symbol')}; at least 2 are needed, so that there is a choice")
    size = settings.strings if most is None else min(settings.strings, max(FEWEST_STRINGS, most - len(texts)))
    generator = np.random.default_rng(settings.seed)
    strings = [
        tuple(known[place] for place in generator.integers(0, len(known), generator.integers(sound.FEWEST, sound.MOST)))
        for _ in range(size)
    ]
    numbers = np.arange(1, len(texts) + size + 1)
    said = f"{count(size, 'string')} of {count(len(known), 'symbol')} to be spoken; every symbol was recorded"
    return Data(settings.table, table.sha256, [*texts, *strings], numbers, (*table.notes, said), "text", about)


def _listener(settings: Settings, folder: Path) -> recogniser.Model:
    """Returns the recogniser that lies beside the file which the settings name."""
    return recogniser.load(dataset.file(settings.listener, folder=folder).parent)


def split(data: Data[list[Steps]], settings: Settings) -> Split:
    """Returns the recordings for training, and the strings for the test."""
    recorded, rows = len(data.about.symbols), np.arange(data.size)
    how = "strings that were never recorded, of symbols that were"
    return Split(rows[:recorded], rows[:0], rows[recorded:], how, "text")


def joined(text: Steps, recording: Callable[[str], Samples], settings: Settings) -> Samples:
    """Returns recordings one behind the other, with the silence between them that our voice keeps."""
    silence = np.zeros(settings.gap * vocoder.HOP, dtype=np.float32)
    return np.concatenate([silence, *(part for symbol in text for part in (recording(symbol), silence))])


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model and says nothing: the first recording in place of every symbol."""
    only = case.data.about.sounds[0]
    return _by(case, lambda text: joined(text, lambda symbol: only, case.settings))


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns the recordings themselves, joined: no voice that learns from them is understood better for certain."""
    recording = case.data.about.recording
    return _by(case, lambda text: joined(text, recording.__getitem__, case.settings))


def _by(case: Run, spoken: Callable[[Steps], Samples]) -> Callable[[Rows], Answers]:
    return lambda rows: Answers([spoken(case.data.examples[row]) for row in rows], case.settings.rate)


def fit(case: Run) -> Fitted[Model]:
    """Returns the speaker, trained on every frame of every recording."""
    settings, (sounds, of, _) = case.settings, case.data.about
    symbols = tuple(sorted(set(of)))
    spectra = [vocoder.spectrum(each) for each in sounds]
    sizes = {symbol: [len(each) for each, own in zip(spectra, of, strict=True) if own == symbol] for symbol in symbols}
    lengths = tuple(int(np.median(sizes[symbol])) for symbol in symbols)
    wanted = np.concatenate(spectra)
    place = np.concatenate([np.full(len(each), symbols.index(own)) for each, own in zip(spectra, of, strict=True)])
    moment = np.concatenate([speaker.moments(len(each)) for each in spectra])
    tc.manual_seed(settings.seed)
    net = speaker.Network(symbols=len(symbols), width=settings.width)
    spread = wanted.std(axis=0) + SMALLEST_SPREAD
    net.level, net.spread = tc.as_tensor(wanted.mean(axis=0)), tc.as_tensor(spread)

    def loss(rows: Rows | None) -> tc.Tensor:
        """The mean square over frames and frequencies, each scaled by how much it varies."""
        chosen = np.arange(len(place)) if rows is None else rows
        logs = net(tc.as_tensor(place[chosen]), tc.as_tensor(moment[chosen]))
        far = (logs - tc.as_tensor(wanted[chosen])) / tc.as_tensor(spread)
        found: tc.Tensor = (far * far).mean()
        return found

    run = training.by_batches(net, training.Objective(len(place), loss, None), settings)
    net.eval()
    heard = f"{count(len(place), 'frame')} of {count(len(sounds), 'recording')}"
    note = f"{heard}; the listener was trained on recordings, and on nothing that a network spoke"
    return Fitted(Model(symbols, lengths, net, settings.width), *run, (note,))


def predict(model: Model, examples: list[Steps], settings: Settings) -> Answers:
    """Returns a sound for each text."""
    logs = [speaker.spectra(model, text, gap=settings.gap) for text in examples]
    return Answers([vocoder.spoken(each, rounds=settings.rounds) for each in logs], settings.rate)


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns what the listener hears wrong under a little noise, the same for all: symbols, and whole texts."""
    settings, texts = case.settings, [case.data.examples[row] for row in case.split.test]
    generator = np.random.default_rng(settings.seed)
    heard = recogniser.read(
        case.data.about.listener,
        [sound.frames(noisy(each, generator, settings.snr_db), rate=settings.rate) for each in answers.sounds],
    )
    errors = [sequences.edits(one, other) for one, other in zip(heard, texts, strict=True)]
    parts: dict[str, tuple[npt.ArrayLike, npt.ArrayLike]] = {
        "wer": (errors, [len(each) for each in texts]),
        "wrong": ([float(each > 0) for each in errors], [1.0] * len(errors)),
    }
    return metrics.ratios(parts, seed=settings.seed)


def noisy(samples: Samples, generator: np.random.Generator, snr_db: float) -> Samples:
    """Returns the sound under white noise of its own mean energy less that many decibels."""
    level = max(float(np.sqrt(np.mean(samples**2))), sound.QUIETEST) * 10 ** (-snr_db / 20)
    heard: Samples = (samples + generator.standard_normal(samples.size) * level).astype(np.float32)
    return heard


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns the seconds of each sound, and the sound as a WAV file in base64."""
    return pl.DataFrame(
        {
            "seconds": [each.size / answers.rate for each in answers.sounds],
            "wav": [vocoder.text(each, rate=answers.rate) for each in answers.sounds],
        },
        schema={"seconds": pl.Float64, "wav": pl.String},
    )


def actual(case: Run) -> pl.DataFrame:
    """Returns the texts of the test."""
    return questions(case).rename({case.settings.text: "text"})


def questions(case: Run) -> pl.DataFrame:
    """Returns the texts of the test, as a user would write them."""
    between = "" if case.settings.text_symbols == "letters" else " "
    texts = [between.join(case.data.examples[row]) for row in case.split.test]
    return pl.DataFrame({case.settings.text: texts}, schema={case.settings.text: pl.String})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> list[Steps]:
    """Returns the symbols of each text; raises `TableError` where one was never recorded."""
    columns.check_name(table, settings.text, setting="text")
    texts = [sequences.steps(cell, letters=settings.text_symbols == "letters") for cell in table[settings.text]]
    for row, text in enumerate(texts, start=1):
        if unknown := sorted(set(text) - set(model.symbols)):
            raise TableError(f"row {row}: {unknown[0]!r} was never recorded; there are {listed(model.symbols)}")
        if not text:
            raise TableError(f"row {row}: there is no text to speak")
    return texts


def take(examples: list[Steps], rows: Rows) -> list[Steps]:
    """Returns those texts."""
    return [examples[row] for row in rows]


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the network as a function of symbols and moments; the spectra are still to be made a sound."""
    return Onnx(model.net, (tc.zeros(2, dtype=tc.int64), tc.zeros(2, speaker.WAVES)))


def draw(folder: Path, trained: Trained[Settings, list[Steps], None, Model, Answers]) -> None:
    """Draws the learning curve."""
    title = "mean squared error of log-spectra, scaled"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


def sounds(folder: Path, trained: Trained[Settings, list[Steps], None, Model, Answers]) -> None:
    """Writes the first texts of the test as WAV files, to be listened to."""
    for number, each in enumerate(trained.ours.sounds[:SAVED_SOUNDS], start=1):
        files.write(folder / f"spoken_{number}.wav", vocoder.wav(each, rate=trained.ours.rate))


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "A voice of recorded symbols, by log-spectra and Griffin-Lim",
    dummy_title="one recording for every symbol",
    peer_title="the recordings themselves, joined",
    metrics={
        "wer": Metric("word error rate of the listener", higher_is_better=False),
        "wrong": Metric("texts heard wrong", higher_is_better=False),
    },
    read=read,
    split=split,
    prepare=nothing_prepared,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=actual,
    questions=questions,
    inputs=inputs,
    save=speaker.save,
    load=lambda folder, settings: speaker.load(folder),
    take=take,
    onnx=onnx,
    features=lambda model: model.symbols,
    plots=draw,
    files=sounds,
    smoke={"epochs": 40, "width": 64, "rounds": 10},
    smoke_examples=60,
)
