"""Description and columns read together: what is made of the reader's voice, and what the released one says."""

import math

import pytest

import advisor
from advisor import column_reader, tabular
from advisor.column_reader import Glance, Shown, written_out
from advisor.decision import hear
from advisor.profiling import opening, targets
from taxonomy.knowledge import load
from taxonomy.reading import read_text

TEXT = "Our members: who will let it go this year? I can ring thirty of them."
TABLE = {
    "columns": ["mnr", "since", "plan", "visits", "fl_7", "bye_reason", "refund", "branch"],
    "rows": [
        ["M-1042", "2021-03-04", "gold", 14, 0, None, None, "N"],
        ["M-1043", "2019-11-20", "basic", 0, 1, "moved away", 19.5, "N"],
        ["M-1051", "2022-01-15", "basic", 3, 0, None, None, "S"],
        ["M-1052", "2020-06-30", "gold", 1, 1, "too dear", 12.0, "S"],
        ["M-1060", "2018-02-11", "gold", 9, 0, None, None, "N"],
        ["M-1061", "2021-09-09", "basic", 2, 1, "moved away", 8.5, "S"],
    ],
}
NAMES = TABLE["columns"]


class Voice:
    """A reader that says what it is told to."""

    def __init__(self, target: dict[str, float], *, nothing: float = 0.0, **roles: list[str]) -> None:
        self.target, self.nothing, self.roles = target, nothing, roles

    def read(self, text: str, columns) -> Glance:
        names = [column.name for column in columns]
        left = 1 - sum(self.target.values()) - self.nothing
        rest = left / max(len(names) - len(self.target), 1)
        return Glance(
            dict.fromkeys(load().categories, 0.0),
            {name: math.log(self.target.get(name, rest)) for name in names},
            math.log(self.nothing or 1e-6),
            {
                role: {name: 5.0 if name in self.roles.get(role, []) else -5.0 for name in names}
                for role in column_reader.ROLES[1:]
            },
            {"label_noise": 3.0, "cold_start": -3.0},
        )


def considered(voice: Voice | None, text: str = TEXT):
    knowledge = load()
    said = hear(knowledge, text, read_text(knowledge, text))
    return tabular.consider(knowledge, said, opening.from_rows(TABLE), reader=voice)


def framed(voice: Voice | None, text: str = TEXT, **more):
    knowledge = load()
    reading = read_text(knowledge, text)
    said = hear(knowledge, text, reading)
    rows = opening.from_rows(TABLE)
    given = {"target": None, "answers": {}, "about": {}, "reader": voice} | more
    return tabular.frame(said, knowledge, reading, table=rows, **given)


def test_a_column_that_the_reader_points_at_is_the_target_and_the_reason_is_told():
    with_voice = framed(Voice({"visits": 0.995}))
    assert with_voice.card.target == "visits"
    assert "read together, description and columns ask for it" in with_voice.profile.targets[0].reasons


def test_a_target_that_was_named_stays():
    assert framed(Voice({"visits": 0.9}), target="fl_7").card.target == "fl_7"


def test_columns_that_are_wanted_alike_are_one_target():
    prepared, _ = considered(Voice({"visits": 0.45, "refund": 0.45}))
    found = [option.columns for option in targets.options(prepared.setting)]
    assert ("visits", "refund") in found


def test_where_nothing_is_recorded_the_reader_may_say_so():
    prepared, _ = considered(Voice({"visits": 0.1}, nothing=0.8))
    wanted = prepared.setting._replace(leaning={"recommendation": 0.9, "regression": 0.1})
    assert targets.choose(wanted).target is None
    asked = prepared.setting._replace(leaning={"regression": 0.9, "recommendation": 0.1})
    assert targets.choose(asked).target is not None


def test_keys_group_and_moment_come_from_the_reader_where_it_is_sure():
    prepared, _ = considered(Voice({"fl_7": 0.9}, id=["branch"], group=["branch"], time=["since"]))
    roles = prepared.setting.roles
    assert (roles.ids, roles.group, roles.time) == (("branch",), "branch", "since")


def test_a_name_is_no_moment_however_sure_the_reader_is():
    prepared, _ = considered(Voice({"fl_7": 0.9}, time=["bye_reason"]))
    assert prepared.setting.roles.time != "bye_reason"


def test_a_column_that_the_reader_takes_for_later_is_asked_about():
    framing = framed(Voice({"fl_7": 0.9}, leak=["visits"]))
    finding = next(each for each in framing.profile.findings if each.columns == ("visits",))
    assert finding.id == "target_leakage"
    assert "read together" in finding.because
    assert any(question.id == "known-in-time:visits" for question in framing.questions)


def test_pitfalls_that_the_reader_names_are_told_as_what_they_are():
    framing = framed(Voice({"fl_7": 0.9}))
    told = {pitfall.id: pitfall.check for pitfall in framing.card.pitfalls}
    assert "worked tables" in told["label_noise"]
    assert "cold_start" not in told


def test_the_task_adds_up_with_the_reader():
    """What it says is evidence of its own, and moves the probabilities by just that."""
    alone, _ = considered(None)
    voice = Voice({"fl_7": 0.9})
    prepared, said = considered(voice)
    pieces = [piece for piece in said.others if piece.rule == "reads-with-table"]
    assert {piece.category for piece in pieces} == set(load().categories)
    assert prepared.setting.leaning == pytest.approx(alone.setting.leaning)  # this voice says nothing of the task


def test_without_the_encoder_the_reader_is_not_asked(monkeypatch):
    def asked():
        raise AssertionError("it was asked")

    monkeypatch.setattr(column_reader, "load", asked)
    assert advisor.frame(TEXT, table=TABLE, encoder=False).profile is not None


def test_a_table_without_a_description_is_read_by_names_and_values(monkeypatch):
    monkeypatch.setattr(column_reader, "load", lambda: pytest.fail("it was asked"))
    assert advisor.profile(TABLE).columns


def test_missing_and_equal_cells_are_told():
    assert written_out(Shown("a", [None, "x", "x"])) == "a : empty same x"
    assert written_out(Shown("zahlTag_neu", ["1", "2", "3", "4"])) == "zahl Tag neu : 1 , 2 , 3"


def test_the_released_reader_tells_answers_keys_and_what_comes_later_apart():
    reader = column_reader.load()
    assert reader is not None
    glance = reader.read(
        TEXT,
        [
            Shown(name, [None if row[place] is None else str(row[place]) for row in TABLE["rows"]])
            for place, name in enumerate(NAMES)
        ],
    )
    assert max(glance.target, key=glance.target.get) == "fl_7"
    assert glance.roles["id"]["mnr"] > 0 > glance.roles["id"]["plan"]
    assert min(glance.roles["leak"][name] for name in ("bye_reason", "refund")) > max(
        glance.roles["leak"][name] for name in ("plan", "visits", "branch", "since")
    )


def test_the_same_table_gives_the_same_digits():
    reader = column_reader.load()
    shown = [Shown("price", ["3", "4"]), Shown("shop", ["a", "b"])]
    assert reader.read("How dear will it be?", shown) == reader.read("How dear will it be?", shown)
