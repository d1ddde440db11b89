"""Splits: no row on two sides, classes, groups and time respected, and the split in words."""

import numpy as np
import pytest

from models.kit import splits
from models.kit.errors import TableError
from models.kit.splits import Split


def _parts(split: Split) -> list[int]:
    return np.concatenate([split.train, split.validation, split.test]).tolist()


@pytest.mark.parametrize("validation_share", [0.0, 0.2])
def test_random_split_uses_each_row_once(validation_share: float) -> None:
    split = splits.shuffled(101, test_share=0.25, validation_share=validation_share, seed=3)
    assert sorted(_parts(split)) == list(range(101))
    assert split.test.size == 25
    assert split.validation.size == round(101 * validation_share)


def test_seed_decides() -> None:
    one, same, other = (splits.shuffled(50, test_share=0.2, seed=seed).test.tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_stratified_keeps_shares_and_every_class() -> None:
    labels = np.array(["a"] * 80 + ["b"] * 16 + ["c"] * 2 + ["d"])
    split = splits.stratified(labels, test_share=0.25, validation_share=0.25, seed=0)
    assert sorted(_parts(split)) == list(range(99))
    count = {
        part: [int((labels[rows] == name).sum()) for name in "abcd"]
        for part, rows in split._asdict().items()
        if part not in ("how", "noun")
    }
    assert count == {"train": [40, 8, 1, 1], "validation": [20, 4, 0, 0], "test": [20, 4, 1, 0]}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("validation_share", [0.0, 0.2])
def test_groups_stay_whole(seed: int, validation_share: float) -> None:
    groups = np.random.default_rng(seed).integers(0, 15, 300).astype(str)
    split = splits.by_group(groups, name="g", test_share=0.2, validation_share=validation_share, seed=seed)
    sides = [set(groups[rows]) for rows in (split.train, split.validation, split.test)]
    assert sum(map(len, sides)) == len(set(groups)) == len(set.union(*sides))
    assert sorted(_parts(split)) == list(range(300))
    assert abs(split.test.size - 60) < 30
    assert bool(split.validation.size) == bool(validation_share)


def test_latest_rows_are_the_test_and_equal_moments_stay_together() -> None:
    times = np.array([5, 1, 1, 2, 2, 3, 3, 3, 4, 4], dtype=float)
    split = splits.by_time(times, name="t", test_share=0.3, validation_share=0.3)
    train, validation, test = (times[rows] for rows in (split.train, split.validation, split.test))
    assert train.max() < validation.min() <= validation.max() < test.min()
    assert sorted(_parts(split)) == list(range(10))
    assert sorted(test) == [4, 4, 5]


def test_rows_without_time_are_left_out_and_said() -> None:
    times = np.array(["2024-01-01", "NaT", "2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[us]")
    split = splits.by_time(times, name="day", test_share=0.5)
    assert sorted(_parts(split)) == [0, 2, 3, 4]
    assert "1 row without a time left out" in split.words


def test_class_that_training_lacks_is_left_out_and_said() -> None:
    labels = np.array(list("ababab" + "abcc"))
    split = splits.known_classes(splits.by_time(np.arange(10), name="t", test_share=0.4), labels)
    assert split.test.tolist() == [6, 7]
    assert "left out 2 rows of a class that training lacks: 'c'" in split.words
    with pytest.raises(TableError, match="all training rows are of class 'a'"):
        splits.known_classes(splits.by_time(np.arange(4), name="t", test_share=0.5), np.array(list("aabb")))


def test_too_few_groups_moments_and_rows() -> None:
    with pytest.raises(TableError, match="'g' has only 1 value"):
        splits.by_group(np.array(["x"] * 20), name="g", test_share=0.2, seed=0)
    with pytest.raises(TableError, match="'g' has only 2 values; a split by group needs 3"):
        splits.by_group(np.array(["x", "y"] * 10), name="g", test_share=0.2, validation_share=0.2, seed=0)
    with pytest.raises(TableError, match="'t' has only 1 moment"):
        splits.by_time(np.zeros(20), name="t", test_share=0.2)


@pytest.mark.parametrize("validation_share", [0.0, 0.2])
def test_a_gap_keeps_what_is_not_known_yet_out_of_the_training(validation_share: float) -> None:
    times = np.repeat(np.arange(50), 2)
    split = splits.by_time(times, name="day", test_share=0.2, validation_share=validation_share, gap=5)
    train, validation, test = (times[rows] for rows in (split.train, split.validation, split.test))
    last = validation if validation.size else train
    assert test.min() - last.max() == 6
    if validation_share:
        assert validation.min() - train.max() == 6
    assert "a gap of 5 moments" in split.how


def test_rolling_origins_follow_one_another_and_never_train_on_the_future() -> None:
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(30.0), 3))
    found = splits.rolling(times, name="day", origins=3, horizon=4, gap=2)
    tested = [set(times[split.test]) for split in found]
    assert tested == [set(range(18, 22)), set(range(22, 26)), set(range(26, 30))]
    assert all(times[split.train].max() == min(days) - 3 for split, days in zip(found, tested, strict=True))
    with pytest.raises(TableError, match="3 origins with a horizon of 10"):
        splits.rolling(times, name="day", origins=3, horizon=10)


def test_the_last_rows_of_each_user_are_the_test() -> None:
    generator = np.random.default_rng(1)
    users, times = generator.integers(0, 20, 300).astype(str), generator.permutation(300)
    split = splits.last_of_each(users, times, name="user", test=2, validation=1)
    assert sorted(_parts(split)) == list(range(300))
    for user in np.unique(users):
        train, validation, test = (times[rows[users[rows] == user]] for rows in split[:3])
        if test.size:
            assert test.size == 2
            assert validation.size == 1
            assert train.max() < validation.min() < test.min()
