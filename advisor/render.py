"""A framing as text for people: a Markdown brief, and the terminal's card."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from advisor.framing import Card, Framing
from advisor.questions import Asked
from taxonomy.knowledge import load

MOST_REASONS = 5
MOST_PITFALLS = 5  # told in full; the rest by title
BAR = 24  # characters of a full probability bar
_CARD = ("target", "unit", "inputs", "metric", "loss", "split", "baseline", "data_needed")
_UNSEEN = dict.fromkeys(  # control characters; embeddings, overrides and isolates of direction
    (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
_MARKUP = str.maketrans({sign: "\\" + sign for sign in r"\`*_[]<>|~&$#"})

Style = Callable[[str], str]


def verdict(framing: Framing) -> str:
    """The answer in one sentence.

    >>> import advisor
    >>> verdict(advisor.frame("hello"))
    'Undecided. Nothing in the description says clearly what should come out.'
    """
    if framing.category is None:
        return f"Undecided. {framing.undecided}"
    return f"{_title(framing.category)} · {framing.card.task} ({_percent(framing.probabilities[framing.category])})"


def _percent(p: float) -> str:
    """A probability as people read it; nothing is ever certain.

    >>> _percent(0.714), _percent(0.9991)
    ('71%', '>99%')
    """
    return ">99%" if p > 0.99 else f"{p:.0%}"


def _title(category: str) -> str:
    return load().categories[category].title


def card_rows(card: Card) -> Iterator[tuple[str, str]]:
    """The lines of a card that say something, as (name, text)."""
    for name in _CARD:
        value = getattr(card, name)
        if value:
            yield name.replace("_", " "), value if isinstance(value, str) else ", ".join(value)


def markdown(framing: Framing) -> str:
    """The brief of one page."""
    told, named = framing.card.pitfalls[:MOST_PITFALLS], framing.card.pitfalls[MOST_PITFALLS:]
    pitfalls = [f"**{pitfall.title}.** {pitfall.why} {pitfall.remedy}" for pitfall in told]
    if named:
        pitfalls.append(f"Look out for these, too: {'; '.join(pitfall.title for pitfall in named)}.")
    table = [f"| {name} | {_inert(text)} |" for name, text in card_rows(framing.card)]
    questions = [f"{question.text} ({' / '.join(question.answers.values())})" for question in framing.questions]
    sections = {
        "Why": [f"- {_inert(reason)}" for reason in _reasons(framing)],
        "What to build": ["| | |", "| --- | --- |", *table] if table else [],
        "Pitfalls": [f"- {pitfall}" for pitfall in pitfalls],
        "To settle first": [f"- {slot}" for slot in framing.card.slots],
        "Questions that could change this": [f"- {question}" for question in questions],
        "Alternatives": [f"- {other.it_would_be}" for other in framing.alternatives],
        "Sources": [f"- {source}" for source in framing.card.sources],
    }
    lines = [f"# {verdict(framing)}", "", *(f"> {_inert(line)}".rstrip() for line in framing.description.splitlines())]
    for heading, content in sections.items():
        if content:
            lines += ["", f"## {heading}", "", *content]
    return "\n".join([*lines, ""])


def seen(text: str) -> str:
    """`text` on one line, without what would steer a terminal or turn the direction of what follows."""
    return " ".join(text.split()).translate(_UNSEEN)


def _inert(text: str) -> str:
    """The user's words must not become table cells or markup: each sign of Markdown is escaped.

    >>> print(_inert("[a](b) | 1. <b>"), _inert("- c"), _inert("2) d"))
    \\[a\\](b) \\| 1. \\<b\\> \\- c 2\\) d
    """
    text = seen(text).translate(_MARKUP)
    number = len(text) - len(text.lstrip("0123456789"))
    starts_a_block = text[number : number + 1] in (*".)",) if number else text[:1] in (*"-+=",)
    return f"{text[:number]}\\{text[number:]}" if starts_a_block else text


def _reasons(framing: Framing) -> list[str]:
    """The sentences that explain the answer, strongest first, each once."""
    wanted = framing.category
    reasons = (piece.because for piece in framing.evidence if piece.weight > 0 and wanted in (None, piece.category))
    return list(dict.fromkeys(reasons))[:MOST_REASONS]


def terminal(framing: Framing, *, width: int, bold: Style = str, dim: Style = str) -> str:
    """The card as a terminal shows it, no line longer than `width` where words allow.

    What the reader needs next comes first: the questions while the task is undecided, else the card.
    """
    pitfalls = [f"{one.title}. {one.remedy}" for one in framing.card.pitfalls[:MOST_PITFALLS]]
    too = "; ".join(one.title for one in framing.card.pitfalls[MOST_PITFALLS:])
    sections = [
        ("Why", _list(_reasons(framing), width)),
        ("How likely", _bars(framing, width, dim)),
        ("Framing card", [line for name, text in card_rows(framing.card) for line in wrap(f"{name}:", text, width)]),
        ("Pitfalls", _list([*pitfalls, f"Look out for these, too: {too}."] if too else pitfalls, width)),
    ]
    if framing.category is None:
        sections.insert(2, ("Questions that would decide it", _questions(framing.questions, width)))
    else:
        sections.append(("The question that could change this", _questions(framing.questions[:1], width)))
    sections.append(("Alternatives", _list([other.it_would_be for other in framing.alternatives], width)))
    lines = [bold(line.lstrip()) for line in wrap("", verdict(framing), width)]
    for heading, content in sections:
        if content:
            lines += ["", bold(heading), *content]
    return "\n".join(lines)


def _bars(framing: Framing, width: int, dim: Style) -> list[str]:
    """The likeliest category and those above an even share; none where nothing speaks for any."""
    if not framing.evidence:
        return []
    likely = sorted(framing.probabilities.items(), key=lambda item: -item[1])
    shown = {_title(name): p for rank, (name, p) in enumerate(likely) if rank == 0 or p > 1 / len(likely)}
    shown["all others"] = 1 - sum(shown.values())
    longest = max(map(len, shown))
    full = min(BAR, width - longest - len("   100% "))
    return [
        f"  {title:{longest}s} {_percent(p):>4s} {dim('█' * round(p * full))}".rstrip() for title, p in shown.items()
    ]


def _questions(questions: Sequence[Asked], width: int) -> list[str]:
    """Each question with its answers, and how to give one."""
    lines = []
    for question in questions:
        lines += wrap("-", question.text, width)
        for name, text in question.answers.items():
            lines += wrap(f"  {name} –", text, width, indent=6)
        lines += wrap("  To answer:", f"--answer {question.id}={next(iter(question.answers))}", width)
    return lines


def _list(texts: Iterable[str], width: int) -> list[str]:
    return [line for text in texts for line in wrap("-", text, width)]


def wrap(name: str, text: str, width: int, *, indent: int = 4) -> list[str]:
    """`name text` with a hanging indent. (The textwrap module would cost every start a millisecond.)"""
    lines = [f"  {name}"]
    for word in seen(text).split(" "):
        if len(lines[-1]) + 1 + len(word) > width and lines[-1].strip():
            lines.append(" " * (indent - 1))
        lines[-1] += " " + word
    return lines
