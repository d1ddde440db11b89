"""The whole page: head, form, and below it the answer where there is one."""

import hashlib
import json
from functools import cache
from pathlib import Path

import advisor
from advisor.description import MOST_CHARACTERS
from advisor.framing import Framing
from advisor.service.page import answer, brief
from advisor.service.page.feedback import feedback
from advisor.service.page.form import Asked
from advisor.service.page.markup import Child, Html, element, plain, raw
from advisor.service.page.picture import way
from advisor.service.page.project import starter
from advisor.target import names
from taxonomy.knowledge import load

FOLDER = Path(__file__).parent
NAME = "Problem-framing advisor"
MOST_OPTIONS = 5  # columns that are shown at once where the target is chosen
MOST_SENT = 900_000  # bytes of a table as a form sends it; the service takes a little more in all
EXAMPLES = (
    "How many bikes will be rented at each station tomorrow morning?",
    "Which of our members will cancel next month? We can only call thirty of them.",
    "Mark every support letter with all the topics it mentions.",
    "What does a parcel cost, by weight and zone, when the price list is fixed?",
    "Nobody has sorted our 40,000 photos yet. Put those that look alike into piles.",
    "Would a lower price bring us more subscribers?",
)


def page(asked: Asked | None = None, framing: Framing | None = None, *, identity: str = "", problem: str = "") -> str:
    """The page for what was asked, if anything was.

    Args:
        asked: what the form said, so that the next form says it again.
        framing: the answer, where there is one.
        identity: names the framing where feedback on it can be kept; else it is not asked for.
        problem: what was wrong with the call; shown above the form.
    """
    if framing is None or asked is None:
        title, parts = NAME, _start(asked or Asked(""), problem)
    else:
        told = "Undecided" if framing.category is None else f"{framing.card.task}, {framing.category}"
        title, parts = f"{told} – {NAME}", _answer(asked, framing, identity)
    return document(title, *parts)


def document(title: str, *parts: Child) -> str:
    """A page of ours around `parts`."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width,initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", plain(title)),
        element("link", rel="icon", href=address("icon.svg")),
        element("link", rel="stylesheet", href=address("page.css")),
        element("script", src=address("page.js"), defer=True),
    )
    brand = element("a", NAME, href="/", class_="brand")
    skip = element("a", "To the content", href="#main", class_="skip")
    header = element("header", skip, brand, element("p", "offline · deterministic · with the reason for every number"))
    footer = element(
        "footer",
        element("p", f"Version {advisor.__version__}, knowledge {load().hash}. Your text is not kept."),
        element(
            "p",
            element("a", "The same as data", href="/openapi.json"),
            " · ",
            element("a", "Taxonomy", href="/v1/taxonomy"),
        ),
    )
    body = element("body", header, element("main", *parts, id="main"), footer)
    return "<!doctype html>" + element("html", head, body, lang="en")


@cache
def address(name: str) -> str:
    """Where a file of the page is found: its name, and its content's hash, so that it may be kept for ever."""
    return f"/page/{hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]}/{name}"


def _start(asked: Asked, problem: str) -> list[Child]:
    lead = (
        "Say in your own words what you want to know. You learn which machine-learning task that is, or that none is "
        "needed, and why; what to predict, measure and beware of; and you get a project that runs."
    )
    examples = [element("button", text, name="text", value=text) for text in EXAMPLES]
    return [
        element("h1", "What kind of problem is it?", class_="name", id="verdict-heading", tabindex="-1"),
        element("p", lead, class_="lead"),
        element("p", element("b", "That did not work: "), problem, role="alert", class_="problem") if problem else None,
        _form(asked, None),
        element("h2", "Or try one of these", class_="small"),
        element("form", *examples, method="post", action="/", class_="examples"),
    ]


def _answer(asked: Asked, framing: Framing, identity: str) -> list[Child]:
    link = element("button", "Copy a link", type="button", id="share", hidden=True)
    paper = element("button", "Print the brief", type="button", id="print", hidden=True)
    said = element("span", role="status", id="status")
    change = element(
        "details", element("summary", "Change the text, or add a table"), _form(asked, framing), id="change"
    )
    return [
        answer.verdict(framing),
        element("p", link, " ", paper, " ", said, class_="tools"),
        change,
        answer.marked_text(framing),
        answer.bars(framing),
        answer.questions(framing, asked.answers),
        answer.cases(framing),
        answer.alternatives(framing),
        brief.card(framing),
        brief.pitfalls(framing),
        way(framing),
        starter(framing),
        feedback(framing, identity) if identity else None,
    ]


def _form(asked: Asked, framing: Framing | None) -> Html:
    """The one form: the text, the table if there is one, and the answers that were given."""
    text = element(
        "textarea",
        raw("\n" + asked.text),  # the first line break of a text area is not part of it
        name="text",
        id="text",
        rows="4",
        required=True,
        maxlength=str(MOST_CHARACTERS),
        placeholder="We have … and want to know …",
        dir="auto",
    )
    return element(
        "form",
        element("label", "Your problem, in your own words", for_="text"),
        text,
        *_given(asked),
        _table(asked, framing),
        element("p", element("button", "Frame it", type="submit", class_="primary")),
        method="post",
        action="/",
        id="ask",
    )


def _given(asked: Asked) -> list[Child]:
    """The answers given so far, each of which can be taken back."""
    questions, about_table = load().questions, load().table_questions
    parts: list[Child] = []
    for name, answer_id in asked.answers.items():
        question = questions.get(name) or about_table.get(name.partition(":")[0])
        known = question.answers.get(answer_id) if question else None
        if question is not None and known is not None:
            box = element("input", type="checkbox", name="answer", value=f"{name}={answer_id}", checked=True)
            parts.append(element("label", box, element("span", question.text, " ", element("b", known.text))))
    return [element("fieldset", element("legend", "Your answers so far"), *parts)] if parts else []


def _table(asked: Asked, framing: Framing | None) -> Html:
    """Where a table is chosen (by the script, which reads it), or the one that came with the text."""
    file = element("input", type="file", id="file", accept=".csv,.tsv,.txt,text/csv", data_most=str(MOST_SENT))
    choose = element(
        "p", element("label", "A table, if you have one (CSV)", for_="file"), " ", file, id="choose", hidden=True
    )
    without = element("noscript", element("p", "With JavaScript, a CSV file can be read here as well.", class_="by"))
    shown, sent, target = element("div", id="rows"), None, None
    if asked.table is not None:
        sent = element("input", type="hidden", name="table", value=json.dumps(asked.table, ensure_ascii=False))
        rows, columns = len(asked.table["rows"]), len(asked.table["columns"])
        shown = element(
            "div", element("p", f"A table of {rows} rows and {columns} columns came with the text."), id="rows"
        )
        target = _target(asked, framing)
    return element("div", choose, without, shown, sent, target, id="table")


def _target(asked: Asked, framing: Framing | None) -> Html:
    found = framing.profile.target_columns if framing is not None and framing.profile is not None else ()
    columns = [str(name) for name in asked.table["columns"]]
    chosen = names(asked.target)
    automatic = f"found: {', '.join(found)}" if found and not chosen else "find it"
    options = [element("option", automatic, value="", selected=not chosen)]
    options += [element("option", name, value=name, selected=name in chosen) for name in columns]
    label = element("label", "Column to predict; with Ctrl or ⌘ several that belong together", for_="target")
    rows = str(min(len(options), MOST_OPTIONS))
    return element("p", label, " ", element("select", *options, name="target", id="target", multiple=True, size=rows))
