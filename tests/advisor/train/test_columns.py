"""Worked tables as the column reader learns from them."""

import random

import pytest

from advisor.train import columns
from taxonomy.knowledge import load

NAMES = list(load().categories)
ITEM = {
    "text": "Who will let the membership lapse?",
    "category": "classification",
    "accept": ["ranking"],
    "target": "lapsed",
    "leakage": ["exit_reason"],
    "id_columns": ["member"],
    "group_or_user": "member",
    "time": None,
    "pitfalls": ["target_leakage", "class_imbalance"],
    "table": {
        "columns": ["member", "plan", "lapsed", "exit_reason"],
        "rows": [["M-1", "gold", 0, None], ["M-2", "basic", 1, "moved"], ["M-3", "gold", 0, None]],
    },
}


@pytest.fixture
def worked():
    return columns.worked(ITEM, NAMES)


def test_a_worked_table_has_its_roles_by_column(worked):
    roles = {column.name: role for column, role in zip(worked.columns, worked.roles, strict=True)}
    assert roles["lapsed"] == (True, False, False, False, False)
    assert roles["exit_reason"] == (False, True, False, False, False)
    assert roles["member"] == (False, False, True, True, False)
    assert worked.categories[NAMES.index("classification")] > worked.categories[NAMES.index("ranking")] > 0
    assert [name for name, warned in zip(columns.PITFALLS, worked.pitfalls, strict=True) if warned] == [
        "class_imbalance"
    ]


def test_roles_go_with_their_columns_when_these_change_places(worked):
    before = dict(zip((column.name for column in worked.columns), worked.roles, strict=True))
    orders = set()
    for seed in range(60):
        after = columns.varied(worked, random.Random(seed))
        names = tuple(column.name for column in after.columns)
        assert dict(zip(names, after.roles, strict=True)).items() <= before.items()
        assert "lapsed" in names
        orders.add(names)
    assert len(orders) > 10


def test_cells_are_shuffled_and_none_is_lost(worked):
    after = columns.varied(worked, random.Random(1))
    cells = {column.name: column.cells for column in worked.columns}
    assert all(sorted(map(str, column.cells)) == sorted(map(str, cells[column.name])) for column in after.columns)


class Echo:
    """A reader that takes the last column for the target and every other for a leak."""

    def read(self, text, shown):
        names = [column.name for column in shown]
        chances = {name: float(name == names[-1]) for name in names}
        return columns.column_reader.Glance(
            dict.fromkeys(NAMES, 0.0), chances, 0.0, {"leak": dict.fromkeys(names, 1.0)}, {}
        )


def test_figures_count_what_the_reader_says(worked):
    found = columns.figures(Echo(), [worked, worked])
    assert found["tables"] == 2
    assert found["likeliest column is a target"] == 0
    assert found["leaks: precision"] == pytest.approx(1 / 4)
    assert found["leaks: recall"] == 1
