"""A framing as text: what the reader needs comes first, and the user's words stay words."""

import pytest

import advisor
from advisor.render import MOST_PITFALLS, markdown, terminal

SURGERY = "How many hours will this surgery take?"
SHOP = "We want to show each customer products they may like, based on what they bought before."


def headings(text):
    return [line for line in terminal(advisor.frame(text), width=80).splitlines() if line and not line.startswith(" ")]


def test_a_decided_task_shows_the_card_before_the_question():
    assert headings("Which of these messages are spam?")[1:6] == [
        "Why",
        "How likely",
        "Framing card",
        "Pitfalls",
        "The question that could change this",
    ]


def test_an_undecided_task_shows_the_questions_first():
    assert headings("hello")[1:] == ["Questions that would decide it"]


def test_every_answer_is_explained_and_the_shown_one_works():
    framing = advisor.frame("hello")
    shown = terminal(framing, width=200)
    for question in framing.questions:
        assert all(f"{name} – {text}" in shown for name, text in question.answers.items())
        name = shown.split(f"--answer {question.id}=")[1].split()[0]
        assert advisor.frame("hello", answers={question.id: name}).evidence


def test_many_pitfalls_are_named_but_not_all_told():
    framing = advisor.frame(SHOP)
    assert len(framing.card.pitfalls) > MOST_PITFALLS
    for shown in (terminal(framing, width=10_000), markdown(framing)):
        assert all(pitfall.title in shown for pitfall in framing.card.pitfalls)
        assert [pitfall.remedy in shown for pitfall in framing.card.pitfalls].count(True) == MOST_PITFALLS


def test_the_brief_is_one_page():
    assert all(len(markdown(advisor.frame(text)).split()) <= 900 for text in (SURGERY, SHOP, "hello"))


def test_nothing_steers_the_terminal_or_turns_the_text():
    framing = advisor.frame("\u202ehow\x07 many\x9b \u2067hours\x1b[31m will it take?")
    assert framing.category == "regression"
    for shown in (terminal(framing, width=80), markdown(framing)):
        assert all(c.isprintable() or c == "\n" for c in shown)
        assert "how many" in shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("# how many", r"> \# how many"),
        ("- how many", r"> \- how many"),
        ("12. how many", r"> 12\. how many"),
        ("how many\n===", "> how many\n> \\==="),
        ("how many\n\n    code", "> how many\n>\n> code"),
        ("how many ![x](http://y)", r"> how many !\[x\](http://y)"),
        ("how `many` *a* _b_ ~c~ |", r"> how \`many\` \*a\* \_b\_ \~c\~ \|"),
        ("how many &lt; <b> \\", r"> how many \&lt; \<b\> \\"),
    ],
)
def test_markdown_in_a_description_is_no_markdown(written, shown):
    assert f"\n{shown}\n" in markdown(advisor.frame(written))
