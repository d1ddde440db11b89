"""Several labels at once: the metrics are those of scikit-learn, thresholds are the best there are, cells are cut."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, f1_score, hamming_loss, log_loss

from models.kit import multilabel, tags
from models.kit.errors import TableError

GENERATOR = np.random.default_rng(0)
TRUTH = GENERATOR.random((300, 6)) < np.linspace(0.05, 0.6, 6)
CHANCES = np.clip(np.round(TRUTH * 0.3 + GENERATOR.random(TRUTH.shape) * 0.7, 2), 0, 1)  # with many equal ones


def test_the_metrics_are_those_of_scikit_learn() -> None:
    given = multilabel.answers(CHANCES, 0.45)
    found = {name: values[0] for name, values in multilabel.score(TRUTH, given, seed=0).items()}
    assert found["micro_f1"] == pytest.approx(f1_score(TRUTH, given.chosen, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(TRUTH, given.chosen, average="macro"))
    assert found["hamming_loss"] == pytest.approx(hamming_loss(TRUTH, given.chosen))
    assert found["mean_average_precision"] == pytest.approx(average_precision_score(TRUTH, CHANCES))
    each = [log_loss(TRUTH[:, label], CHANCES[:, label]) for label in range(6)]
    assert found["label_log_loss"] == pytest.approx(np.mean(each))


def test_a_resample_is_scored_as_if_its_rows_were_the_test() -> None:
    """The rows twice over have the same scores, and their interval is narrower."""
    given = multilabel.answers(CHANCES, 0.45)
    once = multilabel.score(TRUTH, given, seed=1)
    twice = multilabel.score(np.tile(TRUTH, (4, 1)), multilabel.answers(np.tile(CHANCES, (4, 1)), 0.45), seed=1)
    for name, values in once.items():
        assert values[0] == pytest.approx(twice[name][0]), name
        assert np.std(twice[name][1:]) < np.std(values[1:]), name


def test_the_common_threshold_is_the_best_of_all() -> None:
    cut = multilabel.thresholds(CHANCES, TRUTH, each="all")
    best = max(f1_score(TRUTH, value <= CHANCES, average="micro") for value in np.unique(CHANCES))
    assert f1_score(TRUTH, cut <= CHANCES, average="micro") == pytest.approx(best)


@pytest.mark.parametrize("aim", ["micro_f1", "macro_f1"])
def test_a_threshold_for_each_label_is_better_than_one(aim: str) -> None:
    average = aim.removesuffix("_f1")
    alone = f1_score(TRUTH, multilabel.thresholds(CHANCES, TRUTH, each="all") <= CHANCES, average=average)
    each = multilabel.thresholds(CHANCES, TRUTH, aim=aim)  # type: ignore[arg-type]
    assert f1_score(TRUTH, each <= CHANCES, average=average) > alone


def test_a_label_too_rare_to_tell_shares_the_common_threshold() -> None:
    each = multilabel.thresholds(CHANCES, TRUTH, fewest=1_000)
    assert np.unique(each).tolist() == np.unique(multilabel.thresholds(CHANCES, TRUTH, each="all")).tolist()


def test_the_constant_answer_sets_the_labels_that_are_worth_it() -> None:
    given = multilabel.constant(TRUTH, 3)
    tried = [f1_score(TRUTH, np.tile(TRUTH.mean(axis=0) >= cut, (300, 1)), average="micro") for cut in TRUTH.mean(0)]
    mine = f1_score(TRUTH, np.tile(given.chosen[0], (300, 1)), average="micro")
    assert mine == pytest.approx(max(tried))


@pytest.mark.parametrize(
    ("cells", "rows", "delimiter"),
    [
        (["a; b", "b;c ", "a"], (("a", "b"), ("b", "c"), ("a",)), ";"),
        (["true crime, war", "war", "true crime"], (("true crime", "war"), ("war",), ("true crime",)), ","),
        (['["a", "b"]', "[]", '["b, c"]'], (("a", "b"), (), ("b, c",)), ""),
        (["['a', 'b']", "['b']", "[]"], (("a", "b"), ("b",), ()), ""),
        (["#one #two", "#two", "#one"], (("#one", "#two"), ("#two",), ("#one",)), " "),
        (["New York", "New Jersey", "New York"], (("New York",), ("New Jersey",), ("New York",)), ""),
    ],
)
def test_cells_are_cut(cells: list[str], rows: tuple[tuple[str, ...], ...], delimiter: str) -> None:
    found = tags.read(pl.DataFrame({"tags": cells}), "tags")
    assert (found.rows, found.delimiter) == (rows, delimiter)
    assert found.known.all()


def test_a_list_column_is_taken_as_it_is_and_a_missing_cell_is_not_known() -> None:
    found = tags.read(pl.DataFrame({"tags": [["a", "b"], [], None]}), "tags")
    assert found.rows == (("a", "b"), (), ())
    assert found.known.tolist() == [True, True, False]


def test_what_is_no_list_of_tags_is_refused_with_its_row() -> None:
    with pytest.raises(TableError, match=r'row 2: column \'tags\': \'\[{"a": 1}\]\' is not a list of tags'):
        tags.read(pl.DataFrame({"tags": ['["a"]', '[{"a": 1}]', '["b"]']}), "tags")
    with pytest.raises(TableError, match="did you mean 'tags'"):
        tags.read(pl.DataFrame({"tags": ["a"]}), "tag")


def test_every_tag_is_on_all_sides() -> None:
    rows = tags.read(pl.DataFrame({"t": ["a"] * 400 + ["a;b"] * 80 + ["c;b"] * 20 + ["d"] * 10}), "t").rows
    split = tags.stratified(rows, test_share=0.2, validation_share=0.1, seed=3)
    assert sorted(np.concatenate([split.train, split.validation, split.test])) == list(range(510))
    for tag, times in {"a": 480, "b": 100, "c": 20, "d": 10}.items():
        held = [sum(tag in rows[place] for place in part) for part in split[:3]]
        assert np.abs(np.array(held) - np.array([0.7, 0.1, 0.2]) * times).max() <= 1.0, tag
