"""Trains the listener in listener/: the recogniser of the template seq2seq/speech, on strings of symbols.parquet.

Run `python make.py` beside this file. The strings have a level of noise of their own, from 10 to 40 decibels, because
what it will hear is a voice without any; nothing that a voice made is in its training.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl

import tensor_core as tc
from models.kit import program, recogniser, sound

RATE, STRINGS, STOPS, SNR_DB, SEED, WIDTH = 8000, 2400, 200, (10, 40), 0, 48
SETTINGS = SimpleNamespace(seed=SEED, batch_sounds=24, epochs=9, learning_rate=0.004, time_budget_seconds=1500.0)
HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    table = pl.read_parquet(HERE / "symbols.parquet")
    symbols = tuple(sorted(table["symbol"]))
    recordings = [np.asarray(cell, dtype=np.float32) for cell in table["sound"]]
    number = [1 + symbols.index(symbol) for symbol in table["symbol"]]
    generator = np.random.default_rng(SEED)
    frames, spoken = [], []
    for _ in range(STRINGS):
        rows = generator.integers(0, len(recordings), generator.integers(sound.FEWEST, sound.MOST + 1))
        snr = generator.uniform(*SNR_DB)
        heard = sound.string([recordings[row] for row in rows], generator, rate=RATE, snr_db=snr)
        frames.append(sound.frames(heard, rate=RATE))
        spoken.append([number[row] for row in rows])
    with program.threads(1):
        tc.manual_seed(SEED)
        net = recogniser.Network(symbols=len(symbols), width=WIDTH, dropout=0.1)
        parts, stops = (frames[STOPS:], spoken[STOPS:]), (frames[:STOPS], spoken[:STOPS])
        run = recogniser.train(net, parts, stops, SETTINGS)
        (HERE / "listener").mkdir(exist_ok=True)
        recogniser.save(recogniser.Model(symbols, net, WIDTH), HERE / "listener")
    sys.stdout.write(f"{run.ended} validation loss {min(point.validation or 9 for point in run.history):.4f}\n")
