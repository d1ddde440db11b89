"""Texts that are put together: is the target made of other columns, their beginnings and ends, and fixed signs?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.proof.candidates import Candidate, merged
from advisor.proof.features import PREFIXES, SEPARATORS, SUFFIXES
from advisor.proof.sample import LONGEST_TEXT, Sample

if TYPE_CHECKING:
    from models.kit.rules import Expression, Input

MOST_COLUMNS = 16
SPOTTED = 6  # rows whose texts are taken apart together
MOST_PIECES = 8
MOST_VISITED = 4_000


class Piece(NamedTuple):
    """A text made of one column, on the rows spotted."""

    source: "Input"
    expression: "Expression"
    cells: tuple[str, ...]


def joins(sample: Sample) -> Iterator[Candidate]:
    """The way to put the target together that holds on the rows spotted, if there is one."""
    whole = sample.answer.texts
    if whole is None or sample.answer.levels < 3:
        return
    rows = sample.searched
    aims = [(int(row), str(cell)) for row, cell in zip(rows.tolist(), whole[rows].to_list(), strict=True)]
    different = list({cell: row for row, cell in reversed(aims)}.values())[:SPOTTED]
    targets = tuple(str(whole[row]) for row in different)
    if max(map(len, targets)) > 2 * LONGEST_TEXT:
        return
    pieces = list(_pieces(sample, different))
    plan = _plan(targets, pieces)
    if plan is None or not any(isinstance(each, Piece) for each in plan):
        return
    inputs = merged(*((each.source,) for each in plan if isinstance(each, Piece)))
    if inputs is None:
        return
    expression: Any = None
    for each in plan:
        part = each.expression if isinstance(each, Piece) else each
        expression = part if expression is None else ["join", expression, part]
    yield Candidate("text", inputs, expression)


def _pieces(sample: Sample, rows: Sequence[int]) -> Iterator[Piece]:
    from models.kit import cells
    from models.kit.rules import Input

    for each in sample.fields[:MOST_COLUMNS]:
        name = each.inputs[0].name
        texts = cells.texts(sample.frame[name][list(rows)]).to_list()
        if any(cell is None or len(cell) > LONGEST_TEXT for cell in texts):
            continue
        source, key = Input(name, "text"), ["column", name]
        whole = [str(cell) for cell in texts]
        made: list[tuple[Any, list[str]]] = [(key, whole)]
        for length in PREFIXES:
            made.append((["prefix", key, length], [cell[:length] for cell in whole]))
        for length in SUFFIXES:
            made.append((["suffix", key, length], [cell[-length:] for cell in whole]))
        for mark in SEPARATORS:
            parts = [cell.split(mark) for cell in whole]
            if min(map(len, parts)) > 1:
                for number in range(1, min(map(len, parts)) + 1):
                    made.append((["part", key, mark, number], [part[number - 1] for part in parts]))
        for expression, found in made:
            if all(found):
                yield Piece(source, expression, tuple(found))
                for name_, turned in (
                    ("lower", [cell.lower() for cell in found]),
                    ("upper", [cell.upper() for cell in found]),
                ):
                    if turned != found:
                        yield Piece(source, [name_, expression], tuple(turned))


def _plan(targets: tuple[str, ...], pieces: Sequence[Piece]) -> list[Piece | str] | None:
    """The pieces and fixed signs that make up all the targets, the longest pieces first."""
    order = sorted(pieces, key=lambda piece: (-sum(map(len, piece.cells)), len(str(piece.expression))))
    dead: set[tuple[int, ...]] = set()
    visited = 0

    def follow(places: tuple[int, ...], left: int) -> list[Piece | str] | None:
        nonlocal visited
        if all(place == len(target) for place, target in zip(places, targets, strict=True)):
            return []
        visited += 1
        if left == 0 or places in dead or visited > MOST_VISITED:
            return None
        for piece in order:
            if all(
                target.startswith(cell, place) for target, cell, place in zip(targets, piece.cells, places, strict=True)
            ):
                after = tuple(place + len(cell) for place, cell in zip(places, piece.cells, strict=True))
                rest = follow(after, left - 1)
                if rest is not None:
                    return [piece, *rest]
        signs = {target[place : place + 1] for target, place in zip(targets, places, strict=True)}
        if len(signs) == 1 and (sign := signs.pop()):
            rest = follow(tuple(place + 1 for place in places), left)
            if rest is not None:
                joined = [sign + rest[0], *rest[1:]] if rest and isinstance(rest[0], str) else [sign, *rest]
                return joined
        dead.add(places)
        return None

    return follow(tuple(0 for _ in targets), MOST_PIECES)
