"""A small language model that goes on with a text, character by character; beside it frequencies, and Kneser-Ney.

It learns spelling and turns of phrase, no meaning: what it writes reads like the training texts and says nothing. It is
the yardstick for what is really taken for such a task, a large pretrained model: that one should need fewer bits per
character on the same held-out texts, and its text should repeat and copy no more than real texts do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import copying
import grams
import numpy as np
import numpy.typing as npt
import polars as pl
import writer
from writer import Ids, Lines, Model, Writer

import tensor_core as tc
from models.kit import cells, columns, config, metrics, plots, sequences, splits
from models.kit.config import Between
from models.kit.errors import TableError, count
from models.kit.metrics import Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

FEWEST_TEXTS = 20
ORDERS = (3, 4, 5, 6, 7)  # symbols of a run that Kneser-Ney counts, of which validation chooses
MOST_JUDGED = 50  # test texts whose continuations are looked at for what repeats and what is copied
BETWEEN = "\n"  # a prompt and the text that follows it


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["bits", "perplexity"]
    text: str
    prompt: str | None
    group: str | None
    test_share: Annotated[float, Between(0.01, 0.5)]
    validation_share: Annotated[float, Between(0.01, 0.5)]
    width: Annotated[int, Between(1, 4096)]
    hidden: Annotated[int, Between(1, 8192)]
    dropout: Annotated[float, Between(0, 0.95)]
    longest: Annotated[int, Between(2, 100_000)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 100_000)]
    opening: Annotated[int, Between(0, 2_000)]
    length: Annotated[int, Between(1, 100_000)]
    temperature: Annotated[float, Between(0, 10)]


class Texts(NamedTuple):
    """What stands before each text (with `BETWEEN`, or nothing), and the text; texts of questions are empty."""

    before: list[str]
    texts: list[str]


class Prepared(NamedTuple):
    """The characters that training texts have, and all examples as numbers, which end in `END`."""

    characters: str
    ids: list[Ids]


class Answers(NamedTuple):
    """Of each text the bits that it takes, and its symbols; what the writer writes instead, greedily and drawn."""

    bits: npt.NDArray[np.float64]
    symbols: npt.NDArray[np.int64]
    greedy: Lines = Lines([], [])
    sampled: Lines = Lines([], [])


Run = Case[Settings, Texts, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Texts]:
    """Returns the texts of the table, at most `most`, drawn at random; as `about` the group of each."""
    table = sequences.table(settings.table, folder=folder, fewest_columns=1)
    frame, said = table.frame, list(table.notes)
    for setting in ("text", "prompt", "group"):
        if (name := getattr(settings, setting)) is not None:
            columns.check_name(frame, name, setting=setting)
    texts = cells.texts(_flat(frame, settings.text, "text"))
    whole = np.flatnonzero(texts.is_not_null().to_numpy())
    if whole.size < FEWEST_TEXTS:
        raise TableError(f"{count(whole.size, 'row')} with a text; at least {FEWEST_TEXTS} are needed")
    if lost := frame.height - whole.size:
        said.append(f"{count(lost, 'row')} without a text left out")
    chosen = whole[sequences.drawn(whole.size, most, seed=settings.seed)]
    before = _before(frame, settings)
    examples = Texts([before[row] for row in chosen], [str(texts[int(row)]) for row in chosen])
    groups = None if settings.group is None else columns.grouped(frame[settings.group])[chosen].tolist()
    return Data(settings.table, table.sha256, examples, chosen + 1, tuple(said), "text", groups)


def _flat(frame: pl.DataFrame, name: str, setting: str) -> pl.Series:
    if frame[name].dtype.is_nested() or frame[name].dtype == pl.Binary:
        raise TableError(f"{setting}: column {name!r} holds nested values; join the words of each text by spaces")
    return frame[name]


def _before(frame: pl.DataFrame, settings: Settings) -> list[str]:
    if settings.prompt is None:
        return [""] * frame.height
    prompts = cells.texts(_flat(frame, settings.prompt, "prompt")).fill_null("")
    return [str(prompt) + BETWEEN for prompt in prompts]


def split(data: Data[Texts], settings: Settings) -> Split:
    """Returns whole groups, or texts drawn at random; equal texts are on one side."""
    test, stop, seed = settings.test_share, settings.validation_share, settings.seed
    groups = np.array(data.about or data.examples.texts)
    name = settings.group or settings.text
    drawn = splits.by_group(groups, name=name, test_share=test, validation_share=stop, seed=seed)
    return drawn._replace(noun="text")


def prepare(data: Data[Texts], split: Split, settings: Settings) -> Prepared:
    """Returns the characters of the training texts, and all texts as numbers."""
    known = take(data.examples, split.train)
    characters = writer.alphabet([*known.before, *known.texts])
    if not characters:
        raise TableError(f"text: no character stands twice in the training texts of column {settings.text!r}")
    return Prepared(characters, _encoded(data.examples, characters))


def _encoded(examples: Texts, characters: str) -> list[Ids]:
    return [np.append(writer.encode("".join(pair), characters), writer.END) for pair in zip(*examples, strict=True)]


def _summed(bits: list[npt.NDArray[np.float64]], examples: Texts) -> Answers:
    """Returns answers from the bits of all symbols: those of the prompt count for nothing."""
    own = [each[len(before) :] for each, before in zip(bits, examples.before, strict=True)]
    sizes = np.array([each.size for each in own], dtype=np.int64)
    return Answers(np.array([each.sum() for each in own], dtype=np.float64), sizes)


def _per_symbol(answers: Answers) -> float:
    return float(answers.bits.sum() / answers.symbols.sum())


def _counted(case: Run, order: int) -> Callable[[Rows], Answers]:
    ids = case.prepared.ids
    symbols = writer.FIRST + len(case.prepared.characters)
    learned = grams.learn([ids[row] for row in case.split.train], symbols=symbols, order=order)
    return lambda rows: _summed(grams.bits(learned, [ids[row] for row in rows]), take(case.data.examples, rows))


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns how often each character stands in the training texts, whatever came before."""
    return _counted(case, 1)


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns interpolated Kneser-Ney over runs of characters, as long as is best on the validation texts."""
    longest = grams.most(writer.FIRST + len(case.prepared.characters))
    tried = [_counted(case, order) for order in ORDERS if order < longest]
    values = [_per_symbol(each(case.split.validation)) for each in tried]
    return tried[int(np.argmin(values))]


def fit(case: Run) -> Fitted[Model]:
    """Returns the writer as it was best on the validation texts, and what its continuations look like."""
    settings, (characters, ids) = case.settings, case.prepared
    tc.manual_seed(settings.seed)
    net = Writer(
        symbols=writer.FIRST + len(characters), width=settings.width, hidden=settings.hidden, dropout=settings.dropout
    )
    train, validation = ([ids[row] for row in rows] for rows in (case.split.train, case.split.validation))
    run = writer.train(net, train, validation, settings)
    model = Model(characters, net)
    notes, facts = _judged(case, model)
    return Fitted(model, *run, notes, facts)


def _judged(case: Run, model: Model) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Returns how much of what is written repeats itself or is copied, beside the same of real new texts."""
    settings, train = case.settings, take(case.data.examples, case.split.train)
    known = copying.source([*train.before, *train.texts])
    rows = case.split.test[:MOST_JUDGED]
    examples = take(case.data.examples, rows)
    openings = [_opening(text, settings) for text in examples.texts]
    real = [text[len(begin) :][: settings.length] for begin, text in zip(openings, examples.texts, strict=True)]
    greedy, sampled = _written(model, _begins(examples, settings), settings)
    facts: dict[str, Any] = {}
    for name, texts in (("greedy", greedy.texts), ("sampled", sampled.texts), ("real", real)):
        facts[f"repeated_{name}"] = float(np.mean([copying.repeated(text) for text in texts]))
        facts[f"copied_{name}"] = float(np.mean([copying.copied(text, known) for text in texts]))
    unknown = np.concatenate([case.prepared.ids[row] for row in case.split.test]) == writer.UNSEEN
    facts["unknown_characters"] = float(unknown.mean())
    repeats, copies = (
        ", ".join(f"{facts[f'{kind}_{name}']:.1%} of {name} text" for name in ("greedy", "sampled", "real"))
        for kind in ("repeated", "copied")
    )
    return (
        f"runs of three words that stood before in the same text: {repeats} ({count(len(rows), 'test text')})",
        f"longest part that stands word for word in the training texts: {copies}",
        f"{facts['unknown_characters']:.2%} of the test's characters were seen less than twice in training; all models "
        "share one probability for them",
        "for real use take a large pretrained model; this one is the yardstick that it must beat on the same texts",
    ), facts


def _opening(text: str, settings: Settings) -> str:
    """Returns the first whole words of a text, where no column has a prompt."""
    if settings.prompt is not None or len(text) <= settings.opening:
        return "" if settings.prompt is not None else text
    return text[: settings.opening].rpartition(" ")[0] or text[: settings.opening]


def _begins(examples: Texts, settings: Settings) -> list[str]:
    """Returns what the writer goes on from."""
    return [before + _opening(text, settings) for before, text in zip(*examples, strict=True)]


def _written(model: Model, begins: list[str], settings: Settings) -> tuple[Lines, Lines]:
    greedy, sampled = (
        writer.write(model, begins, length=settings.length, temperature=heat, seed=settings.seed)
        for heat in (0.0, settings.temperature)
    )
    return greedy, sampled


def predict(model: Model, examples: Texts, settings: Settings) -> Answers:
    """Returns the bits of each text, and how the writer goes on from its prompt or opening instead."""
    bits = writer.bits(model.net, _encoded(examples, model.characters))
    greedy, sampled = _written(model, _begins(examples, settings), settings)
    return _summed(bits, examples)._replace(greedy=greedy, sampled=sampled)


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns bits per character and the perplexity, its power of two; resampled by text."""
    draws = metrics.ratios({"bits": (answers.bits, answers.symbols)}, seed=case.settings.seed)
    return draws | {"perplexity": np.exp2(draws["bits"])}


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns both continuations of each prompt, with the bits per character that the writer gives its own words."""
    return pl.DataFrame(
        {
            "predicted": answers.sampled.texts,
            "bits": answers.sampled.bits,
            "greedy": answers.greedy.texts,
            "bits of greedy": answers.greedy.bits,
        },
        schema={"predicted": pl.String, "bits": pl.Float64, "greedy": pl.String, "bits of greedy": pl.Float64},
    )


def actual(case: Run) -> pl.DataFrame:
    """Returns what the writer went on from, and how the test texts really go on."""
    examples = take(case.data.examples, case.split.test)
    rest = [text[len(_opening(text, case.settings)) :] for text in examples.texts]
    return pl.DataFrame({"prompt": _begins(examples, case.settings), "actual": rest})


def questions(case: Run) -> pl.DataFrame:
    """Returns the prompts, or where no column has them the openings of the test texts."""
    examples = take(case.data.examples, case.split.test)
    if case.settings.prompt is not None:
        return pl.DataFrame({case.settings.prompt: [before.removesuffix(BETWEEN) for before in examples.before]})
    return pl.DataFrame({case.settings.text: [_opening(text, case.settings) for text in examples.texts]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Texts:
    """Returns what to go on from: the prompts, or where no column has them the texts of a new table."""
    setting = "text" if settings.prompt is None else "prompt"
    name = settings.text if settings.prompt is None else settings.prompt
    columns.check_name(table, name, setting=setting)
    if settings.prompt is not None:
        return Texts(_before(table, settings), [""] * table.height)
    return Texts([str(text) for text in cells.texts(_flat(table, name, setting)).fill_null("")], [""] * table.height)


def take(examples: Texts, rows: Rows) -> Texts:
    """Returns those texts."""
    return Texts(*([part[row] for row in rows] for part in examples))


def draw(folder: Path, trained: Trained[Settings, Texts, Prepared, Model, Answers]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="bits per character")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "A text continued, character by character",
    dummy_title="how often each character stands",
    peer_title="Kneser-Ney over runs of characters",
    metrics={
        "bits": Metric("bits per character", higher_is_better=False),
        "perplexity": Metric("perplexity of a character", higher_is_better=False),
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
    save=writer.save,
    load=lambda folder, settings: writer.load(folder),
    take=take,
    onnx="what is written goes back in as what was read, one character after the other, which is no single network",
    features=lambda model: list(model.characters),
    plots=draw,
    smoke={"epochs": 4, "batch_rows": 16, "hidden": 96, "length": 40},
    smoke_examples=300,
)
