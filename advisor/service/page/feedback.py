"""The question whether the answer was right, as a form, and the thanks for an answer to it."""

from advisor.framing import Framing
from advisor.service.page.answer import section
from advisor.service.page.form import fields, only_once
from advisor.service.page.markup import Html, element, raw
from taxonomy.knowledge import load

MOST_COMMENT = 2_000  # characters
_FIELDS = frozenset(("framing", "category", "comment", "consent", "text"))


def feedback(framing: Framing, identity: str) -> Html:
    """The form that says what was right; `identity` names the framing."""
    categories = load().categories
    chosen = framing.category
    options = [element("option", f"Yes: {categories[chosen].title}", value=chosen)] if chosen else []
    options += [
        element("option", f"{'No, it is' if chosen else 'It is'} {category.title}", value=name)
        for name, category in categories.items()
        if name != chosen
    ]
    keep = "Keep my text with it, so that it can become a worked case. Otherwise only the answer is kept."
    comment = element("textarea", name="comment", id="comment", rows="2", maxlength=str(MOST_COMMENT))
    form = element(
        "form",
        element("input", type="hidden", name="framing", value=identity),
        element("textarea", raw("\n" + framing.description), name="text", hidden=True),
        element("p", element("label", "The right answer", for_="category"), " ", _select(options)),
        element("label", "Anything to add?", for_="comment"),
        comment,
        element(
            "p", element("label", element("input", type="checkbox", name="consent", value="yes"), element("span", keep))
        ),
        element("p", element("button", "Send", type="submit", class_="primary")),
        method="post",
        action="/feedback",
        id="right",
    )
    return section("feedback", "Was this right?", form)


def _select(options: list[Html]) -> Html:
    return element("select", *options, name="category", id="category")


def read(body: bytes) -> dict[str, object]:
    """What the form says, as the body of `POST /v1/feedback`; the text only where there is consent.

    Raises:
        InputRefused: as `form.fields` and `form.only_once`.

    >>> read(b"framing=f&category=ranking&comment=&text=secret")
    {'framing': 'f', 'category': 'ranking', 'consent': False}
    """
    said = only_once(fields(body), _FIELDS)
    consent = said.pop("consent", "") == "yes"
    text = said.pop("text", "").replace("\r\n", "\n")
    found: dict[str, object] = {name: value for name, value in said.items() if value}
    return {**found, "consent": consent, **({"text": text} if consent else {})}


def refused(problem: str) -> Html:
    """What stands in place of the form when its answer could not be kept."""
    return _part(element("p", element("b", "That was not kept: "), problem, role="alert", class_="problem"))


def thanks(*, with_text: bool) -> Html:
    """What stands in place of the form once its answer is safely kept."""
    kept = "Your answer and your text are kept." if with_text else "Your answer is kept, without your text."
    return _part(element("p", f"Thank you. {kept}"), element("p", element("a", "Frame another problem", href="/")))


def _part(*children: Html) -> Html:
    """The section by itself; the script puts it in the old one's place."""
    heading = element("h2", "Was this right?", id="feedback-heading")
    return element("section", heading, element("div", *children), id="feedback", tabindex="-1", data_part=True)
