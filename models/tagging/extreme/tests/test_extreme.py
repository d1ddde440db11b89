"""What is this template's own: what single words say of labels that few texts have, and how sure answers are."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import label_table
import numpy as np
from label_lifts import Blend, judged
from model import TEMPLATE

from models.kit import config
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


def test_chances_are_as_often_right_as_they_say() -> None:
    draw = np.random.default_rng(0)
    values = -np.sort(-draw.normal(size=(4000, 3)), axis=1)
    odds = 2 * values - np.log(np.arange(1, 4)) - 0.5
    right = draw.random(values.shape) < 1 / (1 + np.exp(-odds))
    blend = judged(1.0, 0.0, values, right)
    assert np.allclose([blend.slope, blend.fall, blend.shift], [2, -1, -0.5], atol=0.25)


def test_nothing_is_fitted_where_all_are_right() -> None:
    assert judged(0.3, 3.0, np.zeros((4, 2)), np.ones((4, 2), dtype=np.bool_)) == Blend(0.3, 3.0, 1.0, 0.0, 0.0)
