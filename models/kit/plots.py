"""Plots of a run, as PNG files: what the report's numbers look like. matplotlib is imported when one is drawn."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.kit.training import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = npt.NDArray[np.float64]

SIZE_INCHES, DOTS_PER_INCH = (6.4, 4.8), 110
Z = 1.96  # standard errors of a 95 % interval
MOST_POINTS = 10_000  # of a scatter plot
MOST_BARS = 30
MOST_CELLS_WRITTEN = 15  # classes up to which a confusion matrix shows its counts
CALIBRATION_BINS = 10
FEWEST_IN_BIN = 5  # rows
WIDE_RATIO = 10  # between the largest and the smallest loss; beyond it the axis is logarithmic
LONGEST_LABEL = 40  # characters
COLOUR, MARK, QUIET = "#1f5fa8", "#c2410c", "#6b7280"


def predicted_vs_actual(path: Path, actual: Vector, predicted: Vector, *, target: str) -> None:
    """Draws each test row: a good model keeps to the diagonal."""
    with _axes(path, "Predicted and actual, test rows") as axes:
        axes.scatter(*_thinned(actual, predicted), s=14, alpha=0.6, color=COLOUR, linewidths=0)
        ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
        axes.plot(ends, ends, color=MARK, linewidth=1.2, label="predicted = actual")
        axes.set_xlabel(f"actual {_label(target)}")
        axes.set_ylabel(f"predicted {_label(target)}")
        axes.legend(frameon=False)


def residuals(path: Path, actual: Vector, predicted: Vector, *, target: str) -> None:
    """Draws what is left over each prediction: a pattern here is something the model has not learned."""
    with _axes(path, "Residuals, test rows") as axes:
        axes.scatter(*_thinned(predicted, actual - predicted), s=14, alpha=0.6, color=COLOUR, linewidths=0)
        axes.axhline(0, color=MARK, linewidth=1.2)
        axes.set_xlabel(f"predicted {_label(target)}")
        axes.set_ylabel(f"actual minus predicted {_label(target)}")


def confusion(path: Path, actual: npt.NDArray[np.int64], probabilities: Vector, *, classes: Sequence[str]) -> None:
    """Draws how many test rows of each class were taken for which."""
    size = len(classes)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (actual, probabilities.argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with _axes(path, "Confusion matrix, number of test rows") as axes:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        places = range(size)
        axes.set_xticks(
            places,
            [_label(name) for name in classes],
            rotation=30 if size > 3 else 0,
            ha="right" if size > 3 else "center",
        )
        axes.set_yticks(places, [_label(name) for name in classes])
        axes.grid(visible=False)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("actual class")
        for row, column in np.ndindex(size, size) if size <= MOST_CELLS_WRITTEN else ():
            dark = shares[row, column] > 0.5
            axes.text(
                column, row, f"{counts[row, column]:,}", ha="center", va="center", color="white" if dark else "black"
            )


def calibration(path: Path, positive: npt.NDArray[np.bool_], probability: Vector, *, name: str) -> None:
    """Draws, for rows of similar predicted probability, how often the class really occurred."""
    bins = max(2, min(CALIBRATION_BINS, positive.size // FEWEST_IN_BIN))
    parts = np.array_split(np.argsort(probability, kind="stable"), bins)
    means = np.array([[probability[part].mean(), positive[part].mean(), part.size] for part in parts if part.size])
    predicted, share, rows = means.T
    middle = (share + Z**2 / (2 * rows)) / (
        1 + Z**2 / rows
    )  # Wilson's interval of a share: right at nought and one too
    reach = Z * np.sqrt(share * (1 - share) / rows + (Z / (2 * rows)) ** 2) / (1 + Z**2 / rows)
    error = np.stack([share - middle + reach, middle + reach - share]).clip(min=0)
    with _axes(path, f"Calibration, {bins} bins of equally many test rows") as axes:
        axes.plot([0, 1], [0, 1], color=MARK, linewidth=1.2, label="perfectly calibrated")
        axes.errorbar(predicted, share, yerr=error, fmt="o", color=COLOUR, capsize=3, label="test rows, 95 % interval")
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel(f"predicted probability of {_label(name)}")
        axes.set_ylabel(f"share of {_label(name)}")
        axes.legend(frameon=False)


def precision_recall(path: Path, positive: npt.NDArray[np.bool_], probability: Vector, *, name: str) -> None:
    """Draws which precision each recall costs; the dashed line is what guessing gives."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.diff(probability[order], append=-np.inf))
    found = positive[order].cumsum()[ends]
    with _axes(path, f"Precision and recall of {_label(name)}, test rows") as axes:
        axes.step([0, *(found / positive.sum())], [1, *(found / (ends + 1))], where="pre", color=COLOUR, label="model")
        axes.axhline(
            positive.mean(), color=QUIET, linestyle="--", linewidth=1.2, label=f"guessing ({positive.mean():.2f})"
        )
        axes.set_xlim(0, 1.03)
        axes.set_ylim(0, 1.03)
        axes.set_xlabel("recall: share of the real ones that are found")
        axes.set_ylabel("precision: share of the found ones that are real")
        axes.legend(frameon=False, loc="lower left")


def bars(path: Path, values: Vector, *, names: Sequence[str], title: str, axis: str, most: float = 1.0) -> None:
    """Draws a value from 0 to `most` for each name, the first ones on top."""
    with _axes(path, title) as axes:
        shown = range(min(len(names), MOST_BARS))
        axes.barh(shown, values[: len(shown)], color=COLOUR)
        axes.set_yticks(shown, [_label(names[place]) for place in shown], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(0, most)
        axes.set_xlabel(axis)


def learning_curve(path: Path, history: Sequence[Point], *, title: str) -> None:
    """Draws the loss along the training."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    with _axes(path, "Learning curve") as axes:
        steps = [point.step for point in history]
        axes.plot(steps, [point.training for point in history], color=COLOUR, label="training, with penalty")
        validation = [(point.step, point.validation) for point in history if point.validation is not None]
        if validation:
            axes.plot(*zip(*validation, strict=True), color=MARK, label="validation")
        losses = [point.training for point in history] + [loss for _, loss in validation]
        if min(losses, default=0) > 0 and max(losses) > WIDE_RATIO * min(losses):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch" if validation else "step")
        axes.set_ylabel(title)
        axes.legend(frameon=False)


def shares(
    path: Path, values: Vector, down: Sequence[str], across: Sequence[str], *, title: str, axes: tuple[str, str]
) -> None:
    """Draws a table of shares, the darker the more; `axes` says what stands down and what across.

    values: (down, across), from 0 to 1.
    """
    with _axes(path, title) as drawn:
        drawn.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        drawn.set_xticks(range(len(across)), [_label(name) for name in across], rotation=90, fontsize=7)
        drawn.set_yticks(range(len(down)), [_label(name) for name in down], fontsize=7)
        drawn.grid(visible=False)
        drawn.set_ylabel(axes[0])
        drawn.set_xlabel(axes[1])


def curve(path: Path, values: Vector, *, title: str, axes: tuple[str, str]) -> None:
    """Draws values from 0 to 1, the first at 1; `axes` says what stands up and what across."""
    from matplotlib.ticker import MaxNLocator

    with _axes(path, title) as drawn:
        drawn.plot(range(1, len(values) + 1), values, color=COLOUR, marker="o" if len(values) <= MOST_BARS else None)
        drawn.set_ylim(0, 1.03)
        drawn.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.set_ylabel(axes[0])
        drawn.set_xlabel(axes[1])


def plane(
    path: Path, points: Vector, *, title: str, groups: Sequence[int] = (), names: Sequence[str] = (), axis: str
) -> None:
    """Draws points in a plane, in the colour of the group of each or with the name of each; `axis` names both axes.

    points: (points, 2).
    """
    with _axes(path, title) as axes:
        shown = slice(None, None, max(1, -(-len(points) // MOST_POINTS)))
        colour = np.asarray(groups)[shown] if len(groups) else COLOUR
        across, up = points[shown].T
        axes.scatter(across, up, s=14, alpha=0.7, c=colour, cmap="tab20" if len(groups) else None, linewidths=0)
        for (x, y), name in zip(points, names, strict=False):
            axes.annotate(_label(name), (x, y), xytext=(3, 3), textcoords="offset points", fontsize=7)
        axes.set_xlabel(f"first {axis}")
        axes.set_ylabel(f"second {axis}")


def masks(
    path: Path, pictures: Vector, places: Mapping[str, npt.NDArray[np.int64]], *, classes: int, title: str
) -> None:
    """Draws pictures (pictures, height, width) in a line, and below each the masks of it, a colour for each class.

    A class is a place from 0; what is negative is unknown and stays white.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title, fontsize=11)
    colours = colormaps["nipy_spectral"].resampled(classes)
    lines = {"picture": pictures, **places}
    for line, (name, parts) in enumerate(lines.items()):
        for column, part in enumerate(parts):
            axes = figure.add_subplot(len(lines), len(pictures), line * len(pictures) + column + 1)
            if line:
                shown = np.ma.masked_less(part, 0)
                axes.imshow(shown, cmap=colours, vmin=0, vmax=max(classes - 1, 1), interpolation="nearest")
            else:
                axes.imshow(part, cmap="gray", interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            if not column:
                axes.set_ylabel(name)
    figure.savefig(path)


@contextmanager
def _axes(path: Path, title: str) -> Iterator["Axes"]:
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11)
    axes.grid(visible=True, color="#e5e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    yield axes
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing", category=UserWarning
        )  # a name may hold any character
        figure.savefig(path)


def _label(name: str) -> str:
    """Returns a name as matplotlib shows it literally, in one line and not too long."""
    line = " ".join(name.split())
    line = line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1] + "…"
    return line.replace("$", r"\$")  # two of them would begin a formula


def _thinned(across: Vector, up: Vector) -> tuple[Vector, Vector]:
    step = -(-across.size // MOST_POINTS)
    return across[::step], up[::step]
