"""Clips in which several spoken symbols are heard, in one of several made voices: what is heard is known exactly.

The symbols are 36 recordings of one speaker (symbols.parquet, beside this file). A made voice says them all at a speed
of its own, which moves pitch and timbre as well, through a filter and with an echo of its own; a split by voice
therefore tests voices that are new. Symbols lie anywhere in a clip, also over one another, and all of it under noise.

The recordings are `captcha/data/*/default.wav` of the package captcha 0.7.1, the samples of each WAV file less 128.
BSD-3-Clause. Copyright (c) 2014, Hsiaoming Yang. All rights reserved. Redistributions must retain this notice and this
disclaimer: this software is provided by the copyright holders and contributors "as is" and any express or implied
warranties are disclaimed; neither the name of the creator nor the names of its contributors may be used to endorse or
promote products derived from it without specific prior written permission.
"""

import base64
import io
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from models.kit import sound
from models.kit.sound import Samples

RECORDINGS = Path(__file__).with_name("symbols.parquet")
RATE = 8000  # samples a second
VOICES = 24
SYMBOLS = "0123456789ABCDEF"
CLIP_SECONDS = 1.2
FAST, HURRY = (0.8, 1.25), (0.95, 1.05)  # speed of a voice; of one symbol beside its voice
TILT = 0.6  # by how much of the sample before a filter darkens or brightens, at most
ECHO_SECONDS, ECHO = (0.02, 0.08), (0.0, 0.4)  # delay and strength
GAINS_DB, SNR_DB = (-5.0, 5.0), (5.0, 20.0)  # of a symbol; of a clip's symbols above its noise, where both are heard
WINDOW, QUIET = 160, 0.08  # samples of a mean; share of the loudest mean below which a recording has not begun
LOUDEST = 120.0  # of 8 bits


class Clip(NamedTuple):
    """A sound (whole numbers from -128 to 127), its voice, and the symbols that are heard, sorted."""

    samples: Samples
    voice: int
    symbols: tuple[str, ...]


class Voice(NamedTuple):
    """What tells a made voice from others: its speed, the tilt of its filter, and its echo."""

    speed: float
    tilt: float
    echo_seconds: float
    echo: float


def recordings() -> dict[str, Samples]:
    """Returns the recording of each of the 36 symbols.

    >>> found = recordings()
    >>> len(found), found["7"].size
    (36, 2745)
    """
    frame = pl.read_parquet(RECORDINGS)
    return {
        name: samples.to_numpy().astype(np.float32)
        for name, samples in zip(frame["symbol"], frame["sound"], strict=True)
    }


def draw(number: int, *, most_symbols: int, seed: int) -> list[Clip]:
    """Returns clips with one symbol to `most_symbols` each, the same ones for the same seed.

    >>> first = draw(2, most_symbols=3, seed=0)[0]
    >>> first.samples.size, 1 <= len(first.symbols) <= 3
    (9600, True)
    """
    known = recordings()
    spoken = {name: _spoken(known[name]) for name in SYMBOLS}
    generator = np.random.default_rng(seed)
    voices = [_voice(generator) for _ in range(VOICES)]
    return [_clip(spoken, voices[place % VOICES], place % VOICES, most_symbols, generator) for place in range(number)]


def wav(samples: Samples) -> str:
    """Returns a sound of whole numbers from -128 to 127 as the data URL of a WAV file of 8 bits.

    >>> wav(np.array([0, 1], dtype=np.float32))[:30]
    'data:audio/wav;base64,UklGRiYA'
    """
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes((samples + 128).astype(np.uint8).tobytes())
    return sound.DATA_URL + "audio/wav;base64," + base64.b64encode(held.getvalue()).decode()


def _spoken(samples: Samples) -> Samples:
    """Returns the recording without the silence around it, at a loudness of 1 (root of the mean square)."""
    loudness = np.convolve(np.abs(samples), np.ones(WINDOW) / WINDOW, "same")
    heard = np.flatnonzero(loudness > QUIET * loudness.max())
    part = samples[heard[0] : heard[-1] + 1]
    loud: Samples = part / np.sqrt(np.mean(part**2))
    return loud


def _voice(generator: np.random.Generator) -> Voice:
    slow, fast = np.log(FAST)
    return Voice(
        float(np.exp(generator.uniform(slow, fast))),
        generator.uniform(-TILT, TILT),
        generator.uniform(*ECHO_SECONDS),
        generator.uniform(*ECHO),
    )


def _clip(
    spoken: dict[str, Samples], voice: Voice, place: int, most_symbols: int, generator: np.random.Generator
) -> Clip:
    whole = np.zeros(round(CLIP_SECONDS * RATE))
    chosen = sorted(generator.choice(list(SYMBOLS), generator.integers(1, most_symbols + 1), replace=False).tolist())
    for name in chosen:
        said = sound.stretched(spoken[name], voice.speed * generator.uniform(*HURRY))
        start = int(generator.integers(0, whole.size - said.size + 1))
        whole[start : start + said.size] += said * 10 ** (generator.uniform(*GAINS_DB) / 20)
    delay = round(voice.echo_seconds * RATE)
    echoed = whole + voice.echo * np.concatenate([np.zeros(delay), whole[:-delay]])
    tilted = echoed + voice.tilt * np.concatenate([[0.0], echoed[:-1]])
    tilted *= np.sqrt(np.mean(whole**2) / np.mean(tilted**2))  # a dark filter is loud, and the noise should not tell
    level = 10 ** (-generator.uniform(*SNR_DB) / 20)
    noisy = tilted + generator.normal(0, level, whole.size)
    samples: Samples = np.round(noisy * LOUDEST / np.abs(noisy).max()).astype(np.float32)
    return Clip(samples, place, tuple(chosen))
