"""A forest that names each pixel by the small square of pixels around it, and sees nothing further."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.kit.pictures import Pixels
from models.kit.splits import Rows

REACH = 6  # pixels that are seen to each side
TREES = 60
FEWEST_AT_LEAF = 3  # pixels
LEARNED_FROM = 40_000  # pixels of the known pictures, drawn at random


def named(pixels: Pixels, known: Rows, places: npt.NDArray[np.int64], *, seed: int) -> Callable[[Rows], Rows]:
    """Returns scikit-learn's random forest on squares of pixels, as a function from pictures to places of classes.

    It learns from pixels drawn at random among those whose class is known; each class weighs the same.
    """
    from sklearn.ensemble import RandomForestClassifier  # a prediction does without it

    generator = np.random.default_rng(seed)
    there = np.argwhere(places[known] >= 0)
    there = there[np.sort(generator.permutation(len(there))[:LEARNED_FROM])]
    picture = known[there[:, 0]]
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=FEWEST_AT_LEAF, class_weight="balanced_subsample", random_state=seed, n_jobs=1
    )
    forest.fit(_squares(pixels, picture, there[:, 1], there[:, 2]), places[picture, there[:, 1], there[:, 2]])

    def answers(rows: Rows) -> Rows:
        height, width = pixels.shape[2:]
        line, column = (each.ravel() for each in np.mgrid[:height, :width])
        found = [forest.predict(_squares(pixels, np.full(line.size, row), line, column)) for row in rows]
        return np.stack(found).reshape(rows.size, height, width)

    return answers


def _squares(pixels: Pixels, picture: Rows, line: Rows, column: Rows) -> npt.NDArray[np.float32]:
    """Returns the square around each place, flat: (places, channels × side × side); outside it is as at the edge."""
    height, width = pixels.shape[2:]
    steps = np.arange(-REACH, REACH + 1)
    lines = (line[:, None, None] + steps[:, None]).clip(0, height - 1)
    columns = (column[:, None, None] + steps[None, :]).clip(0, width - 1)
    found = pixels[picture[:, None, None], :, lines, columns]
    return np.asarray(found.reshape(line.size, -1), dtype=np.float32)
