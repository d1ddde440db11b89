"""Trains the listener in listener/: the recogniser of the template seq2seq/speech, on strings of the recordings.

Run `python make.py` beside this file. The strings have a level of noise of their own, from 10 to 40 decibels, because
what it will hear is a voice without any; nothing that a voice made is in its training.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import tensor_core as tc
from models.kit import program, recogniser, sound, voices

STRINGS, STOPS, SNR_DB, SEED, WIDTH = 2400, 200, (10, 40), 0, 48
SETTINGS = SimpleNamespace(seed=SEED, batch_sounds=24, epochs=9, learning_rate=0.004, time_budget_seconds=1500.0)
HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    known = voices.recordings()
    symbols = tuple(sorted(known))
    recordings = list(known.values())
    number = [1 + symbols.index(symbol) for symbol in known]
    generator = np.random.default_rng(SEED)
    frames, spoken = [], []
    for _ in range(STRINGS):
        rows = generator.integers(0, len(recordings), generator.integers(sound.FEWEST, sound.MOST + 1))
        snr = generator.uniform(*SNR_DB)
        heard = sound.string([recordings[row] for row in rows], generator, rate=voices.RATE, snr_db=snr)
        frames.append(sound.frames(heard, rate=voices.RATE))
        spoken.append([number[row] for row in rows])
    with program.threads(1):
        tc.manual_seed(SEED)
        net = recogniser.Network(symbols=len(symbols), width=WIDTH, dropout=0.1)
        parts, stops = (frames[STOPS:], spoken[STOPS:]), (frames[:STOPS], spoken[:STOPS])
        run = recogniser.train(net, parts, stops, SETTINGS)
        (HERE / "listener").mkdir(exist_ok=True)
        recogniser.save(recogniser.Model(symbols, net, WIDTH), HERE / "listener")
    sys.stdout.write(f"{run.ended} validation loss {min(point.validation or 9 for point in run.history):.4f}\n")
