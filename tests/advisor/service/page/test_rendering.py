"""Framing -> HTML: everything is escaped and seen, and the page says in order what it has to say."""

import gzip
import json
import re
from html.parser import HTMLParser

import pytest

import advisor
from advisor.errors import InputRefused
from advisor.framing import Framing
from advisor.render import card_rows
from advisor.service.page import document, feedback, form, markup
from advisor.service.page.notes import notes, stretches, sums
from advisor.service.page.picture import way

TEXTS = [
    "How many hours will this surgery take?",
    "hello",
    "Which of our members will cancel next month, so that we can send a discount? We can only call thirty of them.",
    "What does a parcel cost, by weight and zone, when the price list is fixed?",
    "Would a lower price bring us more subscribers?",
    "What other books should we suggest to each reader from what they borrowed before?",
]
ORDER = [
    "verdict",
    "why",
    "likely",
    "questions",
    "cases",
    "alternatives",
    "card",
    "pitfalls",
    "way",
    "starter",
    "feedback",
]
NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)> \"' &amp; </textarea></title> javascript:alert(1)"
ODD = "How\u200b many\u202e hours\u2066 will\ufeff it\u00ad take\u2069\u202c? \U000e0041"
VOID = {"input", "link", "meta", "rect", "path", "circle"}


class Reader(HTMLParser):
    """The page as a parser sees it: tags must close in order; ids, texts and attributes are kept."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.ids, self.said = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)

    @property
    def text(self) -> str:
        return "".join(self.said)


def shown(text: str, **asked) -> tuple[Framing, Reader]:
    framing = advisor.frame(text, **asked)
    wanted = form.Asked(text, answers=asked.get("answers", {}), table=asked.get("table"), target=asked.get("target"))
    return framing, Reader(document.page(wanted, framing, identity="0" * 32))


@pytest.mark.parametrize("text", TEXTS)
def test_the_sections_stand_in_order_and_ids_are_single(text):
    framing, page = shown(text)
    assert len(page.ids) == len(set(page.ids))
    found = [name for name in page.ids if name in ORDER]
    assert found == [name for name in ORDER if name in found]
    expected = {"verdict", "why", "likely", "way", "feedback"} | ({"questions"} if framing.questions else set())
    assert expected <= set(found)


@pytest.mark.parametrize("text", TEXTS)
def test_what_the_framing_says_stands_on_the_page(text):
    framing, page = shown(text)
    told = page.text
    assert all(advisor.taxonomy()[name].title in told for name in framing.probabilities)
    for question in framing.questions:
        assert question.text in told
        values = {tag["value"] for name, tag in page.tags if name == "button" and tag.get("name") == "answer"}
        assert {f"{question.id}={answer}" for answer in question.answers} <= values
    assert all(other.it_would_be in told for other in framing.alternatives)
    assert all(pitfall.title in told and pitfall.remedy in told for pitfall in framing.card.pitfalls)
    if framing.category is not None:
        assert all(said in told for _, said in card_rows(framing.card))
    for note in notes(framing.evidence, framing.category):
        assert note.because in told
        assert note.rule in told


def test_each_mark_leads_to_its_note_and_stands_at_its_words():
    framing, page = shown(TEXTS[2])
    told = notes(framing.evidence, framing.category)
    assert told
    links = [tag["href"] for name, tag in page.tags if name == "a" and tag.get("href", "").startswith("#n")]
    assert sorted(links) == [f"#n{n}" for n in range(1, len(told) + 1)]
    assert {link[1:] for link in links} <= set(page.ids)
    for note in told:
        if note.rule:
            assert framing.description[note.start : note.end] in note.because


def test_marks_cut_the_text_and_lose_nothing_of_it():
    text = "abcdefghij"
    spans = [(0, 4), (2, 6), (2, 6), (9, 10)]
    assert "".join(text[start:end] for start, end, _, _ in stretches(len(text), spans)) == text


def test_the_sums_are_the_probabilities():
    from advisor.posterior import softmax

    framing, page = shown(TEXTS[2])
    totals = {name: sum(parts.values()) for name, parts in sums(framing.evidence).items()}
    for name, p in softmax(totals).items():
        assert p == pytest.approx(framing.probabilities[name], abs=0.005)
    assert "How the numbers add up" in page.text


@pytest.mark.parametrize("text", TEXTS)
def test_the_picture_and_its_text_say_the_same(text):
    framing = advisor.frame(text)
    picture = str(way(framing))
    drawn = {re.sub(r" \S+%$", "", said) for said in re.findall(r"<text[^>]*>([^<]*)</text>", picture)}
    written = Reader(
        picture.partition("<figcaption>")[2].removesuffix("</figure></div></section>").join(["<figcaption>", ""])
    )
    assert len(drawn) >= 12
    for title in drawn:
        assert title in written.text


@pytest.mark.parametrize("text", [NASTY, ODD + NASTY, "How many <b>hours</b> will it take & why?"])
def test_no_word_of_the_user_becomes_markup(text):
    plain, nasty = shown("How many hours will it take?")[1], shown(text)[1]
    known = {name for name, _ in plain.tags} | {
        "mark",
        "sup",
        "fieldset",
        "legend",
        "details",
        "summary",
        "dl",
        "i",
        "q",
    }
    assert {name for name, _ in nasty.tags} <= known | {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "cite",
        "pre",
        "code",
    }
    for _, attributes in nasty.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert "javascript:" not in attributes.get("href", "") + attributes.get("src", "")
    areas = [tag for name, tag in nasty.tags if name == "textarea"]
    assert [tag["name"] for tag in areas] == ["text", "text", "comment"]


def test_what_is_unseen_is_shown_and_does_nothing():
    _, page = shown(ODD)
    said = page.text
    for sign in ODD:
        if not sign.isprintable():
            assert f"U+{ord(sign):04X}" in said
    fields = [n for n, (name, _) in enumerate(page.tags) if name == "textarea"]
    assert fields
    html = document.page(form.Asked(ODD), advisor.frame(ODD), identity="0" * 32)
    outside = re.sub(r"<textarea.*?</textarea>", "", html, flags=re.S)
    assert not [sign for sign in outside if sign in ODD and not sign.isprintable()]


@pytest.mark.parametrize("family", ["👨‍👩‍👧", "🏳️‍🌈"])
def test_pictures_made_of_several_stay_whole(family):
    assert markup.text(family) == family


@pytest.mark.parametrize("sign", [chr(n) for n in (0x00, 0x1B, 0x7F, 0x9B, 0x200D, 0x202E, 0x2069, 0xFEFF, 0xE0041)])
def test_a_control_sign_alone_is_named(sign):
    assert f"U+{ord(sign):04X}" in markup.text(f"a{sign}b")
    assert sign not in markup.text(f"a{sign}b")


def test_the_text_goes_round_unchanged():
    text = "\n\n a <b>\n\ttab & \u202e”’"
    html = document.page(form.Asked(text), problem="x")
    area = re.search(r"<textarea[^>]*>(.*?)</textarea>", html, re.S)[1]
    from html import unescape

    assert unescape(area).removeprefix("\n") == text  # a browser takes the first line break away


def test_answers_given_can_be_taken_back():
    question = advisor.frame("hello").questions[0]
    _, page = shown("hello", answers={question.id: "number"})
    boxes = [tag for name, tag in page.tags if name == "input" and tag.get("type") == "checkbox"]
    assert {"checked": None, "name": "answer", "type": "checkbox", "value": f"{question.id}=number"} in boxes
    assert question.text in page.text


def test_a_table_travels_on_and_its_columns_can_be_chosen():
    table = {"columns": ["<b>rooms", "price"], "rows": [[n % 5, 100.5 + n] for n in range(30)]}
    _, page = shown("What will it cost?", table=table, target="price")
    (hidden,) = [tag for name, tag in page.tags if name == "input" and tag.get("name") == "table"]
    assert json.loads(hidden["value"]) == table
    options = [tag["value"] for name, tag in page.tags if name == "option"]
    assert options[:3] == ["", "<b>rooms", "price"]


@pytest.mark.parametrize("target", [None, "price", ["<b>rooms", "price"]])
def test_the_columns_that_were_named_stay_chosen(target):
    table = {"columns": ["<b>rooms", "size", "price"], "rows": [[n % 5, n * 7 % 31, 100.5 + n] for n in range(30)]}
    _, page = shown("What will it cost?", table=table, target=target)
    (select,) = [tag for name, tag in page.tags if name == "select" and tag.get("name") == "target"]
    assert "multiple" in select
    chosen = [tag["value"] for name, tag in page.tags if name == "option" and "selected" in tag]
    assert chosen == ([""] if target is None else [target] if isinstance(target, str) else target)


def test_a_disagreement_of_words_and_table_is_told():
    table = {"columns": ["rooms", "price", "sold"], "rows": [[n % 5, 100.5 + n, n * 5 % 7 % 2] for n in range(30)]}
    _, page = shown("What will it cost?", table=table, target=["price", "sold"])
    assert "name one target at a time" in page.text


def test_page_style_and_script_are_small():
    files = b"".join((document.FOLDER / name).read_bytes() for name in ("page.css", "page.js"))
    for text in TEXTS:
        html = document.page(form.Asked(text), advisor.frame(text), identity="0" * 32).encode()
        assert len(gzip.compress(html)) + len(gzip.compress(files)) <= 20_000


@pytest.mark.parametrize(
    "body",
    [
        b"text=%FF",
        b"text=a&text=b",
        b"text=a&other=b",
        b"answer=x",
        b"text=a&table={",
        b"&",
        b"text",
        b"\xff",
        b"a=1&" * 70,
        b"text=a&table=[NaN]",
        b"text=a&table=" + b"[" * 99_999,
    ],
)
def test_a_form_of_somebody_else_is_refused(body):
    with pytest.raises(InputRefused):
        form.read(body)


def test_without_consent_no_text_leaves_the_form():
    said = b"framing=f&category=ranking&comment=c&text=secret"
    assert "text" not in feedback.read(said)
    assert feedback.read(said + b"&consent=yes")["text"] == "secret"
