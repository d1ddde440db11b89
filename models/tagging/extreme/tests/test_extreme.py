"""What is this template's own: what single words say of labels that few texts have, and how sure answers are."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import label_table
import numpy as np
from label_lifts import Blend, counted, judged, scores
from label_weights import asked, learn
from model import TEMPLATE

from models.kit import config, training
from models.kit.bags import Bags
from models.kit.task import Case

PROJECT = Path(__file__).resolve().parents[1]


def test_rare_labels_of_new_texts_are_found_by_their_words(tmp_path: Path) -> None:
    text = (PROJECT / "config.yaml").read_text()
    for name, value in {"generated_labels": 1500, "generated_texts": 1500, "epochs": 2, "width": 64}.items():
        (line,) = [each for each in text.splitlines() if each.startswith(f"{name}:")]
        text = text.replace(line, f"{name}: {value}")
    (tmp_path / "config.yaml").write_text(text)
    settings = config.read(tmp_path / "config.yaml", TEMPLATE.settings)
    data = TEMPLATE.read(settings, PROJECT, None)
    split = TEMPLATE.split(data, settings)
    case = Case(settings, data, split, TEMPLATE.prepare(data, split, settings))
    model = TEMPLATE.fit(case).model
    has, test = case.prepared.has, split.test

    def right(**changed: float) -> float:
        beside = model.beside._replace(blend=model.beside.blend._replace(**changed))
        places, chances = label_table.likeliest(model.net, beside, case.prepared.texts, test, 5)
        assert ((chances >= 0) & (chances <= 1)).all()
        assert (np.diff(chances, axis=1) <= 0).all()
        return float(np.mean([best in has[row] for best, row in zip(places[:, 0], test, strict=True)]))

    assert model.beside.blend.share > 0
    assert right() > right(share=0.0, trust=0.0) + 0.05


def texts_of(*lists: list[int]) -> Bags:
    """Texts of these words, each of length 1 as tf-idf has them."""
    start = np.concatenate([[0], np.cumsum([len(each) for each in lists])])
    value = np.concatenate([np.full(len(each), len(each) ** -0.5) for each in lists])
    return Bags(start, np.concatenate([np.array(each, dtype=np.int64) for each in lists]), value.astype(np.float32))


def test_a_word_of_the_topic_counts_less_than_a_labels_own() -> None:
    """Word 0 stands in all texts of both labels, 1 and 2 each for one of them; label 2 has other words."""
    texts = texts_of(*[[0, 1], [0, 2], [3]] * 10)
    rows, has = np.arange(30), [np.array([place % 3]) for place in range(30)]
    lifts = counted(texts, rows, has, words=4, labels=3)(10.0)
    wrong = np.array([[other for other in range(3) if other != place % 3] for place in range(30)])
    with training.watched(budget_seconds=60) as watch:
        learned = learn(lifts, texts, asked(rows, wrong, has), watch)
    weight = {}
    for word in range(4):
        for place in range(lifts.pairs.start[word], lifts.pairs.start[word + 1]):
            weight[word, int(lifts.pairs.word[place])] = float(learned.pairs.value[place])
    assert weight[1, 0] > weight[0, 0] + 1
    assert weight[2, 1] > weight[0, 1] + 1
    found = scores(learned, texts, np.arange(3))
    assert found.argmax(axis=1).tolist() == [0, 1, 2]


def test_words_that_say_nothing_leave_nothing_to_learn() -> None:
    texts, has = texts_of([0], [0], [0]), [np.array([0])] * 3
    lifts = counted(texts, np.arange(3), has, words=1, labels=1)(10.0)
    assert lifts.pairs.word.size == 0
    with training.watched(budget_seconds=60) as watch:
        learned = learn(lifts, texts, asked(np.arange(3), np.zeros((3, 1), dtype=np.int64), has), watch)
    assert scores(learned, texts, np.arange(3)).shape == (3, 1)


def test_chances_are_as_often_right_as_they_say() -> None:
    draw = np.random.default_rng(0)
    values = -np.sort(-draw.normal(size=(4000, 3)), axis=1)
    odds = 2 * values - np.log(np.arange(1, 4)) - 0.5
    right = draw.random(values.shape) < 1 / (1 + np.exp(-odds))
    blend = judged(1.0, 0.0, values, right)
    assert np.allclose([blend.slope, blend.fall, blend.shift], [2, -1, -0.5], atol=0.25)


def test_nothing_is_fitted_where_all_are_right() -> None:
    assert judged(0.3, 3.0, np.zeros((4, 2)), np.ones((4, 2), dtype=np.bool_)) == Blend(0.3, 3.0, 1.0, 0.0, 0.0)
