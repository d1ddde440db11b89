"""Canvases: grey pictures with handwritten digits pasted in at random, so that what is where is known exactly.

Several of them stand upright on a canvas, apart or touching, or one of them turned by an angle that is known.

Each digit is cut to its ink, drawn larger, at some strength, and placed so that no two touch, unless what is asked for
is whose ink each pixel is; between them lie torn pieces of other digits, and all of it under noise. The digits come in
batches (blocks of the data set, in its order): the digits of one batch are pasted on its own canvases only, so that a
split by batch tests digits that are new.
"""

import base64
import math
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SIDE = 48  # pixels
BATCHES = 12
TALLEST, LEAST_TALL = 20, 10  # pixels of a pasted digit
STRENGTHS = (0.6, 1.0)  # of ink, drawn evenly
MOST_PIECES = 6
TURNED_SIDE, TURNED_PIECES = 32, 4  # of a canvas with one turned digit
MOST_TURN = 60  # degrees
MARKED_SIDE, MARKED_PIECES = 32, 5  # of a canvas whose pixels are told apart
MARKED_TALLEST = 16  # pixels of a digit there
MOST_MARKED = 4  # digits there
INK = 0.3  # of a digit's full ink, from which a pixel is its own
MOST_COVERED = 0.15  # of a digit's pixels that later ones may take
PIECE = 4  # pixels of the data set in the side of a torn piece
NOISE = 0.05  # standard deviation, of full ink
LEVELS = 16  # of grey, as the data set has them: fewer shades make smaller files
TRIES = 20  # places that are tried for one digit

Grey = npt.NDArray[np.float64]  # (height, width), 0 paper to 1 ink


class Canvas(NamedTuple):
    """A picture of 8 bits (height, width), its batch, and of each digit: which, left, top, width and height."""

    picture: npt.NDArray[np.uint8]
    batch: int
    digits: tuple[tuple[str, int, int, int, int], ...]


def draw(number: int, *, most_digits: int, seed: int) -> list[Canvas]:
    """Returns canvases with one digit to `most_digits` each, the same ones for the same seed.

    >>> first = draw(2, most_digits=3, seed=0)[0]
    >>> first.picture.shape, 1 <= len(first.digits) <= 3
    ((48, 48), True)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pictures, labels = bunch.images / 16.0, bunch.target
    batches = np.array_split(np.arange(len(pictures)), BATCHES)
    generator = np.random.default_rng(seed)
    return [
        _canvas(pictures, labels, batches[place % BATCHES], place % BATCHES, most_digits, generator)
        for place in range(number)
    ]


class Turned(NamedTuple):
    """A picture of 8 bits (height, width), its batch, and by how many degrees its digit is turned clockwise."""

    picture: npt.NDArray[np.uint8]
    batch: int
    degrees: float


def draw_turned(number: int, *, seed: int) -> list[Turned]:
    """Returns canvases with one turned digit each, the same ones for the same seed.

    >>> first = draw_turned(2, seed=0)[0]
    >>> first.picture.shape, -60 <= first.degrees <= 60
    ((32, 32), True)
    """
    from sklearn.datasets import load_digits

    pictures = load_digits().images / 16.0
    batches = np.array_split(np.arange(len(pictures)), BATCHES)
    generator = np.random.default_rng(seed)
    return [_turned_canvas(pictures, batches[place % BATCHES], place % BATCHES, generator) for place in range(number)]


class Marked(NamedTuple):
    """A picture of 8 bits (height, width), its batch, and of each pixel 1 + the digit whose ink it is, or 0."""

    picture: npt.NDArray[np.uint8]
    batch: int
    classes: npt.NDArray[np.uint8]


def draw_marked(number: int, *, seed: int) -> list[Marked]:
    """Returns canvases with one to four digits each, which may touch, the same ones for the same seed.

    >>> first = draw_marked(2, seed=0)[0]
    >>> first.picture.shape == first.classes.shape == (32, 32), int(first.classes.max()) <= 10
    (True, True)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pictures, labels = bunch.images / 16.0, bunch.target
    batches = np.array_split(np.arange(len(pictures)), BATCHES)
    generator = np.random.default_rng(seed)
    return [
        _marked_canvas(pictures, labels, batches[place % BATCHES], place % BATCHES, generator)
        for place in range(number)
    ]


def png(grey: npt.NDArray[np.uint8]) -> str:
    """Returns one grey picture (height, width) as the data URL of a PNG file.

    >>> png(np.array([[0, 255]], dtype=np.uint8))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    height, width = grey.shape
    lines = b"".join(b"\0" + line.tobytes() for line in grey)  # no filter
    head = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])  # 8 bits, grey
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    chunks = [len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in parts]
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()


def enlarged(picture: Grey, height: int, width: int) -> Grey:
    """Returns the picture at another size, linearly interpolated between the centres of pixels.

    >>> enlarged(np.array([[0.0, 1.0]]), 1, 4).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    return _weights(picture.shape[0], height) @ picture @ _weights(picture.shape[1], width).T


def turned(picture: Grey, degrees: float) -> Grey:
    """Returns the picture turned clockwise about its centre, on a square that holds it at every angle.

    >>> turned(np.array([[0.0, 1.0]]), 90).round(6).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.5, 0.0]]
    """
    height, width = picture.shape
    side = math.ceil(math.hypot(height, width))
    angle, middle = math.radians(degrees), (side - 1) / 2
    down, across = np.arange(side)[:, None] - middle, np.arange(side)[None, :] - middle
    y = math.cos(angle) * down - math.sin(angle) * across + (height - 1) / 2 + 1
    x = math.sin(angle) * down + math.cos(angle) * across + (width - 1) / 2 + 1
    y, x = y.clip(0, height + 1), x.clip(0, width + 1)
    framed = np.pad(picture, ((1, 2), (1, 2)))  # nothing outside; one more line for the last place
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    low, near = y - top, x - left
    above = framed[top, left] * (1 - near) + framed[top, left + 1] * near
    below = framed[top + 1, left] * (1 - near) + framed[top + 1, left + 1] * near
    return np.asarray(above * (1 - low) + below * low)


def _weights(before: int, after: int) -> Grey:
    """Returns how much each old line gives to each new one: (after, before)."""
    places = ((np.arange(after) + 0.5) * before / after - 0.5).clip(0, before - 1)
    below = np.minimum(np.floor(places).astype(np.int64), max(before - 2, 0))
    found = np.zeros((after, before))
    share = places - below
    found[np.arange(after), below] += 1 - share
    found[np.arange(after), np.minimum(below + 1, before - 1)] += share
    return found


def _canvas(
    pictures: Grey,
    labels: npt.NDArray[np.int64],
    batch: npt.NDArray[np.int64],
    place: int,
    most_digits: int,
    generator: np.random.Generator,
) -> Canvas:
    canvas = np.zeros((SIDE, SIDE))
    _litter(canvas, pictures, batch, MOST_PIECES, generator)
    taken = np.zeros((SIDE, SIDE), dtype=bool)
    digits = []
    for which in generator.choice(batch, generator.integers(1, most_digits + 1), replace=False):
        ink = _ink(pictures[which])
        height = int(generator.integers(LEAST_TALL, TALLEST + 1))
        width = max(3, round(height * ink.shape[1] / ink.shape[0] * generator.uniform(0.85, 1.15)))
        for _ in range(TRIES):
            top, left = int(generator.integers(0, SIDE - height + 1)), int(generator.integers(0, SIDE - width + 1))
            around = taken[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1]
            if not around.any():
                taken[top : top + height, left : left + width] = True
                canvas[top : top + height, left : left + width] *= 0.3  # a piece beneath shines through a little
                _paste(canvas, enlarged(ink, height, width) * generator.uniform(*STRENGTHS), (top, left))
                digits.append((str(labels[which]), left, top, width, height))
                break
    return Canvas(_developed(canvas, generator), place, tuple(digits))


def _turned_canvas(pictures: Grey, batch: npt.NDArray[np.int64], place: int, generator: np.random.Generator) -> Turned:
    canvas = np.zeros((TURNED_SIDE, TURNED_SIDE))
    _litter(canvas, pictures, batch, TURNED_PIECES, generator)
    ink, height = _ink(pictures[generator.choice(batch)]), int(generator.integers(LEAST_TALL, TALLEST + 1))
    width = max(3, round(height * ink.shape[1] / ink.shape[0] * generator.uniform(0.85, 1.15)))
    degrees = round(float(generator.uniform(-MOST_TURN, MOST_TURN)), 1)
    digit = _ink(turned(enlarged(ink, height, width), degrees))[:TURNED_SIDE, :TURNED_SIDE]
    top, left = (int(generator.integers(0, TURNED_SIDE - size + 1)) for size in digit.shape)
    canvas[top : top + digit.shape[0], left : left + digit.shape[1]] *= 0.3  # as above
    _paste(canvas, digit * generator.uniform(*STRENGTHS), (top, left))
    return Turned(_developed(canvas, generator), place, degrees)


def _marked_canvas(
    pictures: Grey,
    labels: npt.NDArray[np.int64],
    batch: npt.NDArray[np.int64],
    place: int,
    generator: np.random.Generator,
) -> Marked:
    canvas = np.zeros((MARKED_SIDE, MARKED_SIDE))
    _litter(canvas, pictures, batch, MARKED_PIECES, generator)
    own = np.full(canvas.shape, -1)  # which of the digits here has each pixel
    sizes: list[int] = []  # pixels of each when it was drawn
    classes = np.zeros(canvas.shape, dtype=np.uint8)
    for which in generator.choice(batch, generator.integers(1, MOST_MARKED + 1), replace=False):
        ink = _ink(pictures[which])
        height = int(generator.integers(LEAST_TALL, MARKED_TALLEST + 1))
        width = max(3, round(height * ink.shape[1] / ink.shape[0] * generator.uniform(0.85, 1.15)))
        ink = enlarged(ink, height, width)
        for _ in range(TRIES):
            top, left = (int(generator.integers(0, MARKED_SIDE - size + 1)) for size in ink.shape)
            part = slice(top, top + height), slice(left, left + width)
            taken = np.bincount(own[part][(ink >= INK) & (own[part] >= 0)], minlength=len(sizes))
            left_over = np.bincount(own[own >= 0], minlength=len(sizes)) - taken
            if all(left >= (1 - MOST_COVERED) * size for left, size in zip(left_over, sizes, strict=True)):
                free = own[part] < 0
                canvas[part] *= np.where(free | (ink >= INK), 0.3, 1.0)  # what lies beneath shines through a little
                _paste(canvas, ink * generator.uniform(*STRENGTHS), (top, left))
                own[part][ink >= INK], classes[part][ink >= INK] = len(sizes), labels[which] + 1
                sizes.append(int((ink >= INK).sum()))
                break
    return Marked(_developed(canvas, generator), place, classes)


def _litter(
    canvas: Grey, pictures: Grey, batch: npt.NDArray[np.int64], most: int, generator: np.random.Generator
) -> None:
    """Lays torn pieces of digits anywhere on the canvas."""
    for _ in range(generator.integers(0, most + 1)):
        top, left = generator.integers(0, 8 - PIECE + 1, 2)
        piece = pictures[generator.choice(batch)][top : top + PIECE, left : left + PIECE]
        size = round(PIECE * generator.uniform(LEAST_TALL, TALLEST) / 8)
        ink = enlarged(piece, size, size) * generator.uniform(*STRENGTHS)
        _paste(canvas, ink, generator.integers(0, len(canvas) - size, 2))


def _developed(canvas: Grey, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Returns the canvas under noise, in few shades of 8 bits."""
    noisy = (canvas + generator.normal(0, NOISE, canvas.shape)).clip(0, 1)
    return np.asarray(np.round(noisy * (LEVELS - 1)) * (255 // (LEVELS - 1)), dtype=np.uint8)


def _ink(picture: Grey) -> Grey:
    """Returns the picture cut to the lines and columns that hold ink."""
    lines, columns = (np.flatnonzero((picture > 0.1).any(axis=axis)) for axis in (1, 0))
    return picture[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1]


def _paste(canvas: Grey, ink: Grey, corner: npt.NDArray[np.int64] | tuple[int, int]) -> None:
    """Lays ink over the canvas; where both have some, the darker stays."""
    height, width = ink.shape
    part = canvas[corner[0] : corner[0] + height, corner[1] : corner[1] + width]
    np.maximum(part, ink, out=part)
