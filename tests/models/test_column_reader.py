"""The column reader's making: network, training, and the file that comes out."""

import numpy as np
import pytest

import tensor_core as tc
from advisor.column_reader import ColumnReader, Shown, sentence
from models.column_reader import export, training
from models.column_reader.network import ColumnReader as Network
from models.sentence_encoder import training as encoder_training
from models.sentence_encoder import vocabulary

TOKENS = [*vocabulary.SPECIAL, *"who will leave exit reason plan gold basic empty same yes no moved : ,".split()]
TEXT = "who will leave"
COLUMNS = [
    Shown("exitReason", [None, "moved", None]),
    Shown("leave", ["no", "yes", "no"]),
    Shown("plan", ["gold", "basic", "gold"]),
]
LABELS = export.Labels(("number", "piles", "order"), ("target", "leak", "id"), ("few",))
ROLES = ((False, True, False), (True, False, False), (False, False, False))


def tokenizer():
    return vocabulary.tokenizer(TOKENS)


def network() -> Network:
    tc.manual_seed(3)
    made = Network(vocabulary=len(TOKENS), categories=3, roles=3, pitfalls=1, dropout=0.0)
    encoder_training.start(made, {}, seed=3)
    return made.eval()


def example(columns: list[Shown] = COLUMNS) -> training.Example:
    read = sentence(tokenizer(), TEXT, columns)
    roles = tuple(ROLES[COLUMNS.index(column)] for column in columns)
    return training.Example(tuple(read.ids), tuple(read.spans), roles, (0.0, 1.0, 0.0), (True,))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A reader of random weights written with 32 and with 8 bits."""
    made = network()
    state = {name: value.numpy() for name, value in made.state_dict().items()}
    folder = tmp_path_factory.mktemp("reader")
    for bits in (8, 32):
        export.write(
            folder / f"{bits}.onnx",
            state,
            labels=LABELS,
            tokenizer=tokenizer().to_str(),
            facts={"hash": "0"},
            bits=bits,
        )
    return made, {bits: ColumnReader(str(folder / f"{bits}.onnx")) for bits in (8, 32)}


def test_the_file_says_what_the_network_says(files):
    made, readers = files
    batch = training.collate([example()], 0.0)
    with tc.no_grad():
        output = made(batch.ids, batch.mask, batch.spans)
    glance = readers[32].read(TEXT, COLUMNS)
    category, roles = output.category.numpy()[0], output.roles.numpy()[0]
    assert np.allclose(list(glance.categories.values()), category - category.mean(), atol=1e-5)
    assert list(glance.roles) == ["leak", "id"]
    assert np.allclose(list(glance.roles["leak"].values()), roles[:, 1], atol=1e-5)
    assert np.allclose(list(glance.roles["id"].values()), roles[:, 2], atol=1e-5)
    assert glance.pitfalls["few"] == pytest.approx(float(output.pitfalls.numpy()[0, 0]), abs=1e-5)
    among = np.append(roles[:, 0], output.nothing.numpy()[0])
    assert np.allclose([*glance.target.values(), glance.nothing], among - np.log(np.exp(among).sum()), atol=1e-5)


def test_bytes_say_nearly_the_same(files):
    _, readers = files
    exact, rounded = (readers[bits].read(TEXT, COLUMNS) for bits in (32, 8))
    assert rounded.target == pytest.approx(exact.target, abs=0.1)


def test_the_chances_of_all_columns_and_of_none_sum_to_one(files):
    _, readers = files
    glance = readers[8].read(TEXT, COLUMNS)
    assert sum(np.exp([*glance.target.values(), glance.nothing])) == pytest.approx(1)
    assert list(glance.target) == [column.name for column in COLUMNS]


def test_what_stands_beside_a_table_does_not_matter():
    made = network()
    alone, beside = (
        training.collate([example(COLUMNS[:1])], 0.0),
        training.collate([example(COLUMNS[:1]), example()], 0),
    )
    with tc.no_grad():
        a, b = (made(batch.ids, batch.mask, batch.spans) for batch in (alone, beside))
    assert np.allclose(a.roles.numpy()[0, 0], b.roles.numpy()[0, 0], atol=1e-5)
    assert np.allclose(a.category.numpy()[0], b.category.numpy()[0], atol=1e-5)


def test_a_table_without_a_target_wants_nothing():
    without = example()._replace(roles=tuple((False, *roles[1:]) for roles in ROLES))
    batch = training.collate([example(), without], 0.0)
    assert batch.target.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    assert batch.columns.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_training_learns_the_roles_and_repeats_itself():
    recipe = training.RECIPE._replace(epochs=40, batch=2, rate=1e-3, heads_rate=1e-2)
    runs = []
    for _ in range(2):
        made = network()
        training.fit(made, lambda number: [example(), example(COLUMNS[::-1])], recipe)
        runs.append(made)
    assert runs[0].roles.weight.tolist() == runs[1].roles.weight.tolist()
    batch = training.collate([example()], 0.0)
    with tc.no_grad():
        roles = runs[0](batch.ids, batch.mask, batch.spans).roles.numpy()[0]
    assert roles[:, 0].argmax() == 1
    assert roles[:, 1].argmax() == 0


def test_a_very_wide_table_is_read_as_far_as_there_is_room():
    wide = [Shown(f"reason plan gold {number}", ["moved", "gold"]) for number in range(300)]
    read = sentence(tokenizer(), TEXT, wide)
    assert len(read.ids) <= 512
    assert 50 < len(read.spans) < 300
    assert all(end - start >= 2 for start, end in read.spans)


def test_a_long_description_is_read_at_both_ends():
    read = sentence(tokenizer(), "gold " + "who will " * 200 + "leave", COLUMNS)
    first, last = read.ids[1], read.ids[read.spans[0][0] - 1]
    assert [TOKENS[first], TOKENS[last]] == ["gold", "leave"]
