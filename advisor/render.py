"""A framing as text for people: a Markdown brief, and the terminal's card."""

from collections.abc import Callable, Iterator

from advisor.framing import Card, Framing

MOST_REASONS = 5
BAR = 24  # characters of a full probability bar
_CARD = ("target", "unit", "inputs", "metric", "loss", "split", "baseline", "data_needed")

Style = Callable[[str], str]


def verdict(framing: Framing) -> str:
    """The answer in one sentence.

    >>> import advisor
    >>> verdict(advisor.frame("hello"))
    'Undecided. Nothing in the description says clearly what should come out.'
    """
    if framing.category is None:
        return f"Undecided. {framing.undecided}"
    return f"{_named(framing.category)} · {framing.card.task} ({framing.probabilities[framing.category]:.0%})"


def _named(category: str) -> str:
    return category.replace("_", " ")


def card_rows(card: Card) -> Iterator[tuple[str, str]]:
    """The lines of a card that say something, as (name, text)."""
    for name in _CARD:
        value = getattr(card, name)
        if value:
            yield name.replace("_", " "), value if isinstance(value, str) else ", ".join(value)


def markdown(framing: Framing) -> str:
    """The brief of one page."""
    lines = [f"# {verdict(framing)}", "", *(f"> {_escaped(line)}" for line in framing.description.splitlines()), ""]
    reasons = _reasons(framing)
    if reasons:
        lines += ["## Why", "", *(f"- {_escaped(reason)}" for reason in reasons), ""]
    rows = list(card_rows(framing.card))
    if rows:
        lines += ["## What to build", "", "| | |", "| --- | --- |"]
        lines += [f"| {name} | {_escaped(text)} |" for name, text in rows]
        lines += [""]
    if framing.card.pitfalls:
        lines += ["## Pitfalls", ""]
        lines += [f"- **{pitfall.title}.** {pitfall.why} {pitfall.remedy}" for pitfall in framing.card.pitfalls]
        lines += [""]
    if framing.card.slots:
        lines += ["## To settle first", "", *(f"- {slot}" for slot in framing.card.slots), ""]
    if framing.questions:
        lines += ["## Questions that could change this", ""]
        lines += [f"- {question.text} ({' / '.join(question.answers.values())})" for question in framing.questions]
        lines += [""]
    if framing.alternatives:
        lines += ["## Alternatives", "", *(f"- {other.it_would_be}" for other in framing.alternatives), ""]
    if framing.card.sources:
        lines += ["## Sources", "", *(f"- {source}" for source in framing.card.sources), ""]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """The user's words must not become table cells or markup."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _reasons(framing: Framing) -> list[str]:
    """The sentences that explain the answer, strongest first, each once."""
    wanted = framing.category
    reasons = (piece.because for piece in framing.evidence if piece.weight > 0 and wanted in (None, piece.category))
    return list(dict.fromkeys(reasons))[:MOST_REASONS]


def terminal(framing: Framing, *, width: int, bold: Style = str, dim: Style = str) -> str:
    """The card as a terminal shows it, no line longer than `width` where words allow."""
    lines = [bold(verdict(framing)), ""]
    for reason in _reasons(framing):
        lines += _bullet("because", " ".join(reason.split()), width)
    lines.append("")
    for name, p in sorted(framing.probabilities.items(), key=lambda item: -item[1]):
        lines.append(f"  {_named(name):15s} {p:4.0%} {dim('█' * round(p * BAR))}".rstrip())
    rows = list(card_rows(framing.card))
    if rows:
        lines += ["", bold("Framing card")]
        for name, text in rows:
            lines += _bullet(name, text, width)
    if framing.card.pitfalls:
        lines += ["", bold("Pitfalls")]
        for pitfall in framing.card.pitfalls:
            lines += _bullet(pitfall.id, f"{pitfall.title}. {pitfall.remedy}", width)
    if framing.questions:
        lines += ["", bold("Questions that could change this")]
        for question in framing.questions:
            lines += _bullet(question.id, f"{question.text} ({', '.join(question.answers)})", width)
        lines += _bullet("to answer", f"--answer {framing.questions[0].id}={framing.questions[0].default}", width)
    if framing.alternatives:
        lines += ["", bold("Alternatives")]
        for other in framing.alternatives:
            lines += _bullet("", other.it_would_be, width)
    return "\n".join(lines)


def _bullet(name: str, text: str, width: int) -> list[str]:
    """`name: text` with a hanging indent. (The textwrap module would cost every start a millisecond.)"""
    lines = [f"  {name}:" if name else "  -"]
    for word in text.split():
        if len(lines[-1]) + 1 + len(word) > width and lines[-1].strip():
            lines.append("   ")
        lines[-1] += " " + word
    return lines
