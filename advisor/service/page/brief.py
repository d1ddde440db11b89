"""A framing -> the sections that say what to do: card, what comes before it, pitfalls."""

from advisor.framing import CardPitfall, Framing
from advisor.render import card_rows, disagreements
from advisor.service.page.answer import section
from advisor.service.page.markup import Child, Html, element
from taxonomy.knowledge import load

MOST_SLOTS = 5  # questions of the card that are shown at once; the others open
MOST_OPEN = 4  # pitfalls that are told in full; the others open


def card(framing: Framing) -> Html | None:
    """What to build, and what may make building needless."""
    rows: list[Child] = []
    for name, said in card_rows(framing.card):
        rows += [element("dt", name), element("dd", said, dir="auto")]
    parts: list[Child] = [element("dl", *rows)] if rows and framing.category is not None else []
    parts += [
        element("p", element("b", "Words and table disagree."), f" {said}", dir="auto", class_="gate")
        for said in disagreements(framing)
    ]
    parts += [
        element("p", element("b", gate.question), f" If so: {gate.instead} (You write “{gate.quote}”.)", class_="gate")
        for gate in framing.gates
    ]
    if framing.pipeline:
        steps = [
            element(
                "li",
                element("b", load().categories[one.category].subtasks[one.subtask].title),
                f": {one.does}",
                element("i", " The primary step.") if one.primary else None,
            )
            for one in framing.pipeline
        ]
        parts += [element("h3", "Step by step"), element("ol", *steps), element("p", framing.pipeline[0].why)]
    if framing.card.slots:
        slots = [element("li", slot) for slot in framing.card.slots]
        parts += [element("h3", "To settle first"), element("ul", *slots[:MOST_SLOTS])]
        rest = slots[MOST_SLOTS:]
        if rest:
            more = element("summary", f"{len(rest)} more to settle")
            parts.append(element("details", more, element("ul", *rest)))
    if framing.card.sources:
        sources = element("p", "After ", *_listed(framing.card.sources), class_="by")
        parts.append(sources)
    return section("card", "Framing card", *parts) if parts else None


def _listed(sources: tuple[str, ...]) -> list[Child]:
    parts: list[Child] = []
    for source in sources:
        parts += ["; " if parts else None, element("cite", source)]
    return parts


def pitfalls(framing: Framing) -> Html | None:
    """In which ways it may go wrong, and what to do against each."""
    told = [_pitfall(pitfall) for pitfall in framing.card.pitfalls]
    if not told:
        return None
    rest = told[MOST_OPEN:]
    more = element("details", element("summary", f"{len(rest)} more"), element("ul", *rest, class_="plain"))
    return section("pitfalls", "Pitfalls", element("ul", *told[:MOST_OPEN], class_="plain"), more if rest else None)


def _pitfall(pitfall: CardPitfall) -> Html:
    quote = element("p", f"You write “{pitfall.quote}”.", dir="auto", class_="quote") if pitfall.quote else None
    do = element("p", element("b", "Do: "), pitfall.remedy)
    look = element("p", pitfall.check, dir="auto")
    check = element("details", element("summary", "How to check"), look, element("cite", pitfall.source))
    return element("li", element("h3", pitfall.title), element("p", pitfall.why), quote, do, check)
