"""Which records mean the same thing: one list without doubles, two lists linked, or pairs that are judged.

Pairs that share rare pieces of text are compared column by column (linking.py); a small network on tensor_core says how
likely a pair belongs together. Beside it stand records that are equal after tidying, and boosted trees.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import judging
import linking
import numpy as np
import numpy.typing as npt
import polars as pl
import records
from judging import Answers, best_limit
from linking import Pairs, Rarity, Vector
from records import BETWEEN, Records, Settings, groups, records_of, take, true_pairs, truths

import tensor_core as tc
from models.kit import columns, files, plots, splits, training
from models.kit.errors import ArtefactError, TableError
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

SCHEMA = 1
LEARNED_FILE, WEIGHTS_FILE = "preprocess.json", "weights.safetensors"
BATCH_PAIRS = 256


class Model(NamedTuple):
    """The compared columns, how rare pieces are, the network, and the probability from which a pair is kept."""

    names: tuple[str, ...]
    learned: Rarity
    net: tc.nn.Module
    limit: float


Run = Case[Settings, Records, Rarity]


def split(data: Data[Records], settings: Settings) -> Split:
    """Returns whole entities as the test, so that nothing stands on both sides."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    drawn = splits.by_group(groups(data.examples), name=settings.target, seed=settings.seed, **shares)
    return drawn._replace(noun="record")


def prepare(data: Data[Records], split: Split, settings: Settings) -> Rarity:
    """Returns how rare pieces of text are in the training records."""
    known = take(data.examples, split.train)
    return linking.rarity([*known.left, *(each for each in known.right if each is not None)])


def _pairs(examples: Records, learned: Rarity, settings: Settings) -> Pairs:
    """Returns the pairs to look at: those that were given, or those that blocking finds."""
    if examples.right and examples.right[0] is not None:
        every = np.arange(len(examples.left))
        return Pairs(every, every)
    sides = None if not examples.side or examples.side[0] < 0 else np.array(examples.side)
    return linking.candidates(examples.left, sides, learned, most=settings.candidates)


def _compared(examples: Records, pairs: Pairs, learned: Rarity) -> npt.NDArray[np.float32]:
    right = [each for each in examples.right if each is not None]
    return linking.compare(examples.left, right or examples.left, pairs, learned)


def _answers(examples: Records, pairs: Pairs, probable: Vector, limit: float, settings: Settings) -> Answers:
    kept = probable >= limit
    if settings.one_to_one == "yes":
        at = np.flatnonzero(kept)
        kept[at] = linking.one_to_one(Pairs(pairs.left[at], pairs.right[at]), probable[at])
    right = [each for each in examples.right if each is not None]
    return Answers(pairs, probable, kept, [BETWEEN.join(each) for each in right or examples.left])


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns pairs of records that are equal in every column that both fill in, and fill in one at least."""

    def equal(rows: Rows) -> Answers:
        examples = take(case.data.examples, rows)
        pairs = _pairs(examples, case.prepared, case.settings)
        seen = _compared(examples, pairs, case.prepared)[:, : -len(linking.OVERALL)]
        table = seen.reshape(len(seen), -1, len(linking.COMPARED))
        known, same = table[:, :, 0].sum(axis=1), table[:, :, 1].sum(axis=1)
        return _answers(examples, pairs, ((known > 0) & (same == known)).astype(np.float64), 0.5, case.settings)

    return equal


class Lesson(NamedTuple):
    """What is seen of pairs, which ones are true, and how many true ones were never looked at."""

    seen: npt.NDArray[np.float32]
    true: npt.NDArray[np.bool_]
    missed: int


def _lesson(case: Run, rows: Rows) -> Lesson:
    examples = take(case.data.examples, rows)
    pairs = _pairs(examples, case.prepared, case.settings)
    true = true_pairs(examples, pairs)
    return Lesson(_compared(examples, pairs, case.prepared), true, truths(examples).size - int(true.sum()))


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's boosted trees on the same comparisons, with the limit that is best on validation."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    taught, stops = _lesson(case, case.split.train), _lesson(case, case.split.validation)
    trees = HistGradientBoostingClassifier(random_state=case.settings.seed, early_stopping=False)
    trees.fit(taught.seen, taught.true)
    limit = best_limit(trees.predict_proba(stops.seen)[:, 1], stops.true, stops.missed)

    def found(rows: Rows) -> Answers:
        examples = take(case.data.examples, rows)
        pairs = _pairs(examples, case.prepared, case.settings)
        probable = trees.predict_proba(_compared(examples, pairs, case.prepared))[:, 1]
        return _answers(examples, pairs, probable, limit, case.settings)

    return found


def build(inputs: int, hidden: int) -> tc.nn.Module:
    """Returns a network with one hidden layer that gives the log-odds that a pair belongs together."""
    return tc.nn.Sequential(tc.nn.Linear(inputs, hidden), tc.nn.GELU(), tc.nn.Linear(hidden, 1))


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on pairs of training records, as it was best on those of validation records."""
    settings = case.settings
    taught, stops = _lesson(case, case.split.train), _lesson(case, case.split.validation)
    if not 0 < taught.true.sum() < taught.true.size:
        raise TableError("training holds no pair that matches, or no other; raise `candidates`, or bring more records")
    tc.manual_seed(settings.seed)
    net = build(taught.seen.shape[1], settings.hidden)
    run = _train(net, taught, stops, settings)
    limit = best_limit(_probable(net, stops.seen), stops.true, stops.missed)
    words = f"a pair is kept from a probability of {limit:.2f} on, which gave the best F1 on the validation records"
    return Fitted(Model(case.data.about, case.prepared, net, limit), *run, (words,))


def _train(net: tc.nn.Module, taught: Lesson, stops: Lesson, settings: Settings) -> training.Run:
    generator = np.random.default_rng(settings.seed)
    x, y = tc.as_tensor(taught.seen), tc.as_tensor(taught.true.astype(np.float32))
    x_stop, y_stop = tc.as_tensor(stops.seen), tc.as_tensor(stops.true.astype(np.float32))
    adam = tc.optim.AdamW(net.parameters(), lr=settings.learning_rate)
    steps = -(-taught.true.size // BATCH_PAIRS)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=steps * settings.epochs))
    history: list[training.Point] = []
    best, best_loss = training.snapshot(net), np.inf
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while len(history) < settings.epochs and not watch.reason:
            losses = []
            for chosen in np.array_split(generator.permutation(taught.true.size), steps):
                rows = tc.as_tensor(chosen)
                adam.zero_grad()
                loss = tc.binary_cross_entropy_with_logits(net(x[rows]).reshape(-1), y[rows])
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if watch.reason:
                    break
            with tc.no_grad():
                there = (
                    tc.binary_cross_entropy_with_logits(net(x_stop).reshape(-1), y_stop).item()
                    if len(stops.true)
                    else 0.0
                )
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            if there < best_loss:
                best, best_loss = training.snapshot(net), there
            shown.update()
        net.load_state_dict(best)
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _probable(net: tc.nn.Module, seen: npt.NDArray[np.float32]) -> Vector:
    with tc.no_grad():
        odds = net(tc.as_tensor(seen)).numpy().reshape(-1).astype(np.float64)
    return np.asarray(1 / (1 + np.exp(-odds)))


def predict(model: Model, examples: Records, settings: Settings) -> Answers:
    """Returns the pairs that were looked at, with the probability that they belong together."""
    pairs = _pairs(examples, model.learned, settings)
    probable = _probable(model.net, _compared(examples, pairs, model.learned)) if pairs.left.size else np.zeros(0)
    return _answers(examples, pairs, probable, model.limit, settings)


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns the kept pairs, the surest first: a record, its partner, and the group that both are in."""
    at = np.flatnonzero(answers.kept)
    at = at[np.argsort(-answers.probable[at], kind="stable")]
    pairs = Pairs(answers.pairs.left[at], answers.pairs.right[at])
    return pl.DataFrame(
        {
            "row": pairs.left + 1,
            "matches": [answers.texts[place] for place in pairs.right],
            "probability": answers.probable[at],
            "group": linking.clusters(pairs) + 1,
        },
        schema={"row": pl.Int64, "matches": pl.String, "probability": pl.Float64, "group": pl.Int64},
    )


def actual(case: Run) -> pl.DataFrame:
    """Returns the test records with what they mean."""
    examples = take(case.data.examples, case.split.test)
    return pl.DataFrame({"record": [BETWEEN.join(each) for each in examples.left], "actual": examples.means})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test records as they are compared, and which list each is from."""
    examples, settings = take(case.data.examples, case.split.test), case.settings
    table = {name: [each[place] for each in examples.left] for place, name in enumerate(case.data.about)}
    table |= {name: [(each or ())[place] for each in examples.right] for place, name in enumerate(settings.right)}
    if settings.side is not None and not settings.left:
        table[settings.side] = [str(1 + each) for each in examples.side]
    return pl.DataFrame(table)


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Records:
    """Returns the records of a new table: one list, both lists with their side, or pairs."""
    for setting, names in (("left", model.names), ("right", settings.right), ("side", (settings.side,))):
        for name in names:
            if name is not None:
                columns.check_name(table, name, setting=setting)
    return records_of(table, model.names, settings)


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json (columns, how rare pieces are, the limit) and weights.safetensors."""
    hidden = next(int(weight.shape[0]) for weight in model.net.parameters())
    about = {"schema": SCHEMA, "names": model.names, "hidden": hidden, "limit": model.limit, **model.learned._asdict()}
    files.write(folder / LEARNED_FILE, json.dumps(about, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    about = files.read_json(folder / LEARNED_FILE, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        names = tuple(about["names"])
        net = build(len(names) * len(linking.COMPARED) + len(linking.OVERALL), int(about["hidden"]))
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS_FILE))
        return Model(names, Rarity(about["pieces"], about["words"], int(about["records"])), net, float(about["limit"]))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS_FILE}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the network as a function of what is seen of pairs."""
    return Onnx(model.net, tc.zeros(2, len(features(model))))


def features(model: Model) -> list[str]:
    """Returns the names of what is seen of a pair."""
    return [f"{name}: {kind}" for name in model.names for kind in linking.COMPARED] + list(linking.OVERALL)


def draw(folder: Path, trained: Trained[Settings, Records, Rarity, Model, Answers]) -> None:
    """Draws precision and recall, to the end of what was looked at, and the learning curve."""
    case, answers = trained.case, trained.ours
    true = true_pairs(take(case.data.examples, case.split.test), answers.pairs)
    if true.any():
        plots.precision_recall(
            folder / "precision_recall.png", true, answers.probable, name="pairs that were looked at"
        )
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="log-loss of a pair")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Matching of records, compared column by column",
    dummy_title="equal after tidying",
    peer_title="scikit-learn boosted trees",
    metrics=judging.METRICS,
    read=records.read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=lambda case, answers: judging.score(
        take(case.data.examples, case.split.test), answers, seed=case.settings.seed
    ),
    shown=shown,
    actual=actual,
    questions=questions,
    inputs=inputs,
    save=save,
    load=load,
    take=take,
    onnx=onnx,
    features=features,
    plots=draw,
    smoke={"epochs": 10},
    smoke_examples=2000,
)
