"""A framing -> the sections that answer: verdict, the marked text, the bars, the questions, cases and alternatives."""

from collections.abc import Iterable, Mapping

from advisor.framing import Framing
from advisor.impression import CASE
from advisor.posterior import softmax
from advisor.render import percent
from advisor.service.page.markup import Child, Html, element, joined, text
from advisor.service.page.notes import KINDS, Count, Note, notes, stretches, sums
from taxonomy.knowledge import load

MOST_CASES = 3
_BAR = 100  # units of a full bar


def section(name: str, heading: str, *children: Child) -> Html:
    """A part of the page with its heading."""
    title = element("h2", heading, id=f"{name}-heading")
    return element("section", title, element("div", *children), id=name, aria_labelledby=f"{name}-heading")


def verdict(framing: Framing) -> Html:
    """The answer in a sentence, how probable it is, and what would change it."""
    if framing.category is None:
        likeliest = max(framing.probabilities, key=lambda name: framing.probabilities[name])
        p = percent(framing.probabilities[likeliest])
        so_far = f"The likeliest so far is {_title(likeliest)}, with a probability of {p}."
        lines = [
            element("p", f"{framing.undecided} {so_far}", class_="lead"),
            element(
                "p",
                element("a", "Answer the first question", href="#questions"),
                " and it will most likely be decided.",
            )
            if framing.questions
            else None,
        ]
        return _verdict("Undecided", "It depends on what you want to know.", *lines)
    p = percent(framing.probabilities[framing.category])
    odds = element("p", element("strong", p, class_="p"), " probable, after all that the text says.", class_="lead")
    return _verdict(_title(framing.category).capitalize(), _sentence(framing), odds, _what_would_change(framing))


def _verdict(name: str, sentence: str, *children: Child) -> Html:
    # One heading holds the whole sentence, for those who hear the page; the name alone is set large.
    title = element("h1", element("span", f"{name}. ", class_="name"), sentence, id="verdict-heading", tabindex="-1")
    return element("section", title, *children, id="verdict", aria_labelledby="verdict-heading")


def _sentence(framing: Framing) -> str:
    task = framing.card.task
    if framing.category == "no_ml":
        return f"This needs no machine learning: {task} will do."
    if framing.category == "other":
        return f"This is not one of the usual learning tasks: it is {task}."
    title = _title(str(framing.category))
    return f"This is {task}." if title in task else f"This is {title}: {task}."


def _what_would_change(framing: Framing) -> Html:
    others = framing.alternatives
    if others:
        it = others[0].it_would_be.removesuffix(".")
        said = text(f"{it[:1].lower()}{it[1:]} ({percent(others[0].probability)}).")
    elif framing.questions:
        said = text("only an answer of yours, for nothing in the text speaks for another kind of task.")
    else:
        return element(
            "p", "Nothing in the text speaks for another kind of task, and no question is left.", class_="change"
        )
    link = element("a", "Answer a question", href="#questions")
    ask = [element("span", " ", link, " to make sure.", class_="ask")] if framing.questions else []
    return element("p", element("b", "What would change it: "), said, *ask, class_="change")


def marked_text(framing: Framing) -> Html:
    """The description with numbered marks, and below it what each mark says and weighs."""
    told = notes(framing.evidence, framing.category)
    said = []
    spans = [(note.start, note.end) for note in told]
    for start, end, over, ends in stretches(len(framing.description), spans):
        words = text(framing.description[start:end])
        numbers = [element("a", str(n + 1), href=f"#n{n + 1}", aria_label=f"note {n + 1}") for n in ends]
        sup = element("sup", *numbers) if numbers else None
        said.append(element("mark", words, sup, class_=_depth([told[n].rule for n in over])) if over else words)
    quote = element("blockquote", *said, dir="auto", class_="said")
    listed = element("ol", *(_note(n, note) for n, note in enumerate(told, 1)), class_="notes") if told else None
    none = "No wording by itself says what this is; the text was judged as a whole." if not told else None
    within = any(count.within for note in told for count in note.counts)
    legend = "The weights are log-odds: 0.7 more doubles the odds." + (
        f" Those in outline count among the kinds of {_title(str(framing.category))} only." if within else ""
    )
    further = [element("li", piece) for piece in _further(framing)]
    return section(
        "why",
        "Why",
        quote,
        element("p", none) if none else None,
        listed,
        element("ul", *further, class_="further") if further else None,
        element("p", legend, class_="by") if told or further else None,
    )


def _depth(rules: list[str]) -> str | None:
    """How a stretch is marked: words that rules found stand out from clauses that were read as a whole."""
    found = sum(map(bool, rules))
    return "clause" if not found else "deep" if found > 1 else None


def _note(number: int, note: Note) -> Html:
    rule = [element("a", note.rule, href=f"/v1/rules/{note.rule}"), " · "] if note.rule else []
    source = note.source if note.rule else note.source.partition(";")[0]  # of the encoder, without where its card is
    facts = element("span", *rule, element("cite", source), class_="by")
    return element("li", element("p", note.because, dir="auto"), _counts(note.counts), facts, id=f"n{number}")


def _counts(counts: Iterable[Count]) -> Html:
    pills = [
        element(
            "span",
            element("b", signed(count.weight)),
            f" {count.of}",
            class_=f"pill{'' if count.weight > 0 else ' minus'}{' within' if count.within else ''}",
        )
        for count in counts
    ]
    return element("p", *[part for pill in pills for part in (pill, " ")], class_="counts")


def _further(framing: Framing) -> list[Html]:
    """What spoke without words of the text to point at: answers, and what the table shows."""
    found: dict[str, list[Count]] = {}
    for piece in framing.evidence:
        if piece.source in ("answer", "table") and piece.subtask is None:
            found.setdefault(piece.because, []).append(Count(_title(piece.category), piece.weight, False))
    return [joined(element("p", because, dir="auto"), _counts(counts)) for because, counts in found.items()]


def bars(framing: Framing) -> Html:
    """All nine categories with their probabilities, likeliest first; and how the numbers come about."""
    likely = sorted(framing.probabilities.items(), key=lambda item: -item[1])
    rows = [
        element(
            "li",
            element("span", _title(name), class_="of"),
            _bar(p),
            element("span", percent(p), class_="share"),
            class_="chosen" if name == framing.category else None,
        )
        for name, p in likely
    ]
    return section("likely", "How likely", element("ol", *rows, class_="bars"), _adding_up(framing, dict(likely)))


def _bar(p: float) -> Html:
    filled = element("rect", width=f"{max(p * _BAR, 0.5):.1f}", height="1")
    return element("svg", filled, viewBox=f"0 0 {_BAR} 1", preserveAspectRatio="none", aria_hidden="true")


def _adding_up(framing: Framing, likely: Mapping[str, float]) -> Html | None:
    """The sums behind the bars, where they are the whole truth."""
    added = sums(framing.evidence)
    totals = {name: sum(parts.values()) for name, parts in added.items()}
    checked = softmax(totals)
    if any(abs(checked[name] - p) > 0.005 for name, p in likely.items()):
        return None  # something was left out of the evidence; a sum that does not add up explains nothing
    kinds = [kind for kind in KINDS if any(parts[kind] for parts in added.values())]
    head = element(
        "tr", element("th", "category", scope="col"), *(element("th", k, scope="col") for k in (*kinds, "sum"))
    )
    rows = [
        element(
            "tr",
            element("th", _title(name), scope="row"),
            *(element("td", signed(added[name][kind])) for kind in kinds),
            element("td", element("b", signed(totals[name]))),
        )
        for name in likely
    ]
    told = (
        "Each piece of evidence adds to the log-odds of its category; 0.7 more doubles the odds. The "
        "probabilities are in proportion to e to the power of the sums."
    )
    table = element("table", element("thead", head), element("tbody", *rows))
    scrolls = element("div", table, class_="scrolls", tabindex="0", role="region", aria_label="How the numbers add up")
    return element("details", element("summary", "How the numbers add up"), element("p", told), scrolls)


def questions(framing: Framing, answered: Mapping[str, str]) -> Html | None:
    """What would tell more, each answer a button of the page's one form."""
    asked: list[Child] = []
    for question in framing.questions:
        why = element("p", question.why, class_="why")
        buttons = element("p", *_answer_buttons(question.id, question.answers), class_="answers")
        if not asked:  # the most telling one is open
            asked.append(element("div", element("h3", question.text, dir="auto"), why, buttons, class_="question"))
        else:
            asked.append(
                element("details", element("summary", question.text, dir="auto"), why, buttons, class_="question")
            )
    if not asked and not answered:
        return None
    heading = "Questions that decide" if framing.category is None else "Questions that could change it"
    return section("questions", heading, *asked, None if asked else element("p", "There is nothing left to ask."))


def _answer_buttons(question: str, answers: Mapping[str, str]) -> list[Child]:
    buttons = [
        element("button", said, type="submit", form="ask", name="answer", value=f"{question}={answer}")
        for answer, said in answers.items()
    ]
    return [part for button in buttons for part in (button, " ")]


def cases(framing: Framing) -> Html | None:
    """The worked cases that read most like the description."""
    near = [piece for piece in framing.evidence if piece.rule == CASE][:MOST_CASES]
    if not near:
        return None
    items = [
        element("li", element("q", piece.quote), " ", element("span", _title(piece.category), class_="pill"))
        for piece in near
    ]
    return section("cases", "Reads like", element("ul", *items, class_="cases"))


def alternatives(framing: Framing) -> Html | None:
    """Other categories, what would make each the answer, and other ways to see it that the words speak for."""
    items = [
        element(
            "li", element("p", element("b", other.it_would_be), f" {percent(other.probability)}"), _p(other.told_apart)
        )
        for other in framing.alternatives
    ]
    items += [
        element("li", element("p", element("b", one.switch)), _p(one.why), _p(f"You write “{one.quote}”."))
        for one in framing.reframes
    ]
    return section("alternatives", "Alternatives", element("ul", *items, class_="plain")) if items else None


def _p(said: str) -> Html | None:
    return element("p", said, dir="auto") if said else None


def signed(weight: float) -> str:
    """A weight in log-odds as people read it.

    >>> signed(1.254), signed(-0.5), signed(0.001)
    ('+1.25', '−0.50', '0')
    """
    if abs(weight) < 0.005:
        return "0"
    return f"{'+' if weight > 0 else '−'}{abs(weight):.2f}"


def _title(category: str) -> str:
    return load().categories[category].title
