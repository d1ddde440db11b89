"""A picture of the last forecasts: median and interval beside what came."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.kit import plots

if TYPE_CHECKING:
    from model import Answers, Prepared, Settings
    from panel import Panel
    from trained import Model

    from models.kit.task import Trained

SHOWN_ORIGINS = 4  # the last ones
BAND = 0.2  # opacity of the interval


def forecasts(path: Path, trained: "Trained[Settings, Panel, Prepared, Model, Answers]") -> None:
    """Draws the last forecasts of the first series."""
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    case = trained.case
    panel, test, settings = case.data.examples, case.split.test, case.settings
    start = panel.values.shape[1] - SHOWN_ORIGINS * case.prepared.plan.horizon
    mine = np.flatnonzero((panel.series[test] == panel.series[test][0]) & (panel.position[test] >= start))
    mine = mine[np.argsort(panel.position[test][mine], kind="stable")]
    across = panel.position[test][mine]
    low, middle, high = trained.ours.quantiles[mine].T
    figure = Figure(figsize=plots.SIZE_INCHES, dpi=plots.DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    axes.fill_between(across, low, high, color=plots.COLOUR, alpha=BAND, label=f"{settings.interval:.0%} interval")
    axes.plot(across, middle, color=plots.COLOUR, label="forecast (median)")
    axes.plot(across, trained.dummy.quantiles[mine, 1], color=plots.QUIET, linewidth=0.8, label="seasonal naive")
    axes.plot(across, panel.values[panel.series[test[mine]], across], color=plots.MARK, linewidth=1, label="what came")
    axes.set_title(f"The last forecasts, each up to {case.prepared.plan.horizon} moments ahead", fontsize=11)
    axes.set_xlabel("moment, counted from the first")
    axes.grid(visible=True, color="#e5e7eb", linewidth=0.7)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path)
