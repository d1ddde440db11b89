"""The sentence encoder's making: vocabulary, network, training, and the file that comes out."""

import math
import random

import numpy as np
import pytest

import tensor_core as tc
from advisor.encoder import Encoder
from models.sentence_encoder import export, training, vocabulary
from models.sentence_encoder.network import LAYERS, WIDTH, SentenceEncoder

WORDS = "how many rows cost put photos into piles that look alike who comes first ?".split()
TOKENS = [*vocabulary.SPECIAL, *WORDS]
LABELS = export.Labels(("number", "piles", "order"), ("number/a", "number/b", "piles/a", "order/a"))
TEXTS = ["how many photos", "put photos into piles that look alike", "who comes first ? how many rows cost"]
CASES = [{"text": text, "category": "piles", "subtask": "a"} for text in TEXTS]


def network(*, dropout: float = 0.0) -> SentenceEncoder:
    tc.manual_seed(7)
    made = SentenceEncoder(vocabulary=len(TOKENS), categories=3, subtasks=4, dropout=dropout)
    training.start(made, {}, seed=7)
    return made.eval()


def ids(text: str) -> tuple[int, ...]:
    return tuple(vocabulary.tokenizer(TOKENS).encode(text).ids)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An encoder of random weights written with 32 and with 8 bits."""
    made = network()
    state = {name: value.numpy() for name, value in made.state_dict().items()}
    vectors = np.array(training.vectors(made, [ids(text) for text in TEXTS]))
    folder = tmp_path_factory.mktemp("encoder")
    for bits in (8, 32):
        export.write(
            folder / f"{bits}.onnx",
            state,
            labels=LABELS,
            tokenizer=vocabulary.tokenizer(TOKENS).to_str(),
            cases=CASES,
            case_vectors=vectors,
            facts={"hash": "0"},
            bits=bits,
        )
    return made, {bits: Encoder(str(folder / f"{bits}.onnx")) for bits in (8, 32)}


def test_a_word_can_always_be_spelled():
    tokens = [*vocabulary.SPECIAL, *"abc", "##a", "##b", "##c", "cab"]
    assert vocabulary.tokenizer(tokens).encode("Cab bac").tokens == ["[CLS]", "cab", "b", "##a", "##c", "[SEP]"]


def test_marks_of_the_model_and_other_scripts_are_left_out():
    parent = {word: n for n, word in enumerate(["[PAD]", "[unused7]", "\u4e2d", "yes", "[", "\u20ac"])}
    assert vocabulary.choose(parent, {}) == [*vocabulary.SPECIAL, "yes", "[", "\u20ac"]


def test_what_stands_behind_a_text_does_not_matter():
    made = network()
    short, long = ids(TEXTS[0]), ids(TEXTS[1])
    alone = training.collate([training.Example(short, (1.0, 0.0, 0.0), 0)], 0.0, 4)
    beside = training.collate([training.Example(row, (1.0, 0.0, 0.0), 0) for row in (short, long * 3)], 0.0, 4)
    with tc.no_grad():
        a, b = made(alone.ids, alone.mask), made(beside.ids, beside.mask)
    assert np.allclose(a.category.numpy()[0], b.category.numpy()[0], atol=1e-5)


def test_the_file_says_what_the_network_says(files):
    made, encoders = files
    batch = training.collate([training.Example(ids(text), (1.0, 0.0, 0.0), 0) for text in TEXTS], 0.0, 4)
    with tc.no_grad():
        output = made(batch.ids, batch.mask)
    centred = output.category.numpy() - output.category.numpy().mean(axis=1, keepdims=True)
    for row, seen in enumerate(encoders[32].read(TEXTS)):
        assert np.allclose(list(seen.logits.values()), centred[row], atol=1e-5)
        assert np.allclose(list(seen.subtasks.values()), output.subtask.numpy()[row], atol=1e-5)
        assert seen.neighbours[0].text == TEXTS[row]
        assert seen.neighbours[0].similarity == pytest.approx(1, abs=1e-4)


def test_bytes_say_nearly_the_same(files):
    _, encoders = files
    for exact, rounded in zip(encoders[32].read(TEXTS), encoders[8].read(TEXTS), strict=True):
        a, b = np.array(list(exact.logits.values())), np.array(list(rounded.logits.values()))
        assert np.abs(a - b).max() < 0.1 * np.abs(a).max()


def test_a_text_reads_the_same_alone_and_among_others(files):
    _, encoders = files
    together = encoders[8].read(TEXTS)
    for text, among in zip(TEXTS, together, strict=True):
        assert encoders[8].read([text]) == [among]  # to the last digit


def test_stretches_and_constant_are_the_logits(files):
    _, encoders = files
    for seen in encoders[8].read(TEXTS):
        for place, (category, logit) in enumerate(seen.logits.items()):
            parts = sum(stretch.adds[place] for stretch in seen.stretches)
            assert parts + seen.constant[category] == pytest.approx(logit, abs=1e-5)
        assert sum(seen.logits.values()) == pytest.approx(0, abs=1e-5)


def test_a_long_text_is_read_at_both_ends(files):
    _, encoders = files
    middle = "how many rows cost " * 100
    (seen,) = encoders[8].read([f"put photos into piles {middle} who comes first ?"])
    assert seen.stretches[0].start == 0
    assert seen.stretches[-1].end == len(f"put photos into piles {middle} who comes first ?")
    assert len(seen.stretches) <= 256


def test_soft_labels_and_smoothing_sum_to_one():
    label = training.soft_label("a", ["b", "c"], ["a", "b", "c", "d"])
    assert label == pytest.approx([0.65, 0.175, 0.175, 0])
    assert sum(training.smooth(label, 0.1)) == pytest.approx(1)


def test_every_example_comes_once_in_an_epoch():
    examples = [training.Example((2, 4 + n % 9, 3), (1.0, 0.0, 0.0), n % 4) for n in range(70)]
    found = list(training.batches(examples, training.Recipe(batch=32), 4, random.Random(0)))
    assert sum(batch.ids.shape[0] for batch in found) == 70
    assert {batch.ids.shape[1] for batch in found} == {training.PAD_TO}


def test_later_layers_learn_faster_and_tables_stay():
    made = network()
    found = training.groups(made, training.Recipe(rate=1.0, layer_decay=0.5, heads_rate=7.0))
    rates = {group["lr"] for group in found}
    assert rates == {7.0, *(0.5**n for n in range(LAYERS + 1))}
    assert not made.words.weight.requires_grad
    assert not made.places.weight.requires_grad


def test_rates_rise_and_fall():
    factors = [training.factor(step, 100, 0.1) for step in range(101)]
    assert factors[0] == 0
    assert max(factors) == factors[10] == 1
    assert math.isclose(factors[100], 0, abs_tol=1e-12)


def test_training_learns_and_repeats_itself():
    examples = [training.Example(ids(text), tuple(float(n == k) for k in range(3)), n) for n, text in enumerate(TEXTS)]
    recipe = training.Recipe(epochs=6, batch=3, rate=1e-3, heads_rate=1e-2, dropout=0.1)
    runs = []
    for _ in range(2):
        losses: list[float] = []
        made = network(dropout=0.1)
        training.fit(
            made, lambda number: examples, recipe, tell=lambda step, total, loss, losses=losses: losses.append(loss)
        )
        runs.append((losses, made.category.weight.tolist()))
    assert runs[0] == runs[1]
    assert runs[0][0][-1] < runs[0][0][0]


def test_the_mean_of_networks_is_taken_weight_by_weight():
    one, other = ({"w": tc.tensor([float(n), 2.0])} for n in (1, 5))
    assert training.average([one, other])["w"].tolist() == [3.0, 2.0]


def test_vectors_have_the_width_of_the_network():
    assert len(training.vectors(network(), [ids(TEXTS[0])])[0]) == WIDTH
