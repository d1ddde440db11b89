"""A picture of what came of rows of low, middle and high risk, beside what the model had told."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import hazard
import numpy as np

from models.kit import plots

if TYPE_CHECKING:
    from hazard import Truth, Vector

    from models.kit.task import Trained

GROUPS = ("low risk", "middle", "high risk")


def draw(path: Path, time: "Vector", seen: "Truth", trained: "Trained[Any, Any, Any, Any, Any]") -> None:
    """Draws, for thirds of the test rows by risk, Kaplan and Meier's curve and the mean chance that was told."""
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    answers, model = trained.ours, trained.fitted.model
    figure = Figure(figsize=plots.SIZE_INCHES, dpi=plots.DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    parts = np.array_split(np.argsort(answers.score, kind="stable"), len(GROUPS))
    for name, part, colour in zip(GROUPS, parts, (plots.COLOUR, plots.QUIET, plots.MARK), strict=True):
        curve = hazard.kaplan_meier(time[part], seen[part])
        times, values = np.concatenate([[0.0], curve.times]), np.concatenate([[1.0], curve.values])
        axes.step(times, values, where="post", color=colour, label=f"{name} ({part.size} rows)")
        told = np.exp(-model.baseline.values * np.exp(answers.score[part])[:, None]).mean(axis=0)
        axes.plot(model.baseline.times, told, color=colour, linestyle="--", linewidth=1)
    axes.plot([], [], color=plots.QUIET, linestyle="--", linewidth=1, label="as told")
    axes.set_title("Share without the event, thirds of the test rows by risk", fontsize=11)
    axes.set_xlabel("time")
    axes.set_ylim(0, 1.03)
    axes.grid(visible=True, color="#e5e7eb", linewidth=0.7)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path)
