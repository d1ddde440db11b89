"""The way through the taxonomy as a picture, and the same as text."""

from advisor.framing import Framing
from advisor.render import percent
from advisor.service.page.answer import section
from advisor.service.page.markup import Child, Html, element
from taxonomy.knowledge import load

ROW = 30  # units between two names, one below the other
ROOT, CATEGORIES, SUBTASKS, WIDTH = 14, 92, 384, 650  # where each column of names begins, and the whole width
LETTER = 8.6  # units that a letter of a bold name takes at most, on the average
_GAP = 8  # between a line's end and the name


def way(framing: Framing) -> Html:
    """From "what should come out" to the category and its sub-task, with all that was passed by.

    While undecided it leads as far as the likeliest category, in a broken line, and names no sub-task.
    """
    knowledge = load()
    names = list(knowledge.categories)
    likeliest = max(names, key=lambda name: framing.probabilities[name])
    chosen = framing.category or likeliest
    subtasks = knowledge.categories[chosen].subtasks
    height = ROW * max(len(names), len(subtasks))
    middle = height / 2
    at = {name: ROW * (n + 0.5) + (height - ROW * len(names)) / 2 for n, name in enumerate(names)}
    lines: list[Child] = []
    labels: list[Child] = [element("circle", cx=str(ROOT), cy=f"{middle:g}", r="6", class_="on")]
    for name, y in sorted(at.items(), key=lambda item: item[0] == chosen):  # the way itself lies on top
        on = name == chosen
        lines.append(_line(ROOT + 6, middle, CATEGORIES - _GAP, y, _kind(on=on, sure=framing.category is not None)))
        label = f"{knowledge.categories[name].title} {percent(framing.probabilities[name])}"
        labels.append(_label(CATEGORIES, y, label, on=on))
    first = min(max(at[chosen] - ROW * len(subtasks) / 2, 0), height - ROW * len(subtasks))
    begins = (
        CATEGORIES
        + LETTER * len(f"{knowledge.categories[chosen].title} {percent(framing.probabilities[chosen])}")
        + _GAP
    )
    for n, (name, subtask) in enumerate(subtasks.items()):
        y, on = first + ROW * (n + 0.5), name == framing.subtask
        lines.append(_line(begins, at[chosen], SUBTASKS - _GAP, y, _kind(on=on, sure=True)))
        labels.append(_label(SUBTASKS, y, subtask.title, on=on))
    title = "The way through the taxonomy; the list below says the same"
    picture = element("svg", *lines, *labels, viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_label=title)
    scrolls = element("div", picture, class_="scrolls", tabindex="0", role="region", aria_label="Picture of the way")
    return section("way", "The way here", element("figure", scrolls, _as_text(framing, chosen)))


def _kind(*, on: bool, sure: bool) -> str | None:
    return ("on" if sure else "maybe") if on else None


def _line(x: float, y: float, to_x: float, to_y: float, kind: str | None) -> Html:
    half = (x + to_x) / 2
    return element("path", d=f"M{x:g} {y:g}C{half:g} {y:g} {half:g} {to_y:g} {to_x:g} {to_y:g}", class_=kind)


def _label(x: float, y: float, said: str, *, on: bool) -> Html:
    return element("text", said, x=f"{x:g}", y=f"{y + 5:g}", class_="on" if on else None)


def _as_text(framing: Framing, chosen: str) -> Html:
    """The same content as a list: the steps that were taken, and what was passed by at each."""
    knowledge = load()
    category = knowledge.categories[chosen]
    others = [
        f"{knowledge.categories[name].title} {percent(p)}"
        for name, p in framing.probabilities.items()
        if name != chosen
    ]
    verb = "it is" if framing.category else "perhaps it is"
    steps = [
        element(
            "li",
            f"What should come out? {category.answer[:1].upper()}{category.answer[1:]}: {verb} ",
            element("b", f"{category.title} {percent(framing.probabilities[chosen])}"),
            f". Passed by: {', '.join(others)}.",
        )
    ]
    rest = [one.title for name, one in category.subtasks.items() if name != framing.subtask]
    if framing.subtask is not None:
        title = category.subtasks[framing.subtask].title
        steps.append(element("li", "Which kind of it? ", element("b", title), f". Passed by: {', '.join(rest)}."))
    else:
        steps.append(element("li", f"Which kind of it is open: {', '.join(rest)}."))
    return element("figcaption", element("ol", *steps))
