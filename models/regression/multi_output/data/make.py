"""Makes throws.parquet: `python make.py`. Balls fly as physics has it; what is measured is a little wrong."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

ROWS, SEED = 3_000, 0
STEP_S = 0.005  # of the integration
GRAVITY = 9.81  # m/s²
SHEAR_FROM_M, SHEAR_POWER = 10.0, 0.14  # wind is measured at that height, and grows with height by that power
GUST_MS = 0.6  # standard deviation of the wind about what was measured, one draw for a throw
# mass in kg, diameter in m, drag coefficient, slowest and fastest launch in m/s, most backspin in turns a second
BALLS = {
    "table tennis": (0.0027, 0.040, 0.50, 5, 25, 60),
    "tennis": (0.058, 0.067, 0.55, 10, 50, 40),
    "golf": (0.0459, 0.0427, 0.25, 20, 70, 60),
    "baseball": (0.145, 0.0737, 0.35, 15, 48, 35),
    "football": (0.43, 0.22, 0.22, 8, 32, 10),
    "shot": (7.26, 0.12, 0.47, 8, 15, 0),
}

Vector = npt.NDArray[np.float64]


def main() -> None:
    """Draws the throws, lets them fly, and writes what was set and what was measured."""
    draw = np.random.default_rng(SEED)
    names = list(BALLS)
    which = draw.integers(0, len(names), ROWS)
    mass, diameter, drag, slow, fast, most_spin = np.array([BALLS[names[place]] for place in which]).T
    speed = draw.uniform(slow, fast).round(1)
    angle = draw.uniform(8, 75, ROWS).round(1)
    backspin = (draw.uniform(0, 1, ROWS) * most_spin).round(1)
    tail, cross = (draw.normal(0, 3.5, ROWS).round(1) for _ in range(2))
    height = draw.uniform(0, 2.5, ROWS).round(2)
    temperature, pressure = draw.uniform(-5, 38, ROWS).round(), draw.normal(955, 40, ROWS).round()
    density = 100 * pressure / (287.05 * (temperature + 273.15))
    flown = fly(
        speed, np.radians(angle), 2 * np.pi * backspin, height, density, mass, diameter, drag,
        tail + draw.normal(0, GUST_MS, ROWS), cross + draw.normal(0, GUST_MS, ROWS),
    )  # fmt: skip
    reach, apex, seconds, drift = flown
    pl.DataFrame(
        {
            "ball": [names[place] for place in which], "speed_ms": speed, "angle_deg": angle, "backspin_hz": backspin,
            "tail_wind_ms": tail, "cross_wind_ms": cross, "release_height_m": height,
            "temperature_c": temperature.astype(int), "pressure_hpa": pressure.astype(int),
            "range_m": (reach + draw.normal(0, 0.2 + 0.005 * np.abs(reach))).round(1),
            "apex_m": (apex + draw.normal(0, 0.1 + 0.01 * apex)).round(1),
            "flight_s": (seconds + draw.normal(0, 0.05, ROWS)).round(2),
            "drift_m": (drift + draw.normal(0, 0.2, ROWS)).round(1),
        }
    ).write_parquet(Path(__file__).with_name("throws.parquet"), compression="zstd", compression_level=19)  # fmt: skip


def fly(
    speed: Vector, angle: Vector, turning: Vector, height: Vector, density: Vector, mass: Vector, diameter: Vector,
    drag: Vector, tail: Vector, cross: Vector,
) -> tuple[Vector, Vector, Vector, Vector]:  # fmt: skip
    """Returns range, apex, time of flight and sideways drift, by steps of Heun's method until the ball is down.

    Drag is that of a ball of one coefficient; backspin (radians a second) lifts with coefficient 1 / (2 + v / (r ω)).
    """
    radius, area = diameter / 2, np.pi * diameter**2 / 4
    share = density * area / (2 * mass)

    def change(place: Vector, moving: Vector) -> Vector:
        wind = (np.maximum(place[2], 0.1) / SHEAR_FROM_M) ** SHEAR_POWER
        air = moving - np.stack([tail * wind, cross * wind, np.zeros_like(wind)])
        fast = np.maximum(np.sqrt((air**2).sum(axis=0)), 1e-9)
        lift = np.where(turning > 0, 1 / (2 + fast / np.maximum(radius * turning, 1e-9)), 0.0)
        across = np.stack([-air[2], np.zeros_like(fast), air[0]])  # at right angles to the flight: the axis lies level
        pull = share * fast * (lift * across - drag * air)
        pull[2] -= GRAVITY
        return pull

    place = np.stack([np.zeros_like(speed), np.zeros_like(speed), height])
    moving = np.stack([speed * np.cos(angle), np.zeros_like(speed), speed * np.sin(angle)])
    apex, seconds, landed = height.copy(), np.zeros_like(speed), np.zeros_like(place)
    up = np.ones(speed.size, dtype=np.bool_)
    while up.any():
        first = change(place, moving)
        half = moving + STEP_S * first
        second = change(place + STEP_S * moving, half)
        after, moving = place + STEP_S * (moving + half) / 2, moving + STEP_S * (first + second) / 2
        touches = up & (after[2] <= 0)
        part = np.where(touches, place[2] / np.maximum(place[2] - after[2], 1e-12), 1.0)
        seconds += np.where(up, STEP_S * part, 0.0)
        landed = np.where(up, place + part * (after - place), landed)
        apex = np.where(up, np.maximum(apex, after[2]), apex)
        place, up = after, up & ~touches
    return landed[0], apex, seconds, landed[1]


if __name__ == "__main__":
    main()
