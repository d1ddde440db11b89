"""What the encoder says becomes evidence that adds up, clause by clause, and quotes the cases that are near."""

import pytest

from advisor.encoder import Impression, Neighbour, Stretch
from advisor.impression import (
    CASE,
    CLAUSE,
    CLAUSES_TOLD,
    ENCODER,
    WHOLE,
    clauses,
    from_leanings,
    from_neighbours,
    shares,
)
from taxonomy.knowledge import load
from taxonomy.tokens import tokenize

TEXT = "We have photos, nobody has sorted them. Which ones look alike? Put them into piles, please."
TOKENS = tokenize(TEXT)
NAMES = list(load().categories)


def impression() -> Impression:
    """Each clause speaks for another category, the third most for the first."""
    spans = clauses(TOKENS)
    stretches = []
    for number, (start, end) in enumerate(spans):
        adds = [0.3 * ((place + number) % 3) - 0.3 for place in range(len(NAMES))]
        stretches.append(Stretch(start, end, adds))
    constant = {name: 0.5 - place / 8 for place, name in enumerate(NAMES)}
    said = [sum(adds) for adds in zip(*(stretch.adds for stretch in stretches), strict=True)]
    logits = {name: constant[name] + added for name, added in zip(NAMES, said, strict=True)}
    near = (Neighbour("a case " * 60, NAMES[0], "x", 0.9), Neighbour("another", NAMES[1], "y", 0.85))
    return Impression(logits, constant, {}, tuple(stretches), near)


def evidence():
    seen = impression()
    told = from_leanings(load(), TEXT, TOKENS, [(2.0, seen)], ENCODER)
    return [*told, *from_neighbours(load(), seen.neighbours, 1.5)]


def test_the_pieces_of_each_category_add_up_to_its_logit():
    found = [piece for piece in evidence() if piece.source == "text"]
    for name, logit in impression().logits.items():
        assert sum(piece.weight for piece in found if piece.category == name) == pytest.approx(2 * logit)


def test_clauses_are_quoted_where_they_stand():
    told = [piece for piece in evidence() if piece.rule == CLAUSE]
    assert told
    for piece in told:
        assert TEXT[piece.start : piece.end] == piece.quote
        assert piece.quote in piece.because
    assert max(sum(piece.category == name for piece in told) for name in NAMES) <= CLAUSES_TOLD


def test_a_clause_weighs_what_its_words_add():
    (piece,) = [p for p in evidence() if p.rule == CLAUSE and p.category == NAMES[0] and "look alike" in p.quote]
    place = clauses(TOKENS).index((piece.start, piece.end))
    assert piece.weight == pytest.approx(2 * impression().stretches[place].adds[0])


def test_every_category_is_told_as_a_whole_and_the_word_fits_the_sign():
    whole = [piece for piece in evidence() if piece.rule == WHOLE]
    assert [piece.category for piece in whole] == NAMES
    for piece in whole:
        assert (piece.strength == "against") == (piece.weight < 0)
        assert ("does not read like" in piece.because) == (piece.weight <= 0)


def test_near_cases_are_quoted_and_share_one_weight():
    near = [piece for piece in evidence() if piece.rule == CASE]
    assert [piece.category for piece in near] == NAMES[:2]
    assert sum(piece.weight for piece in near) == pytest.approx(1.5)
    assert near[0].weight > near[1].weight
    assert all(piece.source == "case" and piece.start is None for piece in near)
    assert len(near[0].quote) <= 160


def test_shares_sum_to_one():
    assert sum(shares([0.3, 0.9, 0.5])) == pytest.approx(1)


@pytest.mark.parametrize("text", ["Hm.", "one, two, three", TEXT, "a, b, c, d e f g", "?", "No. No. Who comes back?"])
def test_clauses_hold_all_words_once_and_in_order(text):
    tokens = tokenize(text)
    spans = clauses(tokens)
    for start, end in zip(tokens.starts, tokens.ends, strict=True):
        assert sum(a <= start and end <= b for a, b in spans) == 1
    assert spans == sorted(spans)
