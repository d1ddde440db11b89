"""Writes stays.parquet: invented stays in intensive care, a row for every quarter of an hour. Run `python make.py`.

Every patient has levels of their own. Before most events the values drift away from them for hours, each patient's in
other channels; some drifts pass without an event, and effort, fever and sedation move the values as well. So one row
says little, and what it says depends on what went before.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

PATIENTS, SEED = 200, 7
HOUR, DAY = 4, 96  # steps
NAMES = ("heart_rate", "mean_pressure", "breaths", "saturation", "temperature")
LEVEL, BETWEEN = np.array([82, 82, 17, 96.5, 37.0]), np.array([14, 11, 3, 1.2, 0.35])  # over patients
WITHIN, KEPT = np.array([4, 4, 1.6, 0.8, 0.15]), 0.8  # spread over time, and how much of it the next step keeps
DRIFT = np.array([17, -13, 5, -2.4, 0.5])  # at the event
OTHERS = (  # what else moves the values: how, and for how many hours
    (np.array([15, 6, 4, -0.5, 0.0]), (1, 3)),  # effort
    (np.array([9, -3, 2, -0.3, 1.1]), (6, 14)),  # fever
    (np.array([-9, -9, -2, 0.2, -0.1]), (3, 8)),  # sedation
)
DRIFTS_A_DAY, OTHERS_A_DAY, PASSES = 0.7, 1.6, 0.3  # of the drifts, that share passes without an event
LOST, LOST_HOURS = 0.05, 0.1  # share of single values, and of stretches of an hour a day and channel, without a value

Vector = npt.NDArray[np.float64]


def stay(generator: np.random.Generator) -> tuple[Vector, npt.NDArray[np.int64]]:
    """Returns the values of one stay, of shape (steps, channels), and where an event lasts."""
    steps = int(generator.integers(DAY, 4 * DAY))
    noise = np.zeros((steps, len(NAMES)))
    fresh = generator.normal(size=noise.shape) * WITHIN * np.sqrt(1 - KEPT**2)
    for step in range(1, steps):
        noise[step] = KEPT * noise[step - 1] + fresh[step]
    event, moved = np.zeros(steps, dtype=np.int64), np.zeros_like(noise)
    own = generator.uniform(0.2, 1.4, len(NAMES))
    start = int(generator.integers(3 * HOUR, DAY))
    while start < steps:
        length = int(generator.integers(3 * HOUR, 8 * HOUR))
        passes = generator.uniform() < PASSES
        rise = np.linspace(0, 1, length) ** 1.3 * (generator.uniform(0.4, 0.8) if passes else 1)
        last = int(generator.integers(HOUR, 2 * HOUR))
        fall = rise[-1] * np.exp(-np.arange(8 * HOUR) / (2 * HOUR))
        course = np.concatenate([rise, np.full(0 if passes else last, rise[-1]), fall])[: steps - start]
        moved[start : start + course.size] += course[:, None] * DRIFT * own
        if not passes:
            event[start + length : start + length + last] = 1
        start += course.size + int(generator.exponential(DAY / DRIFTS_A_DAY))
    for _ in range(generator.poisson(OTHERS_A_DAY * steps / DAY)):
        effect, (shortest, longest) = OTHERS[generator.integers(len(OTHERS))]
        begin, length = int(generator.integers(steps)), int(generator.uniform(shortest, longest) * HOUR)
        bump = np.sin(np.linspace(0, np.pi, length))[: steps - begin]
        moved[begin : begin + bump.size] += bump[:, None] * effect * generator.uniform(0.5, 1.3)
    values = LEVEL + generator.normal(size=len(NAMES)) * BETWEEN + noise + moved
    values[:, 3] = np.minimum(values[:, 3], 100)
    values[generator.uniform(size=values.shape) < LOST] = np.nan
    for channel in range(len(NAMES)):
        for begin in generator.integers(steps, size=generator.poisson(LOST_HOURS * steps / DAY)):
            values[begin : begin + HOUR, channel] = np.nan
    values[np.arange(steps) % HOUR != 0, 4] = np.nan  # temperature is taken once an hour
    return values, event


if __name__ == "__main__":
    drawn = np.random.default_rng(SEED)
    frames = []
    for patient in range(1, PATIENTS + 1):
        measured, lasting = stay(drawn)
        named = {name: measured[:, place].round(1 if place == 4 else 0) for place, name in enumerate(NAMES)}
        minutes = 15 * np.arange(len(lasting))
        frames.append(pl.DataFrame({"patient": f"p{patient:03}", "minute": minutes, **named, "event": lasting}))
    table = pl.concat(frames).with_columns(pl.col(NAMES).fill_nan(None).cast(pl.Float32))
    table.write_parquet(Path(__file__).parent / "stays.parquet", compression="zstd", compression_level=22)
