"""The phrase language: what a rule listens for.

A phrase is a row of elements, matched inside one sentence:

    predict             the word in any of its forms (predicts, predicted, predicting; British and American spelling)
    =best               this form only
    @person             any word or phrase of the list `person` in lexicon.yaml
    (rank|put in order) one of the alternatives, each one or more elements
    [the]               may be there or not
    *   **              a gap of at most 3, at most 8 words
    #                   a number in digits
    <unit>  <unit@time> one word, or one word of a list, that is handed back under the name `unit`
    ^                   the beginning of the sentence

The parts between gaps are *segments*. All segments of all phrases become one automaton (automaton.py), and a gap joins
two segments by their places in the text. matching.py finds them in one pass: from each word a walk no longer than the
longest segment, so the time is linear in the text whatever it holds. There are no regular expressions.

A match behind a negator of the same clause ("we do not need a number") is marked as negated; the negators, the phrases
that look like one and are not ("not only", "do not know"), and the words that end its reach stand in negation.yaml.
The scope follows NegEx (Chapman et al., 2001, A simple algorithm for identifying negated findings and diseases). The
courtesies, which count for nothing, stand there too.
"""

import difflib
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple

from taxonomy.matching import NUMBER
from taxonomy.tokens import tokenize
from taxonomy.walking import WIDEST_GAP

GAPS = {"*": 3, "**": WIDEST_GAP}  # words, at most
MOST_ROWS = 400  # orders of segments and gaps that one phrase may stand for
_OPENING = {"(": ")", "[": "]", "<": ">"}

Lexicon = Mapping[str, Sequence[str]]


class PhraseError(ValueError):
    """A phrase that is not of the language; says which, what is wrong and what to write."""


class Part(NamedTuple):
    """A phrase, or a part of one, as a tree.

    A `word` stands for one word of the text: any of `words` ("predict", "=best", "#", "@list"), or any word at all when
    there are none. `name` is what a capture is called, `gap` how many words a gap may span.
    """

    kind: Literal["word", "row", "either", "maybe", "gap", "start"]
    parts: "tuple[Part, ...]" = ()
    words: tuple[str, ...] = ()
    name: str = ""
    gap: int = 0


START = Part("start")


def parse(phrase: str, lexicon: Lexicon) -> Part:
    """The tree of a phrase.

    >>> parse("how (many|much)", {}).parts[1].words
    ('many', 'much')

    Raises:
        PhraseError: unknown list, unbalanced bracket, or an element that is not of the language.
    """
    return _row(phrase, lexicon, phrase, ())


def _row(text: str, lexicon: Lexicon, phrase: str, inside: tuple[str, ...]) -> Part:
    parts: list[Part] = []
    for element in _elements(text, phrase):
        inner = element[1:-1]
        if element[0] in "([":
            options = [_row(option, lexicon, phrase, inside) for option in _options(inner, phrase)]
            parts.append(_either(options) if element[0] == "(" else Part("maybe", (_either(options),)))
        elif element[0] == "@":
            parts.append(_list(element[1:], lexicon, phrase, inside))
        elif element[0] == "<":
            name, _, listed = inner.partition("@")
            if not name.isidentifier():
                raise PhraseError(f"{phrase!r}: {element} needs a name, as in <unit> or <unit@time>")
            words = _list(listed, lexicon, phrase, inside) if listed else Part("word")
            single = words if words.kind == "word" else next(part for part in words.parts if part.kind == "word")
            parts.append(single._replace(name=name))
        elif element in GAPS:
            parts.append(Part("gap", gap=GAPS[element]))
        elif element == "^":
            parts.append(START)
        elif element == NUMBER:
            parts.append(Part("word", words=(NUMBER,)))
        else:
            mark = "=" if element[0] == "=" else ""
            words_of = tokenize(element.removeprefix("=")).words
            if not words_of:
                raise PhraseError(f"{phrase!r}: {element!r} is no word; see the elements in taxonomy/phrases.py")
            parts += [Part("word", words=(mark + word,)) for word in words_of]
    return parts[0] if len(parts) == 1 else Part("row", tuple(parts))


def _either(options: Sequence[Part]) -> Part:
    """One of the options; all single words among them are one place in the automaton."""
    flat = [part for option in options for part in (option.parts if option.kind == "either" else (option,))]
    single = [part for part in flat if part.kind == "word" and part.words and not part.name]
    rest = tuple(dict.fromkeys(part for part in flat if part not in single))
    if not single:
        return rest[0] if len(rest) == 1 else Part("either", rest)
    words = Part("word", words=tuple(sorted({word for part in single for word in part.words})))
    return Part("either", (words, *rest)) if rest else words


def _list(name: str, lexicon: Lexicon, phrase: str, inside: tuple[str, ...]) -> Part:
    if name in inside:
        raise PhraseError(f"{phrase!r}: the list @{name} contains itself")
    if name not in lexicon:
        close = difflib.get_close_matches(name, lexicon, n=1)
        hint = f"; did you mean @{close[0]}?" if close else ""
        raise PhraseError(f"{phrase!r}: there is no list @{name} in lexicon.yaml{hint}")
    members = _either([_row(member, lexicon, phrase, (*inside, name)) for member in lexicon[name]])
    parts = members.parts if members.kind == "either" else (members,)
    longer = [part for part in parts if part.kind != "word"]
    single = [Part("word", words=("@" + name,))] if len(longer) < len(parts) else []
    return _either([*single, *longer])


def _elements(text: str, phrase: str) -> list[str]:
    """`text` cut at spaces, brackets kept whole."""
    found, word, closing = [], "", [""]
    for character in text:
        if character.isspace() and len(closing) == 1:
            found.append(word)
            word = ""
            continue
        if character in _OPENING:
            closing.append(_OPENING[character])
        elif character == closing[-1]:
            closing.pop()
        elif character in ")]>":
            raise PhraseError(f"{phrase!r}: {character!r} closes nothing")
        word += character
    if len(closing) > 1:
        raise PhraseError(f"{phrase!r}: {closing[-1]!r} is missing")
    found = [part for element in (*found, word) for part in (["^", element[1:]] if element[:1] == "^" else [element])]
    found = [element for element in found if element]
    for element in found:
        if element[0] in _OPENING and not element.endswith(_OPENING[element[0]]):
            raise PhraseError(f"{phrase!r}: put a space after {_OPENING[element[0]]!r} in {element!r}")
    return found


def _options(inner: str, phrase: str) -> list[str]:
    """The alternatives of a bracket, cut at | outside inner brackets."""
    options, depth = [""], 0
    for character in inner:
        depth += (character in _OPENING) - (character in ")]>")
        if character == "|" and depth == 0:
            options.append("")
        else:
            options[-1] += character
    if not all(option.strip() for option in options):
        raise PhraseError(f"{phrase!r}: an alternative is empty; write [optional words] in square brackets instead")
    return options


class Segment(NamedTuple):
    """The words between two gaps, with at most how many words may stand before it since the segment before."""

    gap: int
    part: Part
    at_start: bool  # of the sentence


def rows(phrase: str, lexicon: Lexicon) -> list[tuple[Segment, ...]]:
    """Every order of segments and gaps that `phrase` stands for; most phrases stand for one.

    >>> [[segment.gap for segment in row] for row in rows("how many * per [working] day", {})]
    [[0, 3]]

    Raises:
        PhraseError: not of the language, without any required word, or more than 400 orders.
    """
    found: dict[tuple[Segment, ...], None] = {}
    for written in _unfold(parse(phrase, lexicon), phrase):
        for segments in _segments(written, phrase):
            found[segments] = None
    return list(found)


def _unfold(part: Part, phrase: str) -> list[tuple[Part, ...]]:
    """Rows in which gaps and sentence starts stand at the top: only brackets that hold one are written out."""
    if part.kind not in ("row", "either", "maybe") or not _holds_gap(part):
        return [(part,)]
    options = [_unfold(inner, phrase) for inner in part.parts]
    if part.kind == "row":
        count = 1
        for option in options:
            count *= len(option)
        if count > MOST_ROWS:
            raise PhraseError(f"{phrase!r} stands for {count} orders of gaps, more than {MOST_ROWS}; split it")
        return [tuple(inner for chosen in row for inner in chosen) for row in product(*options)]
    return [row for option in options for row in option] + ([()] if part.kind == "maybe" else [])


def _holds_gap(part: Part) -> bool:
    return part.kind in ("gap", "start") or any(_holds_gap(inner) for inner in part.parts)


def _segments(written: Sequence[Part], phrase: str) -> list[tuple[Segment, ...]]:
    """A row cut at its gaps; a segment of optional words alone is there in one order and not in another."""
    at_start = bool(written) and written[0] == START
    pieces: list[tuple[int, list[Part]]] = [(0, [])]
    for part in written[at_start:]:
        if part == START:
            raise PhraseError(f"{phrase!r}: ^ can only stand before everything else")
        if part.kind == "gap":
            pieces.append((part.gap, []))
        else:
            pieces[-1][1].append(part)
    orders: list[list[tuple[int, Part]]] = [[]]
    waiting = [0]  # the gap before the next segment, for each order
    for gap, parts in pieces:
        piece = parts[0] if len(parts) == 1 else Part("row", tuple(parts))
        waiting = [max(gap, before) for before in waiting]
        without = list(zip(orders, waiting, strict=True)) if nullable(piece) else []
        with_piece = [([*order, (before, piece)], 0) for order, before in zip(orders, waiting, strict=True) if parts]
        orders = [order for order, _ in (*with_piece, *without)]
        waiting = [before for _, before in (*with_piece, *without)]
    if not all(orders):
        raise PhraseError(f"{phrase!r} can match without any word; make at least one element required")
    return [
        tuple(Segment(gap if place else 0, part, at_start and not place) for place, (gap, part) in enumerate(order))
        for order in orders
    ]


def nullable(part: Part) -> bool:
    """Whether the part can stand for no word at all."""
    if part.kind == "either":
        return any(nullable(inner) for inner in part.parts)
    return part.kind == "maybe" or (part.kind == "row" and all(nullable(inner) for inner in part.parts))
