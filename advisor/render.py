"""A framing as text for people: a Markdown brief, and the terminal's card."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from advisor.framing import TELLING, Card, CardPitfall, Framing
from advisor.questions import Asked
from taxonomy.knowledge import load

MOST_REASONS = 5
MOST_PITFALLS = 4  # told in full; the rest by title. Advice takes their room, for the page is full
FEWEST_PITFALLS = 2
MOST_ALTERNATIVES = 2
MOST_SLOTS = 4  # asked in full; the rest by name
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
    return f"{_title(framing.category)} · {framing.card.task} ({percent(framing.probabilities[framing.category])})"


def percent(p: float) -> str:
    """A probability as people read it; nothing is ever certain.

    >>> percent(0.714), percent(0.9991), percent(0.001)
    ('71%', '>99%', '<1%')
    """
    return ">99%" if p > 0.99 else "<1%" if p < 0.005 else f"{p:.0%}"


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
    told, named = _pitfalls(framing)
    pitfalls = [f"**{pitfall.title}.** {pitfall.why} {pitfall.remedy}" for pitfall in told]
    if named:
        pitfalls.append(f"Look out for these, too: {'; '.join(pitfall.title for pitfall in named)}.")
    table = [f"| {name} | {_inert(text)} |" for name, text in card_rows(framing.card)]
    if framing.category is None:
        questions = [f"{question.text} ({' / '.join(question.answers.values())})" for question in framing.questions]
    else:
        questions = [f"{question.text} {question.why}" for question in _asked(framing)]
    slots = [f"- {slot}" for slot in framing.card.slots[:MOST_SLOTS]]
    if rest := _further_slots(framing):
        slots.append(f"- And as always: {rest}.")
    sections = {
        "Why": [f"- {_inert(reason)}" for reason in _reasons(framing)],
        "Words and table disagree": [f"- {_inert(said)}" for said in disagreements(framing)],
        "Before any learning": [f"- {_inert(gate)}" for gate in _gates(framing)],
        "Another way to see it": [f"- {_inert(reframe)}" for reframe in _reframes(framing)],
        "Step by step": [f"{n}. {_inert(stage)}" for n, stage in enumerate(_stages(framing), 1)],
        "What to build": ["| | |", "| --- | --- |", *table] if table else [],
        "Pitfalls": [f"- {pitfall}" for pitfall in pitfalls],
        "To settle first": slots,
        "Questions that decide" if framing.category is None else "The question that could change this": [
            f"- {question}" for question in questions
        ],
        "Alternatives": [f"- {other}" for other in _alternatives(framing)],
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
    reasons = (
        piece.because for piece in framing.evidence if piece.weight >= TELLING and wanted in (None, piece.category)
    )
    return list(dict.fromkeys(reasons))[:MOST_REASONS]


def disagreements(framing: Framing) -> list[str]:
    """Where the table shows something else than the words say, or than was named, and what follows."""
    return [] if framing.profile is None else [each.so for each in framing.profile.contradictions]


def _pitfalls(framing: Framing) -> tuple[Sequence[CardPitfall], Sequence[CardPitfall]]:
    """The pitfalls to tell in full and those to name."""
    advice = len(framing.gates) + len(framing.reframes) + bool(framing.pipeline)
    most = max(MOST_PITFALLS - advice, FEWEST_PITFALLS)
    return framing.card.pitfalls[:most], framing.card.pitfalls[most:]


def _asked(framing: Framing) -> Sequence[Asked]:
    """All questions while they must decide; one where the answer stands and could only change."""
    return framing.questions if framing.category is None else framing.questions[:1]


def _gates(framing: Framing) -> list[str]:
    """What may make machine learning needless, each with the words that raise the question."""
    return [f"{gate.question} If so: {gate.instead} (You write “{gate.quote}”.)" for gate in framing.gates]


def _reframes(framing: Framing) -> list[str]:
    """Other framings to consider, each with the words that speak for it."""
    return [
        f"{_task(one.to)} instead of {_task(one.instead_of)}: {one.switch} {one.why} (You write “{one.quote}”.)"
        for one in framing.reframes
    ]


def _stages(framing: Framing) -> list[str]:
    """The steps of a compound problem; the last says why the primary one is that."""
    told = [
        f"{_task(f'{stage.category}/{stage.subtask}')}{' (the primary step)' if stage.primary else ''}: {stage.does}."
        for stage in framing.pipeline
    ]
    if told:
        first = framing.pipeline[0]
        told[-1] += f" {first.why} (You write “{first.quote}”.)"
    return told


def _task(name: str) -> str:
    """The title of a category or category/subtask.

    >>> _task("ranking"), _task("ranking/search")
    ('ranking', 'search')
    """
    category, _, subtask = name.partition("/")
    return load().categories[category].subtasks[subtask].title if subtask else _title(category)


def _alternatives(framing: Framing) -> list[str]:
    """The likeliest alternatives, and what tells them from the answer."""
    likeliest = framing.alternatives[:MOST_ALTERNATIVES]
    return [f"{other.it_would_be} {other.told_apart}".rstrip() for other in likeliest]


def _further_slots(framing: Framing) -> str:
    """The names of what else is to be settled, beyond the questions that are written out."""
    if framing.category is None:
        return ""
    names = list(load().categories[framing.category].slots)[MOST_SLOTS:]
    return ", ".join(name.replace("_", " ") for name in names)


def terminal(framing: Framing, *, width: int, bold: Style = str, dim: Style = str) -> str:
    """The card as a terminal shows it, no line longer than `width` where words allow.

    What the reader needs next comes first: the questions while the task is undecided, else the card.
    """
    told, named = _pitfalls(framing)
    pitfalls = [f"{one.title}. {one.remedy}" for one in told]
    too = "; ".join(one.title for one in named)
    sections = [
        ("Why", _list(_reasons(framing), width)),
        ("Words and table disagree", _list(disagreements(framing), width)),
        ("How likely", _bars(framing, width, dim)),
        ("Framing card", [line for name, text in card_rows(framing.card) for line in wrap(f"{name}:", text, width)]),
        ("Before any learning", _list(_gates(framing), width)),
        ("Another way to see it", _list(_reframes(framing), width)),
        ("Step by step", [line for n, text in enumerate(_stages(framing), 1) for line in wrap(f"{n}.", text, width)]),
        ("Pitfalls", _list([*pitfalls, f"Look out for these, too: {too}."] if too else pitfalls, width)),
    ]
    if framing.category is None:
        sections.insert(0, ("Questions that would decide it", _questions(_asked(framing), width)))
    else:
        sections.append(("The question that could change this", _questions(_asked(framing), width)))
    sections.append(("Alternatives", _list(_alternatives(framing), width)))
    lines = [bold(line.lstrip()) for line in wrap("", verdict(framing), width)]
    for heading, content in sections:
        if content:
            lines += ["", bold(heading), *content]
    return "\n".join(lines)


def _bars(framing: Framing, width: int, dim: Style) -> list[str]:
    """The likeliest category and those above an even share; none where nothing speaks for any."""
    if not any(piece.weight >= TELLING for piece in framing.evidence):
        return []
    likely = sorted(framing.probabilities.items(), key=lambda item: -item[1])
    shown = {_title(name): p for rank, (name, p) in enumerate(likely) if rank == 0 or p > 1 / len(likely)}
    shown["all others"] = 1 - sum(shown.values())
    longest = max(map(len, shown))
    full = min(BAR, width - longest - len("   100% "))
    return [
        f"  {title:{longest}s} {percent(p):>4s} {dim('█' * round(p * full))}".rstrip() for title, p in shown.items()
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
