"""Canvases: grey pictures with handwritten digits pasted in at random, so that what is where is known exactly.

Each digit is cut to its ink, drawn larger, at some strength, and placed so that no two touch; between them lie torn
pieces of other digits, and all of it under noise. The digits come in batches (blocks of the data set, in its order):
the digits of one batch are pasted on its own canvases only, so that a split by batch tests digits that are new.
"""

import base64
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SIDE = 48  # pixels
BATCHES = 12
TALLEST, LEAST_TALL = 20, 10  # pixels of a pasted digit
STRENGTHS = (0.6, 1.0)  # of ink, drawn evenly
MOST_PIECES = 6
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
    for _ in range(generator.integers(0, MOST_PIECES + 1)):
        top, left = generator.integers(0, 8 - PIECE + 1, 2)
        piece = pictures[generator.choice(batch)][top : top + PIECE, left : left + PIECE]
        size = round(PIECE * generator.uniform(LEAST_TALL, TALLEST) / 8)
        _paste(
            canvas, enlarged(piece, size, size) * generator.uniform(*STRENGTHS), generator.integers(0, SIDE - size, 2)
        )
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
    noisy = (canvas + generator.normal(0, NOISE, canvas.shape)).clip(0, 1)
    picture = (np.round(noisy * (LEVELS - 1)) * (255 // (LEVELS - 1))).astype(np.uint8)
    return Canvas(picture, place, tuple(digits))


def _ink(picture: Grey) -> Grey:
    """Returns the picture cut to the lines and columns that hold ink."""
    lines, columns = (np.flatnonzero((picture > 0.1).any(axis=axis)) for axis in (1, 0))
    return picture[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1]


def _paste(canvas: Grey, ink: Grey, corner: npt.NDArray[np.int64] | tuple[int, int]) -> None:
    """Lays ink over the canvas; where both have some, the darker stays."""
    height, width = ink.shape
    part = canvas[corner[0] : corner[0] + height, corner[1] : corner[1] + width]
    np.maximum(part, ink, out=part)
