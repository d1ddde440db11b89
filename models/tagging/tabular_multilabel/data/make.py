"""Makes complications.parquet: `python make.py`. Patients are invented; what follows from what stands here."""

from pathlib import Path

import numpy as np
import polars as pl

ROWS, SEED = 2_000, 0
OPERATIONS = ("hip", "knee", "bowel", "heart", "hernia", "gall bladder")


def main() -> None:
    """Draws the patients, their frailty, and complications that follow from it, from the operation and from another."""
    draw = np.random.default_rng(SEED)
    age = draw.normal(64, 14, ROWS).clip(18, 95).round()
    operation = draw.choice(len(OPERATIONS), ROWS, p=[0.22, 0.2, 0.18, 0.1, 0.15, 0.15])
    diabetes, smoker = draw.random(ROWS) < 0.12 + 0.002 * age, draw.random(ROWS) < 0.22
    urgent = draw.random(ROWS) < np.where(operation == 2, 0.4, 0.12)
    weight = draw.normal(78, 15, ROWS).clip(40, 160).round(1)
    haemoglobin = draw.normal(13.2 - 1.0 * urgent, 1.5).round(1)
    creatinine = np.exp(draw.normal(4.4 + 0.004 * (age - 60) + 0.15 * diabetes, 0.25)).round()
    frailty = 0.04 * (age - 64) + 0.5 * diabetes + 0.4 * urgent + draw.normal(0, 0.7, ROWS)
    hours = np.exp(draw.normal(np.array([0.4, 0.4, 0.9, 1.4, 0.0, 0.1])[operation], 0.25)).round(1)
    heart, bowel = operation == 3, operation == 2
    joint = operation <= 1

    def happens(logit: np.ndarray) -> np.ndarray:
        return draw.random(ROWS) < 1 / (1 + np.exp(-logit))

    infection = happens(-2.2 + 0.8 * diabetes + 0.9 * bowel + 0.03 * (weight - 78) + 0.4 * frailty)
    pneumonia = happens(-2.6 + 1.3 * smoker + 0.7 * frailty + 0.8 * heart)
    sepsis = happens(-4.2 + 2.4 * infection + 1.6 * pneumonia + 0.8 * frailty)
    kidney = happens(-3.4 + 2.0 * sepsis + 0.03 * (creatinine - 85) + 0.8 * heart)
    bleeding = happens(-2.4 + 0.6 * (13 - haemoglobin) + 0.5 * (hours - 2))
    transfusion = happens(-3.6 + 3.0 * bleeding + 0.7 * (12.5 - haemoglobin))
    thrombosis = happens(-3.0 + 1.5 * joint + 0.03 * (weight - 78) + 0.5 * smoker)
    delirium = happens(-2.6 + 0.08 * (age - 64) + 1.2 * sepsis + 0.6 * urgent)
    arrhythmia = happens(-2.8 + 2.0 * heart + 0.05 * (age - 64))
    long_stay = happens(-2.4 + 1.4 * (infection + pneumonia) + 2.0 * sepsis + 1.0 * delirium + 0.4 * frailty)
    pl.DataFrame(
        {
            "age": age.astype(int), "weight_kg": weight, "operation": np.array(OPERATIONS)[operation],
            "hours": hours, "urgent": np.where(urgent, "yes", "no"), "smoker": np.where(smoker, "yes", "no"),
            "diabetes": np.where(diabetes, "yes", "no"), "haemoglobin": haemoglobin,
            "creatinine": creatinine.astype(int),
            **{
                name: each.astype(int)
                for name, each in {
                    "wound_infection": infection, "pneumonia": pneumonia, "sepsis": sepsis, "kidney_failure": kidney,
                    "bleeding": bleeding, "transfusion": transfusion, "thrombosis": thrombosis, "delirium": delirium,
                    "arrhythmia": arrhythmia, "long_stay": long_stay,
                }.items()
            },
        }
    ).write_parquet(Path(__file__).parent / "complications.parquet", compression="zstd")  # fmt: skip


if __name__ == "__main__":
    main()
