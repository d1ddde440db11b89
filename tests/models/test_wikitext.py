"""Reading a dump of MediaWiki, also one that is broken or means harm."""

import time

import pytest

from models import wikitext
from models.kit.errors import Refused

NAMESPACE = 'xmlns="http://www.mediawiki.org/xml/export-0.10/"'
QUICK_SECONDS = 20.0  # of the processor; what is read in one pass needs one or two, what is quadratic hours
SENTENCE = "Tea is drunk hot in many countries."


def dump(*pages: str) -> bytes:
    return f"<mediawiki {NAMESPACE}><siteinfo/>{''.join(pages)}</mediawiki>".encode()


def page(text: str, *, namespace: str = "0", more: str = "") -> str:
    return f"<page><title>T</title><ns>{namespace}</ns>{more}<revision><text>{text}</text></revision></page>"


def test_articles_are_found_and_nothing_else() -> None:
    found = wikitext.articles(
        dump(
            page("One."),
            page("Talk.", namespace="1"),
            page("Old.", more='<redirect title="One" />'),
            page("#REDIRECT [[One]]"),
            page(" "),
            "<page><ns>0</ns></page>",
            page("&lt;b&gt;Two&lt;/b&gt; &amp; three."),
        )
    )
    assert found == ["One.", "<b>Two</b> & three."]


def test_of_several_revisions_the_last_one_counts() -> None:
    revisions = "<revision><text>old</text></revision><revision><text>new</text></revision>"
    assert wikitext.articles(dump(f"<page><ns>0</ns>{revisions}</page>")) == ["new"]


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">',
        '<!ENTITY c SYSTEM "file:///etc/passwd">',
        '<!ENTITY % c SYSTEM "http://127.0.0.1:9/x.dtd"> %c;',
    ],
)
def test_a_document_type_is_refused_before_anything_of_it_is_read(declared: str) -> None:
    content = f"<!DOCTYPE mediawiki [{declared}]><mediawiki>{page('&c;')}</mediawiki>"
    with pytest.raises(Refused, match="declares a document type"):
        wikitext.articles(content.encode())


@pytest.mark.parametrize(
    "content", [b"", b"plain", dump(page("x"))[:-20], dump(page("&c;")), dump("<page></ns>"), b"<a>\xff\0</a>"]
)
def test_what_is_no_dump_or_is_damaged_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="nothing was kept"):
        wikitext.articles(content)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("'''Tea''' is ''hot''.", "Tea is hot."),
        ("[[Tea]]s and [[Cup (vessel)|cups]]", "Teas and cups"),
        ("[[:Category:Tea]] and [[Star Trek: Voyager]]", ":Category:Tea and Star Trek: Voyager"),
        ("a[[File:T.jpg|thumb|left|A [[cup|small cup]] of {{tea}}]]b[[category: Tea]][[fr:Thé]][[zh-yue:X]]", "ab"),
        ("a{{box|x={{y|[[z]]}}|w=}}b{{{1}}}", "ab}"),
        ("a<ref name=x>A book, {{p|4}}.</ref>b<ref name=x />c<REF>d</Ref>e", "abce"),
        ("a<!-- {{ [[ -->b<math>x < y</math>c<br/>d<sub>2</sub>", "abcd2"),
        ("a\n{|class=x\n|-\n| b || {{c}}\n{|\n| d\n|}\n|}\ne", "a\n\ne"),
        ("{{a|}} b {{c\n|}} d", " b  d"),
        ("[http://x.org/a?b the page] and https://y.org", " the page] and "),
        ("__NOTOC__a | b, 3 < 4 > 2", "a | b, 3 < 4 > 2"),
    ],
)
def test_markup_is_taken_out(markup: str, expected: str) -> None:
    assert wikitext.plain(markup) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("{{a b", "a b"),
        ("a }} b ]] c", "a  b  c"),
        ("a [[b {{c d", "a b c d"),
        ("{{a [[b}} c", " c"),
        ("[[a {{b]] c", "a b c"),
        ("a<ref>b", "ab"),
        ("a</ref>b --> c", "ab  c"),
        ("\n{| a\n| b", "\n a\n| b"),
        ("[[", ""),
        ("", ""),
    ],
)
def test_broken_markup_costs_no_text_beyond_itself(markup: str, expected: str) -> None:
    assert wikitext.plain(markup) == expected


@pytest.mark.parametrize(
    "evil",
    [
        "{{" * 200_000,
        "[[" * 100_000 + "x" + "]]" * 100_000,
        "[[a|" * 100_000,
        "{{[[" * 50_000 + "}}]]" * 50_000,
        "<ref>" * 100_000,
        "<ref " * 100_000,
        "<!--" * 100_000,
        "[[" + " " * 500_000,
        "\n" + ":" * 500_000,
        "=a" * 250_000,
    ],
    ids=lambda evil: repr(evil[:6]),
)
def test_hostile_markup_is_read_in_one_pass(evil: str) -> None:
    started = time.process_time()
    wikitext.paragraphs(evil)
    assert time.process_time() - started < QUICK_SECONDS


def test_paragraphs_are_whole_lines_of_some_words() -> None:
    lines = ["== History of tea in many lands ==", "* [[Tea]]", f"*# {SENTENCE}", "", "! a heading of a table row"]
    assert wikitext.paragraphs("\n".join([*lines, f"{SENTENCE}&nbsp;Always."])) == [SENTENCE, f"{SENTENCE} Always."]


@pytest.mark.parametrize("reference", ["&#" + "9" * 5_000 + ";", "&#x" + "f" * 5_000 + ";"])
def test_a_reference_to_no_character_is_dropped(reference: str) -> None:
    assert wikitext.paragraphs(f"Before {reference} one two three four five six seven.") == [
        "Before one two three four five six seven."
    ]
