"""The phrase language: what a rule listens for, and how it is compiled.

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

The parts between gaps are *segments*. All segments of all phrases become one position automaton (Glushkov, 1961, The
abstract theory of automata: a state for each place where a word can stand, no empty moves), and a gap joins two
segments by their places in the text. matching.py finds them in one pass: from each word a walk no longer than the
longest segment, so the time is linear in the text whatever it holds. There are no regular expressions.

A match behind a negator of the same clause ("we do not need a number") is marked as negated; the negators, the phrases
that look like one and are not ("not only", "do not know"), and the words that end its reach stand in negation.yaml. The
scope follows NegEx (Chapman et al., 2001, A simple algorithm for identifying negated findings and diseases).
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, product
from typing import Any, Literal, NamedTuple

from taxonomy.inflection import forms
from taxonomy.matching import ANY, LETTERS, LINE, NUMBER, WIDEST_GAP
from taxonomy.tokens import normalise, tokenize

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
        without = list(zip(orders, waiting, strict=True)) if _nullable(piece) else []
        with_piece = [([*order, (before, piece)], 0) for order, before in zip(orders, waiting, strict=True) if parts]
        orders = [order for order, _ in (*with_piece, *without)]
        waiting = [before for _, before in (*with_piece, *without)]
    if not all(orders):
        raise PhraseError(f"{phrase!r} can match without any word; make at least one element required")
    return [
        tuple(Segment(gap if place else 0, part, at_start and not place) for place, (gap, part) in enumerate(order))
        for order in orders
    ]


def _nullable(part: Part) -> bool:
    """Whether the part can stand for no word at all."""
    if part.kind == "either":
        return any(_nullable(inner) for inner in part.parts)
    return part.kind == "maybe" or (part.kind == "row" and all(_nullable(inner) for inner in part.parts))


class _Compiler:
    """Numbers for words, the position automaton of all segments, and the states that join segments over gaps."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.numbers: dict[str, int] = {"": ANY}  # "predict", "=best" -> number
        self.forms: dict[str, list[int]] = {}  # a word of a text -> numbers
        self.choices: dict[tuple[int, ...], int] = {}  # the words that may stand at a place -> their number
        self.positions: list[tuple[int, list[int], list[int]]] = []  # choice, what may follow, segments that end here
        self.names: dict[int, str] = {}  # position -> name of the capture
        self.named: dict[int, list[int]] = {}  # segment with captures -> its first positions
        # number of a word -> first positions of segments: anywhere, at the start of a sentence
        self.starts: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        self.segments: dict[tuple[Part, bool], int] = {}
        self.steps: list[dict[tuple[int, int], int]] = []  # segment -> (state before, gap) -> state after
        self.accept: list[list[str]] = [[]]
        self.open: set[int] = set()

    def number(self, word: str) -> int:
        if word not in self.numbers:
            self.numbers[word] = len(self.numbers)
            for form in sorted(self.forms_of(word)):
                self.forms.setdefault(form, []).append(self.numbers[word])
        return self.numbers[word]

    def forms_of(self, word: str) -> frozenset[str]:
        """What a text may hold for "predict", "=best", "#" or the single words of "@list"."""
        if word[0] == "@":
            members = (_row(member, self.lexicon, word, ()) for member in self.lexicon[word[1:]])
            single = (part for member in members for part in (member.parts if member.kind == "either" else (member,)))
            words = {inner for part in single if part.kind == "word" for inner in part.words}
            return frozenset().union(*(self.forms_of(inner) for inner in words))
        return frozenset({word if word == NUMBER else normalise(word[1:])}) if word[0] in "#=" else forms(word)

    def build(self, part: Part) -> tuple[list[int], list[int]]:
        """Enter the positions of `part`; return the first and the last ones."""
        if part.kind == "word":
            choice = tuple(sorted({self.number(word) for word in part.words}))
            position = len(self.positions)
            self.positions.append((self.choices.setdefault(choice, len(self.choices)), [], []))
            if part.name:
                self.names[position] = part.name
            return [position], [position]
        if part.kind != "row":
            built = [self.build(inner) for inner in part.parts]
            return [p for first, _ in built for p in first], [p for _, last in built for p in last]
        first, last, before_all_optional = list[int](), list[int](), True
        for inner in part.parts:
            inner_first, inner_last = self.build(inner)
            for position in last:
                self.positions[position][1].extend(inner_first)
            if before_all_optional:
                first += inner_first
            optional = _nullable(inner)
            before_all_optional = before_all_optional and optional
            last = [*last, *inner_last] if optional else inner_last
        return first, last

    def segment(self, segment: Segment) -> int:
        key = (segment.part, segment.at_start)
        if key not in self.segments:
            number = self.segments[key] = len(self.segments)
            names = len(self.names)
            first, last = self.build(segment.part)
            if len(self.names) > names:
                self.named[number] = first
            choices = list(self.choices)
            for position in first:
                for word in choices[self.positions[position][0]] or (ANY,):
                    self.starts[segment.at_start].setdefault(word, []).append(position)
            for position in last:
                self.positions[position][2].append(number)
            self.steps.append({})
        return self.segments[key]

    def add(self, owner: str, row: Sequence[Segment]) -> None:
        state = 0
        for place, segment in enumerate(row):
            steps = self.steps[self.segment(segment)]
            key = (state, segment.gap)
            if key not in steps:
                steps[key] = len(self.accept)
                self.accept.append([])
            state = steps[key]
            if place < len(row) - 1:
                self.open.add(state)
        if owner not in self.accept[state]:
            self.accept[state].append(owner)

    def index(self) -> dict[str, Any]:
        """What has been entered, packed: a program that frames one text should not have to unpack it all."""
        forms_by_letters: dict[str, list[str]] = {}
        for form, numbers in sorted(self.forms.items()):
            forms_by_letters.setdefault(form[:LETTERS], []).append(f"{form} {_ints(numbers)}")
        owners = {owner: number for number, owner in enumerate(dict.fromkeys(o for row in self.accept for o in row))}
        return {
            "forms": {letters: LINE.join(lines) for letters, lines in forms_by_letters.items()},
            "choices": pack(list(self.choices)),
            "position_choices": pack([[choice for choice, _, _ in self.positions]]),
            "position_after": pack([after for _, after, _ in self.positions]),
            "position_ends": pack([ends for _, _, ends in self.positions]),
            "starts": [pack([starts.get(n, []) for n in range(len(self.numbers))]) for starts in self.starts],
            "names": {str(position): name for position, name in self.names.items()},
            "named": {str(segment): first for segment, first in self.named.items()},
            "steps": pack([[n for before, after in steps.items() for n in (*before, after)] for steps in self.steps]),
            "owners": list(owners),
            "accept": pack([[owners[owner] for owner in row] for row in self.accept]),
            "open": pack([sorted(self.open)]),
        }


def pack(rows: Iterable[Sequence[int]]) -> str:
    """Rows of numbers as text that `matching.Packed` reads.

    >>> from taxonomy.matching import Packed
    >>> list(Packed(pack([[7, 8], [], [9]]))[0])
    [7, 8]
    """
    rows = list(rows)
    numbers = [len(rows), *accumulate(map(len, rows), initial=0), *(number for row in rows for number in row)]
    digits = len(f"{max(numbers):x}")
    return str(digits) + "".join(f"{number:0{digits}x}" for number in numbers)


def _ints(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))


def compile_phrases(owners: Mapping[str, Sequence[str]], lexicon: Lexicon | None = None) -> dict[str, Any]:
    """One index of all phrases of all owners, plain data that JSON can hold and `matching.Matcher` runs.

    Args:
        owners: name of a rule (or other owner) -> its phrases.
        lexicon: name of a list -> its words and phrases, for `@name`.

    Raises:
        PhraseError: a phrase is not of the language; names it.

    >>> compile_phrases({"a": ["how many"]})["owners"]
    ['a']
    """
    compiler = _Compiler(lexicon or {})
    for owner, phrases in owners.items():
        for phrase in phrases:
            for row in rows(phrase, compiler.lexicon):
                compiler.add(owner, row)
    return compiler.index()
