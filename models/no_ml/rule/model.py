"""A rule, read from rule.json and applied; beside it the commonest answer and a decision tree."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import config, dataset, files, metrics, plots, rule_text, rules, splits, tabular
from models.kit.config import Between
from models.kit.errors import TableError, count
from models.kit.rule_ops import Value
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

RULE_FILE, SQL_FILE, PYTHON_FILE = "rule.json", "rule.sql", "rule.python.txt"  # texts of the user are never a .py
MOST_LABELS = 200  # different answers that the tree learns as classes; more are learned as numbers
MOST_SHOWN = 12  # exceptions
FEWEST_ROWS = 10
OURS, TREE, COMMONEST = "the rule", "scikit-learn decision tree", "commonest answer"

Flags = npt.NDArray[np.bool_]
Answers = list[Value]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Project):
    """The settings of config.yaml."""

    metric: Literal["accuracy"]
    target: str
    rule: str
    most_exceptions: Annotated[int, Between(0, 1_000_000_000)]
    test_share: Annotated[float, Between(0.05, 0.5)]


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Answers]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows that have an answer, and as `about` the rule and how it does on all rows."""
    rule = rules.load(folder / settings.rule)
    if rule.target.name != settings.target:
        raise rules.RuleError(
            f"{settings.rule}: the rule gives {rule.target.name!r}, not the target {settings.target!r}"
        )
    source = dataset.table(settings.table, folder=folder)
    frame, numbers = source.frame, np.arange(1, source.frame.height + 1)
    if most is not None and most < frame.height:
        numbers = 1 + np.sort(np.random.default_rng(settings.seed).permutation(frame.height)[:most])
        frame = frame[numbers - 1]
    checked = rules.check(rule, frame)
    wrong = ", ".join(str(place + 1) for place in checked.exceptions[:MOST_SHOWN])
    said = [f"on all {checked.rows:,} rows the rule is right in {checked.right:,}"]
    said += [f"exceptions in {count(len(checked.exceptions), 'row')}: {wrong}"] if checked.exceptions else []
    known = np.array([value is not None for value in rules.read_column(frame[settings.target], rule.target)])
    if known.sum() < FEWEST_ROWS:
        few = count(int(known.sum()), "row")
        raise TableError(f"only {few} with a target; at least {FEWEST_ROWS} are needed to compare")
    return Data(
        settings.table, source.sha256, frame.filter(known), numbers[known], (*source.notes, *said),
        about=(rule, checked),
    )  # fmt: skip


def split(data: Table, settings: Settings) -> Split:
    """Returns a split at random: the dummy and the tree are tested on rows that they have not seen."""
    return splits.shuffled(data.size, test_share=settings.test_share, seed=settings.seed)


def prepare(data: Table, split: Split, settings: Settings) -> Answers:
    """Returns the answer that stands in each row."""
    return rules.read_column(data.examples[settings.target], data.about[0].target)


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no rule: the commonest answer of the known rows."""
    commonest = Counter(case.prepared[row] for row in case.known).most_common(1)[0][0]
    return lambda rows: [commonest] * rows.size


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's decision tree, learned from the rule's own columns."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    rule: rules.Rule = case.data.about[0]
    inputs = np.stack([_numbers(case.data.examples[each.name], each) for each in rule.inputs], axis=1)
    actual, known = case.prepared, case.known
    values = {str(actual[row]): actual[row] for row in known}
    if len(values) > MOST_LABELS and rule.target.kind == "number":
        tree = DecisionTreeRegressor(random_state=0).fit(inputs[known], [actual[row] for row in known])
        return lambda rows: [float(value) for value in tree.predict(inputs[rows])]
    tree = DecisionTreeClassifier(random_state=0).fit(inputs[known], [str(actual[row]) for row in known])
    return lambda rows: [values[str(label)] for label in tree.predict(inputs[rows])]


def fit(case: Run) -> Fitted[rules.Rule]:
    """Returns the rule itself: there is nothing to learn."""
    rule, checked = case.data.about
    found = {"rows": checked.rows, "right": checked.right, "exceptions": len(checked.exceptions)}
    return Fitted(rule, rule_text.words(rule), facts={"rule": found})


def predict(rule: rules.Rule, table: pl.DataFrame, settings: Settings) -> Answers:
    """Returns what the rule gives for each row."""
    return rules.apply(rule, table)


def right(given: list[Value], actual: list[Value]) -> Flags:
    """Returns where the given values are the actual ones.

    >>> right([1.0, None, "a"], [1.0, 2.0, "a"]).tolist()
    [True, False, True]
    """
    return np.array([rules.same(one, other) for one, other in zip(given, actual, strict=True)], dtype=bool)


def draws(flags: Flags, *, seed: int) -> metrics.Draws:
    """Returns the share of rows that are right, with its resamples.

    >>> float(draws(np.array([True, True, False, True]), seed=0)["accuracy"][0])
    0.75
    """
    chances = np.stack([1.0 - flags, flags.astype(np.float64)], axis=1)
    return {"accuracy": metrics.classification(np.ones(flags.size, dtype=np.int64), chances, seed=seed)["accuracy"]}


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns the share of test rows that are right."""
    return draws(right(answers, [case.prepared[row] for row in case.split.test]), seed=case.settings.seed)


def shown(answers: Answers, rule: rules.Rule) -> pl.DataFrame:
    """Returns one answer a row, empty where the rule gives none."""
    return pl.DataFrame({"predicted": [rules.plain(value) for value in answers]})


def actual(case: Run) -> pl.DataFrame:
    """Returns what stands in the test rows."""
    return pl.DataFrame({"actual": [rules.plain(case.prepared[row]) for row in case.split.test]})


def load(folder: Path, settings: Settings) -> rules.Rule:
    """Returns the rule that was checked."""
    return rules.load(folder / RULE_FILE)


def write(folder: Path, trained: Trained[Settings, pl.DataFrame, Answers, rules.Rule, Answers]) -> None:
    """Writes the rule as SQL and as Python, to be read."""
    rule = trained.fitted.model
    files.write(folder / SQL_FILE, rule_text.sql(rule))
    files.write(folder / PYTHON_FILE, rule_text.python(rule))


def refusal(trained: Trained[Settings, pl.DataFrame, Answers, rules.Rule, Answers]) -> str | None:
    """Returns why the rule cannot be used: there are more exceptions than the settings allow."""
    exceptions, allowed = len(trained.case.data.about[1].exceptions), trained.case.settings.most_exceptions
    if exceptions <= allowed:
        return None
    return (
        f"The rule is wrong in {count(exceptions, 'row')}, and {allowed:,} are allowed (most_exceptions): "
        "mend it, or use the baseline."
    )


def _numbers(column: pl.Series, as_: rules.Input) -> npt.NDArray[np.float64]:
    """Returns a column as numbers: texts by their place in the alphabet, moments in seconds, -1 where missing."""
    if as_.kind == "number":
        return np.array([-1.0 if each is None else each for each in rules.read_column(column, as_)], dtype=np.float64)
    cells = pl.Series(rules.read_column(column, as_))
    ranks = cells.dt.epoch("s") if as_.kind == "time" else cells.rank("dense")
    return ranks.cast(pl.Float64).fill_null(-1.0).to_numpy()


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Answers, rules.Rule, Answers]) -> None:
    """Draws the share of test rows that the rule, the tree and the commonest answer give rightly."""
    actual = [trained.case.prepared[row] for row in trained.case.split.test]
    given = {OURS: trained.ours, TREE: trained.peer or [], COMMONEST: trained.dummy}
    found = {name: right(answers, actual).mean() for name, answers in given.items() if answers}
    title, axis = "Rows that are right", "share of test rows"
    plots.bars(folder / "right.png", np.array([*found.values()]), names=[*found], title=title, axis=axis)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "A rule",
    dummy_title=COMMONEST,
    peer_title=TREE,
    ours_title=OURS,
    metrics=metrics.chosen("accuracy"),
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
    questions=tabular.questions,
    inputs=lambda table, rule, settings: rules.inputs(table, rule),
    save=lambda rule, folder: rules.save(rule, folder / RULE_FILE),
    load=load,
    take=tabular.take,
    onnx="a rule is not arithmetic on arrays; rule.sql and rule.python.txt say it in other languages",
    features=lambda rule: rules.columns(rule.expression),
    plots=draw,
    files=write,
    refusal=refusal,
)
